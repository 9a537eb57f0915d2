/** The operator's API for cases about members: how they stand, and what is due in them. They are led by command. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { CaseId } from '#contract/cases.js';
import { MemberId } from '#contract/member.js';
import type { Cases } from '../members/cases.js';

const config = { consoleAccess: 'viewer' } as const;
const Query = Type.Object({
  member: Type.Optional(MemberId),
  after: Type.Optional(CaseId),
  limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 }),
});

export interface CaseFeature {
  cases: Pick<Cases, 'list'>;
}

export function declareCaseRoutes(plain: FastifyInstance, { cases }: CaseFeature): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  app.get('/v1/cases', { config, schema: { querystring: Query } }, async ({ query }) => cases.list(query));
}
