/** Bodies of the operator's API: what console, scripts and the provider's own commands read. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Condition, mostConditions, Severity } from './conditions.js';
import { BoxEvent } from './events.js';
import { LostReason, Time } from './health.js';
import { LeavePhase, LeaveReason } from './leave.js';
import { Birth, Reported } from './status.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const BoxState = Type.Union(
  [
    Type.Literal('enrolled'),
    Type.Literal('online'),
    Type.Literal('offline'),
    Type.Literal('revoked'),
    Type.Literal('left'),
  ],
  { description: 'enrolled: has never been online; left: its owner took it elsewhere or reset it' },
);
export type BoxState = Static<typeof BoxState>;

export const CareLevel = Type.Union(
  [Type.Literal('trouble'), Type.Literal('attention'), Type.Literal('good'), Type.Literal('none')],
  { description: 'trouble and attention need care; none: nothing is expected of it yet, or any more' },
);
export type CareLevel = Static<typeof CareLevel>;

/** Whether somebody must see to a box, and why. */
export const Care = Type.Object({
  level: CareLevel,
  reasons: Type.Array(
    Type.Object({
      kind: Type.Union(
        [
          Type.Literal('cloned'),
          Type.Literal('silent'),
          Type.Literal('never-online'),
          Type.Literal('certificate-ended'),
          Type.Literal('certificate-ending'),
          Type.Literal('no-reports'),
          Type.Literal('condition'),
        ],
        {
          description:
            'silent: it is offline, and not heard from for a while; never-online: it enrolled over an hour ago; certificate-ending: it should have renewed; no-reports: it is online and says nothing; condition: it says so itself',
        },
      ),
      since: Type.Optional(Time),
      condition: Type.Optional(Type.String({ description: 'the kind of the condition' })),
    }),
    { maxItems: mostConditions + 10, description: 'the worst first; empty: it needs no care' },
  ),
});
export type Care = Static<typeof Care>;

export const BoxSummary = Type.Object(
  {
    id: BoxId,
    state: BoxState,
    lastSeen: NullOr(Time),
    enrolledAt: Time,
    certificate: Type.Object({ serial: Type.String(), notAfter: Time }),
    gaps: Type.Integer({ minimum: 0, description: 'samples that were taken and are not stored here' }),
    health: NullOr(Type.Object({ at: Time, values: Type.Record(Type.String(), Type.Number()) })),
    cloned: NullOr(
      Type.Object(
        { since: Time, at: Time },
        { description: 'two machines report as this box, first and last seen; until it is settled' },
      ),
    ),
    label: Type.Optional(Type.String({ maxLength: 200, description: 'whose it is, as the operator says' })),
    place: Type.Optional(Type.String({ maxLength: 100, description: 'where it stands, as the operator says' })),
    serial: Type.Optional(Type.String({ description: 'of its device, proven by its factory identity' })),
    agent: Type.Optional(Type.String({ description: 'version of the agent, as it last said' })),
    model: Type.Optional(Type.String({ description: 'of the hardware, as it last said' })),
    conditions: Type.Optional(
      Type.Array(Condition, {
        maxItems: mostConditions,
        description: 'what is amiss now, the worst first; of a box that does not tell, as its newest sample shows it',
      }),
    ),
    care: Type.Optional(Care),
  },
  { $id: 'BoxSummary' },
);
export type BoxSummary = Static<typeof BoxSummary>;

/** `request`: an operator decided; `maker`: its maker is accredited, and that was enough. */
export const AdmittedBy = Type.Union([
  Type.Literal('claim'),
  Type.Literal('maker'),
  Type.Literal('voucher'),
  Type.Literal('request'),
]);
export type AdmittedBy = Static<typeof AdmittedBy>;

/** `superseded`: the same device has enrolled anew, as the box named in `to`. */
export const RevocationReason = Type.Union([Type.Literal('revoked'), Type.Literal('superseded'), Type.Literal('left')]);
export type RevocationReason = Static<typeof RevocationReason>;

/** A factory identity (IEEE 802.1AR IDevID), proven by its key. */
export const FactoryIdentity = Type.Object({
  maker: Type.String({ description: 'id in the directory' }),
  serial: Type.String(),
});
export type FactoryIdentity = Static<typeof FactoryIdentity>;

/** How the box came, and how it goes. */
export const BoxStanding = Type.Object({
  admittedBy: AdmittedBy,
  /** `barred`: it is refused, with whatever else is shown, until an operator lifts it. */
  factory: NullOr(Type.Object({ ...FactoryIdentity.properties, barred: Type.Boolean() })),
  leaving: NullOr(
    Type.Object({
      phase: LeavePhase,
      reason: LeaveReason,
      to: NullOr(Type.String()),
      at: Time,
      objection: NullOr(Type.String()),
    }),
  ),
  revocation: NullOr(
    Type.Object({
      at: Time,
      reason: RevocationReason,
      text: NullOr(Type.String()),
      /** The box that took its place, or the territory it left for. */
      to: NullOr(Type.String()),
    }),
  ),
});
export type BoxStanding = Static<typeof BoxStanding>;

