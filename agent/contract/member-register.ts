/** The territory's register of members, as its commands show it, and the ledger of what was decided about them. */
import { type Static, Type } from 'typebox';
import { CapabilityKind } from './capabilities.js';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { LedgerEntry } from './ledger.js';
import { MemberClass, MemberId, Standing, statusListBits, VettingLevel } from './member.js';

const Words = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '\\S' });

/** What was checked before a level was given. The evidence itself stays with whoever checked it. */
export const Vetting = Type.Object(
  {
    what: Words(1000),
    by: Words(200),
    at: Time,
    evidenceSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  },
  { additionalProperties: false },
);
export type Vetting = Static<typeof Vetting>;
/** As it is asked: of now, where no other time is said. */
export const NewVetting = Type.Object(
  { ...Vetting.properties, at: Type.Optional(Time) },
  { additionalProperties: false },
);
export type NewVetting = Static<typeof NewVetting>;

/** Why, who decided, and how the member can have it reviewed. */
export const Decided = Type.Object({
  reason: Words(1000),
  decidedBy: Words(200),
  review: Type.Optional(Words(1000)),
});
export type Decided = Static<typeof Decided>;

export const CharterVersion = Words(40);

const Index = Type.Integer({ minimum: 0, maximum: statusListBits - 1 });
/** Places in the two status lists: random, and never given to another. */
export const StatusIndexes = Type.Object({ suspension: Index, revocation: Index });
export type StatusIndexes = Static<typeof StatusIndexes>;

export const MemberAct = Type.Union([
  Type.Literal('member.admitted'),
  Type.Literal('member.level'),
  Type.Literal('member.suspended'),
  Type.Literal('member.reinstated'),
  Type.Literal('member.expelled'),
  Type.Literal('member.interim-ended'),
  Type.Literal('member.key-rotated'),
  Type.Literal('member.key-replaced'),
  Type.Literal('member.succeeded'),
]);
export type MemberAct = Static<typeof MemberAct>;

export const MemberRecord = Type.Object(
  {
    id: MemberId,
    class: MemberClass,
    name: Type.String(),
    contact: Type.Optional(Type.String()),
    jwk: PublicJwk,
    /** Keys that it used before, oldest first. */
    formerKeys: Type.Array(Type.Object({ jwk: PublicJwk, until: Time, lost: Type.Boolean() })),
    level: VettingLevel,
    vetting: Type.Array(Vetting, { description: 'oldest first' }),
    charterVersion: CharterVersion,
    standing: Standing,
    /** Suspended by the operators until then, unless a panel decides before. */
    interimUntil: Type.Optional(Time),
    since: Time,
    status: StatusIndexes,
    /** Of credentials for lost keys: suspended for ever. */
    retired: Type.Array(StatusIndexes),
    /** Compact JWS: the newest one. */
    credential: Type.String(),
    credentialUntil: Time,
    /** Oldest first; `entry`: in the ledger of decisions. */
    history: Type.Array(
      Type.Object({
        at: Time,
        act: MemberAct,
        entry: Type.Integer({ minimum: 0 }),
        reason: Type.Optional(Type.String()),
        by: Type.Optional(Type.String()),
        review: Type.Optional(Type.String()),
      }),
    ),
  },
  { $id: 'MemberRecord', additionalProperties: true },
);
export type MemberRecord = Static<typeof MemberRecord>;

/** The vetting level from which on a member's apps may ask for each kind of permission; what it does not name, from 3. */
export const LevelPolicy = Type.Partial(Type.Record(CapabilityKind, VettingLevel), { additionalProperties: false });
export type LevelPolicy = Static<typeof LevelPolicy>;

/** A new app id belongs to the first member who publishes under it, or to none without proof of its domain. */
export const AppIdPolicy = Type.Union([Type.Literal('first'), Type.Literal('proof')]);
export type AppIdPolicy = Static<typeof AppIdPolicy>;

export const memberLedgerType = 'webizen-member-ledger+jws';
/** Each entry is signed (detached, as in ledger.ts) by the key that signed for members then. */
export const MemberLedgerExport = Type.Object(
  {
    format: Type.Literal('webizen-member-ledger-1'),
    territory: Type.String(),
    /** All that ever signed. */
    keys: Type.Array(PublicJwk, { minItems: 1, maxItems: 1000 }),
    entries: Type.Array(LedgerEntry),
  },
  { $id: 'MemberLedgerExport', additionalProperties: true },
);
export type MemberLedgerExport = Static<typeof MemberLedgerExport>;
