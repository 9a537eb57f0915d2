/**
 * What happened in the territory, newest kept: the operator's answer to "why". MQTT 3.1.1 cannot say why it refuses, so
 * every refusal stands here with code and remedy.
 */

import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { BoxEvent } from '#contract/events.js';
import type { ConditionChange, FleetEvent } from '#contract/operator.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { EventQuery, FleetStore } from '../store/fleet.js';
import { createForwarding } from '../store/forwarding.js';
import { readEvents } from '../store/level-events.js';
import type { Store } from '../store/store.js';
import { createQuiet } from './quiet.js';

export interface Happening {
  type: string;
  box?: string | undefined;
  text: string;
  /** Something to be seen to: it is told with its remedy. */
  code?: ProblemCode;
  /** Of what is only announced. */
  values?: FleetEvent['values'];
  condition?: ConditionChange;
  /** What a box has said of itself. */
  said?: BoxEvent;
}

export interface EventLog {
  record(event: Happening): void;
  /** Told to whoever listens, and not stored: what happens so often that it would crowd out the rest. */
  announce(event: Happening): void;
  /**
   * For a writer that must store it together with something else: `operation` in the level store, `event` in a round of
   * the fleet's. `tell` is called once that is done.
   */
  compose(event: Happening): { event: FleetEvent; operation: Operation; tell(): void };
  /** What another process has stored is told to whoever listens here. */
  echo(event: FleetEvent): void;
  /** A hostile peer repeats itself: the same code for the same box is written once in ten seconds, with its count. */
  refused(code: ProblemCode, about: { box?: string | undefined; detail?: string | undefined }): void;
  /** The newest, oldest first. */
  recent(limit: number): Promise<FleetEvent[]>;
  /** The newest of these, oldest first. */
  find(query: EventQuery): Promise<FleetEvent[]>;
  /** Answers the way to end it. */
  subscribe(listener: (event: FleetEvent) => void): () => void;
  /** How often each code was refused since the start, for `/metrics`. */
  readonly refusals: ReadonlyMap<ProblemCode, number>;
  stop(): Promise<void>;
}

/** What ingest does with it, in a process that may have no level store. */
export type RoundEvents = Pick<EventLog, 'record' | 'announce' | 'refused'> & {
  compose(event: Happening): { event: FleetEvent; tell(): void };
};

/** Events that are kept at least. */
export const keptEvents = 10_000;

export interface EventLogParts {
  store: Store;
  /** Where events go from the level store. Missing: they stay there. */
  fleet?: FleetStore | undefined;
  clock: Clock;
}

export function createEventLog({ store, fleet, clock }: EventLogParts): EventLog {
  const listeners = new Set<(event: FleetEvent) => void>();
  const refusals = new Map<ProblemCode, number>();
  const quiet = createQuiet(clock);
  const writing = new Set<Promise<void>>();
  const forwarding = fleet?.kind === 'postgres' ? createForwarding({ store, fleet, clock }) : undefined;
  const name = forwarding ? `-${randomBytes(3).toString('hex')}` : '';
  let counter = 0;
  let sincePrune = 0;

  const write = (promise: Promise<void>) => {
    // An event that cannot be stored has been told to whoever listens; the store's own failure is told by its owner.
    const settled = promise.catch(() => {}).finally(() => writing.delete(settled));
    writing.add(settled);
  };

  async function prune(): Promise<void> {
    const keys = await store.events.keys({ reverse: true, limit: keptEvents + 1 }).all();
    const last = keys[keptEvents];
    if (last !== undefined) await store.events.clear({ lte: last });
  }

  function compose(told: Omit<FleetEvent, 'id' | 'at'>): { event: FleetEvent; operation: Operation; tell(): void } {
    const at = clock.now();
    counter = (counter + 1) % 1_000_000;
    const id = `${String(at).padStart(15, '0')}-${String(counter).padStart(6, '0')}${name}`;
    const event: FleetEvent = { id, at, ...told };
    return {
      event,
      operation: { type: 'put', sublevel: store.events, key: id, value: event },
      tell() {
        for (const listener of listeners) listener(event);
        forwarding?.wake();
      },
    };
  }

  function add(event: Omit<FleetEvent, 'id' | 'at'>): void {
    const { operation, tell } = compose(event);
    write(store.commit([operation]).then(() => forwarding?.wake()));
    tell();
    written();
  }

  function written(): void {
    sincePrune += 1;
    if (sincePrune < keptEvents / 10) return;
    sincePrune = 0;
    write(prune());
  }

  async function find(query: EventQuery): Promise<FleetEvent[]> {
    await Promise.all(writing);
    if (!fleet) return readEvents(store, query);
    await forwarding?.done();
    return fleet.events(query);
  }

  return {
    refusals,
    record: ({ type, box, text }) => add({ type, box: box ?? null, text }),
    announce: ({ type, box, text, condition, values }) =>
      compose({
        ...{ type, box: box ?? null, text },
        ...(condition && { condition }),
        ...(values && { values }),
      }).tell(),
    echo(event) {
      if (forwarding && event.id.endsWith(name)) return; // told here when it happened
      for (const listener of listeners) listener(event);
    },
    compose({ type, box, text, code, condition, said }) {
      written();
      const remedy = code === undefined ? {} : { code, remedy: new Refusal(code).remedy };
      return compose({
        ...{ type, box: box ?? null, text, ...remedy },
        ...(condition && { condition }),
        ...(said && { said }),
      });
    },
    refused(code, { box, detail }) {
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
      const unsaid = quiet.take(code, box);
      if (unsaid === undefined) return;
      const refusal = new Refusal(code, detail);
      const repeated = unsaid > 0 ? ` (and ${unsaid} times more before)` : '';
      add({ type: 'refused', box: box ?? null, text: refusal.message + repeated, code, remedy: refusal.remedy });
    },
    recent: (limit) => find({ limit }),
    find,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      await Promise.all(writing);
      await forwarding?.stop();
    },
  };
}
