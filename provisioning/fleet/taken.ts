/**
 * Whether what comes in a box's name is taken: not of one that is revoked, nor of one that the store does not know,
 * whatever the broker let through. Asked for each message, so what the store says is remembered.
 */
import type { ProblemCode } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import type { EventLog } from './events.js';

export interface Taken {
  /** Undefined when it is taken. */
  refusal(box: string): ProblemCode | undefined;
  start(): void;
  stop(): void;
}

const mostKept = 50_000;

export function createTaken({ store, events }: { store: Store; events: EventLog }): Taken {
  const good = new Set<string>();
  const ends: (() => void)[] = [];
  return {
    refusal(box) {
      if (good.has(box)) return undefined;
      const record = store.boxes.getSync(box);
      if (!record) return 'box-unknown';
      if (record.revokedAt !== undefined) return 'box-revoked';
      if (good.size >= mostKept) good.clear();
      good.add(box);
      return undefined;
    },
    start() {
      // Told after the record is on the disk, whoever revoked it.
      ends.push(
        events.subscribe(({ box, type }) => {
          if (box && type !== 'health') good.delete(box); // that it has told of itself says nothing about its record
        }),
      );
    },
    stop() {
      for (const end of ends.splice(0)) end();
    },
  };
}
