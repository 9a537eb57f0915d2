/**
 * What rules look at, of every box, in memory: read once and whenever something was told of a box, and all of it anew
 * every ten minutes, so that what was missed is missed no longer than that.
 */
import type { Clock } from '#common/clock.js';
import type { BoxSummary } from '#contract/operator.js';
import type { EventLog } from '../fleet/events.js';
import { type Subject, subjectOf } from './evaluate.js';

export interface BoxSource {
  /** By id, from after the one named. */
  list(page: { after?: string | undefined; limit: number }): Promise<BoxSummary[]>;
  show(box: string): Promise<BoxSummary>;
}

export interface Roster {
  start(): void;
  /** Reads what has changed. */
  refresh(): Promise<void>;
  subjects(): ReadonlyMap<string, Subject>;
  stop(): void;
}

const walkMilliseconds = 600_000;
const pageSize = 500;
/** With more of them it is quicker to read all. */
const mostSingle = 500;
/** What comes with every batch, and alters nothing that rules look at. */
const uneventful = new Set(['health', 'alert', 'refused']);

export function createRoster({
  boxes,
  events,
  clock,
}: {
  boxes: BoxSource;
  events: Pick<EventLog, 'subscribe'>;
  clock: Pick<Clock, 'now'>;
}): Roster {
  let known = new Map<string, Subject>();
  let changed = new Set<string>();
  let walkedAt = Number.NEGATIVE_INFINITY;
  const ends: (() => void)[] = [];

  async function walk(): Promise<void> {
    const all = new Map<string, Subject>();
    for (let after: string | undefined, more = true; more; ) {
      const page = await boxes.list({ after, limit: pageSize });
      for (const box of page) all.set(box.id, subjectOf(box));
      after = page.at(-1)?.id;
      more = page.length === pageSize;
    }
    known = all;
  }

  return {
    start() {
      ends.push(
        events.subscribe(({ type, box }) => {
          if (box !== null && !uneventful.has(type)) changed.add(box);
        }),
      );
    },
    async refresh() {
      const now = clock.now();
      const touched = changed;
      changed = new Set();
      try {
        // Also after the clock was set back.
        if (touched.size > mostSingle || Math.abs(now - walkedAt) >= walkMilliseconds) {
          await walk();
          walkedAt = now;
          return;
        }
        for (const id of touched) {
          const box = await boxes.show(id).catch(() => undefined); // a stranger that was refused is no box
          if (box) known.set(id, subjectOf(box));
          else known.delete(id);
        }
      } catch (error) {
        for (const id of touched) changed.add(id);
        throw error;
      }
    },
    subjects: () => known,
    stop() {
      for (const end of ends.splice(0)) end();
    },
  };
}
