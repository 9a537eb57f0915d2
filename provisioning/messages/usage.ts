/** How much is kept of messages, for each box and each member: written with what it counts. */
import type { Operation } from '#common/commits.js';
import type { MessageUsage } from '../store/messages.js';
import type { Store } from '../store/store.js';

/** `up!{box}`, `down!{box}`, `member!{member}`. */
export type UsageKey = `${'up' | 'down' | 'member'}!${string}`;

export interface Usage {
  of(key: UsageKey): MessageUsage;
  /** Counts now, and answers what writes it; if that fails, it is to be called again with the opposite. */
  change(keys: readonly UsageKey[], bytes: number, count: 1 | -1): Operation[];
  /** Of all boxes. */
  waiting(direction: 'up' | 'down'): number;
}

const none: MessageUsage = { bytes: 0, count: 0 };

export async function openUsage(store: Store): Promise<Usage> {
  const { messageUsage: sublevel } = store;
  const used = new Map<string, MessageUsage>();
  for await (const [key, value] of sublevel.iterator()) used.set(key, value);
  const of = (key: UsageKey): MessageUsage => used.get(key) ?? none;
  return {
    of,
    change: (keys, bytes, count) =>
      keys.map((key): Operation => {
        const before = of(key);
        const value = { bytes: before.bytes + bytes * count, count: before.count + count };
        if (value.count <= 0) {
          used.delete(key);
          return { type: 'del', sublevel, key };
        }
        used.set(key, value);
        return { type: 'put', sublevel, key, value };
      }),
    waiting: (direction) =>
      [...used].reduce((sum, [key, { count }]) => sum + (key.startsWith(`${direction}!`) ? count : 0), 0),
  };
}
