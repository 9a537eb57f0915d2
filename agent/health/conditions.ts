/**
 * What is amiss with the box now. Each sample is assessed; what begins, ends or changes its severity is kept durably, and
 * then told at once. What a report says of a condition in numbers is refreshed once an hour at most.
 */
import { type Condition, mostConditions } from '#contract/conditions.js';
import { Refusal } from '#contract/problems.js';
import type { TrustedTime } from '../time/trusted-time.js';
import { conditionsOf, keyOf, restore } from './assess/hold.js';
import { assess, type Facts, type Memory, nothingKnown } from './assess.js';
import type { Kept, Undated } from './kept.js';
import type { Values } from './probe.js';

export interface Conditions {
  /** The worst first, with the newest numbers. */
  list(): Condition[];
  /** As a report carries them; its numbers count as told. */
  report(): Condition[];
  /** Resolves when what has changed is kept and told. Never rejects. */
  take(values: Values): Promise<void>;
  /** `changed`: something begins, ends, or is another severity; else only numbers are new, after an hour. */
  subscribe(listener: (news: { changed: boolean }) => void): () => void;
}

const refreshMilliseconds = 3_600_000;

export async function createConditions(wish: {
  kept: Kept;
  clock: Pick<TrustedTime, 'stamp' | 'bootTime'>;
  /** Milliseconds, by a clock that only goes forward. */
  monotonic: () => number;
  facts: () => Facts;
  onRefused: (refusal: Refusal) => void;
}): Promise<Conditions> {
  const { kept, clock, monotonic, facts, onRefused } = wish;
  const listeners = new Set<(news: { changed: boolean }) => void>();
  const before = await kept.conditions();
  let memory: Memory = { ...nothingKnown, held: restore(before.map(({ condition }) => condition)) };
  let undated = new Map<string, Undated>(
    before.flatMap(({ condition: { kind, about }, undated: when }) => (when ? [[keyOf(kind, about), when]] : [])),
  );
  let told: { tick: number; text: string } | undefined;
  let turn: Promise<void> = Promise.resolve();

  const list = (): Condition[] => conditionsOf(memory.held);
  const reported = (): Condition[] => list().slice(0, mostConditions);

  /** Since when, of what began before the time was known in this boot. Answers whether anything was put right. */
  function date(): boolean {
    const known = clock.bootTime();
    if (!known || undated.size === 0) return false;
    const held = new Map(memory.held);
    for (const [key, { boot, monotonic: began }] of undated) {
      const entry = held.get(key);
      // What is left of an earlier boot keeps the earliest time that it can have.
      if (entry && boot === known.boot) held.set(key, { ...entry, since: Math.floor(known.zero + began) });
    }
    undated = new Map();
    memory = { ...memory, held };
    return true;
  }

  async function keep(): Promise<void> {
    const conditions = list().map((condition) => {
      const when = undated.get(keyOf(condition.kind, condition.about));
      return { condition, ...(when ? { undated: when } : {}) };
    });
    await kept.saveConditions(conditions);
  }

  async function takeNow(values: Values): Promise<void> {
    const { at, uncertain } = clock.stamp();
    const tick = monotonic();
    const standing = new Map(memory.held);
    const next = assess(memory, { tick, at, values, facts: facts() });
    memory = next.memory;
    for (const [key, { level }] of memory.held)
      if (level > 0 && uncertain && (standing.get(key)?.level ?? 0) === 0) undated.set(key, uncertain);
    for (const key of undated.keys()) if ((memory.held.get(key)?.level ?? 0) === 0) undated.delete(key);
    const changed = date() || next.changed;
    // A full disk keeps nothing, and is the very thing to tell.
    if (changed)
      await keep().catch((error: unknown) => {
        onRefused(
          error instanceof Refusal ? error : new Refusal('internal', 'cannot keep the conditions', { cause: error }),
        );
      });
    const isOld = told !== undefined && tick - told.tick >= refreshMilliseconds;
    if (changed || (isOld && told?.text !== JSON.stringify(reported())))
      for (const listener of [...listeners]) listener({ changed });
  }

  return {
    list,
    report() {
      const conditions = reported();
      told = { tick: monotonic(), text: JSON.stringify(conditions) };
      return conditions;
    },
    take(values) {
      turn = turn
        .then(() => takeNow(values))
        .catch((error: unknown) => onRefused(new Refusal('internal', 'cannot assess a sample', { cause: error })));
      return turn;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
