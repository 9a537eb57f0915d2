/** The operating system of a box, as the box tells its owner and its provider. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';
import { Version } from './manifest.js';
import { Channel, Compatible, OsOutcome } from './os-release.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false } as const;

/** Why an update does not go on now. Each has its sentence in `osWaits`, and one in the texts of the owner's console. */
export const osWaits = {
  'owner-asked': 'the owner wants to be asked first, and has not answered',
  'owner-hold': 'the owner has put updates off',
  scheduled: 'the provider has set a later time',
  'failed-lately': 'it could not be done a while ago, and is tried again later',
  'no-room': 'the disk has no room for it',
  'too-hot': 'the box is too hot',
  'power-weak': 'the power supply is too weak',
  window: 'the owner lets the box restart at certain hours only',
  'time-unknown': 'the box does not know the time, and so not whether it may restart now',
  apps: 'apps must not be interrupted now',
} as const;
export type OsWait = keyof typeof osWaits;
export const osWaitNames = Object.keys(osWaits) as OsWait[];

const minutesOfDay = 1440;
/** Minutes after midnight, UTC. A page that shows it says it in the reader's own time. */
export const OsWindow = Type.Object(
  {
    from: Type.Integer({ minimum: 0, maximum: minutesOfDay - 1 }),
    minutes: Type.Integer({ minimum: 30, maximum: minutesOfDay, description: 'how long it lasts, past midnight too' }),
  },
  closed,
);
export type OsWindow = Static<typeof OsWindow>;

/** What goes ahead without the owner being asked. */
export const OsAutomatic = Type.Union([Type.Literal('all'), Type.Literal('security'), Type.Literal('none')]);
export type OsAutomatic = Static<typeof OsAutomatic>;

export const longestHoldDays = 30;

export const OsSettings = Type.Object(
  {
    automatic: OsAutomatic,
    /** When the box may restart for it; null: whenever apps let it. */
    window: NullOr(OsWindow),
    holdUntil: NullOr(Time),
  },
  closed,
);
export type OsSettings = Static<typeof OsSettings>;
export const usualOsSettings: OsSettings = { automatic: 'all', window: null, holdUntil: null };

export const NewOsSettings = Type.Object({ automatic: OsAutomatic, window: NullOr(OsWindow) }, closed);
export type NewOsSettings = Static<typeof NewOsSettings>;
/** 0: no longer. */
export const NewOsHold = Type.Object({ days: Type.Integer({ minimum: 0, maximum: longestHoldDays }) }, closed);
export const OfOsVersion = Type.Object({ version: Version }, closed);

export const OsStage = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('fetching'),
  Type.Literal('installing'),
  Type.Literal('ready'),
  Type.Literal('restarting'),
  Type.Literal('trial'),
  Type.Literal('going-back'),
]);
export type OsStage = Static<typeof OsStage>;

/** What comes next. */
export const OsNext = Type.Object({
  version: Version,
  channel: Channel,
  security: Type.Boolean(),
  releasedAt: Time,
  sizeBytes: Type.Integer(),
  notes: Type.Record(Type.String(), Type.String()),
  stage: OsStage,
  why: NullOr(Type.Enum(osWaitNames)),
  /** Until when, where that is known. */
  until: NullOr(Time),
  /** Of the fetching; where it is streamed, what has travelled: at most its size, and mostly less. */
  fetchedBytes: Type.Integer(),
});
export type OsNext = Static<typeof OsNext>;

/** `GET /v1/system` of the owner's console. */
export const OsView = Type.Object(
  {
    compatible: NullOr(Compatible),
    version: NullOr(Version),
    slot: NullOr(Type.String()),
    /** What the box can go back to. */
    before: NullOr(Version),
    next: NullOr(OsNext),
    last: NullOr(OsOutcome),
    settings: OsSettings,
    /** When the catalogue was asked last with an answer. */
    askedAt: NullOr(Time),
    /** Refused lately, and what was selected: code of the table of problems. */
    refused: NullOr(Type.Object({ version: NullOr(Version), code: Type.String(), at: Time })),
  },
  { $id: 'OsView' },
);
export type OsView = Static<typeof OsView>;

/** Of every page. `version`: another one whenever `OsView` may be new. */
export const OsGlance = Type.Object({
  version: Type.Integer(),
  /** The version that waits for the owner's yes. */
  asks: NullOr(Version),
  /** What was tried last, and did not come to stay. */
  failed: NullOr(Type.Object({ version: Version, at: Time })),
});
export type OsGlance = Static<typeof OsGlance>;

/** In the payload of `up/reported`. */
export const ReportedOs = Type.Object({
  compatible: NullOr(Compatible),
  version: NullOr(Version),
  slot: NullOr(Type.String({ maxLength: 64 })),
  next: NullOr(
    Type.Object({
      version: Version,
      stage: OsStage,
      why: NullOr(Type.String({ maxLength: 64, description: Object.keys(osWaits).join(', ') })),
      until: NullOr(Time),
    }),
  ),
  last: NullOr(OsOutcome),
  /** What is selected and not taken, and why: code of the table of problems. A release that cannot be read has no version. */
  refused: Type.Optional(
    NullOr(Type.Object({ version: NullOr(Version), code: Type.String({ maxLength: 64 }), at: Time })),
  ),
});
export type ReportedOs = Static<typeof ReportedOs>;
