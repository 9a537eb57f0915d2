/** Accounts, wired: which level a member has is what the territory's register says now. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { type Accounts, createAccounts } from './accounts/accounts.js';
import { createBoxMonths } from './accounts/box-months.js';
import { createInvoices, type Invoices } from './accounts/invoices.js';
import { declareAccountRoutes } from './accounts/routes.js';
import type { Callers } from './catalogue/caller.js';
import type { MemberDesk } from './members/members.js';
import type { Store } from './store/store.js';

export const openAccounts = (wish: {
  store: Store;
  clock: Clock;
  territory: string;
  members: Pick<MemberDesk, 'show'>;
}): Accounts =>
  createAccounts({
    ...wish,
    levelOf(territory, member) {
      if (territory !== wish.territory) return null;
      try {
        return wish.members.show(member).level;
      } catch (error) {
        if (error instanceof Refusal) return null;
        throw error;
      }
    },
  });

export const openInvoices = (wish: {
  store: Store;
  clock: Clock;
  territory: string;
  accounts: Pick<Accounts, 'owner'>;
}): Invoices => createInvoices({ ...wish, accountOf: (month, box) => wish.accounts.owner(month, box) });

export const declareAccounts = (
  app: FastifyInstance,
  callers: Callers,
  { accounts, store, territory }: { accounts: Accounts; store: Store; territory: { id: string } },
): void =>
  declareAccountRoutes(app, { accounts, boxMonths: createBoxMonths({ store }), territory: territory.id, callers });
