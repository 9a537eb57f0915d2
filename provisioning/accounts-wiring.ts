/** Accounts, wired: which level a member has is what the territory's register says now. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { type Accounts, createAccounts } from './accounts/accounts.js';
import { createInvoices, type Invoices } from './accounts/invoices.js';
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
