/** A hostile peer repeats itself: the same code for the same box is told once in ten seconds, with how often it came. */
import type { Clock } from '#common/clock.js';

export interface Quiet {
  /** Undefined: nothing is told now. Else how many went untold before. */
  take(code: string, box: string | undefined): number | undefined;
}

const quietMilliseconds = 10_000;
const mostQuiet = 1000;

export function createQuiet(clock: Pick<Clock, 'now'>): Quiet {
  const quiet = new Map<string, { until: number; unsaid: number }>();
  return {
    take(code, box) {
      const key = `${code} ${box ?? ''}`;
      const now = clock.now();
      const before = quiet.get(key);
      if (before && now < before.until) {
        before.unsaid += 1;
        return undefined;
      }
      if (quiet.size >= mostQuiet) quiet.clear();
      quiet.set(key, { until: now + quietMilliseconds, unsaid: 0 });
      return before?.unsaid ?? 0;
    },
  };
}
