/**
 * Events that the provider is to hear of, on disk, with a budget of their own: when a box is short of room its health is
 * thinned, and its events stay.
 *
 * Invariants. An event has its sequence with the synced commit that stores it, together with the mark of what it was
 * made from: after a cut it is there once, or is made again. It leaves only when a `down/ack` covers it, or when it is
 * given up, the least severe and oldest first, which the provider hears as lost. The epoch is that of the outbox.
 */
import type { Database, Operation } from '#common/commits.js';
import type { Severity } from '#contract/conditions.js';
import type { BoxEvent } from '#contract/events.js';
import type { Range } from '#contract/health.js';
import type { BootTime } from '../time/trusted-time.js';
import { due, type Fresh, type Pace, take } from './pace.js';

export interface Row extends Fresh {
  seq: number;
}

/** Up to where the sources of events have been looked at. */
export interface Marks {
  /** Of the ledger, by its own id: the index of the last entry. */
  ledger?: { id: string; index: number };
  start?: { boot: string; ended: boolean; agent: string; os?: string };
}

export interface BookState {
  epoch: string;
  /** Highest sequence given. */
  last: number;
  /** Everything up to here is the provider's. */
  acknowledged: number;
  waiting: number;
  /** Given up. */
  lost: number;
  marks: Marks;
}

export interface Book {
  state(): BookState;
  /** Durable when it resolves, all of it or nothing. `key`: what makes it the same again. */
  add(fresh: readonly (Fresh & { key: string })[], marks?: Marks): Promise<void>;
  /** What has been held back long enough is told. */
  release(): Promise<void>;
  /** What waits behind a sequence, ascending, within the limits, at least one if there is one; and what is lost up to its end. */
  read(
    after: number,
    limits: { count: number; bytes: number; lost: number },
  ): Promise<{
    rows: Row[];
    lost: Range[];
    end: number;
  }>;
  acknowledge(contiguous: number): Promise<void>;
  /** Those that are not to be told after all. */
  giveUp(which: (row: Row) => boolean): Promise<void>;
  /** The epoch of the outbox, and whose the box is now: what waits is numbered anew, what was for another is forgotten. */
  follow(now: { epoch: string; territory: string | undefined }): Promise<void>;
  /** The time of this boot is known. */
  correct(known: BootTime): Promise<void>;
  /** The newest, newest first. */
  newest(count: number): Promise<Row[]>;
}

interface Kept {
  epoch: string;
  last: number;
  acknowledged: number;
  lost: number;
  marks: Marks;
}

/** Of those that were told: for the owner to look at. */
export const keptTold = 20;
const mostPaces = 300;
/** So that room is not looked for with each event. */
const roomierShare = 0.9;
const ranks: Record<Severity, number> = { info: 0, attention: 1, trouble: 2 };

const keyOf = (sequence: number): string => String(sequence).padStart(16, '0');
const sizeOf = (row: Row): number => JSON.stringify(row).length;

