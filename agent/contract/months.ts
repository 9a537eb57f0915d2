/**
 * A box reads what its months came to: its own accounts, as they were closed, and its invoices. By its certificate alone: what
 * another box had, also one that the same device was before, is not its.
 *
 *   GET  /v1/accounts/box?after=2026-10      box: BoxMonths
 *   GET  /v1/accounts/box/invoices/{number}  box: BoxInvoice
 *
 * What is read here is looser than what a provider writes: a charge of a kind that this release does not know is shown, and
 * marked, not refused.
 */
import { type Static, Type } from 'typebox';
import { AgreementId } from './agreements.js';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { Invoice } from './invoices.js';
import { ReleasedAppId } from './manifest.js';
import { MemberId } from './member.js';
import { Period } from './metering.js';
import { Currency, Decimal, DecimalSum, SignedAmount } from './money.js';
import { PlanId, Unit } from './plans.js';

const open = { additionalProperties: true } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Kind = Type.String({ pattern: '^[a-z][a-z-]{0,29}$' });

export const boxAccountsPath = '/v1/accounts/box';
/** In one answer: months, and entries of all of them together, where the first month alone has no more. */
export const mostMonthsTold = 12;
export const mostEntriesTold = 500;
/** Of one month: beyond that the account is named and not told. */
export const mostEntriesOfMonth = 2000;
export const mostInvoicesTold = 60;
export const longestInvoice = 2 * 1024 * 1024;

export const BoxEntry = Type.Object(
  {
    /** EntryKind, and what a later release adds. */
    kind: Kind,
    agreement: AgreementId,
    app: ReleasedAppId,
    plan: PlanId,
    member: MemberId,
    period: Period,
    for: Kind,
    price: NullOr(Decimal),
    unit: NullOr(Unit),
    quantity: NullOr(DecimalSum),
    days: NullOr(Type.Object({ held: Type.Integer({ minimum: 0 }), of: Type.Integer({ minimum: 1 }) })),
    credit: NullOr(Type.String({ maxLength: 60 })),
    reason: NullOr(Type.String({ maxLength: 300 })),
    amount: SignedAmount,
    currency: Currency,
  },
  { $id: 'BoxEntry', ...open },
);
export type BoxEntry = Static<typeof BoxEntry>;

export const BoxSum = Type.Object({ currency: Currency, amount: SignedAmount });
export type BoxSum = Static<typeof BoxSum>;

export const BoxAccount = Type.Object(
  {
    month: Period,
    box: BoxId,
    entries: Type.Array(BoxEntry, { maxItems: mostEntriesOfMonth }),
    sums: Type.Array(BoxSum, { maxItems: 200 }),
  },
  { $id: 'BoxAccount', ...open },
);
export type BoxAccount = Static<typeof BoxAccount>;

/** A closed month, and this box's part of it. */
export const BoxMonth = Type.Object(
  {
    month: Period,
    closedAt: Time,
    /** Over the accounts of all boxes and members, behind that of the month before: see AccountMonth. */
    sha256: Hash,
    previous: NullOr(Hash),
    /** How many the account has; with entries and no account there are too many to be told. */
    entries: Type.Integer({ minimum: 0 }),
    /** Null: there is nothing of this box. */
    account: NullOr(BoxAccount),
  },
  { $id: 'BoxMonth', ...open },
);
export type BoxMonth = Static<typeof BoxMonth>;

export const BoxMonths = Type.Object(
  {
    /** Behind `after`, oldest first; without it, from the month in which the box came. */
    months: Type.Array(BoxMonth, { maxItems: mostMonthsTold }),
    more: Type.Boolean(),
    /** That were made out for the newest closed months. */
    invoices: Type.Array(Type.Object(Invoice.properties, open), { maxItems: mostInvoicesTold }),
  },
  { $id: 'BoxMonths', ...open },
);
export type BoxMonths = Static<typeof BoxMonths>;

/** The document, as it was made out: UBL 2.1. */
export const BoxInvoice = Type.Object(
  { ...Invoice.properties, xml: Type.String({ maxLength: longestInvoice }) },
  { $id: 'BoxInvoice', ...open },
);
export type BoxInvoice = Static<typeof BoxInvoice>;
