/**
 * Payments of invoices: taken from a bank's statements and from payment providers, booked by their references, and by hand
 * where there is none. What is booked stays as it is; another booking takes it back.
 */
import { amountOf, minorRead } from '#common/accounts/money.js';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { numberReferred } from '#contract/payment-reference.js';
import type {
  BankFormat,
  Booking,
  ImportedPayments,
  InvoicePayments,
  NewAssignment,
  NewReversal,
  Payment,
  PaymentSums,
  UnmatchedPayment,
} from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import { createTurns } from '../store/turns.js';
import { readBankFile, readBytes } from './bank-file.js';
import { type BilledInvoice, invoiceView } from './match.js';
import { addUp } from './sums.js';
import {
  bookingId,
  bookingKey,
  bookingOperations,
  type Incoming,
  paymentId,
  paymentKey,
  type TakeStore,
  take,
} from './take.js';

export interface Page {
  after?: string | undefined;
  limit: number;
}

export interface Payments {
  /**
   * What was taken before is known by it, however often it is read.
   * @throws Refusal `arguments-invalid`, `bank-format-invalid`, `bank-file-unreadable`, `bank-file-too-large`
   */
  importFile(file: string, format: BankFormat): Promise<ImportedPayments>;
  /** One, as a payment provider tells it. Answers which it is; the same `mark` is the same. @throws Refusal `told-differing` */
  tell(incoming: Incoming): Promise<string>;
  /** @throws Refusal `payment-unknown`, `invoice-not-issued`, `reference-mistyped`, `payment-used-up`, `invoice-currency` */
  assign(wish: NewAssignment): Promise<Booking>;
  /** @throws Refusal `booking-unknown`, `booking-reversed` */
  reverse(wish: NewReversal): Promise<Booking>;
  /** In the order of their numbers; `after` is one. */
  invoices(page: Page): Promise<InvoicePayments[]>;
  unmatched(page: Page): Promise<UnmatchedPayment[]>;
  /** By number or reference. @throws Refusal `invoice-not-issued`, `reference-mistyped` */
  invoice(named: string): Promise<{ invoice: InvoicePayments; bookings: Booking[] }>;
  /** @throws Refusal `payment-unknown` */
  payment(id: string): Promise<{ payment: UnmatchedPayment; bookings: Booking[] }>;
  /** Reckoned anew from everything that is stored. @throws Refusal `payments-altered` */
  sums(): Promise<PaymentSums[]>;
}

const isBelow = (amount: string): boolean => amount.startsWith('-');
/** Something, on the same side of nothing as the bound, and not beyond it. */
const within = (minor: bigint, bound: bigint): boolean =>
  bound < 0n ? minor < 0n && minor >= bound : minor > 0n && minor <= bound;
const keyOfNumber = (number: string): string => (/\d+$/.exec(number)?.[0] ?? '').padStart(12, '0');

