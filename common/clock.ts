import { setTimeout as delay } from 'node:timers/promises';

/** The one thing beside `host/` that tests replace. Times are milliseconds since 1970. */
export interface Clock {
  now(): number;
  /** Resolves after so many milliseconds, or at once (without an error) when the signal aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** As `sleepUntil`, by a clock that can jump: whoever waits for a moment is told when the moment is suddenly near. */
  until?(moment: number, signal?: AbortSignal): Promise<void>;
}

/** Resolves when the clock says that moment or later, however it got there, or when the signal aborts. */
export async function sleepUntil(clock: Clock, moment: number, signal?: AbortSignal): Promise<void> {
  if (clock.until) return clock.until(moment, signal);
  while (!signal?.aborted && clock.now() < moment) await clock.sleep(moment - clock.now(), signal);
}

const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    const options = { ref: true, ...(signal ? { signal } : {}) };
    await delay(Math.min(Math.max(0, milliseconds), longestTimer), undefined, options).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
};
