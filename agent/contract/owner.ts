/** The owner's console: what its pages send to the box and read from it. */
import { type Static, Type } from 'typebox';
import { AgentStatus } from './agent-status.js';
import { AppId, Notification } from './api.js';
import { BackupGlance } from './backup.js';
import { Change, Told } from './changes.js';
import { Jurisdiction } from './directory.js';
import { Time } from './health.js';
import { InstalledApp } from './installed.js';
import { LedgerEntry } from './ledger.js';
import { Manifest, ReleasedAppId, Version } from './manifest.js';
import { MemberId, Standing } from './member.js';
import { Election, Membership } from './membership.js';
import { OsGlance } from './os.js';
import { ProviderGlance } from './owner-commands.js';
import { LinksView } from './owner-links.js';
import { SafeView } from './safe.js';
import { AppState } from './status.js';
import { VolumeGlance } from './volume.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

const Passphrase = Type.String({ minLength: 1, maxLength: 200 });
const Code = Type.String({ minLength: 1, maxLength: 200 });

/** What anybody on the network may know: enough to show the right way in. */
export const OwnerState = Type.Object(
  {
    name: Type.String({ description: 'on the label: webizen-7k3f' }),
    owned: Type.Boolean(),
    session: Type.Union([Type.Literal('none'), Type.Literal('setup'), Type.Literal('owner')]),
    /** Whether this answer came over https. */
    secure: Type.Boolean(),
    httpsOnly: Type.Boolean(),
    /** The lasting addresses, such as `http://webizen-7k3f.local`; `https` where it is offered. */
    address: Type.String(),
    httpsAddress: NullOr(Type.String()),
    /** After wrong tries: how long until the next one is looked at. */
    waitSeconds: Type.Integer({ minimum: 0 }),
    /** Whether label code and a file on the boot partition set a new passphrase now. */
    forgotten: Type.Union([Type.Literal('ready'), Type.Literal('file-missing'), Type.Literal('forbidden')]),
    /** `none`: the box has no Wi-Fi, or leaves it to others; `needed`: without it the box has no network. */
    wifi: Type.Union([Type.Literal('none'), Type.Literal('there'), Type.Literal('needed')]),
  },
  { $id: 'OwnerState' },
);
export type OwnerState = Static<typeof OwnerState>;

/** Where the setup stands; null once it is over. The box knows, so that it can be left and come back to. */
export const SetupPage = Type.Union([
  Type.Literal('recovery'),
  Type.Literal('jurisdiction'),
  Type.Literal('election'),
  Type.Literal('progress'),
  Type.Literal('done'),
]);
export type SetupPage = Static<typeof SetupPage>;

export const OwnerSettings = Type.Object(
  {
    /** The owner said that the recovery code is written down. */
    recoverySaved: Type.Boolean(),
    /** Stated by the owner, never guessed. */
    ownJurisdiction: NullOr(Jurisdiction),
    setupDone: Type.Boolean(),
    httpsOnly: Type.Boolean(),
  },
  { $id: 'OwnerSettings', ...closed },
);
export type OwnerSettings = Static<typeof OwnerSettings>;

/** One line about an app that is installed. Its icon, terms and permissions are asked for with the app itself. */
export const AppGlance = Type.Object({
  id: ReleasedAppId,
  name: Manifest.properties.name,
  version: Version,
  state: AppState,
  stopped: InstalledApp.properties.stopped,
  health: NullOr(Told),
  standing: Standing,
  /** Who answers for it. */
  member: Type.Object({ id: MemberId, territory: Type.String() }),
  /** The version that waits for the owner's yes. */
  waiting: NullOr(Version),
  /** Who is to take it over, while its owner has not answered. */
  heir: NullOr(Type.String()),
  /** The last update was rolled back. */
  failed: Type.Boolean(),
  change: NullOr(Type.String()),
});
export type AppGlance = Static<typeof AppGlance>;

export const AppsView = Type.Object({
  /** Another one whenever something about an app may be new. */
  version: Type.Integer({ minimum: 0 }),
  installed: Type.Array(AppGlance),
  /** Of apps, newest first: those under way, and the last that ended. */
  changes: Type.Array(Change),
});
export type AppsView = Static<typeof AppsView>;

/** What apps have told the owner: their words, not the box's. */
export const NoticesView = Type.Object({
  /** Another one whenever something about them may be new. */
  version: Type.Integer({ minimum: 0 }),
  count: Type.Integer({ minimum: 0 }),
  newest: Type.Array(Notification),
});
export type NoticesView = Static<typeof NoticesView>;

export const MonthsGlance = Type.Object({
  /** Another one whenever something about months may be new. */
  version: Type.Integer({ minimum: 0 }),
  /** How many closed ones differ from what the box knows, and were not read. */
  differing: Type.Integer({ minimum: 0 }),
});

