/**
 * Payments: what came in, by a bank's statement or told by a payment provider; which invoices it is for; and what members
 * were paid. What is booked is never altered: a booking is taken back by another that goes against it.
 *
 *   POST /v1/payments/told/{hook}    a payment provider: ToldPayment, signed; PaymentTaken
 *
 * What came in is, to the last coin, what was booked for invoices, set aside, or is unmatched. No card number has a place
 * here: a body with what looks like one is refused.
 */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { InvoiceNumber } from './invoices.js';
import { MemberId } from './member.js';
import { Period } from './metering.js';
import { Currency, money, SignedAmount } from './money.js';
import { Iban, PaymentReference } from './payment-reference.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Words = Type.String({ minLength: 1, maxLength: 300 });

export const toldPath = '/v1/payments/told';
/** A day as the bank books it, such as 2026-11-27. */
export const BookingDay = Type.String({ pattern: '^20\\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])$' });
/** Of a bank account or of a hook, in the territory's own words. */
export const SourceName = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}$' });
/** By which the other side names the payment. */
export const OutsideId = Type.String({ minLength: 1, maxLength: 100, pattern: '^[\\x21-\\x7e]+$' });
export const longestRemittance = 2000;

/** A column by its heading, or by its place from 1. */
const Column = Type.Union([Type.String({ minLength: 1, maxLength: 100 }), Type.Integer({ minimum: 1, maximum: 200 })]);

/** How a bank writes its statements. All of it is said, and nothing guessed. */
export const BankFormat = Type.Object(
  {
    /** Whose statements: what is in them twice is the same payment. */
    account: SourceName,
    encoding: Type.Enum(['utf-8', 'latin-1', 'utf-16le']),
    separator: Type.Enum([',', ';', '\t', '|']),
    quote: NullOr(Type.Enum(['"', "'"])),
    /** Lines above the headings. */
    skipLines: Type.Integer({ minimum: 0, maximum: 100 }),
    /** Whether the first line behind them names the columns. */
    hasHeadings: Type.Boolean(),
    columns: Type.Object(
      {
        date: Column,
        amount: Column,
        /** Put together with a space between them. */
        text: Type.Array(Column, { minItems: 1, maxItems: 10 }),
        currency: Type.Optional(Column),
        /** The bank's own, different for each payment. */
        id: Type.Optional(Column),
        /** Which way the money went, where amounts have no sign. */
        direction: Type.Optional(Column),
      },
      closed,
    ),
    /** Where no column says it. */
    currency: Type.Optional(Currency),
    directions: Type.Optional(
      Type.Object({ in: Type.String({ minLength: 1 }), out: Type.String({ minLength: 1 }) }, closed),
    ),
    dateOrder: Type.Enum(['ymd', 'dmy', 'mdy']),
    decimal: Type.Enum(['.', ',']),
    grouping: NullOr(Type.Enum(['.', ',', ' ', "'"])),
  },
  { $id: 'BankFormat', ...closed },
);
export type BankFormat = Static<typeof BankFormat>;

/** Why nobody's invoice is known by it. */
export const MatchFault = Type.Enum([
  'no-reference',
  'reference-mistyped',
  'reference-unknown',
  'several-references',
  'other-currency',
]);
export type MatchFault = Static<typeof MatchFault>;

export const PaymentId = Type.String({ pattern: '^payment-\\d{12}$' });
export const BookingId = Type.String({ pattern: '^booking-\\d{12}-\\d{4}$' });

export const Payment = Type.Object(
  {
    id: PaymentId,
    /** A bank account, or a hook as `hook:{name}`. */
    source: Type.String({ pattern: '^(?:hook:)?[a-z0-9][a-z0-9-]{0,39}$' }),
    day: BookingDay,
    /** Below zero where it went out. */
    ...money,
    text: Type.String({ maxLength: longestRemittance }),
    outsideId: NullOr(OutsideId),
    takenAt: Time,
    /** Null where an invoice was found by its reference. */
    fault: NullOr(MatchFault),
  },
  { $id: 'Payment', ...closed },
);
export type Payment = Static<typeof Payment>;
export const UnmatchedPayment = Type.Object(
  { ...Payment.properties, left: SignedAmount },
  { $id: 'UnmatchedPayment', ...closed },
);
export type UnmatchedPayment = Static<typeof UnmatchedPayment>;

/** matched: by its reference; assigned: by an operator; aside: for no invoice; reversal: takes another one back. */
export const Booking = Type.Object(
  {
    id: BookingId,
    kind: Type.Enum(['matched', 'assigned', 'aside', 'reversal']),
    payment: PaymentId,
    /** Null: it is set aside. */
    invoice: NullOr(InvoiceNumber),
    ...money,
    at: Time,
    reason: NullOr(Words),
    reverses: NullOr(BookingId),
  },
  { $id: 'Booking', ...closed },
);
export type Booking = Static<typeof Booking>;

export const InvoiceState = Type.Enum(['open', 'partly-paid', 'paid', 'overpaid']);
export type InvoiceState = Static<typeof InvoiceState>;
/** An invoice, and what was paid of it. */
export const InvoicePayments = Type.Object(
  {
    number: InvoiceNumber,
    reference: PaymentReference,
    month: Period,
    box: BoxId,
    /** Of a credit note below zero. */
    ...money,
    paid: SignedAmount,
    /** What is left of `amount`; below zero what is too much. */
    open: SignedAmount,
    state: InvoiceState,
  },
  { $id: 'InvoicePayments', ...closed },
);
export type InvoicePayments = Static<typeof InvoicePayments>;

