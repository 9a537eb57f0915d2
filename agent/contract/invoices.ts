/**
 * Invoices of what a month came to, as documents by EN 16931 in UBL 2.1: a number of its own series, what seller and buyer
 * are called, and which tax stands on it. What the terms of an app call its price is what is paid: tax is within it.
 */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { Period } from './metering.js';
import { money } from './money.js';
import { Iban, PaymentReference } from './payment-reference.js';

const closed = { additionalProperties: false } as const;
/** Of one line, with nothing that XML cannot hold. */
const Line = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\x00-\\x1f\\x7f\\ud800-\\udfff\\ufffe\\uffff]+$' });

const party = {
  name: Line(200),
  street: Type.Optional(Line(200)),
  postalCode: Type.Optional(Line(20)),
  city: Type.Optional(Line(100)),
  /** ISO 3166-1 alpha-2. */
  country: Type.String({ pattern: '^[A-Z]{2}$' }),
  vatId: Type.Optional(Type.String({ pattern: '^[A-Z]{2}[0-9A-Za-z]{2,13}$' })),
  /** In a register of companies. */
  registration: Type.Optional(Line(60)),
  email: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]+@[\\x21-\\x7e]+$', maxLength: 200 })),
};

export const Buyer = Type.Object(party, { $id: 'Buyer', ...closed });
export type Buyer = Static<typeof Buyer>;

/** UNTDID 5305: standard rate, zero rated, exempt, not subject to tax. */
export const InvoiceTax = Type.Union([
  Type.Object(
    { category: Type.Literal('S'), percent: Type.String({ pattern: '^(?:[1-9]\\d?(?:\\.\\d{1,2})?|0\\.\\d{1,2})$' }) },
    closed,
  ),
  Type.Object({ category: Type.Literal('Z') }, closed),
  Type.Object({ category: Type.Literal('E'), reason: Line(200) }, closed),
  Type.Object({ category: Type.Literal('O'), reason: Line(200) }, closed),
]);
export type InvoiceTax = Static<typeof InvoiceTax>;

/** Who makes out the territory's invoices. */
export const Seller = Type.Object(
  {
    ...party,
    tax: InvoiceTax,
    /** From the day of the invoice. */
    paymentDays: Type.Integer({ minimum: 0, maximum: 365 }),
    iban: Type.Optional(Iban),
  },
  { $id: 'Seller', ...closed },
);
export type Seller = Static<typeof Seller>;

/** `{territory}-{6 digits}`, without a gap. */
export const InvoiceNumber = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}-\\d{6,}$' });

/** One for a box, a month and a currency. */
export const Invoice = Type.Object(
  {
    number: InvoiceNumber,
    /** By which its payment is known. */
    reference: PaymentReference,
    /** 380: an invoice; 381: a credit note, where more goes back than is due. */
    type: Type.Union([Type.Literal('380'), Type.Literal('381')]),
    month: Period,
    box: BoxId,
    /** As the account of the month says: below zero on a credit note. */
    ...money,
    issuedAt: Time,
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  { $id: 'Invoice', ...closed },
);
export type Invoice = Static<typeof Invoice>;
export const IssuedInvoice = Type.Object(
  { ...Invoice.properties, xml: Type.String() },
  { $id: 'IssuedInvoice', ...closed },
);
export type IssuedInvoice = Static<typeof IssuedInvoice>;
