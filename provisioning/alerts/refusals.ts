/** How often each code was refused lately. The counts since the start are noted each minute, for a day. */
import type { ProblemCode } from '#contract/problems.js';

export interface RecentRefusals {
  note(now: number): void;
  within(codes: readonly string[] | undefined, seconds: number, now: number): number;
}

const spacing = 60_000;
const longest = 86_400_000;

export function createRecentRefusals(refusals: ReadonlyMap<ProblemCode, number>): RecentRefusals {
  let notes: { at: number; counts: Map<string, number> }[] = [];
  const sum = (counts: ReadonlyMap<string, number>, codes: readonly string[] | undefined) =>
    [...counts].reduce((total, [code, count]) => total + ((codes?.includes(code) ?? true) ? count : 0), 0);

  return {
    note(now) {
      const last = notes.at(-1);
      if (last && now < last.at)
        notes = []; // the clock was set back: what was noted is of no time now
      else if (last && now < last.at + spacing) return;
      notes = notes.filter(({ at }) => at >= now - longest - spacing);
      notes.push({ at: now, counts: new Map(refusals) });
    },
    within(codes, seconds, now) {
      // The newest that is old enough; before the first of them there was nothing.
      const before = notes.findLast(({ at }) => at <= now - seconds * 1000);
      return sum(refusals, codes) - (before ? sum(before.counts, codes) : 0);
    },
  };
}