export const ShownInvoice = Type.Object({ invoice: InvoicePayments, bookings: Type.Array(Booking) }, closed);
export const ShownPayment = Type.Object({ payment: UnmatchedPayment, bookings: Type.Array(Booking) }, closed);

/** `cameIn` = `booked` + `aside` + `unmatched`, and `invoiced` = `booked` + `open`. */
export const PaymentSums = Type.Object(
  {
    currency: Currency,
    ...{ cameIn: SignedAmount, booked: SignedAmount, aside: SignedAmount, unmatched: SignedAmount },
    ...{ invoiced: SignedAmount, open: SignedAmount },
  },
  { $id: 'PaymentSums', ...closed },
);
export type PaymentSums = Static<typeof PaymentSums>;

const Count = Type.Integer({ minimum: 0 });
export const ImportedPayments = Type.Object(
  {
    rows: Count,
    /** Taken now; the rest was there, or moves nothing. */
    taken: Count,
    known: Count,
    /** Of nothing: 0.00. */
    empty: Count,
    /** Of those taken. */
    matched: Count,
    unmatched: Count,
    /** The bank's id is known, and names another payment than it did: by their lines, the first hundred of them. */
    differing: Type.Array(Type.Object({ line: Count, id: OutsideId }, closed)),
  },
  { $id: 'ImportedPayments', ...closed },
);
export type ImportedPayments = Static<typeof ImportedPayments>;

export const NewAssignment = Type.Object(
  {
    payment: PaymentId,
    /** Number or reference; missing: it is set aside. */
    invoice: Type.Optional(Type.Union([InvoiceNumber, PaymentReference])),
    /** What is left of the payment unless said; with its sign. */
    amount: Type.Optional(SignedAmount),
    reason: Type.Optional(Words),
  },
  { $id: 'NewAssignment', ...closed },
);
export type NewAssignment = Static<typeof NewAssignment>;
export const NewReversal = Type.Object({ booking: BookingId, reason: Words }, { $id: 'NewReversal', ...closed });
export type NewReversal = Static<typeof NewReversal>;

/** That a payment provider has it. It is told again until it was taken; the same `id` is the same payment. */
export const ToldPayment = Type.Object(
  { id: OutsideId, reference: PaymentReference, ...money, day: BookingDay },
  { $id: 'ToldPayment', ...closed },
);
export type ToldPayment = Static<typeof ToldPayment>;
export const PaymentTaken = Type.Object({ payment: PaymentId }, { $id: 'PaymentTaken', ...closed });
export type PaymentTaken = Static<typeof PaymentTaken>;

export const PaymentHook = Type.Object({ name: SourceName, createdAt: Time }, { $id: 'PaymentHook', ...closed });
export type PaymentHook = Static<typeof PaymentHook>;
export const CreatedPaymentHook = Type.Object(
  { ...PaymentHook.properties, secret: Type.String() },
  { $id: 'CreatedPaymentHook', ...closed },
);
export type CreatedPaymentHook = Static<typeof CreatedPaymentHook>;

/** Where a member is paid. */
export const Payee = Type.Object(
  {
    member: MemberId,
    name: Type.String({ minLength: 1, maxLength: 70, pattern: '^[^\\x00-\\x1f\\x7f]+$' }),
    iban: Iban,
  },
  { $id: 'Payee', ...closed },
);
export type Payee = Static<typeof Payee>;

const TerritoryId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' });
/** That a member was paid, or that it came back. */
export const PayoutEntry = Type.Object(
  {
    kind: Type.Enum(['paid', 'returned']),
    amount: SignedAmount,
    /** Of the bank. */
    reference: NullOr(OutsideId),
    reason: NullOr(Words),
    at: Time,
  },
  { $id: 'PayoutEntry', ...closed },
);
export type PayoutEntry = Static<typeof PayoutEntry>;

/** What is due to a member for a closed month, in a currency. */
export const Payout = Type.Object(
  {
    month: Period,
    territory: TerritoryId,
    member: MemberId,
    /** Below zero: the member owes it. */
    ...money,
    state: Type.Enum(['due', 'paid']),
    /** Oldest first. */
    entries: Type.Array(PayoutEntry),
    payee: NullOr(Payee),
  },
  { $id: 'Payout', ...closed },
);
export type Payout = Static<typeof Payout>;

export const PayoutPage = Type.Object(
  { payouts: Type.Array(Payout), next: NullOr(Type.String()) },
  { $id: 'PayoutPage', ...closed },
);
export type PayoutPage = Static<typeof PayoutPage>;

const PayoutPlace = {
  month: Period,
  member: MemberId,
  territory: Type.Optional(TerritoryId),
  currency: Type.Optional(Currency),
};
export const NewPayout = Type.Object({ ...PayoutPlace, reference: OutsideId }, { $id: 'NewPayout', ...closed });
export type NewPayout = Static<typeof NewPayout>;
export const ReturnedPayout = Type.Object({ ...PayoutPlace, reason: Words }, { $id: 'ReturnedPayout', ...closed });
export type ReturnedPayout = Static<typeof ReturnedPayout>;
