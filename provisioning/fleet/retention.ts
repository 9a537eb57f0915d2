/** Once an hour, puts samples that are past their time into the next resolution. */
import type { Clock } from '#common/clock.js';
import { type FleetStore, type Keep, usualKeep } from '../store/fleet.js';

export interface Retention {
  start(): void;
  /** Now; answers when it is done. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export interface RetentionParts {
  fleet: Pick<FleetStore, 'sweep'>;
  clock: Clock;
  keep?: Keep | undefined;
  log: { error(details: object, text: string): void };
}

const hour = 3_600_000;

export function createRetention({ fleet, clock, keep = usualKeep, log }: RetentionParts): Retention {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const clear = () => fleet.sweep(keep, clock.now(), stopping.signal);

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clear().catch((error: unknown) => log.error({ err: error }, 'cannot put old samples together'));
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
