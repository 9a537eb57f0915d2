/**
 * Whether this start is one in safe mode, from how those before it went. Pure.
 *
 * Invariant: once safe mode was entered, one start that does not last leads back to it, and each time it stays longer; only
 * a start as usual that lasts ends that. No clock is asked: boots are told apart by their id.
 */
import { type Static, Type } from 'typebox';
import { SafeReason, StartFault } from '#contract/safe.js';

const Count = Type.Integer({ minimum: 0, maximum: 1_000_000 });

export const StartsRecord = Type.Object({
  /** Which of two copies is the newer. */
  number: Type.Integer({ minimum: 1 }),
  boot: Type.String({ maxLength: 64 }),
  /** Agent and system: another one is given a fresh chance. */
  software: Type.String({ maxLength: 200 }),
  mode: Type.Union([Type.Literal('usual'), Type.Literal('safe')]),
  state: Type.Union([Type.Literal('begun'), Type.Literal('lasted'), Type.Literal('ended')]),
  /** Starts in a row in this boot that did not last, without this one. */
  crashes: Count,
  /** Boots in a row that never became good, without this one. */
  boots: Count,
  isBootGood: Type.Boolean(),
  /** The first start as usual after safe mode, until it has lasted. */
  isTrial: Type.Boolean(),
  /** How often safe mode was entered again from such a trial. */
  vain: Count,
  why: Type.Union([Type.Object({ reason: SafeReason, count: Type.Integer({ minimum: 1 }) }), Type.Null()]),
  /** The app that was started last, in this start. */
  app: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
  fault: StartFault,
});
export type StartsRecord = Static<typeof StartsRecord>;

export interface SafeLimits {
  crashes: number;
  boots: number;
  /** A start that has run so long has lasted. */
  lastsMilliseconds: number;
  /** After each of them safe mode is left by itself; the last one counts for all that come. */
  pausesMilliseconds: readonly number[];
}

const minute = 60_000;
const hour = 60 * minute;
export const usualLimits: SafeLimits = {
  crashes: 5,
  boots: 3,
  lastsMilliseconds: 5 * minute,
  pausesMilliseconds: [30 * minute, 2 * hour, 6 * hour, 24 * hour],
};

export const nothingKnown: StartFault = { end: null, error: null, app: null };

export const pauseOf = ({ vain }: Pick<StartsRecord, 'vain'>, { pausesMilliseconds }: SafeLimits): number =>
  pausesMilliseconds[Math.min(vain, pausesMilliseconds.length - 1)] ?? 0;

type Now = Pick<StartsRecord, 'boot' | 'software'> & {
  /** What is known of how the start before ended, should it not have lasted. */
  words: Pick<StartFault, 'end' | 'error'>;
};

const fresh = ({ boot, software }: Now, number: number): StartsRecord => ({
  ...{ number, boot, software, mode: 'usual', state: 'begun', crashes: 0, boots: 0, isBootGood: false },
  ...{ isTrial: false, vain: 0, why: null, app: null, fault: nothingKnown },
});

/** This start, from what is written down of the one before. */
export function begin(before: StartsRecord | undefined, now: Now, limits: SafeLimits): StartsRecord {
  if (!before || before.software !== now.software) return fresh(now, (before?.number ?? 0) + 1);
  const isSameBoot = before.boot === now.boot;
  const wasCut = before.state === 'begun';
  const crashes = isSameBoot && before.state !== 'lasted' ? before.crashes + (wasCut ? 1 : 0) : 0;
  const boots = isSameBoot ? before.boots : before.isBootGood || !wasCut ? 0 : before.boots + 1;
  const next: StartsRecord = {
    ...before,
    ...{ number: before.number + 1, boot: now.boot, mode: 'usual', state: 'begun', crashes, boots, app: null },
    isBootGood: isSameBoot && before.isBootGood,
    fault: wasCut ? { ...now.words, app: before.app } : before.fault,
  };
  if (before.mode === 'safe') return wasCut ? { ...next, mode: 'safe' } : { ...next, isTrial: true, why: null };
  if (before.isTrial)
    return wasCut
      ? { ...next, mode: 'safe', isTrial: false, vain: before.vain + 1, why: { reason: 'again', count: 1 } }
      : next;
  if (crashes >= limits.crashes) return { ...next, mode: 'safe', why: { reason: 'crashes', count: crashes } };
  if (boots >= limits.boots) return { ...next, mode: 'safe', why: { reason: 'boots', count: boots } };
  return next;
}

export function lasted(now: StartsRecord): StartsRecord {
  const done: StartsRecord = { ...now, state: 'lasted', isBootGood: true };
  return now.mode === 'safe' ? done : { ...done, crashes: 0, boots: 0, isTrial: false, vain: 0, fault: nothingKnown };
}

/** In good order. */
export const ended = (now: StartsRecord): StartsRecord => (now.state === 'lasted' ? now : { ...now, state: 'ended' });
