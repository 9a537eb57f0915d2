/** Whom a wave has, and when a rollout goes on or stops. Pure. */
import { createHash } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
import type { OutcomeWord, RolloutBy, RolloutPlan, RolloutVerb } from '#contract/rollout.js';
import type { RolloutRecord } from '../store/rollouts.js';

/** Positions are below it. */
export const whole = 1_000_000;

/** Where in the whole a box stands for this release. */
export function positionOf(release: string, box: string): number {
  const digest = createHash('sha256').update(`webizen-rollout-1\n${release}\n${box}`).digest();
  return Math.floor((digest.readUIntBE(0, 6) / 2 ** 48) * whole);
}

/** Boxes that have the app, by their position, in any order. */
export type Known = readonly number[];

/** A wave of few boxes has one at least: where nobody is, nothing is found out. */
export function reachOf(percent: number, known: Known, before = 0): number {
  const first = known.reduce((least, position) => Math.min(least, position), whole - 1) + 1;
  return Math.max(before, Math.round((percent / 100) * whole), known.length > 0 ? first : 0);
}

/** What the boxes that were reached have told. */
export interface Tally {
  done: number;
  /** Rolled back or failed. What the owner or the box itself holds up says nothing of the release. */
  failed: number;
}

export const tallyOf = (outcomes: Readonly<Record<string, number>>): Tally => {
  const count = (word: OutcomeWord): number => outcomes[word] ?? 0;
  return { done: count('done'), failed: count('failed') + count('rolled-back') };
};

/** In a territory where so few have the app, the first failure stops. */
const fewBoxes = 10;
/** Elsewhere a rate is judged from so many results on, or from the wave's last. */
const leastResults = 5;
/** So many must have done well for the next wave, or half of the wave where that is less. */
const leastDone = 3;
const hour = 3_600_000;

export type Judgement = { kind: 'stay' } | { kind: 'advance' } | { kind: 'stop'; failed: number; results: number };

/** What came since it began or was resumed. */
const freshOf = ({ since }: RolloutRecord, tally: Tally): Tally => ({
  done: Math.max(0, tally.done - since.done),
  failed: Math.max(0, tally.failed - since.failed),
});

const isAbove = ({ plan }: RolloutRecord, { done, failed }: Tally): boolean =>
  failed * 100 > plan.stopAt * (done + failed);

/** Whether so much has been told that a rate says something. */
function isTelling({ fleet, inReach, since }: RolloutRecord, { done, failed }: Tally): boolean {
  const missing = Math.max(1, inReach - since.failed - since.done);
  return done + failed >= (fleet <= fewBoxes ? 1 : Math.min(leastResults, missing));
}

function isProven({ inReach }: RolloutRecord, { done, failed }: Tally): boolean {
  const half = Math.ceil(inReach / 2);
  return done >= Math.max(1, Math.min(leastDone, half)) && done + failed >= half;
}

/** Of a rollout that runs. A wave's time counts from when it began, by a clock that may have been set back since. */
export function judge(record: RolloutRecord, tally: Tally, now: number): Judgement {
  const fresh = freshOf(record, tally);
  if (isAbove(record, fresh))
    return isTelling(record, fresh)
      ? { kind: 'stop', failed: fresh.failed, results: fresh.failed + fresh.done }
      : { kind: 'stay' };
  const isHeld = now - record.waveAt < record.plan.holdHours * hour;
  return !isHeld && isProven(record, tally) ? { kind: 'advance' } : { kind: 'stay' };
}

/** The clock stands before the wave's beginning: whoever set it, the wave begins again, and does not last for years. */
export const isBackdated = ({ waveAt }: RolloutRecord, now: number): boolean => now < waveAt;

/** The wave with that number, from now on. */
export function openWave(record: RolloutRecord, wave: number, known: Known, now: number): RolloutRecord {
  const reach = reachOf(record.plan.waves[wave] ?? 100, known, record.reach);
  const inReach = known.filter((position) => position < reach).length;
  return { ...record, wave, reach, inReach, fleet: known.length, waveAt: now };
}

export function begin(
  about: Pick<RolloutRecord, 'app' | 'channel' | 'architecture' | 'private'>,
  { plan, known, now }: { plan: RolloutPlan; known: Known; now: number },
): RolloutRecord {
  const record: RolloutRecord = {
    ...about,
    ...{ plan, state: 'running', wave: 0, reach: 0, fleet: 0, inReach: 0 },
    ...{ startedAt: now, waveAt: now, since: { done: 0, failed: 0 } },
  };
  return openWave(record, 0, known, now);
}

/** The next wave; after the last one it is complete. */
export function goOn(record: RolloutRecord, known: Known, now: number): RolloutRecord {
  const next = record.wave + 1;
  return next < record.plan.waves.length ? openWave(record, next, known, now) : finish(record, now);
}

export function finish(record: RolloutRecord, now: number): RolloutRecord {
  const { why: _, ...rest } = record;
  return { ...rest, state: 'complete', reach: whole, wave: record.plan.waves.length - 1, waveAt: now };
}

export const isOver = ({ state }: RolloutRecord): boolean => state !== 'running' && state !== 'paused';

/** What somebody demands. Done twice, it is done once. @throws Refusal `rollout-over`, `rollout-paused`, `rollout-held` */
export function act(
  record: RolloutRecord,
  wish: { act: RolloutVerb; by: Exclude<RolloutBy, 'results'>; reason?: string | undefined },
  { known, tally, now }: { known: Known; tally: Tally; now: number },
): RolloutRecord {
  const why = { by: wish.by, text: wish.reason ?? '', at: now };
  if (wish.act === 'abort' && record.state === 'aborted') return record;
  if (wish.act === 'complete' && record.state === 'complete') return record;
  if (isOver(record)) throw new Refusal('rollout-over', record.state);
  if (wish.act === 'abort') return { ...record, state: 'aborted', why };
  const isHeld = record.state === 'paused' && record.why?.by === 'provider';
  if (wish.act === 'pause')
    // The provider's word outweighs what paused it before; its member's does not outweigh the provider's.
    return record.state === 'running' || (wish.by === 'provider' && !isHeld)
      ? { ...record, state: 'paused', why }
      : record;
  if (isHeld && wish.by === 'member') throw new Refusal('rollout-held', record.why?.text || undefined);
  if (wish.act === 'resume') {
    if (record.state === 'running') return record;
    const { why: _, ...rest } = record;
    // Those that failed are known, and were judged by whoever resumes: what counts is what comes from now on.
    return openWave({ ...rest, state: 'running', since: tally }, record.wave, known, now);
  }
  if (record.state === 'paused') throw new Refusal('rollout-paused', record.why?.text || undefined);
  return wish.act === 'complete' ? finish(record, now) : goOn(record, known, now);
}

/**
 * Whether the box may have it now. One that runs it keeps it, whatever becomes of the rollout. What its maker offers to
 * this very box need not wait for a wave; a rollout that was stopped stops that too.
 */
export function isOffered(
  record: RolloutRecord,
  { release, box, runs, named }: { release: string; box: string; runs: boolean; named: boolean },
): boolean {
  if (record.state === 'complete' || runs) return true;
  return record.state === 'running' && (named || positionOf(release, box) < record.reach);
}
