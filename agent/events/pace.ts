/**
 * How often a repeated event is told. The first few of an hour go out one by one; after them what repeats is counted, and
 * told together once the hour is over: an app or a machine that keeps crashing is some thirty events a day. Pure.
 */
import type { BoxEvent } from '#contract/events.js';
import type { Uncertain } from '../time/trusted-time.js';

/** Before it has its sequence. */
export interface Fresh extends Omit<BoxEvent, 'seq' | 'clock'> {
  /** The time was not known. */
  uncertain?: Uncertain | undefined;
  /** For whom it is: another provider never hears of it. Missing: whoever comes first. */
  territory?: string | undefined;
}

export interface Pace {
  /** When its hour began, milliseconds since 1970. */
  since: number;
  /** One by one, in this hour. */
  given: number;
  held?: Fresh;
}

const windowMilliseconds = 3_600_000;
const oneByOne = 3;

const isOver = ({ since }: Pace, now: number): boolean => Math.abs(now - since) >= windowMilliseconds;

/** Both together: begun with the first, the facts of the last. */
function together(first: Fresh, { at, facts, count = 1, until = at }: Fresh): Fresh {
  const all = Math.min((first.count ?? 1) + count, Number.MAX_SAFE_INTEGER);
  return { ...first, facts, count: all, until };
}

/** `give`: told now. Else it is held, with those before it. */
export function take(before: Pace | undefined, event: Fresh, now: number): { pace: Pace; give?: Fresh } {
  const over = !before || isOver(before, now);
  if (!before?.held) {
    if (over) return { pace: { since: now, given: 1 }, give: event };
    if (before.given < oneByOne) return { pace: { ...before, given: before.given + 1 }, give: event };
    return { pace: { ...before, held: event } };
  }
  const held = together(before.held, event);
  return over ? { pace: { since: now, given: oneByOne }, give: held } : { pace: { ...before, held } };
}

/** What has waited for its hour to be over. No `pace`: nothing of it need be remembered. */
export function due(before: Pace, now: number): { pace?: Pace; give?: Fresh } {
  if (!isOver(before, now)) return { pace: before };
  return before.held ? { pace: { since: now, given: oneByOne }, give: before.held } : {};
}