/** What the operator says when a box is revoked. */
export const NewRevocation = Type.Object(
  {
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    barFactory: Type.Optional(
      Type.Boolean({ description: 'refuse its factory identity too, until it is reinstated; true unless said' }),
    ),
  },
  { $id: 'NewRevocation', additionalProperties: false },
);
export type NewRevocation = Static<typeof NewRevocation>;

export const Reason = Type.Object(
  { reason: Type.String({ minLength: 1, maxLength: 500, description: 'read by the owner' }) },
  { $id: 'Reason', additionalProperties: false },
);
export type Reason = Static<typeof Reason>;

export const BoxDetail = Type.Object(
  {
    ...BoxSummary.properties,
    birth: NullOr(Birth),
    reported: NullOr(Reported),
    revokedAt: NullOr(Time),
    standing: BoxStanding,
    lost: Type.Optional(
      Type.Partial(Type.Record(LostReason, Type.Integer({ minimum: 1 })), {
        description: 'of the gaps those that the box gave up, by its reason',
      }),
    ),
    cut: Type.Optional(
      Type.Union([Type.Literal('cut'), Type.Literal('not-cut'), Type.Null()], {
        description: 'of a revoked box: whether its session at the broker is over for certain',
      }),
    ),
  },
  { $id: 'BoxDetail' },
);
export type BoxDetail = Static<typeof BoxDetail>;

/** One stored sample of a box, or what several in a row come to: their average, and of a counter what it last was. */
export const StoredSample = Type.Object(
  {
    at: Time,
    values: Type.Record(Type.String(), Type.Number()),
    min: Type.Optional(
      Type.Record(Type.String(), Type.Number(), {
        description: 'the least of each gauge, where it stands for several',
      }),
    ),
    max: Type.Optional(Type.Record(Type.String(), Type.Number(), { description: 'the most of each gauge' })),
  },
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

/** A box that asks to be admitted, and the operator's decision. */
export const AdmissionRequest = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{64}$', description: "SHA-256 of the request's public key" }),
    code: Type.String({ description: 'what the owner reads out: XXXX-XXXX' }),
    state: Type.Union([Type.Literal('waiting'), Type.Literal('approved'), Type.Literal('refused')]),
    firstAt: Time,
    lastAt: Time,
    address: Type.String({ description: 'where it last asked from' }),
    factory: NullOr(FactoryIdentity),
    claimLabel: NullOr(Type.String({ description: 'of the claim code that it showed and that did not serve' })),
    decidedAt: NullOr(Time),
    reason: NullOr(Type.String({ description: 'why it was refused, as the owner reads it' })),
    box: NullOr(BoxId),
  },
  { $id: 'AdmissionRequest' },
);
export type AdmissionRequest = Static<typeof AdmissionRequest>;

/** Of an event of type `condition`: what has become of what is amiss with a box. */
export const ConditionChange = Type.Object(
  {
    change: Type.Union([Type.Literal('begun'), Type.Literal('ended'), Type.Literal('changed')]),
    kind: Type.String(),
    about: Type.Optional(Type.String()),
    severity: Severity,
    since: Time,
  },
  { $id: 'ConditionChange' },
);
export type ConditionChange = Static<typeof ConditionChange>;

/** What happened in the territory. Refusals carry code and remedy. */
export const FleetEvent = Type.Object(
  {
    id: Type.String({ description: 'ascending' }),
    at: Time,
    type: Type.String({
      description:
        'enrolled, renewed, online, offline, health, refused, revoked, reinstated, superseded, cloned-box, settled, leaving, left, gap, event, condition, store, claim-created, claim-revoked, admission-asked, admission-approved, admission-refused, release-published, release-withdrawn, release-stopped, rollout, rollout-stopped, app-reserved, member, command, live',
    }),
    box: NullOr(Type.String()),
    text: Type.String(),
    code: Type.Optional(Type.String()),
    remedy: Type.Optional(Type.String()),
    /** Of a box that is looked at live. */
    values: Type.Optional(Type.Record(Type.String(), Type.Number())),
    condition: Type.Optional(ConditionChange),
    said: Type.Optional(
      Type.Object(BoxEvent.properties, { description: 'of type event: as the box told it, by its own clock' }),
    ),
  },
  { $id: 'FleetEvent' },
);
export type FleetEvent = Static<typeof FleetEvent>;
