/**
 * The events of a process that has no level store: they wait in memory for the fleet's. While that is away the oldest
 * make room for the newest, and are counted: what a box said is stored with its round and never waits here.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { FleetEvent } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { FleetStore } from '../store/fleet.js';
import type { Happening, RoundEvents } from './events.js';
import { createQuiet } from './quiet.js';

export interface EventQueue extends RoundEvents {
  counts(): { waiting: number; dropped: number };
  /** Stores what waits, if the store takes it at once. */
  stop(): Promise<void>;
}

const mostWaiting = 10_000;
const mostAtOnce = 500;
const retryMilliseconds = 1000;

export function createEventQueue({ fleet, clock }: { fleet: Pick<FleetStore, 'record'>; clock: Clock }): EventQueue {
  const name = randomBytes(3).toString('hex');
  const quiet = createQuiet(clock);
  const stopping = new AbortController();
  const waiting: FleetEvent[] = [];
  let counter = 0;
  let dropped = 0;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const some = waiting.slice(0, mostAtOnce);
      try {
        await fleet.record(some);
        const stored = new Set(some);
        while (waiting[0] && stored.has(waiting[0])) waiting.shift();
      } catch {
        // Whoever stores what boxes say tells that the store is away; here it is only tried again.
        if (stopping.signal.aborted) return;
        await clock.sleep(retryMilliseconds, stopping.signal);
      }
    }
  }

  function add(event: FleetEvent): void {
    waiting.push(event);
    if (waiting.length > mostWaiting) {
      waiting.shift();
      dropped += 1;
    }
    running ??= run().finally(() => {
      running = undefined;
    });
  }

  function eventOf({ type, box, text, code, condition, said }: Happening): FleetEvent {
    const at = clock.now();
    counter = (counter + 1) % 1_000_000;
    return {
      id: `${String(at).padStart(15, '0')}-${String(counter).padStart(6, '0')}-${name}`,
      ...{ at, type, box: box ?? null, text },
      ...(code !== undefined && { code, remedy: new Refusal(code).remedy }),
      ...(condition && { condition }),
      ...(said && { said }),
    };
  }

  return {
    record: (happening) => add(eventOf(happening)),
    announce() {}, // nobody listens here
    compose: (happening) => ({ event: eventOf(happening), tell() {} }),
    refused(code, { box, detail }) {
      const unsaid = quiet.take(code, box);
      if (unsaid === undefined) return;
      const repeated = unsaid > 0 ? ` (and ${unsaid} times more before)` : '';
      add(eventOf({ type: 'refused', box, text: new Refusal(code, detail).message + repeated, code }));
    },
    counts: () => ({ waiting: waiting.length, dropped }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
