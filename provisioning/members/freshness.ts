/**
 * Keeps the status lists young, as one that has run out leaves boxes with nothing to go by; and ends measures whose time
 * is over.
 */
import type { Clock } from '#common/clock.js';
import type { Register } from './register.js';

export interface Freshness {
  /** Makes the lists where they are missing or old, and keeps them fresh. @param origin where the provider is reached */
  start(origin: string): Promise<void>;
  /** Harmless when stopped already. */
  stop(): Promise<void>;
}

const againAfter = 60_000;
const longest = 3_600_000;

export function createFreshness({
  register,
  clock,
  events,
  endInterim,
}: {
  register: Register;
  clock: Clock;
  events: { record(event: { type: string; text: string }): void };
  /** Answers when the next one ends. */
  endInterim: () => Promise<number | undefined>;
}): Freshness {
  let ending: AbortController | undefined;
  let looping: Promise<void> | undefined;

  /** Answers when to look again, in milliseconds from now. */
  async function look(): Promise<number> {
    const ends = await endInterim();
    const left = await register.refresh();
    return ends === undefined ? left : Math.min(left, ends - clock.now());
  }

  async function keepFresh(left: number, signal: AbortSignal): Promise<void> {
    let wait = left;
    while (!signal.aborted) {
      await clock.sleep(Math.min(Math.max(wait, 0), longest), signal);
      if (signal.aborted) return;
      wait = await look().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        events.record({ type: 'store', text: `cannot make the status lists of members, will try again: ${why}` });
        return againAfter;
      });
    }
  }

  return {
    async start(origin) {
      await register.servedAt(new URL(origin).origin);
      const left = await look();
      const stopping = new AbortController();
      ending = stopping;
      looping = keepFresh(left, stopping.signal);
    },
    async stop() {
      ending?.abort();
      ending = undefined;
      await looping;
    },
  };
}
