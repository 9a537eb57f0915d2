/** What the owner of a box is shown of months: what runs up, what was closed, and where the box reckons otherwise. */
import { type Static, Type } from 'typebox';
import { AgreementId } from './agreements.js';
import { BoxId } from './box-id.js';
import { Told } from './changes.js';
import { Time } from './health.js';
import { Invoice } from './invoices.js';
import { ReleasedAppId } from './manifest.js';
import { Period } from './metering.js';
import { Currency, Decimal, DecimalSum, SignedAmount } from './money.js';
import { BoxEntry, BoxSum } from './months.js';
import { PlanId, Unit } from './plans.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

/**
 * Where what the provider says is not what this box knows.
 *
 * - agreement: it is charged under one that this box does not know
 * - price: it is not one that was agreed to; `own` is the agreed one, where there is one
 * - quantity: `said` was charged, `own` was counted, in `unit`
 * - days: for so many days, and it held for so many
 * - amount: all that was charged for this comes to more than is due by what this box knows
 * - kind: a charge of a kind that this box does not know, which it cannot reckon
 * - period: it is about a month to come
 * - sum: the lines come to `own`, and not to what the account says, in the currency `unit`
 * - chain: the month does not follow the one before it as it was told to this box then
 * - withheld: it has so many lines that they were not told
 */
export const Difference = Type.Object(
  {
    /** In the account, from 0; null: it is about the whole of it. */
    line: NullOr(Type.Integer({ minimum: 0 })),
    is: Type.Union([
      Type.Literal('agreement'),
      Type.Literal('price'),
      Type.Literal('quantity'),
      Type.Literal('days'),
      Type.Literal('amount'),
      Type.Literal('kind'),
      Type.Literal('period'),
      Type.Literal('sum'),
      Type.Literal('chain'),
      Type.Literal('withheld'),
    ]),
    said: NullOr(Type.String()),
    own: NullOr(Type.String()),
    /** Of both: what is counted, or the currency. */
    unit: NullOr(Type.String()),
  },
  { $id: 'Difference' },
);
export type Difference = Static<typeof Difference>;

/** Of a month that is not closed: as this box reckons it. */
export const OpenLine = Type.Object({
  agreement: AgreementId,
  app: ReleasedAppId,
  plan: PlanId,
  for: Type.String(),
  price: NullOr(Decimal),
  unit: NullOr(Unit),
  quantity: NullOr(DecimalSum),
  days: NullOr(Type.Object({ held: Type.Integer({ minimum: 0 }), of: Type.Integer({ minimum: 1 }) })),
  amount: SignedAmount,
  currency: Currency,
});
export type OpenLine = Static<typeof OpenLine>;
export const OpenMonth = Type.Object(
  {
    month: Period,
    /** It is over, and the provider has not closed it. */
    isOver: Type.Boolean(),
    lines: Type.Array(OpenLine),
    sums: Type.Array(BoxSum),
  },
  { $id: 'OpenMonth' },
);
export type OpenMonth = Static<typeof OpenMonth>;

const glance = {
  territory: Type.String(),
  box: BoxId,
  month: Period,
  closedAt: Time,
  /** When this box has it from. */
  keptAt: Time,
  entries: Type.Integer({ minimum: 0 }),
  sums: Type.Array(BoxSum),
  /** The owner has read where it differs. */
  isSeen: Type.Boolean(),
};

export const MonthGlance = Type.Object(
  { ...glance, differences: Type.Integer({ minimum: 0 }) },
  { $id: 'MonthGlance' },
);
export type MonthGlance = Static<typeof MonthGlance>;

export const MonthsView = Type.Object(
  {
    /** When the provider last answered; null: never. */
    askedAt: NullOr(Time),
    /** Why it could not be asked since. */
    problem: NullOr(Told),
    /** Newest first, both. */
    open: Type.Array(OpenMonth),
    closed: Type.Array(MonthGlance),
  },
  { $id: 'MonthsView' },
);
export type MonthsView = Static<typeof MonthsView>;

export const OwnerMonth = Type.Object(
  {
    ...glance,
    lines: Type.Array(BoxEntry),
    differences: Type.Array(Difference),
    /** `agrees`: with what the account says in this currency. */
    invoices: Type.Array(Type.Object({ ...Invoice.properties, agrees: Type.Boolean() })),
    sha256: Hash,
    previous: NullOr(Hash),
  },
  { $id: 'OwnerMonth' },
);
export type OwnerMonth = Static<typeof OwnerMonth>;
