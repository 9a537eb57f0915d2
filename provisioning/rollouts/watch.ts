/** Looks once a minute whether the time of a wave has come; what results mean is judged as they come. */
import type { Clock } from '#common/clock.js';
import type { Rollouts } from './rollouts.js';

export interface RolloutWatch {
  start(): void;
  stop(): Promise<void>;
}

const minute = 60_000;

export function createRolloutWatch({
  rollouts,
  clock,
  log,
}: {
  rollouts: Pick<Rollouts, 'look'>;
  clock: Clock;
  log: { error(details: object, text: string): void };
}): RolloutWatch {
  const stopping = new AbortController();
  let watching: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await rollouts.look().catch((error: unknown) => log.error({ err: error }, 'cannot look at the rollouts'));
      await clock.sleep(minute, stopping.signal);
    }
  }

  return {
    start() {
      watching ??= run();
    },
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}
