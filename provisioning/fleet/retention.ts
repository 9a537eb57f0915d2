/** Clears samples that are older than the provider keeps them, once an hour. */
import type { Clock } from '#common/clock.js';
import { type Store, sampleRange } from '../store/store.js';

export interface Retention {
  start(): void;
  /** Clears now; answers when it is done. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export interface RetentionParts {
  store: Store;
  clock: Clock;
  days?: number;
  log: { error(details: object, text: string): void };
}

const hour = 3_600_000;

export function createRetention({ store, clock, days = 30, log }: RetentionParts): Retention {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function clear(): Promise<void> {
    const before = clock.now() - days * 24 * hour;
    if (before <= 0) return;
    for await (const box of store.lives.keys()) {
      if (stopping.signal.aborted) return;
      await store.samples.clear(sampleRange(box, 0, before - 1));
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clear().catch((error: unknown) => log.error({ err: error }, 'cannot clear old samples'));
      await clock.sleep(hour, stopping.signal);
    }
  }

  return {
    clear,
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
