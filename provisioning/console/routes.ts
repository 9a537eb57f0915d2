/** The operator's API. Who may call stands beside each path; refusals come from the one table. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Clock } from '#common/clock.js';
import { FleetEventQuery } from '#contract/event-query.js';
import { NewClaim, NewRevocation, Reason } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Requests } from '../admission/requests.js';
import type { Claims } from '../claims/claims.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Access } from './access.js';
import { type Metrics, metricsType } from './metrics.js';
import { type CommandFeature, declareCommandRoutes } from './routes-commands.js';
import { declareFleetRoutes, type FleetRouteParts } from './routes-fleet.js';
import type { EventStreams } from './stream.js';
import { parseRange } from './times.js';

/** What the console says of its territory. */
export interface Territory {
  id: string;
  name: string;
  jurisdiction: string;
  law: string;
}

const Secret = Type.Object({ secret: Type.String({ minLength: 1, maxLength: 200 }) }, { additionalProperties: false });
const OneBox = Type.Object({ id: Type.String({ maxLength: 100 }) });
const Page = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 100 })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
});
const Period = Type.Object({
  from: Type.Optional(Type.String({ maxLength: 40 })),
  to: Type.Optional(Type.String({ maxLength: 40 })),
  limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 2000, description: 'evenly thinned to so many' }),
});

const viewer = { consoleAccess: 'viewer' } as const;
const acts = (act: string, on?: string) => ({ consoleAccess: 'operator', act, ...(on && { on }) }) as const;

const signsIn = { consoleAccess: 'open', act: 'session.open', harmless: true } as const;
const signsOut = { consoleAccess: 'viewer', act: 'session.close', harmless: true } as const;

export interface RouteParts extends FleetRouteParts {
  fleet: Fleet;
  claims: Claims;
  requests: Requests;
  streams: EventStreams;
  metrics: Metrics;
  access: Access;
  territory: Territory;
  clock: Clock;
  commands: CommandFeature;
}

/** A query is text: what is all digits in `limit` is a number. */
const numbersOf = (query: unknown): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(query ?? {}).map(([name, text]) => [
      name,
      name === 'limit' && /^\d{1,9}$/.test(String(text)) ? Number(text) : text,
    ]),
  );

/** Fastify's own validator would convert and drop what does not fit; a body says what it means and is refused rather than mended. */
function validateByContract(app: FastifyInstance): void {
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => (data: unknown) => {
    const parsed = check(schema, httpPart === 'querystring' ? Value.Default(schema, numbersOf(data)) : data);
    if (parsed.ok) return { value: parsed.value };
    return { error: new Refusal('body-invalid', describeFaults(parsed.faults)) };
  });
}

export function declareRoutes(plain: FastifyInstance, parts: RouteParts): void {
  const { fleet, claims, requests, streams, metrics, access, territory, clock, commands } = parts;
  validateByContract(plain);
  declareFleetRoutes(plain, parts);
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.post('/v1/session', { config: signsIn, schema: { body: Secret } }, async (request, reply) => {
    access.signIn(request, reply, request.body.secret);
    return reply.code(204).send();
  });
  app.delete('/v1/session', { config: signsOut }, async (request, reply) => {
    access.signOut(request, reply);
    return reply.code(204).send();
  });
  app.get('/v1/territory', { config: viewer }, async () => territory);

  app.get('/v1/boxes', { config: viewer, schema: { querystring: Page } }, async ({ query }) => fleet.list(query));
  app.get('/v1/boxes/:id', { config: viewer, schema: { params: OneBox } }, async ({ params }) => fleet.show(params.id));
  app.get(
    '/v1/boxes/:id/health',
    { config: viewer, schema: { params: OneBox, querystring: Period } },
    async ({ params, query }) => {
      const range = parseRange(query, clock.now());
      return fleet.health(params.id, { ...range, limit: query.limit });
    },
  );
  app.post(
    '/v1/boxes/:id/revoke',
    { config: acts('box.revoke', 'box'), schema: { params: OneBox } },
    async ({ params, body }) => {
      const wish = check(NewRevocation, body ?? {}); // it may come without a body
      if (!wish.ok) throw new Refusal('body-invalid', describeFaults(wish.faults));
      await fleet.revoke(params.id, wish.value);
      return fleet.show(params.id);
    },
  );
  app.post(
    '/v1/boxes/:id/reinstate',
    { config: acts('box.reinstate', 'box'), schema: { params: OneBox } },
    async ({ params }) => {
      await fleet.reinstate(params.id);
      return fleet.show(params.id);
    },
  );
  app.post(
    '/v1/boxes/:id/settle',
    { config: acts('box.settle', 'box'), schema: { params: OneBox } },
    async ({ params }) => {
      await fleet.settle(params.id);
      return fleet.show(params.id);
    },
  );
  app.post(
    '/v1/boxes/:id/object',
    { config: acts('box.object', 'box'), schema: { params: OneBox, body: Reason } },
    async ({ params, body }) => {
      await fleet.object(params.id, body.reason);
      return fleet.show(params.id);
    },
  );

  declareCommandRoutes(plain, { ...commands, table: parts.table });
  app.get('/v1/requests', { config: viewer }, async () => requests.list());
  app.post(
    '/v1/requests/:id/approve',
    { config: acts('request.approve', 'request'), schema: { params: OneBox } },
    async ({ params }) => requests.approve(params.id),
  );
  app.post(
    '/v1/requests/:id/refuse',
    { config: acts('request.refuse', 'request'), schema: { params: OneBox, body: Reason } },
    async ({ params, body }) => requests.refuse(params.id, body.reason),
  );

  app.get('/v1/claims', { config: viewer }, async () => claims.list());
  app.post('/v1/claims', { config: acts('claim.create'), schema: { body: NewClaim } }, async (request, reply) =>
    reply.code(201).send(await claims.create(request.body)),
  );
  app.delete(
    '/v1/claims/:id',
    { config: acts('claim.revoke', 'claim'), schema: { params: OneBox } },
    async ({ params }, reply) => {
      await claims.revoke(params.id);
      return reply.code(204).send();
    },
  );

  app.get('/v1/events', { config: viewer, schema: { querystring: FleetEventQuery } }, async (request, reply) => {
    const { box } = request.query;
    reply.header('vary', 'accept');
    if (/application\/json/.test(request.headers.accept ?? '')) return streams.find(request.query);
    streams.open(request, reply, { box, allowed: () => access.stillAllowed(request) });
    return reply;
  });

  app.get('/metrics', { config: viewer }, async (_request, reply) =>
    reply.type(metricsType).send(await metrics.text()),
  );
}
