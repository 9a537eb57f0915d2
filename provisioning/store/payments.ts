/** What is stored of payments: what came in, what was booked of it, and what members were paid. */
import type { Database } from '#common/commits.js';
import type { Booking, Payee, Payment, PayoutEntry } from '#contract/payments.js';
import { sublevel } from './sublevel.js';

export const paymentSublevels = (db: Database) => ({
  /** Keyed by how manieth it is, 12 digits. Written once. */
  payments: sublevel<Payment>(db, 'payments'),
  /** `{source}!id!{outside id}`, or `{source}!row!{hash}!{how manieth of its like}`, to the key of the payment. */
  paymentMarks: sublevel<string>(db, 'paymentMarks'),
  /** Minor units of a payment that are booked nowhere; missing where nothing is left. */
  paymentsLeft: sublevel<string>(db, 'paymentsLeft'),
  /** `{payment}!{4 digits}`. Written once. */
  bookings: sublevel<Booking>(db, 'bookings'),
  /** `{invoice}!{booking}` */
  invoiceBookings: sublevel<0>(db, 'invoiceBookings'),
  /** Minor units, by the key of the invoice. */
  invoicesPaid: sublevel<string>(db, 'invoicesPaid'),
  paymentHooks: sublevel<{ secret: string; createdAt: number }>(db, 'paymentHooks'),
  /** `{month}!{territory}!{member}!{currency}`; entries are added and never altered. */
  payouts: sublevel<PayoutEntry[]>(db, 'payouts'),
  /** Keyed by the member. */
  payees: sublevel<Payee>(db, 'payees'),
});

export type PaymentStore = Readonly<ReturnType<typeof paymentSublevels>>;
