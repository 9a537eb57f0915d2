/** What came in and where it is, reckoned anew from each payment and booking, and held against the sums that are kept. */
import { amountOf, minorRead } from '#common/accounts/money.js';
import type { PaymentSums } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import type { TakeStore } from './take.js';

const names = ['cameIn', 'booked', 'aside', 'unmatched', 'invoiced', 'open'] as const;
type Sums = Record<(typeof names)[number], bigint>;

/** @throws Refusal `payments-altered` */
export async function addUp(store: TakeStore): Promise<PaymentSums[]> {
  const all = new Map<string, Sums>();
  const add = (currency: string, name: (typeof names)[number], minor: bigint): void => {
    const sums = all.get(currency) ?? { cameIn: 0n, booked: 0n, aside: 0n, unmatched: 0n, invoiced: 0n, open: 0n };
    sums[name] += minor;
    all.set(currency, sums);
  };
  const altered = (what: string): Refusal => new Refusal('payments-altered', what);

  // Both are in the order of payments: one walk, and nothing of size is held.
  const bookings = store.bookings.values();
  const paid = new Map<string, bigint>();
  try {
    let next = await bookings.next();
    for await (const [key, payment] of store.payments.iterator()) {
      const { id, amount, currency } = payment;
      let left = minorRead(amount);
      add(currency, 'cameIn', left);
      for (; next?.payment === id; next = await bookings.next()) {
        const minor = minorRead(next.amount);
        left -= minor;
        add(currency, next.invoice === null ? 'aside' : 'booked', minor);
        if (next.invoice !== null) paid.set(next.invoice, (paid.get(next.invoice) ?? 0n) + minor);
      }
      add(currency, 'unmatched', left);
      if (String(left) !== (store.paymentsLeft.getSync(key) ?? '0')) throw altered(id);
    }
    if (next) throw altered(next.id);
  } finally {
    await bookings.close();
  }

  for await (const [key, { number, amount, currency }] of store.invoices.iterator()) {
    const its = paid.get(number) ?? 0n;
    if (String(its) !== (store.invoicesPaid.getSync(key) ?? '0')) throw altered(number);
    add(currency, 'invoiced', minorRead(amount));
    add(currency, 'open', minorRead(amount) - its);
  }
  return [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, sums]) => {
      const { cameIn, booked, aside, unmatched, invoiced, open } = sums;
      if (cameIn !== booked + aside + unmatched || invoiced !== booked + open) throw altered(currency);
      const text = (name: (typeof names)[number]): string => amountOf(sums[name], currency);
      return {
        ...{ currency, cameIn: text('cameIn'), booked: text('booked'), aside: text('aside') },
        ...{ unmatched: text('unmatched'), invoiced: text('invoiced'), open: text('open') },
      };
    });
}
