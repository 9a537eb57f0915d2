/** Which territory a box belongs to, or is on its way to: what the owner's console and `status` show. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Told } from './changes.js';
import { DirectoryTerritory, Jurisdiction } from './directory.js';
import { Time } from './health.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** How the box came to ask this territory. */
export const ElectedBy = Type.Union([Type.Literal('owner'), Type.Literal('voucher'), Type.Literal('configuration')]);

/** What the owner chooses. */
export const Election = Type.Object(
  {
    territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'id in the directory' }),
    /** Stated by the owner, never guessed. */
    ownJurisdiction: Jurisdiction,
    /** Needed, and recorded, where the territory lies outside `ownJurisdiction`. */
    foreignAccepted: Type.Optional(Type.Boolean()),
    /** Without one the box asks for admission and the provider's operator decides. */
    claimCode: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { $id: 'Election', additionalProperties: false },
);
export type Election = Static<typeof Election>;

export const MembershipPhase = Type.Union(
  [
    Type.Literal('none'),
    Type.Literal('reaching'),
    Type.Literal('waiting-admission'),
    Type.Literal('refused'),
    Type.Literal('enrolled'),
  ],
  { description: 'none: nothing elected; reaching: on the way; refused: the provider said no, see problem' },
);

export const Member = Type.Object({
  phase: MembershipPhase,
  electedBy: NullOr(ElectedBy),
  territory: NullOr(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      jurisdiction: Type.String(),
      law: Type.String(),
      provider: NullOr(Type.String()),
      standing: Type.Union([Type.Literal('accredited'), Type.Literal('suspended'), Type.Literal('unlisted')]),
    }),
  ),
  box: NullOr(BoxId),
  certificate: NullOr(Type.Object({ serial: Type.String(), notAfter: Time, renewAt: Time })),
  /** Eight characters of the request's key hash: what the owner reads to the operator who decides. */
  requestCode: NullOr(Type.String()),
  problem: NullOr(Told),
});
export type Member = Static<typeof Member>;

export const Membership = Type.Object(
  {
    current: Member,
    /** While a transfer is under way: where to. */
    next: NullOr(Member),
    /** The change that is under way, of kind enrol, transfer or reset. */
    change: NullOr(Type.String()),
  },
  { $id: 'Membership' },
);
export type Membership = Static<typeof Membership>;

/** The directory as the owner's console shows it. */
export const TerritoryList = Type.Object(
  {
    territories: Type.Array(DirectoryTerritory),
    sequence: NullOr(Type.Integer()),
    expiresAt: NullOr(Time),
    expired: Type.Boolean(),
  },
  { $id: 'TerritoryList' },
);
export type TerritoryList = Static<typeof TerritoryList>;
