/**
 * Tells the fleet's store what the control plane says of boxes, so that workers without it know whom to refuse. All of
 * them at the start, each again when something happens to it: what a cut in between leaves out is made up for then.
 */
import type { Clock } from '#common/clock.js';
import { admissionOf, type FleetStore } from '../store/fleet.js';
import type { Store } from '../store/store.js';
import type { EventLog } from './events.js';

export interface Mirror {
  /** Resolves when all of them are told, or when that has failed and goes on by itself. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface MirrorParts {
  store: Pick<Store, 'boxes'>;
  fleet: Pick<FleetStore, 'admit'>;
  events: Pick<EventLog, 'subscribe'>;
  clock: Clock;
  log: { error(details: object, text: string): void };
}

/** What happens to boxes all the time, and alters nothing of their admission. */
const daily = new Set(['health', 'online', 'offline', 'gap', 'event', 'condition', 'refused', 'cloned-box']);
const mostAtOnce = 1000;
const retryMilliseconds = 1000;

export function createMirror({ store, fleet, events, clock, log }: MirrorParts): Mirror {
  const stopping = new AbortController();
  const ends: (() => void)[] = [];
  /** At most as many as there are boxes. */
  const changed = new Set<string>();
  let running: Promise<void> | undefined;
  let failing = false;
  let all = true;

  async function tellAll(): Promise<void> {
    let after = '';
    for (;;) {
      const page = await store.boxes.iterator({ gt: after, limit: mostAtOnce }).all();
      await fleet.admit(new Map(page.map(([box, record]) => [box, admissionOf(record)])));
      const last = page.at(-1);
      if (!last || stopping.signal.aborted) return;
      after = last[0];
    }
  }

  async function tellChanged(): Promise<void> {
    const boxes = [...changed].slice(0, mostAtOnce);
    for (const box of boxes) changed.delete(box);
    try {
      const records = await store.boxes.getMany(boxes);
      const known = boxes.flatMap((box, index) =>
        records[index] ? [[box, admissionOf(records[index])] as const] : [],
      );
      await fleet.admit(new Map(known));
    } catch (error) {
      for (const box of boxes) changed.add(box);
      throw error;
    }
  }

  async function run(): Promise<void> {
    while ((all || changed.size > 0) && !stopping.signal.aborted) {
      try {
        if (all) await tellAll();
        all = false;
        if (changed.size > 0) await tellChanged();
        failing = false;
      } catch (error) {
        if (!failing) log.error({ err: error }, 'cannot tell the database which boxes there are');
        failing = true;
        return void later();
      }
    }
  }

  async function later(): Promise<void> {
    await clock.sleep(retryMilliseconds, stopping.signal);
    if (!stopping.signal.aborted) await wake();
  }

  function wake(): Promise<void> {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    async start() {
      // An event is told after the record is on the disk.
      ends.push(
        events.subscribe(({ box, type }) => {
          if (box === null || daily.has(type)) return;
          changed.add(box);
          void wake();
        }),
      );
      await wake();
    },
    async stop() {
      for (const end of ends.splice(0)) end();
      stopping.abort();
      await running;
    },
  };
}
