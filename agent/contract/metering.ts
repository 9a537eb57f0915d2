/**
 * What apps count under an agreement, and the statement that a box makes of it each month.
 *
 *   POST /v1/agreements/usage      box: StatementsTold; StatementsTaken
 *   GET  /v1/agreements/usage      member: MemberStatements
 *
 * Each thing that is counted is an entry of a chain, one chain for each agreement. A statement has the sums of a month and
 * where the chain stood at its beginning and end; the entries stay on the box, for the owner, and for the app, through
 * which its maker has them. So nobody else learns when something was used, and an entry that was left out, added or
 * altered shows.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { AgreementId } from './agreements.js';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { canonicalJson } from './ledger-chain.js';
import { ReleasedAppId } from './manifest.js';
import { MemberId } from './member.js';
import { Currency, Decimal, DecimalSum } from './money.js';
import { Unit } from './plans.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const usagePath = '/v1/agreements/usage';
export const usageStatementType = 'webizen-usage+jws';
/** In one message. */
export const mostStatements = 20;
/** Of one agreement: an entry, and with it its key, stays for so long, and until the provider has its month's statement. */
export const keptDays = 35;
export const mostEntries = 100_000;

/** A month in UTC, such as 2026-11. */
export const Period = Type.String({ pattern: '^\\d{4}-(?:0[1-9]|1[0-2])$' });
export const periodOf = (at: number): string => new Date(at).toISOString().slice(0, 7);
/** The first moment that is no longer in it. */
export function endOfPeriod(period: string): number {
  const [year = 0, month = 0] = period.split('-').map(Number);
  return Date.UTC(year, month, 1);
}

export const NewUsage = Type.Object(
  {
    unit: Unit,
    /** Above nothing. */
    quantity: Decimal,
  },
  { $id: 'NewUsage', ...closed },
);
export type NewUsage = Static<typeof NewUsage>;

const counted = {
  agreement: AgreementId,
  /** From 1, without a gap. */
  entry: Type.Integer({ minimum: 1 }),
  at: Time,
  unit: Unit,
  quantity: Decimal,
  key: Type.String({ pattern: '^[\\x21-\\x7e]{1,100}$' }),
  /** Within the trial: it costs nothing. */
  trial: Type.Boolean(),
  /** Of the entry before it. */
  previous: NullOr(Hash),
};
/** `hash`: SHA-256 (hex) over the canonical JSON (RFC 8785) of the rest. */
export const UsageEntry = Type.Object({ ...counted, hash: Hash }, { $id: 'UsageEntry' });
export type UsageEntry = Static<typeof UsageEntry>;

export const hashOfEntry = (entry: Omit<UsageEntry, 'hash'>): string => {
  const { agreement, entry: number, at, unit, quantity, key, trial, previous } = entry;
  const text = canonicalJson({ agreement, entry: number, at, unit, quantity, key, trial, previous });
  return createHash('sha256').update(text).digest('hex');
};

/** Undefined when they follow each other, and on what was there before; else what is wrong. */
export function chainFault(entries: readonly UsageEntry[], before: string | null): string | undefined {
  let last = before;
  let number = entries[0]?.entry ?? 1;
  for (const one of entries) {
    if (one.entry !== number) return `entry ${number} is missing`;
    if (one.previous !== last) return `entry ${number} does not follow the one before it`;
    if (hashOfEntry(one) !== one.hash) return `entry ${number} was altered`;
    last = one.hash;
    number += 1;
  }
  return undefined;
}

export const UsageSum = Type.Object({ unit: Unit, quantity: DecimalSum, trial: DecimalSum });
export type UsageSum = Static<typeof UsageSum>;

