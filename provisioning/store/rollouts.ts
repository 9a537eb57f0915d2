/** What is stored of releases that go out in waves, and of what boxes told of them. */
import type { Database } from '#common/commits.js';
import type {
  OutcomeKind,
  OutcomeProblem,
  OutcomeWord,
  RolloutBy,
  RolloutPlan,
  RolloutState,
} from '#contract/rollout.js';
import { sublevel } from './sublevel.js';

/** Of a release that reaches the boxes in waves. Keyed by the release's id. */
export interface RolloutRecord {
  app: string;
  channel: string;
  architecture: 'amd64' | 'arm64';
  private: boolean;
  plan: RolloutPlan;
  state: RolloutState;
  /** Of the plan's, the first is 0. */
  wave: number;
  /** Boxes whose position is below it, in millionths of the whole. Never falls. */
  reach: number;
  /** Known to have the app when the wave began, and those of them that it reached. */
  fleet: number;
  inReach: number;
  startedAt: number;
  waveAt: number;
  /** Results that were known when it was resumed. */
  since: { done: number; failed: number };
  /** Why it does not go on. */
  why?: { by: RolloutBy; text: string; at: number };
}

/** The newest that a box told of a release. Keyed by `{release}!{alias of the box}`. */
export interface OutcomeRecord {
  kind: OutcomeKind;
  outcome: OutcomeWord;
  problem?: OutcomeProblem;
  from?: string;
  /** By the box's clock, and when it was told by ours. */
  at: number;
  toldAt: number;
  agent: string;
  box: string;
}

/** Boxes by what they told of a release, and by the codes of their problems. Keyed by the release's id. */
export interface OutcomeCounts {
  outcomes: Record<string, number>;
  codes: Record<string, number>;
}

/** What was heard of a box last, so that it counts once. Keyed by box id. */
export interface HeardRecord {
  recent: string[];
}

export const rolloutSublevels = (db: Database) => ({
  rollouts: sublevel<RolloutRecord>(db, 'rollouts'),
  outcomes: sublevel<OutcomeRecord>(db, 'outcomes'),
  outcomeCounts: sublevel<OutcomeCounts>(db, 'outcomecounts'),
  outcomesHeard: sublevel<HeardRecord>(db, 'outcomesheard'),
  /** `{app}!{box}` to the release that it last said it has. */
  installs: sublevel<string>(db, 'installs'),
  /** `aliases`: what the names of boxes that members read are made with, base64. */
  rolloutKeys: sublevel<string>(db, 'rolloutkeys'),
});

export type RolloutStore = Readonly<ReturnType<typeof rolloutSublevels>>;
