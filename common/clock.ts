import { setTimeout as delay } from 'node:timers/promises';

/** The one thing beside `host/` that tests replace. Times are milliseconds since 1970. */
export interface Clock {
  now(): number;
  /** Resolves after so many milliseconds, or at once (without an error) when the signal aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
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
