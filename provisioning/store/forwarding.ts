/**
 * From the level store's events to the fleet's: what the control plane does is written with its own records, in one
 * commit, and goes from there to where all events are. One that was sent and not yet taken off is sent again and known.
 */
import type { Clock } from '#common/clock.js';
import type { FleetStore } from './fleet.js';
import type { Store } from './store.js';

export interface Forwarding {
  /** There may be something. */
  wake(): void;
  /** Resolves when what was there has gone, or cannot go now. */
  done(): Promise<void>;
  stop(): Promise<void>;
}

const mostAtOnce = 500;
const retryMilliseconds = 1000;

export function createForwarding({
  store,
  fleet,
  clock,
}: {
  store: Store;
  fleet: Pick<FleetStore, 'record'>;
  clock: Clock;
}): Forwarding {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let woken = false;
  let waits = false;

  async function run(): Promise<void> {
    while (woken) {
      woken = false;
      for (;;) {
        const events = await store.events.values({ limit: mostAtOnce }).all();
        if (events.length === 0) break;
        await fleet.record(events);
        await store.commit(events.map(({ id }) => ({ type: 'del', sublevel: store.events, key: id })));
      }
    }
  }

  async function tryAgainLater(): Promise<void> {
    if (waits) return;
    waits = true;
    await clock.sleep(retryMilliseconds, stopping.signal);
    waits = false;
    if (!stopping.signal.aborted) wake();
  }

  function wake(): void {
    woken = true;
    running ??= run()
      // Its owner tells that the store is away; here it is only tried again.
      .catch(() => void tryAgainLater())
      .finally(() => {
        running = undefined;
        if (woken && !waits && !stopping.signal.aborted) wake();
      });
  }

  wake();
  return {
    wake,
    async done() {
      await running;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
