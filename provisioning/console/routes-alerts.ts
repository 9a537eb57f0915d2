/** Alerts: everybody sees what fires, an operator acknowledges and silences, an admin sets rules and webhooks. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { AlertId, NewAcknowledgement, NewAlertRule, NewSilence, NewWebhook } from '#contract/alerts.js';
import { Refusal } from '#contract/problems.js';
import type { Alerts } from '../alerts/alerts.js';
import type { Mail } from '../alerts/mail.js';
import type { Settings } from '../alerts/settings.js';
import type { Webhooks } from '../alerts/webhooks.js';
import { knownCaller } from './access.js';
import { declareMailRoutes } from './routes-alert-mail.js';

export interface AlertDesk {
  alerts: Alerts;
  settings: Settings;
  webhooks: Webhooks;
  mail: Mail;
}

const OneRule = Type.Object({ rule: AlertId });
const OneSilence = Type.Object({ silence: AlertId });
const OneWebhook = Type.Object({ webhook: AlertId });
const Page = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 100, description: 'the last box of the page before' })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
});

const reads = { consoleAccess: 'viewer' } as const;
const acts = (act: string) => ({ consoleAccess: 'operator', act }) as const;
const sets = (act: string) => ({ consoleAccess: 'admin', act }) as const;

export function declareAlertRoutes(plain: FastifyInstance, { alerts, settings, webhooks, mail }: AlertDesk): void {
  declareMailRoutes(plain, mail);
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  function checkWebhooks(ids: readonly string[] = []): void {
    for (const id of ids) if (!webhooks.has(id)) throw new Refusal('webhook-unknown', id);
  }

  app.get('/v1/alerts', { config: reads }, async () => alerts.groups());
  app.get('/v1/alerts/:rule', { config: reads, schema: { params: OneRule, querystring: Page } }, async (request) =>
    alerts.list(request.params.rule, request.query),
  );
  app.post(
    '/v1/alerts/acknowledge',
    { config: acts('alert.acknowledge'), schema: { body: NewAcknowledgement } },
    async (request) => ({ acknowledged: await alerts.acknowledge(request.body, knownCaller(request).name) }),
  );

  app.get('/v1/silences', { config: reads }, async () => [...settings.silences().values()]);
  app.post('/v1/silences', { config: acts('silence.create'), schema: { body: NewSilence } }, async (request, reply) =>
    reply.code(201).send(await settings.createSilence(request.body, knownCaller(request).name)),
  );
  app.delete(
    '/v1/silences/:silence',
    { config: acts('silence.end'), schema: { params: OneSilence } },
    async ({ params }, reply) => {
      await settings.endSilence(params.silence);
      return reply.code(204).send();
    },
  );

  app.get('/v1/alert-rules', { config: reads }, async () => [...settings.rules().values()]);
  app.post(
    '/v1/alert-rules',
    { config: sets('alert-rule.create'), schema: { body: NewAlertRule } },
    async ({ body }, reply) => {
      checkWebhooks(body.webhooks);
      return reply.code(201).send(await settings.createRule(body));
    },
  );
  app.put(
    '/v1/alert-rules/:rule',
    { config: sets('alert-rule.set'), schema: { params: OneRule, body: NewAlertRule } },
    async ({ params, body }) => {
      checkWebhooks(body.webhooks);
      return settings.setRule(params.rule, body);
    },
  );
  app.delete(
    '/v1/alert-rules/:rule',
    { config: sets('alert-rule.remove'), schema: { params: OneRule } },
    async ({ params }, reply) => {
      await settings.removeRule(params.rule);
      return reply.code(204).send();
    },
  );

  app.get('/v1/webhooks', { config: { consoleAccess: 'admin' } }, async () => webhooks.list());
  app.post('/v1/webhooks', { config: sets('webhook.create'), schema: { body: NewWebhook } }, async (request, reply) =>
    reply.code(201).send(await webhooks.create(request.body)),
  );
  app.post(
    '/v1/webhooks/:webhook/test',
    { config: sets('webhook.test'), schema: { params: OneWebhook } },
    async ({ params }, reply) => {
      await webhooks.test(params.webhook);
      return reply.code(204).send();
    },
  );
  app.delete(
    '/v1/webhooks/:webhook',
    { config: sets('webhook.remove'), schema: { params: OneWebhook } },
    async ({ params }, reply) => {
      await webhooks.remove(params.webhook);
      return reply.code(204).send();
    },
  );
}
