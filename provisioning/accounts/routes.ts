/** What a member has had of each month, over HTTP on the territory's EST origin: see contract/accounts.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accountsPath, type MemberAccounts, mostMonths } from '#contract/accounts.js';
import type { Accounts } from './accounts.js';

export interface Callers {
  member(request: FastifyRequest): Promise<{ readonly id: string }>;
}

export function declareAccountRoutes(
  app: FastifyInstance,
  { accounts, territory, callers }: { accounts: Pick<Accounts, 'ofMember'>; territory: string; callers: Callers },
): void {
  app.get(accountsPath, async (request): Promise<MemberAccounts> => {
    const { id } = await callers.member(request);
    return { accounts: await accounts.ofMember(territory, id, mostMonths) };
  });
}
