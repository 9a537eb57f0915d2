/**
 * Keeps the rows up where the lives of boxes are written elsewhere: in a database that other processes write too. Who has
 * news is read within a second or so; all are read again each minute, for nobody tells of every sample.
 */
import type { Clock } from '#common/clock.js';
import type { FleetGlance } from '#contract/fleet.js';
import type { FleetStore } from '../store/fleet.js';
import { createDayLog } from './changes-log.js';
import { type EventLog, keptEvents } from './events.js';
import type { IndexRows } from './index-rows.js';

export interface Follower {
  /** Reads all of it once, and then goes on by itself. */
  start(): Promise<void>;
  changes(now: number): FleetGlance['changes'];
  stop(): Promise<void>;
}

const chunk = 1000;
const soonMilliseconds = 1000;
const wholeMilliseconds = 60_000;
/** So that reading a large fleet leaves the database and this process time for others. */
const pauseMilliseconds = 50;
const day = 86_400_000;
/** More have news at once: they are all read again anyhow. */
const mostNews = 100_000;

export function createFollower(parts: {
  fleet: Pick<FleetStore, 'lives' | 'events'>;
  rows: Pick<IndexRows, 'ids' | 'heard'>;
  events: Pick<EventLog, 'subscribe'>;
  clock: Clock;
}): Follower {
  const { fleet, rows, events, clock } = parts;
  const stopping = new AbortController();
  const { signal } = stopping;
  const news = new Set<string>();
  let days = createDayLog();
  let end = () => {};
  let running: Promise<void> | undefined;

  const read = async (ids: readonly string[]) => rows.heard(await fleet.lives(ids));

  async function readEvents(): Promise<void> {
    const found = await fleet.events({ limit: keptEvents });
    const next = createDayLog();
    for (const event of found) if (event.at > clock.now() - day) next.add(event);
    if (found.length >= keptEvents) next.knownSince(found[0]?.at ?? 0);
    days = next;
  }

  async function readAll(pause: number): Promise<void> {
    const ids = rows.ids();
    for (let from = 0; from < ids.length && !signal.aborted; from += chunk) {
      await read(ids.slice(from, from + chunk));
      if (pause > 0) await clock.sleep(pause, signal);
    }
    await readEvents();
  }

  async function readNews(): Promise<void> {
    while (news.size > 0 && !signal.aborted) {
      const some = [...news].slice(0, chunk);
      for (const id of some) news.delete(id);
      await read(some);
    }
  }

  async function run(): Promise<void> {
    let whole = clock.now();
    while (!signal.aborted) {
      await clock.sleep(soonMilliseconds, signal);
      if (signal.aborted) return;
      const isDue = clock.now() >= whole + wholeMilliseconds;
      if (isDue) whole = clock.now();
      // The database is away: its owner tells, and what is known stays until it is back.
      await (isDue ? readAll(pauseMilliseconds) : readNews()).catch(() => {});
    }
  }

  return {
    async start() {
      end = events.subscribe(({ box }) => {
        if (box !== null && news.size < mostNews) news.add(box);
      });
      // Without the database the provider still starts; it is read when it is back.
      await readAll(0).catch(() => {});
      running = run();
    },
    changes: (now) => days.within(now),
    async stop() {
      end();
      stopping.abort();
      await running;
    },
  };
}