/** What this month has come to, for the app and its owner. `trial` is what of it costs nothing. */
export const UsageView = Type.Object(
  {
    agreement: AgreementId,
    /** Of the plan: nothing is counted in others. */
    units: Type.Array(Unit),
    period: Period,
    entries: Type.Integer({ minimum: 0 }),
    sums: Type.Array(UsageSum),
    /** Of what is counted alone; null where the plan counts nothing. */
    cost: NullOr(Type.Object({ amount: DecimalSum, currency: Currency })),
    /** What the owner lets it come to in a month. */
    cap: NullOr(Decimal),
  },
  { $id: 'UsageView' },
);
export type UsageView = Static<typeof UsageView>;

export const UsageEntries = Type.Object(
  { entries: Type.Array(UsageEntry, { maxItems: 1000 }) },
  { $id: 'UsageEntries' },
);
export type UsageEntries = Static<typeof UsageEntries>;

/** The owner's; null: none. */
export const NewCap = Type.Object({ amount: NullOr(Decimal) }, { $id: 'NewCap', ...closed });
export type NewCap = Static<typeof NewCap>;

/** Payload of a compact JWS (RFC 7515, ES256) by the box's key, with its chain in `x5c`. */
export const UsageStatement = Type.Object(
  {
    agreement: AgreementId,
    box: BoxId,
    app: ReleasedAppId,
    member: MemberId,
    /** From 1, without a gap; `previous` is the SHA-256 of the JWS before it. */
    number: Type.Integer({ minimum: 1 }),
    previous: NullOr(Hash),
    period: Period,
    /** The entries that it sums up, and the hash of the one before the first. */
    from: Type.Integer({ minimum: 1 }),
    to: Type.Integer({ minimum: 1 }),
    before: NullOr(Hash),
    head: Hash,
    sums: Type.Array(UsageSum, { minItems: 1, maxItems: 6 }),
    at: Time,
    /**
     * The box does not know the last entry that the provider has a statement of, as where its disk came back older. Its
     * entries begin anew behind one that it knows; this one, which they do not follow, is named instead.
     */
    restarted: Type.Optional(
      Type.Object({ to: Type.Integer({ minimum: 0 }), head: NullOr(Hash) }, { additionalProperties: false }),
    ),
  },
  { $id: 'UsageStatement', ...closed },
);
export type UsageStatement = Static<typeof UsageStatement>;

export const longestStatement = 16 * 1024;
export const StatementsTold = Type.Object(
  { statements: Type.Array(Type.String({ maxLength: longestStatement }), { minItems: 1, maxItems: mostStatements }) },
  { $id: 'StatementsTold', ...closed },
);
export type StatementsTold = Static<typeof StatementsTold>;
/** The last statement of an agreement that is stored. */
export const StatementPlace = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  period: Period,
  to: Type.Integer({ minimum: 1 }),
  head: Hash,
  /** Of the statement. */
  sha256: Hash,
});
export type StatementPlace = Static<typeof StatementPlace>;
export const StatementsTaken = Type.Object(
  {
    taken: Type.Array(
      Type.Object({
        refused: NullOr(Type.Object({ code: Type.String(), detail: Type.String() })),
        /** With a refusal: what the next statement of this agreement has to follow; null: it is the first. */
        last: Type.Optional(NullOr(StatementPlace)),
      }),
      { maxItems: mostStatements },
    ),
  },
  { $id: 'StatementsTaken', additionalProperties: true },
);
export type StatementsTaken = Static<typeof StatementsTaken>;

/** As the member sees it: not whose box. `sha256` is of the signed statement, which the provider keeps. */
const { box: _box, ...shown } = UsageStatement.properties;
export const MemberStatement = Type.Object({ ...shown, sha256: Hash }, { $id: 'MemberStatement' });
export type MemberStatement = Static<typeof MemberStatement>;
export const MemberStatements = Type.Object(
  { statements: Type.Array(MemberStatement, { maxItems: 100 }), cursor: NullOr(Type.String()) },
  { $id: 'MemberStatements' },
);
export type MemberStatements = Static<typeof MemberStatements>;
export const ProviderStatement = Type.Object(
  { ...MemberStatement.properties, box: BoxId, receivedAt: Time },
  { $id: 'ProviderStatement' },
);
export type ProviderStatement = Static<typeof ProviderStatement>;
