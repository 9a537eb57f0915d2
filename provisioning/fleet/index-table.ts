/** The fleet's table beside the level store: rows in memory, the boxes of a page read from the store. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { BoxSummary, FleetEvent } from '#contract/operator.js';
import type { Store } from '../store/store.js';
import { createDayLog } from './changes-log.js';
import { type EventLog, keptEvents } from './events.js';
import { createIndexRows } from './index-rows.js';
import { matcher, scan } from './index-scan.js';
import { buildFleetCursor, parseFleetCursor, usualLimit } from './pages.js';
import type { FleetTable } from './table.js';
import { countsOf, glanceOf } from './tally.js';

const day = 86_400_000;

export interface IndexTable extends FleetTable {
  /** Reads the store, once; to be called before a box can come. Whoever asks earlier waits for it. */
  start(): Promise<void>;
  stop(): void;
}

export interface IndexTableParts {
  store: Store;
  events: Pick<EventLog, 'subscribe'>;
  clock: Pick<Clock, 'now'>;
  online: (box: string) => boolean;
  /** Of these ids, in their order; one that is not there any more is left out. */
  summaries: (ids: readonly string[]) => Promise<BoxSummary[]>;
}

export function createIndexTable({ store, events, clock, online, summaries }: IndexTableParts): IndexTable {
  const rows = createIndexRows(store);
  const days = createDayLog();
  const ends: (() => void)[] = [];

  /** Counted already, because they were written while the store was read. */
  let early: Set<string> | undefined;

  function take(operations: readonly Operation[]): void {
    rows.take(operations);
    for (const operation of operations) {
      if (operation.sublevel !== store.events || operation.type !== 'put') continue;
      const event = operation.value as FleetEvent;
      early?.add(event.id);
      days.add(event);
    }
  }

  async function readEvents(counted: ReadonlySet<string>): Promise<void> {
    const from = clock.now() - day;
    let count = 0;
    let oldest = 0;
    for await (const event of store.events.values({ reverse: true })) {
      if (event.at < from) return;
      count += 1;
      oldest = event.at;
      if (!counted.has(event.id)) days.add(event);
    }
    if (count >= keptEvents) days.knownSince(oldest); // what was before has been cleared away
  }

  async function read(): Promise<void> {
    early = new Set();
    ends.push(
      store.onCommitted(take),
      events.subscribe(({ type, box }) => {
        if (box !== null && (type === 'online' || type === 'offline')) rows.present(box, online(box));
      }),
    );
    await readEvents(early);
    early = undefined;
    await rows.load();
  }

  let reading: Promise<void> | undefined;
  function start(): Promise<void> {
    reading ??= read();
    return reading;
  }

  return {
    start,
    stop() {
      for (const end of ends.splice(0)) end();
    },
    async query(query) {
      await start();
      const now = clock.now();
      const after = parseFleetCursor(query);
      const limit = query.limit ?? usualLimit;
      const { found, total } = scan(rows.values(), query, after, limit + 1, now);
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        at: now,
        boxes: await summaries(page.map(({ row }) => row.id)),
        total,
        next: found.length > limit && last ? buildFleetCursor(query, { key: last.key, id: last.row.id }) : null,
      };
    },
    async glance() {
      await start();
      const now = clock.now();
      return { ...glanceOf(rows.values(), now), changes: days.within(now) };
    },
    async counts() {
      await start();
      return countsOf(rows.values(), clock.now());
    },
    async ids(filter) {
      await start();
      const matches = matcher(filter, clock.now());
      return rows
        .values()
        .filter(matches)
        .map(({ id }) => id)
        .sort();
    },
  };
}
