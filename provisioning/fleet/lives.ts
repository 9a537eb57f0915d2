/** The lives of the boxes that are heard from, kept in memory: thousands of messages come a second. */
import type { LifeRecord, Store } from '../store/store.js';

export interface Lives {
  /** Those that are known, of these boxes. */
  load(boxes: readonly string[]): Promise<Map<string, LifeRecord>>;
  /** What has just been committed. */
  keep(lives: ReadonlyMap<string, LifeRecord>): void;
  /** After a failed commit what the store holds is what counts. */
  forget(): void;
}

const mostKept = 5000;

export function createLives(store: Store): Lives {
  const kept = new Map<string, LifeRecord>();
  return {
    async load(boxes) {
      const found = new Map<string, LifeRecord>();
      const absent = new Set<string>();
      for (const box of boxes) {
        const life = kept.get(box);
        if (life) found.set(box, life);
        else absent.add(box);
      }
      if (absent.size === 0) return found;
      const keys = [...absent];
      const values = await store.lives.getMany(keys);
      for (const [index, value] of values.entries()) if (value) found.set(keys[index]!, value);
      return found;
    },
    keep(lives) {
      for (const [box, life] of lives) {
        kept.delete(box);
        kept.set(box, life);
      }
      // A map keeps the order of insertion: the first were heard from the longest ago.
      for (const box of kept.keys()) {
        if (kept.size <= mostKept) break;
        kept.delete(box);
      }
    },
    forget: () => kept.clear(),
  };
}
