/**
 * What happened in the territory, newest kept: the operator's answer to "why". MQTT 3.1.1 cannot say why it refuses, so
 * every refusal stands here with code and remedy.
 */

import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { FleetEvent } from '#contract/operator.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';

export interface Happening {
  type: string;
  box?: string | undefined;
  text: string;
  /** Something to be seen to: it is told with its remedy. */
  code?: ProblemCode;
}

export interface EventLog {
  record(event: Happening): void;
  /** Told to whoever listens, and not stored: what happens so often that it would crowd out the rest. */
  announce(event: Happening): void;
  /** For a writer that must store it together with something else; `tell` is called once that is done. */
  compose(event: Happening): { operation: Operation; tell(): void };
  /** A hostile peer repeats itself: the same code for the same box is written once in ten seconds, with its count. */
  refused(code: ProblemCode, about: { box?: string | undefined; detail?: string | undefined }): void;
  /** The newest, oldest first. */
  recent(limit: number): Promise<FleetEvent[]>;
  /** Answers the way to end it. */
  subscribe(listener: (event: FleetEvent) => void): () => void;
  /** How often each code was refused since the start, for `/metrics`. */
  readonly refusals: ReadonlyMap<ProblemCode, number>;
  stop(): Promise<void>;
}

/** Events that are kept at least. */
export const keptEvents = 10_000;
const quietMilliseconds = 10_000;
const mostQuiet = 1000;

export function createEventLog({ store, clock }: { store: Store; clock: Clock }): EventLog {
  const listeners = new Set<(event: FleetEvent) => void>();
  const refusals = new Map<ProblemCode, number>();
  const quiet = new Map<string, { until: number; unsaid: number }>();
  const writing = new Set<Promise<void>>();
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

  function compose(event: Omit<FleetEvent, 'id' | 'at'>): { operation: Operation; tell(): void } {
    const at = clock.now();
    counter = (counter + 1) % 1_000_000;
    const full: FleetEvent = {
      id: `${String(at).padStart(15, '0')}-${String(counter).padStart(6, '0')}`,
      at,
      ...event,
    };
    return {
      operation: { type: 'put', sublevel: store.events, key: full.id, value: full },
      tell() {
        for (const listener of listeners) listener(full);
      },
    };
  }

  function add(event: Omit<FleetEvent, 'id' | 'at'>): void {
    const { operation, tell } = compose(event);
    tell();
    write(store.commit([operation]));
    written();
  }

  function written(): void {
    sincePrune += 1;
    if (sincePrune < keptEvents / 10) return;
    sincePrune = 0;
    write(prune());
  }

  return {
    refusals,
    record: ({ type, box, text }) => add({ type, box: box ?? null, text }),
    announce: ({ type, box, text }) => compose({ type, box: box ?? null, text }).tell(),
    compose({ type, box, text, code }) {
      written();
      const remedy = code === undefined ? {} : { code, remedy: new Refusal(code).remedy };
      return compose({ type, box: box ?? null, text, ...remedy });
    },
    refused(code, { box, detail }) {
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
      const key = `${code} ${box ?? ''}`;
      const now = clock.now();
      const before = quiet.get(key);
      if (before && now < before.until) {
        before.unsaid += 1;
        return;
      }
      if (quiet.size >= mostQuiet) quiet.clear();
      quiet.set(key, { until: now + quietMilliseconds, unsaid: 0 });
      const refusal = new Refusal(code, detail);
      const repeated = before?.unsaid ? ` (and ${before.unsaid} times more before)` : '';
      add({ type: 'refused', box: box ?? null, text: refusal.message + repeated, code, remedy: refusal.remedy });
    },
    async recent(limit) {
      await Promise.all(writing);
      return (await store.events.values({ reverse: true, limit }).all()).reverse();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      await Promise.all(writing);
    },
  };
}