export async function openBook(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  /** For the first time; `follow` tells of others. */
  epoch: string;
  budgetBytes: number;
  clock: { now(): number };
}): Promise<Book> {
  const { store, budgetBytes, clock } = wish;
  const meta = store.db.sublevel<string, Kept>('eventsMeta', { valueEncoding: 'json' });
  const rows = store.db.sublevel<string, Row>('events', { valueEncoding: 'json' });
  const pacing = store.db.sublevel<string, Pace>('eventsPace', { valueEncoding: 'json' });
  let kept: Kept = (await meta.get('state')) ?? { epoch: wish.epoch, last: 0, acknowledged: 0, lost: 0, marks: {} };
  const paces = new Map(await pacing.iterator().all());
  let bytes = 0;
  let waiting = 0;
  let undated = 0;

  function count(row: Row, sign: 1 | -1): void {
    bytes += sign * sizeOf(row);
    if (row.seq > kept.acknowledged) waiting += sign;
    if (row.uncertain) undated += sign;
  }
  for await (const row of rows.values()) count(row, 1);

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const put = (row: Row): Operation => ({ type: 'put', sublevel: rows, key: keyOf(row.seq), value: row });
  const del = ({ seq }: Row): Operation => ({ type: 'del', sublevel: rows, key: keyOf(seq) });

  /** One synced batch; what is counted here changes behind it. */
  async function save(
    next: Kept,
    { gone = [], fresh = [], pace = new Map() }: { gone?: Row[]; fresh?: Row[]; pace?: Map<string, Pace | undefined> },
  ): Promise<void> {
    await store.commit([
      { type: 'put', sublevel: meta, key: 'state', value: next },
      ...gone.map(del),
      ...fresh.map(put),
      ...[...pace].map(
        ([key, value]): Operation =>
          value ? { type: 'put', sublevel: pacing, key, value } : { type: 'del', sublevel: pacing, key },
      ),
    ]);
    for (const row of gone) count(row, -1);
    kept = next;
    for (const row of fresh) count(row, 1);
    for (const [key, value] of pace) {
      if (value) paces.set(key, value);
      else paces.delete(key);
    }
  }

  /** What has to go so that these have room; some of these themselves, where all that is there weighs more. */
  async function makeRoom(fresh: readonly Row[]): Promise<{ gone: Row[]; stay: Row[] }> {
    let over = bytes + fresh.reduce((sum, row) => sum + sizeOf(row), 0) - budgetBytes;
    if (over <= 0) return { gone: [], stay: [...fresh] };
    over += budgetBytes * (1 - roomierShare);
    const light = [...(await rows.values().all()), ...fresh].sort(
      (one, other) =>
        Number(one.seq > kept.acknowledged) - Number(other.seq > kept.acknowledged) ||
        ranks[one.severity] - ranks[other.severity] ||
        one.seq - other.seq,
    );
    const gone = new Set<number>();
    for (const row of light) {
      if (over <= 0) break;
      gone.add(row.seq);
      over -= sizeOf(row);
    }
    return {
      gone: light.filter(({ seq }) => gone.has(seq) && seq <= kept.last),
      stay: fresh.filter(({ seq }) => !gone.has(seq)),
    };
  }

  async function write(given: readonly Fresh[], marks: Marks, pace: Map<string, Pace | undefined>): Promise<void> {
    const fresh = given.map((event, index): Row => ({ ...event, seq: kept.last + index + 1 }));
    const { gone, stay } = await makeRoom(fresh);
    const lost = gone.filter(({ seq }) => seq > kept.acknowledged).length + fresh.length - stay.length;
    const last = kept.last + fresh.length;
    await save(
      { ...kept, last, lost: kept.lost + lost, marks: { ...kept.marks, ...marks } },
      { gone, fresh: stay, pace },
    );
  }

  return {
    state: () => ({ ...kept, waiting }),
    add: (happened, marks = {}) =>
      inTurn(async () => {
        const pace = new Map<string, Pace | undefined>();
        const given: Fresh[] = [];
        for (const { key: wanted, ...event } of happened) {
          // More kinds of things than are followed are counted by their kind alone.
          const key = paces.has(wanted) || paces.size + pace.size < mostPaces ? wanted : event.type;
          const taken = take(pace.get(key) ?? paces.get(key), event, clock.now());
          pace.set(key, taken.pace);
          if (taken.give) given.push(taken.give);
        }
        await write(given, marks, pace);
      }),
    release: () =>
      inTurn(async () => {
        const pace = new Map<string, Pace | undefined>();
        const given: Fresh[] = [];
        for (const [key, before] of paces) {
          const now = due(before, clock.now());
          if (now.pace !== before) pace.set(key, now.pace);
          if (now.give) given.push(now.give);
        }
        if (pace.size > 0) await write(given, {}, pace);
      }),
    async read(after, limits) {
      const taken: Row[] = [];
      const lost: Range[] = [];
      let size = 0;
      let end = after;
      const missing = (from: number, to: number): boolean => {
        if (from > to) return true;
        if (lost.length >= limits.lost) return false;
        lost.push([from, to]);
        end = to;
        return true;
      };
      const { last } = kept;
      for await (const row of rows.values({ gte: keyOf(after + 1), lte: keyOf(last), limit: limits.count })) {
        size += sizeOf(row) + 1;
        if (taken.length > 0 && size > limits.bytes) return { rows: taken, lost, end };
        if (!missing(end + 1, row.seq - 1)) return { rows: taken, lost, end };
        taken.push(row);
        end = row.seq;
      }
      if (taken.length < limits.count) missing(end + 1, last);
      return { rows: taken, lost, end };
    },
    acknowledge: (contiguous) =>
      inTurn(async () => {
        const upTo = Math.min(contiguous, kept.last); // a provider cannot acknowledge what was never told
        if (upTo <= kept.acknowledged) return;
        const spare = Math.min(upTo, kept.last - keptTold);
        const gone = spare < 1 ? [] : await rows.values({ lte: keyOf(spare) }).all();
        const stay = await rows.keys({ gt: keyOf(Math.max(spare, kept.acknowledged)), lte: keyOf(upTo) }).all();
        await save({ ...kept, acknowledged: upTo }, { gone });
        waiting -= stay.length;
      }),
    giveUp: (which) =>
      inTurn(async () => {
        const gone = (await rows.values({ gt: keyOf(kept.acknowledged) }).all()).filter(which);
        const pace = new Map<string, Pace | undefined>();
        for (const [key, { held, ...rest }] of paces) if (held && which({ ...held, seq: 0 })) pace.set(key, rest);
        if (gone.length + pace.size > 0) await save({ ...kept, lost: kept.lost + gone.length }, { gone, pace });
      }),
    follow: ({ epoch, territory }) =>
      inTurn(async () => {
        if (epoch === kept.epoch) return;
        const all = await rows.values().all();
        const isFor = (event: Fresh): boolean => event.territory === undefined || event.territory === territory;
        const fresh = all
          .filter((row) => row.seq > kept.acknowledged && isFor(row))
          .map((row, index): Row => ({ ...row, seq: index + 1 }));
        const pace = new Map<string, Pace | undefined>();
        for (const [key, { held, ...rest }] of paces) if (held && !isFor(held)) pace.set(key, rest);
        const taken = new Set(fresh.map(({ seq }) => seq));
        await store.commit([
          ...all.filter(({ seq }) => !taken.has(seq)).map(del),
          ...fresh.map(put),
          ...[...pace].map(([key, value]): Operation => ({ type: 'put', sublevel: pacing, key, value: value as Pace })),
          {
            type: 'put',
            sublevel: meta,
            key: 'state',
            value: { ...kept, epoch, last: fresh.length, acknowledged: 0 },
          },
        ]);
        kept = { ...kept, epoch, last: fresh.length, acknowledged: 0 };
        [bytes, waiting, undated] = [0, 0, 0];
        for (const row of fresh) count(row, 1);
        for (const [key, value] of pace) if (value) paces.set(key, value);
      }),
    correct: (known) =>
      inTurn(async () => {
        const dated = <E extends Fresh>({ uncertain, ...event }: E): E | undefined => {
          if (uncertain?.boot !== known.boot) return undefined;
          const at = Math.floor(known.zero + uncertain.monotonic);
          const until = event.until === undefined ? {} : { until: event.until + at - event.at };
          return { ...event, at, ...until } as E;
        };
        const pace = new Map<string, Pace | undefined>();
        for (const [key, before] of paces) {
          const held = before.held && dated(before.held);
          if (held) pace.set(key, { ...before, held });
        }
        const before = undated === 0 ? [] : (await rows.values().all()).filter((row) => dated(row));
        if (before.length + pace.size === 0) return;
        await save(kept, { gone: before, fresh: before.flatMap((row) => dated(row) ?? []), pace });
      }),
    newest: (count) => rows.values({ reverse: true, limit: count }).all(),
  };
}

/** As it goes out. */
export const asTold = ({ uncertain, territory: _territory, ...row }: Row): BoxEvent => ({
  ...row,
  ...(uncertain && { clock: 'unknown' as const }),
});
