/** Apps that an owner may install and has installed, as the console's pages are drawn from them. */
import { type Static, Type } from 'typebox';
import { Capability } from './capabilities.js';
import { Told } from './changes.js';
import { Time } from './health.js';
import { Lease } from './leases.js';
import { Manifest, ReleasedAppId, Version } from './manifest.js';
import { MemberClass, MemberId, Standing, VettingLevel } from './member.js';
import { ReleaseId } from './release.js';
import { OutcomeKind, OutcomeWord } from './rollout.js';
import { AppState, Sandbox } from './status.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false } as const;

/** Who answers for an app, as its territory certified it and as it stands now. */
export const AppMember = Type.Object({
  id: MemberId,
  territory: Type.String(),
  name: Type.String(),
  class: MemberClass,
  vettingLevel: VettingLevel,
  since: Time,
  standing: Standing,
  /** When the list that says so was made; null where none was ever verified. */
  checkedAt: NullOr(Time),
  /** fresh; stale: nothing new is installed; old: nothing is updated either. */
  freshness: Type.Union([Type.Literal('fresh'), Type.Literal('stale'), Type.Literal('old')]),
});
export type AppMember = Static<typeof AppMember>;

/** A verified release that the owner may say yes or no to. */
export const AppOffer = Type.Object(
  {
    release: ReleaseId,
    source: Type.Union([Type.Literal('catalogue'), Type.Literal('file')]),
    manifest: Manifest,
    member: AppMember,
    /** Of all blobs, and of those that are not here yet. */
    sizeBytes: Type.Integer({ minimum: 0 }),
    missingBytes: Type.Integer({ minimum: 0 }),
    /** The version that runs; null where it is a new app. */
    installed: NullOr(Version),
    /** What the app that runs was not granted: all of them for a new app. */
    asks: Type.Array(Capability),
    /** Of its plans, in their order: what the owner says yes to. */
    digests: Type.Optional(Type.Array(Type.String())),
    /** Why it cannot be installed now; null when it can. */
    problem: NullOr(Told),
  },
  { $id: 'AppOffer' },
);
export type AppOffer = Static<typeof AppOffer>;

/** What its territory decided about who answers for an app from now on, and where the owner's word stands. */
export const AppSuccession = Type.Object({
  /** Names it in the owner's answer. */
  serial: Type.Integer({ minimum: 1 }),
  territory: Type.String(),
  from: Type.Object({
    name: Type.String(),
    left: Type.Union([Type.Literal('expelled'), Type.Literal('retiring')]),
    since: Time,
    because: NullOr(Type.String()),
  }),
  /** The heir, certified by the territory, as it stands now. */
  to: AppMember,
  /** One, or several where it passed on before the owner looked; oldest first. */
  decisions: Type.Array(
    Type.Object({
      ...{ from: Type.String(), to: Type.String(), at: Time },
      ...{ reason: Type.String(), decidedBy: Type.String(), review: Type.String() },
    }),
  ),
  answer: NullOr(Type.Union([Type.Literal('yes'), Type.Literal('no')])),
  /** Why the heir may have nothing installed now. */
  problem: NullOr(Told),
  /** Its newest release, where one was seen: what it asks for beyond what was granted, and whether its terms are others. */
  next: NullOr(
    Type.Object({
      ...{ release: ReleaseId, version: Version },
      ...{ asks: Type.Array(Capability), sameTerms: Type.Boolean() },
    }),
  ),
});
export type AppSuccession = Static<typeof AppSuccession>;

/** The owner's word about the succession that they were shown. */
export const SuccessionAnswer = Type.Object(
  { serial: Type.Integer({ minimum: 1 }), accept: Type.Boolean() },
  { $id: 'SuccessionAnswer', ...closed },
);
export type SuccessionAnswer = Static<typeof SuccessionAnswer>;

export const Grant = Type.Object({
  capability: Capability,
  grantedAt: Time,
  /** It ends by itself then; null: never. */
  until: NullOr(Time),
});
export type Grant = Static<typeof Grant>;

/** Why an app does not run though it is installed. `expelled`: its member; the data are kept and can be exported. */
export const StopReason = Type.Union([Type.Literal('owner'), Type.Literal('expelled'), Type.Literal('failing')]);
export type StopReason = Static<typeof StopReason>;

export { Sandbox } from './status.js';

/** A release that could not take the place of an app, because the app belongs to another. */
export const ForeignRelease = Type.Object({
  release: ReleaseId,
  version: Version,
  maker: Type.String(),
  problem: Told,
});
export type ForeignRelease = Static<typeof ForeignRelease>;

export const InstalledApp = Type.Object(
  {
    id: ReleasedAppId,
    release: ReleaseId,
    manifest: Manifest,
    /** Of its plans, in their order. */
    digests: Type.Optional(Type.Array(Type.String())),
    member: AppMember,
    installedAt: Time,
    updatedAt: NullOr(Time),
    state: AppState,
    /** Null while the health check passes, or is not due yet. */
    health: NullOr(Told),
    restarts: Type.Integer({ minimum: 0 }),
    sandbox: Sandbox,
    /** `terms`: its owner's agreement has ended; the data are kept. */
    stopped: NullOr(Type.Union([...StopReason.anyOf, Type.Literal('terms')])),
    grants: Type.Array(Grant),
    usedBytes: Type.Integer({ minimum: 0 }),
    quotaBytes: Type.Integer({ minimum: 0 }),
    /** A newer release that waits for the owner, because it asks for more; null when there is none. */
    waiting: NullOr(AppOffer),
    /** To another maker; null where nothing of that is open. */
    succession: NullOr(AppSuccession),
    /** What the app holds, and why, in its own words. */
    leases: Type.Array(Lease),
    /** The update that waits for these leases, and when it goes ahead at the latest, as they are; null when none does. */
    held: NullOr(Type.Object({ version: Version, since: Time, until: Time })),
    /** The last update that was rolled back, and why. It is not tried again by itself. */
    failed: NullOr(Type.Object({ release: ReleaseId, version: Version, at: Time, problem: Told })),
    /** The newest in the catalogue goes by the same id and is another maker's; null where it is not. */
    foreign: NullOr(ForeignRelease),
    /** The change that is under way for this app. */
    change: NullOr(Type.String()),
    /** What the provider is told of it, the last of it; missing where it is told of nothing. */
    told: Type.Optional(
      Type.Object({ kind: OutcomeKind, outcome: OutcomeWord, version: Version, at: Time, sent: Type.Boolean() }),
    ),
  },
  { $id: 'InstalledApp' },
);
export type InstalledApp = Static<typeof InstalledApp>;

const WishedGrant = Type.Object({ capability: Capability, until: Type.Optional(Time) }, closed);
/** The owner's yes to a release: to each thing that is granted, and to the terms as they were shown. */
export const AppDecision = Type.Object(
  {
    release: ReleaseId,
    grants: Type.Array(WishedGrant, { maxItems: 50 }),
    termsAccepted: Type.Literal(true),
  },
  { $id: 'AppDecision', ...closed },
);
export type AppDecision = Static<typeof AppDecision>;

export const NewGrant = Type.Object(
  { capability: Capability, until: Type.Optional(Time) },
  { $id: 'NewGrant', ...closed },
);
export type NewGrant = Static<typeof NewGrant>;
export const TakenGrant = Type.Object({ capability: Capability }, { $id: 'TakenGrant', ...closed });

/** The word is the app's id, typed. */
export const AppRemoval = Type.Object({ word: Type.String({ maxLength: 100 }) }, { $id: 'AppRemoval', ...closed });
