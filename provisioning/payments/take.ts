/**
 * What came in goes to the disk with what it is known by and what is booked of it, in one batch: cut anywhere, it is told
 * again, and what is there is known. Each payment is taken once.
 */
import { amountOf } from '#common/accounts/money.js';
import type { Operation } from '#common/commits.js';
import type { Booking, ImportedPayments, Payment } from '#contract/payments.js';
import type { Store } from '../store/store.js';
import { matchFault, referredKey } from './match.js';

export interface Incoming {
  source: string;
  /** In the file. */
  line: number;
  day: string;
  minor: bigint;
  currency: string;
  /** Without the numbers of cards. */
  text: string;
  outsideId: string | null;
  /** By what it is known when it comes again, within its source. */
  mark: string;
}

export type TakeStore = Pick<
  Store,
  'payments' | 'paymentMarks' | 'paymentsLeft' | 'bookings' | 'invoiceBookings' | 'invoices' | 'invoicesPaid' | 'commit'
>;

/** In one batch. */
const together = 200;
const mostDiffering = 100;

export const paymentId = (key: string): string => `payment-${key}`;
export const paymentKey = (id: string): string => id.slice('payment-'.length);
export const bookingId = (payment: string, number: number): string =>
  `booking-${payment}-${String(number).padStart(4, '0')}`;
/** `{payment}!{number}` */
export const bookingKey = (id: string): string => id.slice('booking-'.length).replace('-', '!');

/** What one booking writes, beside the sums that it moves. */
export function bookingOperations(store: TakeStore, booking: Booking, invoice: string | undefined): Operation[] {
  const key = bookingKey(booking.id);
  const put = { type: 'put', sublevel: store.bookings, key, value: booking } as const;
  if (invoice === undefined) return [put];
  return [put, { type: 'put', sublevel: store.invoiceBookings, key: `${invoice}!${key}`, value: 0 }];
}

export async function lastKey(sublevel: Store['payments']): Promise<number> {
  for await (const key of sublevel.keys({ reverse: true, limit: 1 })) return Number(key);
  return 0;
}

/** Other words and another day are the same payment still: a bank may tell it before it has booked it. */
const isSame = (one: Incoming, { amount, currency, text }: Payment): boolean =>
  amountOf(one.minor, one.currency) === amount &&
  one.currency === currency &&
  JSON.stringify(referredKey(one.text)) === JSON.stringify(referredKey(text));

async function takeBatch(
  store: TakeStore,
  batch: readonly Incoming[],
  now: number,
  done: ImportedPayments,
): Promise<void> {
  const markOf = ({ source, mark }: Incoming): string => `${source}!${mark}`;
  const marks = await store.paymentMarks.getMany(batch.map(markOf));
  const before = await store.payments.getMany(marks.map((key) => key ?? ''));
  const fresh: Incoming[] = [];
  for (const [at, one] of batch.entries()) {
    const known = before[at];
    if (one.minor === 0n) done.empty += 1;
    else if (!known) fresh.push(one);
    else if (isSame(one, known)) done.known += 1;
    else if (done.differing.length < mostDiffering)
      done.differing.push({ line: one.line, id: one.outsideId ?? one.mark });
  }
  const referred = fresh.map(({ text }) => referredKey(text));
  const keys = [...new Set(referred.flatMap((one) => ('key' in one ? [one.key] : [])))];
  const [found, paid] = await Promise.all([store.invoices.getMany(keys), store.invoicesPaid.getMany(keys)]);
  const invoices = new Map(keys.map((key, at) => [key, found[at]]));
  const sums = new Map(keys.map((key, at) => [key, BigInt(paid[at] ?? 0)]));
  const operations: Operation[] = [];
  const moved = new Set<string>();
  let last = await lastKey(store.payments);
  for (const [at, one] of fresh.entries()) {
    last += 1;
    const key = String(last).padStart(12, '0');
    const refers = referred[at] ?? { fault: 'no-reference' as const };
    const invoiceKey = 'key' in refers ? refers.key : '';
    const invoice = invoices.get(invoiceKey);
    const fault = 'key' in refers ? matchFault(invoice, one.currency) : refers.fault;
    const { source, day, minor, currency, outsideId } = one;
    const amount = amountOf(minor, currency);
    const payment: Payment = {
      ...{ id: paymentId(key), source, day, amount, currency, text: one.text },
      ...{ outsideId, takenAt: now, fault },
    };
    operations.push(
      { type: 'put', sublevel: store.payments, key, value: payment },
      { type: 'put', sublevel: store.paymentMarks, key: markOf(one), value: key },
    );
    if (!invoice || fault !== null) {
      operations.push({ type: 'put', sublevel: store.paymentsLeft, key, value: String(minor) });
      done.unmatched += 1;
      continue;
    }
    const booking: Booking = {
      ...{ id: bookingId(key, 1), kind: 'matched', payment: payment.id, invoice: invoice.number, amount, currency },
      ...{ at: now, reason: null, reverses: null },
    };
    operations.push(...bookingOperations(store, booking, invoiceKey));
    sums.set(invoiceKey, (sums.get(invoiceKey) ?? 0n) + minor);
    moved.add(invoiceKey);
    done.matched += 1;
  }
  for (const key of moved)
    operations.push({ type: 'put', sublevel: store.invoicesPaid, key, value: String(sums.get(key) ?? 0n) });
  await store.commit(operations);
  done.taken += fresh.length;
}

/** @param incoming each mark once */
export async function take(store: TakeStore, incoming: readonly Incoming[], now: number): Promise<ImportedPayments> {
  const done: ImportedPayments = {
    ...{ rows: incoming.length, taken: 0, known: 0, empty: 0, matched: 0, unmatched: 0, differing: [] },
  };
  for (let from = 0; from < incoming.length; from += together)
    await takeBatch(store, incoming.slice(from, from + together), now, done);
  return done;
}
