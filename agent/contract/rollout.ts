/**
 * Rollouts: a release that reaches the boxes in waves, and what became of it on each.
 *
 * Which boxes a wave has follows from the release and the box alone: the first 48 bits of SHA-256 over
 * `webizen-rollout-1\n{release}\n{box}` say where in the whole a box stands. So a wave holds the one before it, a box
 * stays in, and no box is always among the first.
 *
 *   POST /v1/catalogue/outcomes                  box: OutcomeReport; 204. At least once: the same `id` counts once
 *   GET  /v1/catalogue/releases/{id}/rollout     its member: RolloutView
 *   POST /v1/catalogue/releases/{id}/rollout     its member: RolloutAct; RolloutView
 *   GET  /v1/catalogue/releases/{id}/results     its member: ResultsPage; `cursor`
 *
 * What a member reads of a box is a pseudonym that is this member's alone; a box that a private release names is named.
 */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';
import { ReleasedAppId, Version } from './manifest.js';
import { ReleaseId } from './release.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false } as const;

export const RolloutPlan = Type.Object(
  {
    waves: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
      minItems: 1,
      maxItems: 10,
      description: 'percent of the boxes, each more than the one before, the last one 100',
    }),
    stopAt: Type.Integer({
      minimum: 1,
      maximum: 100,
      description: 'percent of failures among results, above: stopped',
    }),
    holdHours: Type.Integer({ minimum: 0, maximum: 720, description: 'a wave is out for so long at least' }),
  },
  { $id: 'RolloutPlan', ...closed },
);
export type RolloutPlan = Static<typeof RolloutPlan>;
export const rolloutDefaults = { stopAt: 10, holdHours: 24 } as const;

/** What the schema cannot say. */
export const isRising = ({ waves }: Pick<RolloutPlan, 'waves'>): boolean =>
  waves.at(-1) === 100 && waves.every((percent, at) => at === 0 || percent > (waves[at - 1] ?? 0));

/** superseded: a newer release took its place before it was complete. */
export const RolloutState = Type.Union([
  Type.Literal('running'),
  Type.Literal('paused'),
  Type.Literal('complete'),
  Type.Literal('aborted'),
  Type.Literal('superseded'),
]);
export type RolloutState = Static<typeof RolloutState>;

/** results: too many boxes failed. */
export const RolloutBy = Type.Union([Type.Literal('member'), Type.Literal('provider'), Type.Literal('results')]);
export type RolloutBy = Static<typeof RolloutBy>;

export const RolloutView = Type.Object(
  {
    state: RolloutState,
    plan: RolloutPlan,
    wave: Type.Integer({ minimum: 1, description: 'which of the plan; the first is 1' }),
    percent: Type.Number({ minimum: 0, maximum: 100, description: 'of all boxes that are reached' }),
    boxes: NullOr(
      Type.Object(
        { running: Type.Integer({ minimum: 0 }), reached: Type.Integer({ minimum: 0 }) },
        { description: 'known to have the app when the wave began, and those of them that are reached' },
      ),
    ),
    startedAt: Time,
    waveAt: Time,
    /** Why it does not go on; null while it does. */
    why: NullOr(Type.Object({ by: RolloutBy, text: Type.String({ maxLength: 1000 }), at: Time })),
  },
  { $id: 'RolloutView' },
);
export type RolloutView = Static<typeof RolloutView>;

export const RolloutVerb = Type.Union([
  Type.Literal('pause'),
  Type.Literal('resume'),
  Type.Literal('abort'),
  Type.Literal('next'),
  Type.Literal('complete'),
]);
export type RolloutVerb = Static<typeof RolloutVerb>;

export const RolloutAct = Type.Object(
  { act: RolloutVerb, reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) },
  { $id: 'RolloutAct', ...closed },
);
export type RolloutAct = Static<typeof RolloutAct>;

/** run: an app that kept failing within a day after it was installed or updated. */
export const OutcomeKind = Type.Union([
  Type.Literal('install'),
  Type.Literal('update'),
  Type.Literal('remove'),
  Type.Literal('run'),
]);
export type OutcomeKind = Static<typeof OutcomeKind>;

/**
 * rolled-back: the release failed, and the one before it runs. failed: it failed, and there was none before, or it failed
 * after all. refused: the box could not take it, through no fault of the release.
 */
export const OutcomeWord = Type.Union([
  Type.Literal('done'),
  Type.Literal('rolled-back'),
  Type.Literal('failed'),
  Type.Literal('waiting-for-owner'),
  Type.Literal('refused'),
]);
export type OutcomeWord = Static<typeof OutcomeWord>;

/** A code of the table of problems with its sentence, and nothing of the occurrence: that might hold what is the owner's. */
export const OutcomeProblem = Type.Object(
  {
    code: Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$' }),
    title: Type.String({ pattern: '^[ -~]{1,200}$' }),
  },
  closed,
);
export type OutcomeProblem = Static<typeof OutcomeProblem>;

/** What became of a change of an installed app whose release came from the catalogue. */
export const Outcome = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'random' }),
    app: ReleasedAppId,
    release: ReleaseId,
    /** What ran before. */
    from: NullOr(ReleaseId),
    kind: OutcomeKind,
    outcome: OutcomeWord,
    problem: NullOr(OutcomeProblem),
    at: Time,
    agent: Type.String({ pattern: '^[0-9A-Za-z.+-]{1,40}$', description: 'version' }),
  },
  { $id: 'Outcome', ...closed },
);
export type Outcome = Static<typeof Outcome>;

export const mostOutcomes = 50;

export const OutcomeReport = Type.Object(
  {
    /** Oldest first. Each is read by itself: one that cannot be understood keeps none of the others back. */
    outcomes: Type.Array(Type.Unknown(), { maxItems: mostOutcomes }),
    dropped: Type.Integer({ minimum: 0, description: 'that the box had no room for, since it was last told' }),
  },
  { $id: 'OutcomeReport', ...closed },
);
export type OutcomeReport = Static<typeof OutcomeReport>;

/** `removed`: its owner removed the app. Boxes, each by the newest that it told of the release. */
export const ResultCounts = Type.Object(
  {
    outcomes: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
    codes: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
  },
  { $id: 'ResultCounts' },
);
export type ResultCounts = Static<typeof ResultCounts>;

export const BoxResult = Type.Object({
  box: Type.String({ description: 'a pseudonym; the id of a box that a private release names' }),
  kind: OutcomeKind,
  outcome: OutcomeWord,
  problem: NullOr(OutcomeProblem),
  from: NullOr(Type.Object({ release: ReleaseId, version: NullOr(Version) })),
  at: Time,
  /** By the provider's clock. */
  toldAt: Time,
  agent: Type.String(),
});
export type BoxResult = Static<typeof BoxResult>;

export const ResultsPage = Type.Object(
  {
    release: ReleaseId,
    app: ReleasedAppId,
    version: Version,
    rollout: NullOr(RolloutView),
    counts: ResultCounts,
    boxes: Type.Array(BoxResult, { maxItems: 200 }),
    cursor: NullOr(Type.String()),
  },
  { $id: 'ResultsPage' },
);
export type ResultsPage = Static<typeof ResultsPage>;
