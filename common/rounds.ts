/** Work that has its times: at the start, when woken, at each moment that it waits for, and once a day. */
import { Refusal } from '#contract/problems.js';
import { type Clock, sleepUntil } from './clock.js';

export interface Rounds {
  start(): void;
  /** Once more: at once, or when the round is over that is under way. */
  wake(): void;
  stop(): Promise<void>;
}

const day = 86_400_000;
const pauseAfterFailure = 60_000;

export function createRounds(parts: {
  clock: Clock;
  work(): Promise<void>;
  /** Asked after each round. One that is over by then, as where the work failed, is waited for no more. */
  moments(): readonly number[];
  onRefused(refusal: Refusal): void;
}): Rounds {
  const { clock, work, moments, onRefused } = parts;
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = new AbortController();
      const signal = AbortSignal.any([stopping.signal, woken.signal]);
      let pause = day;
      try {
        await work();
      } catch (error) {
        onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));
        pause = pauseAfterFailure;
      }
      const now = clock.now();
      await sleepUntil(clock, Math.min(now + pause, ...moments().filter((one) => one > now)), signal);
    }
  }

  return {
    start() {
      running ??= run();
    },
    wake: () => woken.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
