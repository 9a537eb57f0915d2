/** Bodies of the operator's API: what console, scripts and the provider's own commands read. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { Birth, Reported } from './status.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const BoxState = Type.Union(
  [Type.Literal('enrolled'), Type.Literal('online'), Type.Literal('offline'), Type.Literal('revoked')],
  { description: 'enrolled: has never been online' },
);
export type BoxState = Static<typeof BoxState>;

export const BoxSummary = Type.Object(
  {
    id: BoxId,
    state: BoxState,
    lastSeen: NullOr(Time),
    enrolledAt: Time,
    certificate: Type.Object({ serial: Type.String(), notAfter: Time }),
    gaps: Type.Integer({ minimum: 0, description: 'samples that were taken and are not stored here' }),
    health: NullOr(Type.Object({ at: Time, values: Type.Record(Type.String(), Type.Number()) })),
  },
  { $id: 'BoxSummary' },
);
export type BoxSummary = Static<typeof BoxSummary>;

export const BoxDetail = Type.Object(
  {
    ...BoxSummary.properties,
    birth: NullOr(Birth),
    reported: NullOr(Reported),
    revokedAt: NullOr(Time),
    cut: Type.Optional(
      Type.Union([Type.Literal('cut'), Type.Literal('not-cut'), Type.Null()], {
        description: 'of a revoked box: whether its session at the broker is over for certain',
      }),
    ),
  },
  { $id: 'BoxDetail' },
);
export type BoxDetail = Static<typeof BoxDetail>;

/** One stored sample of a box. */
export const StoredSample = Type.Object(
  { at: Time, values: Type.Record(Type.String(), Type.Number()) },
  { $id: 'StoredSample' },
);
export type StoredSample = Static<typeof StoredSample>;

export const ClaimState = Type.Union([
  Type.Literal('open'),
  Type.Literal('used'),
  Type.Literal('expired'),
  Type.Literal('revoked'),
]);
export const Claim = Type.Object(
  {
    id: Type.String(),
    state: ClaimState,
    label: Type.String(),
    createdAt: Time,
    expiresAt: Time,
    box: NullOr(BoxId),
  },
  { $id: 'Claim' },
);
export type Claim = Static<typeof Claim>;

export const NewClaim = Type.Object(
  {
    label: Type.Optional(Type.String({ maxLength: 200, description: 'for the operator: whose box this will be' })),
    lifetimeSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 366 * 86_400 })),
  },
  { $id: 'NewClaim', additionalProperties: false },
);
export type NewClaim = Static<typeof NewClaim>;

/** The only time that the code is seen: what is stored is its hash. */
export const CreatedClaim = Type.Object({ ...Claim.properties, code: Type.String() }, { $id: 'CreatedClaim' });
export type CreatedClaim = Static<typeof CreatedClaim>;

/** What happened in the territory. Refusals carry code and remedy. */
export const FleetEvent = Type.Object(
  {
    id: Type.String({ description: 'ascending' }),
    at: Time,
    type: Type.String({
      description:
        'enrolled, renewed, online, offline, health, refused, revoked, gap, event, store, claim-created, claim-revoked',
    }),
    box: NullOr(Type.String()),
    text: Type.String(),
    code: Type.Optional(Type.String()),
    remedy: Type.Optional(Type.String()),
  },
  { $id: 'FleetEvent' },
);
export type FleetEvent = Static<typeof FleetEvent>;
