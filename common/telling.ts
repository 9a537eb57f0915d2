/** Tells somebody what waits for them, until nothing does: again with growing pauses, and at once when woken. */
import { Refusal } from '#contract/problems.js';
import type { Clock } from './clock.js';

export interface Telling {
  /** Something waits, or they can be reached again. Resolves at once. */
  wake(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const firstPause = 5000;
const longestPause = 600_000;

export function createTelling(parts: {
  clock: Clock;
  waits(): boolean;
  /** One message. @throws Refusal `not-a-member` where nobody is to be told: the next `wake` tries again */
  send(): Promise<void>;
  onRefused(refusal: Refusal): void;
}): Telling {
  const { clock, waits, send, onRefused } = parts;
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> | undefined;
  let isWanted = false;

  async function run(): Promise<void> {
    let pause = firstPause;
    while ((isWanted || waits()) && !stopping.signal.aborted) {
      isWanted = false;
      woken = new AbortController();
      try {
        if (waits()) await send();
        pause = firstPause;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });
        if (refusal.code === 'not-a-member') return;
        onRefused(refusal);
        await clock.sleep(pause * (0.5 + Math.random() / 2), AbortSignal.any([stopping.signal, woken.signal]));
        pause = Math.min(pause * 2, longestPause);
      }
    }
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    isWanted = true;
    woken.abort();
    running ??= run().finally(() => {
      running = undefined;
      if (isWanted) wake(); // asked for as the last one ended
    });
  }

  return {
    wake,
    async idle() {
      while (running) await running;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
