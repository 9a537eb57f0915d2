/** Operators and what they did: an admin's. */

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { type AuditPage, NewOperator, NewRole, OperatorName, type SignedIn } from '#contract/operators.js';
import type { Audit } from '../operators/audit.js';
import type { Operators } from '../operators/operators.js';
import { knownCaller } from './access.js';

const One = Type.Object({ name: OperatorName });
const Page = Type.Object({
  before: Type.Optional(Type.String({ pattern: '^\\d{1,15}$', description: 'entries below this index' })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
});

const reads = { consoleAccess: 'admin' } as const;
const acts = (act: string) => ({ consoleAccess: 'admin', act }) as const;

export function declareOperatorRoutes(
  plain: FastifyInstance,
  { operators, audit }: { operators: Operators; audit: Audit },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/session', { config: { consoleAccess: 'viewer' } }, async (request): Promise<SignedIn> => {
    const { name, role } = knownCaller(request);
    return { name, role };
  });

  app.get('/v1/operators', { config: reads }, async () => operators.list());
  app.post('/v1/operators', { config: acts('operator.add'), schema: { body: NewOperator } }, async (request, reply) =>
    reply.code(201).send(await operators.add(request.body)),
  );
  app.post(
    '/v1/operators/:name/role',
    { config: acts('operator.role'), schema: { params: One, body: NewRole } },
    async ({ params, body }) => operators.setRole(params.name, body.role),
  );
  app.post('/v1/operators/:name/reset', { config: acts('operator.reset'), schema: { params: One } }, async (request) =>
    operators.reset(request.params.name),
  );
  app.delete(
    '/v1/operators/:name',
    { config: acts('operator.remove'), schema: { params: One } },
    async ({ params }, reply) => {
      await operators.remove(params.name);
      return reply.code(204).send();
    },
  );

  app.get('/v1/audit', { config: reads, schema: { querystring: Page } }, async ({ query }): Promise<AuditPage> => {
    const before = query.before === undefined ? undefined : Number(query.before);
    return { entries: await audit.page({ before, limit: query.limit }), head: audit.head() };
  });
}
