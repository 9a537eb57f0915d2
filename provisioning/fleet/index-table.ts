/**
 * The fleet's table: rows in memory, the boxes of a page read from the store. Beside level it follows what is committed;
 * beside PostgreSQL, which others write too, it asks again and again for the lives that were written lately.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { BoxSummary, FleetEvent } from '#contract/operator.js';
import type { FleetStore } from '../store/fleet.js';
import type { Store } from '../store/store.js';
import { changesOf, createDayLog, dayBegins } from './changes-log.js';
import { type EventLog, keptEvents } from './events.js';
import { createIndexRows } from './index-rows.js';
import { matcher, scan } from './index-scan.js';
import { buildFleetCursor, parseFleetCursor, usualLimit } from './pages.js';
import type { FleetTable } from './table.js';
import { countsOf, glanceOf } from './tally.js';

const day = 86_400_000;
const followMilliseconds = 5000;
const longestRoundSeconds = 20;

export interface IndexTable extends FleetTable {
  /** Reads the store, once; to be called before a box can come. Whoever asks earlier waits for it. */
  start(): Promise<void>;
  /** What others have written is in it when it resolves. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface IndexTableParts {
  store: Store;
  fleet: Pick<FleetStore, 'kind' | 'allLives' | 'eventTypes'>;
  events: Pick<EventLog, 'subscribe'>;
  clock: Clock;
  online: (box: string) => boolean;
  /** Of these ids, in their order; one that is not there any more is left out. */
  summaries: (ids: readonly string[]) => Promise<BoxSummary[]>;
}

export function createIndexTable({ store, fleet, events, clock, online, summaries }: IndexTableParts): IndexTable {
  const isShared = fleet.kind === 'postgres';
  const rows = isShared ? createIndexRows(store, () => fleet.allLives()) : createIndexRows(store);
  const stopping = new AbortController();
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

  let refreshed = performance.now();
  async function refresh(): Promise<void> {
    if (!isShared) return;
    const began = performance.now();
    // A transaction is seen when it is over, and may have written some time before.
    const withinSeconds = Math.ceil((began - refreshed) / 1000) + longestRoundSeconds;
    for await (const [box, life] of fleet.allLives(withinSeconds)) rows.live(box, life);
    refreshed = began;
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(followMilliseconds, stopping.signal);
      if (stopping.signal.aborted) return;
      await refresh().catch(() => {}); // the database is away, which its owner tells: the next time asks for more
    }
  }

  let reading: Promise<void> | undefined;
  function start(): Promise<void> {
    reading ??= read().then(() => void (isShared && follow()));
    return reading;
  }

  return {
    start,
    refresh,
    stop() {
      stopping.abort();
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
      const changes = isShared ? changesOf(await fleet.eventTypes(dayBegins(now)), dayBegins(now)) : days.within(now);
      return { ...glanceOf(rows.values(), now), changes };
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
