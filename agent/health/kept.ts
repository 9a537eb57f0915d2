/** What of health outlives a restart: the conditions that stand, and how the machine's starts went. Small, in the store. */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { Condition, mostConditions } from '#contract/conditions.js';
import { check } from '#contract/parse.js';

export const Undated = Type.Object({ boot: Type.String(), monotonic: Type.Number() });
/** Begun before the time was known: put right once it is, in this boot. */
export type Undated = Static<typeof Undated>;

const KeptCondition = Type.Object({ condition: Condition, undated: Type.Optional(Undated) });
export type KeptCondition = Static<typeof KeptCondition>;
const KeptConditions = Type.Array(KeptCondition, { maxItems: 2 * mostConditions });

const KeptStarts = Type.Object({
  boot: Type.String(),
  /** The agent was ended in good order. */
  ended: Type.Boolean(),
  /** Of the last starts of the machine, newest first: whether it had been cut. */
  cuts: Type.Array(Type.Boolean(), { maxItems: 100 }),
});
export type KeptStarts = Static<typeof KeptStarts>;

export interface Kept {
  conditions(): Promise<KeptCondition[]>;
  /** Durable when it resolves. */
  saveConditions(conditions: readonly KeptCondition[]): Promise<void>;
  starts(): Promise<KeptStarts | undefined>;
  saveStarts(starts: KeptStarts): Promise<void>;
}

export function createKept(store: { db: Database; commit(operations: readonly Operation[]): Promise<void> }): Kept {
  const health = store.db.sublevel<string, unknown>('health', { valueEncoding: 'json' });
  const put = (key: string, value: unknown) => store.commit([{ type: 'put', sublevel: health, key, value }]);
  return {
    async conditions() {
      const read = check(KeptConditions, await health.get('conditions'));
      return read.ok ? read.value : []; // of another release, or none: what is amiss is found again
    },
    saveConditions: (conditions) => put('conditions', conditions.slice(0, 2 * mostConditions)),
    async starts() {
      const read = check(KeptStarts, await health.get('starts'));
      return read.ok ? read.value : undefined;
    },
    saveStarts: (starts) => put('starts', starts),
  };
}
