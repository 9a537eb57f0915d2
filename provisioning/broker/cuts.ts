/**
 * Ends the session that a revoked box has at a broker outside: the list first, so that it cannot come back, then its
 * session, by a short-lived certificate of the box's own name that takes it over and leaves.
 *
 * What is to be cut stands in the store until it is: a provider that is killed in between goes on at its next start.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';

export interface Cuts {
  /** Before the box is revoked, so that a cut in between is not forgotten. */
  intend(box: string): Promise<void>;
  /** Resolves once the session is over, or after five seconds: it is tried again until it is. */
  cut(box: string): Promise<void>;
  /** Goes on with what was not cut before. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface CutParts {
  store: Store;
  clock: Clock;
  events: EventLog;
  /** Sees to it that the broker refuses the box from now on. @throws Refusal */
  bar: () => Promise<void>;
  /** Ends the session that it has. @throws Refusal */
  evict: (box: string) => Promise<void>;
}

const soon = 5000;
const firstPause = 2000;
const longestPause = 60_000;

export function createCuts({ store, clock, events, bar, evict }: CutParts): Cuts {
  const stopping = new AbortController();
  const working = new Map<string, Promise<void>>();
  const put = (box: string, cut: { at: number; state: 'pending' | 'cut'; detail?: string }) =>
    store.commit([{ type: 'put', sublevel: store.cuts, key: box, value: cut }]);

  async function attempt(box: string): Promise<boolean> {
    const began = clock.now();
    try {
      await bar();
      await evict(box);
      await put(box, { at: clock.now(), state: 'cut' });
      events.record({
        type: 'cut',
        box,
        text: `its session is over, ${((clock.now() - began) / 1000).toFixed(1)} s after`,
      });
      return true;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      events.refused('box-not-cut', { box, detail });
      await put(box, { at: clock.now(), state: 'pending', detail }).catch(() => {});
      return false;
    }
  }

  async function insist(box: string, first: () => void): Promise<void> {
    let pause = firstPause;
    while (!stopping.signal.aborted) {
      if (await attempt(box)) break;
      first();
      await clock.sleep(pause, stopping.signal);
      pause = Math.min(pause * 2, longestPause);
    }
    first();
  }

  function begin(box: string): Promise<void> {
    return new Promise((resolve) => {
      const work = insist(box, resolve).finally(() => working.delete(box));
      working.set(box, work);
    });
  }

  return {
    intend: (box) => put(box, { at: clock.now(), state: 'pending' }),
    async cut(box) {
      if (working.has(box)) return;
      const late = new AbortController();
      await Promise.race([begin(box), clock.sleep(soon, late.signal)]);
      late.abort();
    },
    async start() {
      for (const [box, { state }] of await store.cuts.iterator().all()) {
        if (state !== 'pending') continue;
        if ((await store.boxes.get(box))?.revokedAt === undefined) await store.cuts.del(box);
        else void begin(box);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all(working.values());
    },
  };
}

/** Without a helper nothing can be cut at a broker outside, and it is said. */
export const noHelper = (): Promise<never> =>
  Promise.reject(new Refusal('box-not-cut', 'no --broker-helper is given: put the new list to the broker by hand'));
