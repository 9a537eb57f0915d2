/** A clock that stands still until a test moves it. */
import { getEventListeners } from 'node:events';
import type { Clock } from '#common/clock.js';

export interface ManualClock extends Clock {
  /** Wakes whoever sleeps until then, earliest first. */
  advance(milliseconds: number): void;
  /** As `advance`, one sleeper after the other; whoever slept until then has gone on when it resolves. */
  pass(milliseconds: number): Promise<void>;
  /** Resolves once somebody sleeps, or at once if somebody does. Answers how long the shortest sleep still is. */
  sleeping(): Promise<number>;
  /** How many sleep, and how many listeners the signals have that they sleep with. */
  held(): { sleepers: number; listeners: number };
}

interface Sleeper {
  at: number;
  wake: () => void;
  signal: AbortSignal | undefined;
}

export function createManualClock(start = Date.UTC(2026, 10, 1)): ManualClock {
  let now = start;
  let sleepers: Sleeper[] = [];
  let watchers: (() => void)[] = [];
  const shortest = () => Math.min(...sleepers.map((sleeper) => sleeper.at)) - now;

  return {
    now: () => now,
    sleep(milliseconds, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = () => {
          sleepers = sleepers.filter((one) => one !== sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper = { at: Math.ceil(now + milliseconds), wake, signal }; // a clock tells whole milliseconds
        sleepers.push(sleeper);
        signal?.addEventListener('abort', wake);
        const told = watchers;
        watchers = [];
        for (const watcher of told) watcher();
      });
    },
    advance(milliseconds) {
      now += milliseconds;
      for (const sleeper of sleepers.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at)) sleeper.wake();
    },
    async pass(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const next = sleepers.toSorted((a, b) => a.at - b.at)[0];
        if (!next || next.at > end) break;
        now = Math.max(now, next.at);
        next.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
      now = end;
    },
    async sleeping() {
      if (sleepers.length === 0) await new Promise<void>((resolve) => watchers.push(resolve));
      return shortest();
    },
    held() {
      const signals = new Set(sleepers.flatMap(({ signal }) => signal ?? []));
      const listeners = [...signals].map((signal) => getEventListeners(signal, 'abort').length);
      return { sleepers: sleepers.length, listeners: listeners.reduce((sum, count) => sum + count, 0) };
    },
  };
}
