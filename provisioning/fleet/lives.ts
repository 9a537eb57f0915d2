/**
 * The lives of the boxes that are heard from most, kept in memory: thousands of messages come a second. A life is some
 * kilobytes, and a box that reports each quarter of an hour is as well read from level; a database is further away.
 */
import type { FleetStore } from '../store/fleet.js';
import type { LifeRecord } from '../store/lives.js';

export interface Lives {
  /** Those that are known, of these boxes. */
  load(boxes: readonly string[]): Promise<Map<string, LifeRecord>>;
  /** What has just been committed. */
  keep(lives: ReadonlyMap<string, LifeRecord>): void;
  /** After a failed commit, or with another owner in between, what the store holds is what counts. Of all, unless said. */
  forget(which?: (box: string) => boolean): void;
}

const mostKept = { level: 500, postgres: 5000 } as const;

export function createLives(fleet: Pick<FleetStore, 'kind' | 'lives'>): Lives {
  const most = mostKept[fleet.kind];
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
      for (const [box, life] of await fleet.lives([...absent])) found.set(box, life);
      return found;
    },
    keep(lives) {
      for (const [box, life] of lives) {
        kept.delete(box);
        kept.set(box, life);
      }
      // A map keeps the order of insertion: the first were heard from the longest ago.
      for (const box of kept.keys()) {
        if (kept.size <= most) break;
        kept.delete(box);
      }
    },
    forget(which) {
      if (!which) return kept.clear();
      for (const box of [...kept.keys()]) if (which(box)) kept.delete(box);
    },
  };
}
