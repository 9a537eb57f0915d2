/** How often each type of event was stored within the last day, in steps of ten minutes. */
import type { FleetGlance } from '#contract/fleet.js';

export interface DayLog {
  add(event: { at: number; type: string }): void;
  /** What happened before is not known. */
  knownSince(at: number): void;
  within(now: number): FleetGlance['changes'];
}

const day = 86_400_000;
const step = 600_000;
/** The types are ours and few; should something name more, these are counted. */
const mostTypes = 100;

/** Those of the last day, the most frequent first. */
export function changesOf(counts: ReadonlyMap<string, number>, since: number): FleetGlance['changes'] {
  const types = [...counts].map(([type, count]) => ({ type, count }));
  types.sort((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1));
  return { since, types: types.slice(0, mostTypes) };
}

/** Where the last day begins, on a step. */
export const dayBegins = (now: number): number => Math.max(0, Math.ceil((now - day) / step) * step);

export function createDayLog(): DayLog {
  /** By the number of the step, ascending as long as the clock is. */
  const steps = new Map<number, Map<string, number>>();
  let since = 0;

  return {
    add({ at, type }) {
      const number = Math.floor(at / step);
      const counts = steps.get(number) ?? new Map<string, number>();
      if (counts.size < mostTypes || counts.has(type)) counts.set(type, (counts.get(type) ?? 0) + 1);
      steps.set(number, counts);
      for (const old of steps.keys()) {
        if (old >= number - day / step - 1) break;
        steps.delete(old);
      }
    },
    knownSince(at) {
      since = Math.max(since, at);
    },
    within(now) {
      const first = Math.ceil((now - day) / step);
      const sums = new Map<string, number>();
      for (const [number, counts] of steps)
        if (number >= first) for (const [type, count] of counts) sums.set(type, (sums.get(type) ?? 0) + count);
      return changesOf(sums, Math.max(dayBegins(now), since));
    },
  };
}
