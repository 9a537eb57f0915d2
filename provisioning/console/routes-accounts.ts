/** The operator's API for months: what they came to, for owners, members and the territory. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Period } from '#contract/metering.js';
import type { Accounts } from '../accounts/accounts.js';

const config = { consoleAccess: 'viewer' } as const;
const Month = Type.Object({ month: Period });
const Page = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 200, description: 'the last one that was seen' })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
});

export interface AccountFeature {
  accounts: Pick<Accounts, 'months' | 'owners' | 'members'>;
}

export function declareAccountRoutes(plain: FastifyInstance, { accounts }: AccountFeature): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const paged = { config, schema: { params: Month, querystring: Page } };
  app.get('/v1/accounts', { config }, async () => accounts.months());
  app.get('/v1/accounts/:month/owners', paged, async ({ params, query }) => accounts.owners(params.month, query));
  app.get('/v1/accounts/:month/members', paged, async ({ params, query }) => accounts.members(params.month, query));
}
