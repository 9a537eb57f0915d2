/**
 * What other processes have stored is told to whoever listens here: by looking at the newest events again and again. Those
 * that come faster than a look shows are in the store all the same.
 */
import type { Clock } from '#common/clock.js';
import type { FleetEvent } from '#contract/operator.js';
import type { FleetStore } from '../store/fleet.js';

export interface Echo {
  start(): void;
  stop(): Promise<void>;
}

const lookMilliseconds = 1000;
const newest = 300;

export function createEcho({
  fleet,
  tell,
  clock,
}: {
  fleet: Pick<FleetStore, 'events'>;
  tell: (event: FleetEvent) => unknown;
  clock: Clock;
}): Echo {
  const stopping = new AbortController();
  let seen: Set<string> | undefined;
  let running: Promise<void> | undefined;

  async function look(): Promise<void> {
    const events = await fleet.events({ limit: newest });
    const before = seen;
    seen = new Set(events.map(({ id }) => id));
    if (!before) return; // what was there at the start is history
    const oldest = [...before][0] ?? '';
    for (const event of events) if (!before.has(event.id) && event.id > oldest) tell(event);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look().catch(() => {}); // the database is away, which its owner tells
      await clock.sleep(lookMilliseconds, stopping.signal);
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
