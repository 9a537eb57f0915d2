import type { Clock } from '#common/clock.js';

/** A clock that moves only when the test says so. */
export interface TestClock extends Clock {
  advance(milliseconds: number): Promise<void>;
}

export function testClock(start = Date.UTC(2026, 0, 1)): TestClock {
  let now = start;
  let sleepers: { until: number; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep(milliseconds, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper = { until: now + Math.max(0, milliseconds), wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          resolve();
        });
      });
    },
    async advance(milliseconds) {
      now += milliseconds;
      const due = sleepers.filter((sleeper) => sleeper.until <= now);
      sleepers = sleepers.filter((sleeper) => sleeper.until > now);
      for (const sleeper of due) sleeper.wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
