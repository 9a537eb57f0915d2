/**
 * Accounts: what a month came to, by the agreements that held and the statements of usage that boxes signed.
 *
 * A month is one of UTC, from its first moment to its last. It is closed once; what becomes known afterwards is an entry of
 * a later month. Amounts are decimal strings with all the digits of their currency. What owners are charged is, to the last
 * coin, what members, provider and alliance have of it.
 *
 *   GET  /v1/accounts              member: MemberAccounts
 */
import { type Static, type TProperties, Type } from 'typebox';
import { AgreementId } from './agreements.js';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { ReleasedAppId } from './manifest.js';
import { MemberId, VettingLevel } from './member.js';
import { Period } from './metering.js';
import { Currency, Decimal, DecimalSum, Money, SignedAmount } from './money.js';
import { PlanId, Unit } from './plans.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const TerritoryId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' });

export const accountsPath = '/v1/accounts';
/** A member is shown the newest so many months. */
export const mostMonths = 36;
/** How many months before the one that is closed are looked at again. */
export const monthsBack = 12;

export const Percent = Type.String({
  pattern: '^(?:100|[1-9]?\\d(?:\\.\\d{1,2})?)$',
  description: 'per cent, such as 12.5',
});

/**
 * What a territory keeps of what owners pay, from a month on. Members of a level may be let off a part of the territory's
 * share. Shares are of the month's sum with a member, rounded down: what is left over is the member's.
 */
export const Schedule = Type.Object(
  {
    from: Period,
    share: Percent,
    alliance: Percent,
    /** Of the territory's share, not of the price. */
    discounts: Type.Array(Type.Object({ level: VettingLevel, percent: Percent }, closed), { maxItems: 3 }),
  },
  { $id: 'Schedule', ...closed },
);
export type Schedule = Static<typeof Schedule>;

/** charge: of this month; late: of an earlier one, heard of only now; correction: it is otherwise than it was booked. */
export const EntryKind = Type.Union([
  Type.Literal('charge'),
  Type.Literal('late'),
  Type.Literal('correction'),
  Type.Literal('credit'),
]);

export const CreditId = Type.String({ pattern: '^credit-[0-9a-z]{20}$' });

export const AccountEntry = Type.Object(
  {
    kind: EntryKind,
    agreement: AgreementId,
    app: ReleasedAppId,
    plan: PlanId,
    member: MemberId,
    /** Of the member. */
    territory: TerritoryId,
    /** The month that it is about. */
    period: Period,
    for: Type.Union([
      Type.Literal('once'),
      Type.Literal('month'),
      Type.Literal('year'),
      Type.Literal('unit'),
      Type.Literal('credit'),
    ]),
    /** Of the plan; null for a credit. */
    price: NullOr(Decimal),
    /** As it is known now: what was counted, or the days of `of` on which the agreement held. */
    unit: NullOr(Unit),
    quantity: NullOr(DecimalSum),
    days: NullOr(Type.Object({ held: Type.Integer({ minimum: 0 }), of: Type.Integer({ minimum: 1 }) })),
    credit: NullOr(CreditId),
    /** Why, in the operator's words. */
    reason: NullOr(Type.String({ maxLength: 300 })),
    amount: SignedAmount,
    currency: Currency,
  },
  { $id: 'AccountEntry', ...closed },
);
export type AccountEntry = Static<typeof AccountEntry>;

/** What a month came to for somebody, and the sum of it in each currency. */
const monthOf = <P extends TProperties>($id: string, whose: P) =>
  Type.Object({ month: Period, ...whose, sums: Type.Array(Money) }, { $id, ...closed });

/** What the owner of a box owes for a month; below zero: what the owner gets back. */
export const OwnerAccount = monthOf('OwnerAccount', { box: BoxId, entries: Type.Array(AccountEntry) });
export type OwnerAccount = Static<typeof OwnerAccount>;

/** `share` - `discount` is the territory's; `income` is what remains of `gross` without that and `alliance`. */
export const MemberLine = Type.Object(
  {
    period: Period,
    currency: Currency,
    gross: SignedAmount,
    share: SignedAmount,
    discount: SignedAmount,
    alliance: SignedAmount,
    income: SignedAmount,
    /** By which it was shared, in per cent. */
    by: Type.Object({ share: Percent, discount: Percent, alliance: Percent }, closed),
  },
  closed,
);
export type MemberLine = Static<typeof MemberLine>;
export const MemberAccount = monthOf('MemberAccount', {
  ...{ member: MemberId, territory: TerritoryId, lines: Type.Array(MemberLine) },
});
export type MemberAccount = Static<typeof MemberAccount>;

/** Newest first; of closed months in which there is something of the member's. */
export const MemberAccounts = Type.Object(
  { accounts: Type.Array(MemberAccount, { maxItems: mostMonths }) },
  { $id: 'MemberAccounts' },
);
export type MemberAccounts = Static<typeof MemberAccounts>;

/** `owners` = `members` + `provider` + `alliance`. */
export const MonthTotal = Type.Object(
  {
    currency: Currency,
    owners: SignedAmount,
    members: SignedAmount,
    provider: SignedAmount,
    alliance: SignedAmount,
  },
  closed,
);
export type MonthTotal = Static<typeof MonthTotal>;

/** The territory's own account of a month. */
export const AccountMonth = Type.Object(
  {
    month: Period,
    /** closing: begun and cut; what is asked again goes on with it. */
    state: Type.Union([Type.Literal('closing'), Type.Literal('closed')]),
    begunAt: Time,
    closedAt: NullOr(Time),
    owners: Type.Integer({ minimum: 0 }),
    members: Type.Integer({ minimum: 0 }),
    entries: Type.Integer({ minimum: 0 }),
    totals: Type.Array(MonthTotal),
    /** SHA-256 over every account of the month, in order, behind the hash of the month before it. */
    sha256: NullOr(Hash),
    previous: NullOr(Hash),
  },
  { $id: 'AccountMonth', ...closed },
);
export type AccountMonth = Static<typeof AccountMonth>;

/** How many days after its end a month closes by itself; null: somebody closes it. */
export const Closing = Type.Object(
  { afterDays: NullOr(Type.Integer({ minimum: 1, maximum: 60 })) },
  { $id: 'Closing', ...closed },
);
export type Closing = Static<typeof Closing>;

/** The month that is to be closed next. */
export const NextMonth = Type.Object(
  {
    month: Period,
    isOver: Type.Boolean(),
    /** Closing it was cut. */
    isBegun: Type.Boolean(),
    ...Closing.properties,
    /** When it closes by itself; null: not by itself, as the first of all. */
    closesAt: NullOr(Time),
  },
  { $id: 'NextMonth', ...closed },
);
export type NextMonth = Static<typeof NextMonth>;

export const NewCredit = Type.Object(
  {
    agreement: AgreementId,
    /** The month whose charge it gives back; not more than what that comes to. */
    period: Period,
    amount: Decimal,
    reason: Type.String({ minLength: 1, maxLength: 300 }),
  },
  { $id: 'NewCredit', ...closed },
);
export type NewCredit = Static<typeof NewCredit>;
export const Credit = Type.Object(
  { ...NewCredit.properties, id: CreditId, box: BoxId, at: Time },
  { $id: 'Credit', ...closed },
);
export type Credit = Static<typeof Credit>;

/** A box of a maker's own, on which nothing is charged, from a month until before another. */
export const DevelopmentBox = Type.Object(
  { box: BoxId, from: Period, until: NullOr(Period) },
  { $id: 'DevelopmentBox', ...closed },
);
export type DevelopmentBox = Static<typeof DevelopmentBox>;
