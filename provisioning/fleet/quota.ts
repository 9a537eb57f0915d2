/** How often each box may have something written into the log that all boxes share. */
import type { Clock } from '#common/clock.js';

export interface Quota {
  /** Whether the box may now, and if so counts it. */
  take(box: string): boolean;
}

const mostBoxes = 10_000;

export function createQuota({ clock, burst, perMinute }: { clock: Clock; burst: number; perMinute: number }): Quota {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(box) {
      const now = clock.now();
      const before = buckets.get(box) ?? { left: burst, at: now };
      // A clock that was set back gives nothing and takes nothing.
      const earned = (Math.max(0, now - before.at) / 60_000) * perMinute;
      const left = Math.min(burst, before.left + earned);
      if (buckets.size >= mostBoxes) buckets.clear();
      buckets.set(box, { left: left >= 1 ? left - 1 : left, at: now });
      return left >= 1;
    },
  };
}