/** What every page of a signed-in owner is drawn from. */
export const OwnerView = Type.Object(
  {
    name: Type.String(),
    at: Time,
    /** Which of two is the newer, of the same run of the agent: they come by stream and by call, in any order. */
    made: Type.Object({ run: Type.String(), count: Type.Integer({ minimum: 1 }) }),
    setup: NullOr(SetupPage),
    settings: OwnerSettings,
    /** Whether label code and a file on the boot partition may set a new passphrase. */
    forgottenAllowed: Type.Boolean(),
    membership: Membership,
    /** The change that is under way, or else the last of its kind that ended. */
    change: NullOr(Change),
    status: AgentStatus,
    directory: Type.Object({ sequence: NullOr(Type.Integer()), expiresAt: NullOr(Time), expired: Type.Boolean() }),
    /** Why the box's own territory is suspended, where the alliance says so. */
    suspendedReason: NullOr(Type.String()),
    https: NullOr(Type.Object({ address: Type.String(), fingerprint: Type.String() })),
    /** Null where this box takes no apps. */
    apps: NullOr(AppsView),
    /** Null where this box takes no apps. */
    links: NullOr(LinksView),
    /** Null where this box takes no apps. */
    months: NullOr(MonthsGlance),
    notices: NoticesView,
    /** Null where nothing is told of it here. */
    provider: NullOr(ProviderGlance),
    /** Null where the machine has one system only. */
    system: NullOr(OsGlance),
    /** Null while the box runs as usual. */
    safe: NullOr(SafeView),
    /** What the data lie on. Null where the system does not tell. */
    volume: NullOr(VolumeGlance),
    /** Null where the box leaves its network to others. `version`: another one whenever `NetworkView` may be new. */
    network: NullOr(Type.Object({ version: Type.Integer() })),
    /** Null where this box makes none. */
    backup: NullOr(BackupGlance),
  },
  { $id: 'OwnerView' },
);
export type OwnerView = Static<typeof OwnerView>;

export const SetupCode = Type.Object({ code: Code }, closed);
export const NewPassphrase = Type.Object({ passphrase: Passphrase }, closed);
export const SignIn = Type.Object({ passphrase: Passphrase }, closed);
export const PassphraseChange = Type.Object({ current: Passphrase, passphrase: Passphrase }, closed);
export const Recovery = Type.Object({ recoveryCode: Code, passphrase: Passphrase }, closed);
export const Forgotten = Type.Object({ code: Code, passphrase: Passphrase }, closed);
export const OwnJurisdiction = Type.Object({ jurisdiction: Jurisdiction }, closed);
export const HttpsOnly = Type.Object({ only: Type.Boolean() }, closed);
export const ForgottenAllowed = Type.Object({ allowed: Type.Boolean() }, closed);
/** The word is the act's own name, typed. */
export const Leave = Type.Object(
  { act: Type.Union([Type.Literal('reset'), Type.Literal('hand-over')]), word: Type.String({ maxLength: 40 }) },
  closed,
);
export type Leave = Static<typeof Leave>;

/** The time that the owner saw and says is right: what a server offered goes on, so a later one is close to it. */
export const TimeConfirmation = Type.Object({ offered: Time }, closed);

export const RecoveryCode = Type.Object({ recoveryCode: Type.String() });
export type RecoveryCode = Static<typeof RecoveryCode>;
/** `change` is null where there was nothing to do. */
export const Begun = Type.Object({ change: NullOr(Type.String()) });
export type Begun = Static<typeof Begun>;

/** Of the catalogue: `cursor` as the page before gave it. */
export const CatalogueQuery = Type.Object(
  {
    query: Type.Optional(Type.String({ maxLength: 100 })),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  },
  closed,
);

/** Of all apps where none is named. */
export const NoticesQuery = Type.Object({ app: Type.Optional(AppId) }, closed);
/** The newest first. */
export const NoticeList = Type.Object({ notices: Type.Array(Notification) });
export type NoticeList = Static<typeof NoticeList>;
/** What the owner has seen: what came or changed meanwhile stays. */
export const NoticesSeen = Type.Object(
  {
    seen: Type.Array(Type.Object({ id: Notification.properties.id, at: Time }, closed), { minItems: 1, maxItems: 500 }),
  },
  { $id: 'NoticesSeen', ...closed },
);
export type NoticesSeen = Static<typeof NoticesSeen>;

/** Newest first; `before` an index for the next page. */
export const LedgerQuery = Type.Object({
  before: Type.Optional(Type.Integer({ minimum: 0 })),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 25 }),
});
export const LedgerPage = Type.Object({ entries: Type.Array(LedgerEntry), more: Type.Boolean() });
export type LedgerPage = Static<typeof LedgerPage>;

export { Election };