export function createPayments({ store, clock }: { store: TakeStore; clock: Clock }): Payments {
  const turns = createTurns();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => turns.take('payments', work);

  async function invoiceOf(named: string): Promise<{ key: string; invoice: BilledInvoice }> {
    const isReference = named.startsWith('RF');
    const key = isReference ? numberReferred(named) : keyOfNumber(named);
    if (key === undefined) throw new Refusal('reference-mistyped', named);
    const invoice = await store.invoices.get(key);
    if (!invoice || (!isReference && invoice.number !== named)) throw new Refusal('invoice-not-issued', named);
    return { key, invoice };
  }

  const paidOf = async (key: string): Promise<bigint> => BigInt((await store.invoicesPaid.get(key)) ?? 0);

  async function paymentOf(id: string): Promise<{ payment: Payment; left: bigint; bookings: Booking[] }> {
    const key = paymentKey(id);
    const payment = await store.payments.get(key);
    if (!payment) throw new Refusal('payment-unknown', id);
    const left = BigInt((await store.paymentsLeft.get(key)) ?? 0);
    return { payment, left, bookings: await store.bookings.values({ gt: `${key}!`, lt: `${key}"` }).all() };
  }

  const shown = (payment: Payment, left: bigint): UnmatchedPayment => ({
    ...payment,
    left: amountOf(left, payment.currency),
  });

  /** The booking, and the sums that it moves. */
  async function keep(booking: Booking, invoice: string | undefined, left: bigint): Promise<Booking> {
    const key = paymentKey(booking.payment);
    const operations: Operation[] = [
      ...bookingOperations(store, booking, invoice),
      left === 0n
        ? { type: 'del', sublevel: store.paymentsLeft, key }
        : { type: 'put', sublevel: store.paymentsLeft, key, value: String(left) },
    ];
    if (invoice !== undefined) {
      const paid = (await paidOf(invoice)) + minorRead(booking.amount);
      operations.push({ type: 'put', sublevel: store.invoicesPaid, key: invoice, value: String(paid) });
    }
    await store.commit(operations);
    return booking;
  }

  async function assign({ payment: id, invoice: named, amount, reason }: NewAssignment): Promise<Booking> {
    const { payment, left, bookings } = await paymentOf(id);
    const { currency } = payment;
    const to = named === undefined ? undefined : await invoiceOf(named);
    if (to && to.invoice.currency !== currency)
      throw new Refusal('invoice-currency', `${to.invoice.currency}, and the payment is in ${currency}`);
    const wanted = amount ?? amountOf(left, currency);
    const minor = minorRead(wanted);
    // A credit note goes against the payment of an invoice, up to what is open of it: then more is left for the invoice.
    const isAgainst = to !== undefined && isBelow(to.invoice.amount) !== isBelow(payment.amount);
    const isWithin =
      within(minor, left) || (isAgainst && within(minor, minorRead(to.invoice.amount) - (await paidOf(to.key))));
    if (amountOf(minor, currency) !== wanted || !isWithin)
      throw new Refusal('payment-used-up', `${amountOf(left, currency)} ${currency}`);
    const booking: Booking = {
      ...{ id: bookingId(paymentKey(id), bookings.length + 1), kind: to ? 'assigned' : 'aside', payment: id },
      ...{ invoice: to?.invoice.number ?? null, amount: wanted, currency, at: clock.now(), reason: reason ?? null },
      reverses: null,
    };
    return keep(booking, to?.key, left - minor);
  }

  async function reverse({ booking: id, reason }: NewReversal): Promise<Booking> {
    const its = await store.bookings.get(bookingKey(id));
    if (!its) throw new Refusal('booking-unknown', id);
    const { left, bookings } = await paymentOf(its.payment);
    if (its.kind === 'reversal' || bookings.some(({ reverses }) => reverses === id))
      throw new Refusal('booking-reversed', id);
    const minor = minorRead(its.amount);
    const booking: Booking = {
      ...{ ...its, id: bookingId(paymentKey(its.payment), bookings.length + 1), kind: 'reversal' },
      ...{ amount: amountOf(-minor, its.currency), at: clock.now(), reason, reverses: id },
    };
    return keep(booking, its.invoice === null ? undefined : keyOfNumber(its.invoice), left + minor);
  }

  return {
    async importFile(file, format) {
      const rows = await readBankFile(await readBytes(file), format);
      return inTurn(() => take(store, rows, clock.now()));
    },
    tell: (incoming) =>
      inTurn(async () => {
        const { differing } = await take(store, [incoming], clock.now());
        const mark = await store.paymentMarks.get(`${incoming.source}!${incoming.mark}`);
        if (differing.length > 0 || !mark) throw new Refusal('told-differing', incoming.outsideId ?? undefined);
        return paymentId(mark);
      }),
    assign: (wish) => inTurn(() => assign(wish)),
    reverse: (wish) => inTurn(() => reverse(wish)),
    async invoices({ after, limit }) {
      const found: InvoicePayments[] = [];
      const behind = after === undefined ? '' : keyOfNumber(after);
      for await (const [key, invoice] of store.invoices.iterator({ gt: behind, limit }))
        found.push(invoiceView(key, invoice, BigInt(store.invoicesPaid.getSync(key) ?? 0)));
      return found;
    },
    async unmatched({ after, limit }) {
      const behind = after === undefined ? '' : paymentKey(after);
      const left = await store.paymentsLeft.iterator({ gt: behind, limit }).all();
      const payments = await store.payments.getMany(left.map(([key]) => key));
      return left.flatMap(([, minor], at) => {
        const payment = payments[at];
        return payment ? [shown(payment, BigInt(minor))] : [];
      });
    },
    async invoice(named) {
      const { key, invoice } = await invoiceOf(named);
      const keys = await store.invoiceBookings.keys({ gt: `${key}!`, lt: `${key}"` }).all();
      const bookings = await store.bookings.getMany(keys.map((one) => one.slice(key.length + 1)));
      return {
        invoice: invoiceView(key, invoice, await paidOf(key)),
        bookings: bookings.filter((one) => one !== undefined),
      };
    },
    async payment(id) {
      const { payment, left, bookings } = await paymentOf(id);
      return { payment: shown(payment, left), bookings };
    },
    sums: () => inTurn(() => addUp(store)),
  };
}
