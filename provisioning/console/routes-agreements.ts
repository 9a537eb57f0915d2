/** The operator's API for what owners have agreed to with members. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Agreements } from '../agreements/agreements.js';

const config = { consoleAccess: 'viewer' } as const;
const Query = Type.Object({
  box: Type.Optional(Type.String({ maxLength: 100, description: 'of this box' })),
  member: Type.Optional(Type.String({ maxLength: 100, description: 'with this member' })),
  after: Type.Optional(Type.String({ maxLength: 100, description: 'the id of the last one that was seen' })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
});

export function declareAgreementRoutes(plain: FastifyInstance, agreements: Pick<Agreements, 'list'>): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  app.get('/v1/agreements', { config, schema: { querystring: Query } }, async ({ query }) => agreements.list(query));
}
