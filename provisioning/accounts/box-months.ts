/** What a box may read of closed months: its own account of each, how the months are chained, and its invoices. */
import type { OwnerAccount } from '#contract/accounts.js';
import { periodOf } from '#contract/metering.js';
import type { BoxInvoice, BoxMonths } from '#contract/months.js';
import { mostEntriesOfMonth, mostEntriesTold, mostInvoicesTold, mostMonthsTold } from '#contract/months.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { withReference } from './invoices.js';

export interface BoxMonthsRoom {
  /** Behind the month `after`. */
  of(box: string, after?: string): Promise<BoxMonths>;
  /** @throws Refusal `invoice-unknown`, also for one of another box */
  invoice(box: string, number: string): Promise<BoxInvoice>;
}

/** Invoices are made out later than months are closed: those of so many are named each time. */
const monthsWithInvoices = 12;

export function createBoxMonths({
  store,
}: {
  store: Pick<Store, 'accountMonths' | 'ownerAccounts' | 'invoices' | 'invoiceNumbers' | 'boxes'>;
}): BoxMonthsRoom {
  const toldOf = (account: OwnerAccount | undefined) => ({
    entries: account?.entries.length ?? 0,
    account: account && account.entries.length <= mostEntriesOfMonth ? account : null,
  });

  async function monthsOf(box: string, after: string | undefined): Promise<Omit<BoxMonths, 'invoices'>> {
    const cameIn = periodOf(store.boxes.getSync(box)?.enrolledAt ?? 0);
    const behind = after !== undefined && after >= cameIn ? { gt: after } : { gte: cameIn };
    const months: BoxMonths['months'] = [];
    let entries = 0;
    for await (const { month, state, closedAt, sha256, previous } of store.accountMonths.values(behind)) {
      if (state !== 'closed' || closedAt === null || sha256 === null) break;
      const its = toldOf(await store.ownerAccounts.get(`${month}!${box}`));
      entries += its.account?.entries.length ?? 0;
      if (months.length === mostMonthsTold || (months.length > 0 && entries > mostEntriesTold))
        return { months, more: true };
      months.push({ month, closedAt, sha256, previous, ...its });
    }
    return { months, more: false };
  }

  async function invoicesOf(box: string): Promise<BoxMonths['invoices']> {
    const found: BoxMonths['invoices'] = [];
    for await (const month of store.accountMonths.keys({ reverse: true, limit: monthsWithInvoices }))
      for await (const key of store.invoiceNumbers.values({ gt: `${month}!${box}!`, lt: `${month}!${box}"` })) {
        const issued = await store.invoices.get(key);
        if (!issued) continue;
        const { xml: _xml, ...invoice } = issued;
        found.push(withReference(key, invoice));
        if (found.length === mostInvoicesTold) return found;
      }
    return found;
  }

  return {
    of: async (box, after) => ({ ...(await monthsOf(box, after)), invoices: await invoicesOf(box) }),
    async invoice(box, number) {
      const key = (/\d+$/.exec(number)?.[0] ?? '').padStart(12, '0');
      const found = await store.invoices.get(key);
      if (found?.box !== box || found.number !== number) throw new Refusal('invoice-unknown', number);
      return withReference(key, found);
    },
  };
}
