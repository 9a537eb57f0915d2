/** Accounts, wired: which level a member has is what the territory's register says now. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { type Accounts, createAccounts } from './accounts/accounts.js';
import { createBoxMonths } from './accounts/box-months.js';
import { createMonthClosing, type MonthClosing } from './accounts/closing.js';
import { createInvoices, type Invoices } from './accounts/invoices.js';
import { declareAccountRoutes } from './accounts/routes.js';
import type { Callers } from './catalogue/caller.js';
import type { Ground } from './ground.js';
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

export const openClosing = (wish: { store: Store; clock: Clock; accounts: Accounts }): MonthClosing =>
  createMonthClosing(wish);

/** Where the territory has set it, months close by themselves. */
export function startClosing({ log, onStop }: Ground, { closing }: { closing: MonthClosing }): void {
  closing.start((refusal) => log.warn({ err: refusal }, 'cannot close a month by itself'));
  onStop(() => closing.stop());
}

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
