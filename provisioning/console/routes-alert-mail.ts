/** Alerts by e-mail: an admin's. The password goes in and never comes out. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { NewAlertMail } from '#contract/alert-mail.js';
import type { Mail } from '../alerts/mail.js';

const acts = (act: string) => ({ consoleAccess: 'admin', act }) as const;

export function declareMailRoutes(plain: FastifyInstance, mail: Mail): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/alert-mail', { config: { consoleAccess: 'admin' } }, async () => ({ mail: mail.view() }));
  app.put('/v1/alert-mail', { config: acts('alert-mail.set'), schema: { body: NewAlertMail } }, async ({ body }) =>
    mail.set(body),
  );
  app.delete('/v1/alert-mail', { config: acts('alert-mail.remove') }, async (_request, reply) => {
    await mail.remove();
    return reply.code(204).send();
  });
  app.post('/v1/alert-mail/test', { config: acts('alert-mail.test') }, async (_request, reply) => {
    await mail.test();
    return reply.code(204).send();
  });
}
