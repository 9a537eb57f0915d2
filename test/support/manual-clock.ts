import type { Clock } from '#common/clock.js';

export interface ManualClock extends Clock {
  /** Lets so much time pass; whoever slept until then has gone on when it resolves. */
  pass(milliseconds: number): Promise<void>;
}

/** A clock that stands still until it is told to go on. */
export function createManualClock(start = Date.UTC(2026, 10, 22)): ManualClock {
  const sleepers = new Set<{ until: number; wake: () => void }>();
  let now = start;
  return {
    now: () => now,
    sleep(milliseconds, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper = {
          until: now + milliseconds,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake, { once: true });
      });
    },
    async pass(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const next = [...sleepers].sort((a, b) => a.until - b.until)[0];
        if (!next || next.until > end) break;
        now = Math.max(now, next.until);
        next.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
      now = end;
    },
  };
}
