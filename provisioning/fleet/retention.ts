/** Once an hour, puts samples that are past their time into the next resolution. */
import type { Clock } from '#common/clock.js';
import { type FleetStore, type Keep, usualKeep } from '../store/fleet.js';

export interface Retention {
  start(): void;
  /** Now, unless it is held; answers when it is done. */
  clear(): Promise<void>;
  /** Resolves when nothing is under way; nothing begins before the next start. */
  hold(): Promise<void>;
  stop(): Promise<void>;
}

export interface RetentionParts {
  fleet: Pick<FleetStore, 'sweep'>;
  clock: Clock;
  keep?: Keep | undefined;
  /** From the start on: what boxes tell is on its way elsewhere, as it is. */
  isHeld?: () => Promise<boolean>;
  log: { error(details: object, text: string): void };
}

const hour = 3_600_000;

export function createRetention({
  fleet,
  clock,
  keep = usualKeep,
  isHeld = async () => false,
  log,
}: RetentionParts): Retention {
  const stopping = new AbortController();
  const holding = new AbortController();
  const either = AbortSignal.any([stopping.signal, holding.signal]);
  let running: Promise<void> | undefined;
  let clearing: Promise<void> | undefined;

  async function clear(): Promise<void> {
    if (either.aborted || (await isHeld())) return;
    clearing = fleet.sweep(keep, clock.now(), either);
    await clearing;
  }

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
    async hold() {
      holding.abort();
      await clearing?.catch(() => {});
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
