/**
 * The book of leases: who holds what, and what waits for them. Durable; both run out by `countdown.ts`, whether or not the
 * disk can be written when they do.
 */
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import { Time } from '#contract/health.js';
import { Hold } from '#contract/leases.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { Countdown, carried, leftOf, type Tick, unwrittenMilliseconds } from './countdown.js';

export const LeaseRow = Type.Object(
  {
    id: Type.String(),
    app: Type.String(),
    hold: Hold,
    reason: Type.String(),
    /** As it was asked for. */
    seconds: Type.Integer(),
    takenAt: Time,
    /** The Idempotency-Key that it was taken with. */
    key: Type.Union([Type.String(), Type.Null()]),
    ends: Countdown,
  },
  { additionalProperties: true },
);
export type LeaseRow = Static<typeof LeaseRow>;

/** What is held: a restart of the box, or the update of one app. */
export type Target = 'reboot' | `update:${string}`;
export const targetOf = (app: string, hold: Hold): Target => (hold === 'reboot' ? hold : `update:${app}`);

export const Wait = Type.Object(
  {
    target: Type.String(),
    /** The release, or what else is ready: something else begins a wait of its own. */
    subject: Type.String(),
    since: Time,
    /** The owner said that it waits no longer. */
    now: Type.Boolean(),
    ends: Countdown,
  },
  { additionalProperties: true },
);
export type Wait = Static<typeof Wait>;

export interface Book {
  tick(): Tick;
  /** One look and what follows from it at a time. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Those that have not run out, the oldest first. */
  leases(): LeaseRow[];
  wait(target: Target): Wait | undefined;
  putLease(row: LeaseRow): Promise<void>;
  /** They are gone for good, even where the disk cannot be written now. */
  drop(rows: readonly LeaseRow[]): Promise<void>;
  putWait(wait: Wait, write?: (operations: Operation[]) => Promise<void>): Promise<void>;
  endWait(target: Target): Promise<void>;
  /** Milliseconds. */
  left(one: { ends: Countdown }): number;
  /** Counts what was told. */
  version(): number;
  /** Resolves once something else than that version holds, or the signal aborts. */
  changedSince(version: number, signal: AbortSignal): Promise<void>;
  /** Told of the app whose leases are new, gone, or count otherwise now; null: of all. Answers the way to end it. */
  onChange(listener: (app: string | null) => void): () => void;
  tell(app: string | null): void;
  start(): void;
  stop(): Promise<void>;
}

/** Resolves when one of them is aborted, and leaves nothing behind at the others, which may last for long. */
function aborted(signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some((signal) => signal.aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      for (const signal of signals) signal.removeEventListener('abort', end);
      resolve();
    };
    for (const signal of signals) signal.addEventListener('abort', end);
  });
}

export async function openBook(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: Pick<Clock, 'sleep'>;
  tick: () => Tick;
  onRefused: (refusal: Refusal) => void;
}): Promise<Book> {
  const { store, clock, tick, onRefused } = wish;
  const leaseLevel = store.db.sublevel<string, unknown>('leases', { valueEncoding: 'json' });
  const waitLevel = store.db.sublevel<string, unknown>('lease-waits', { valueEncoding: 'json' });
  const rows = new Map<string, LeaseRow>();
  const waits = new Map<string, Wait>();
  /** Waits that have come to their end, and of which that was told. */
  const spent = new Set<string>();
  const listeners = new Set<(app: string | null) => void>();
  let stopping = false;
  let running: Promise<void> | undefined;
  let woken = new AbortController();
  let version = 0;
  let writtenAt = tick().monotonic;

  const opened = tick();
  for (const value of await leaseLevel.values().all()) {
    const read = check(LeaseRow, value);
    if (read.ok) rows.set(read.value.id, { ...read.value, ends: carried(read.value.ends, opened) });
  }
  for (const value of await waitLevel.values().all()) {
    const read = check(Wait, value);
    if (read.ok) waits.set(read.value.target, { ...read.value, ends: carried(read.value.ends, opened) });
  }

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const left = ({ ends }: { ends: Countdown }): number => leftOf(ends, tick());
  const putting = (row: LeaseRow): Operation => ({ type: 'put', sublevel: leaseLevel, key: row.id, value: row });
  const waiting = (wait: Wait): Operation => ({ type: 'put', sublevel: waitLevel, key: wait.target, value: wait });

  function wake(): void {
    const before = woken;
    woken = new AbortController();
    before.abort();
  }

  function tell(app: string | null): void {
    version += 1;
    wake();
    for (const listener of [...listeners]) listener(app);
  }

  const refused = (error: unknown): void =>
    onRefused(error instanceof Refusal ? error : new Refusal('internal', 'cannot write leases down', { cause: error }));

  async function drop(gone: readonly LeaseRow[]): Promise<void> {
    if (gone.length === 0) return;
    const operations = gone.map(({ id }): Operation => ({ type: 'del', sublevel: leaseLevel, key: id }));
    await store.commit(operations).catch(refused);
    for (const { id } of gone) rows.delete(id);
    for (const app of new Set(gone.map((row) => row.app))) tell(app);
  }

  /** What has run out goes; what runs is written down, so that a cut costs no more than that much of it. */
  async function look(): Promise<void> {
    const now = tick();
    for (const row of rows.values()) rows.set(row.id, { ...row, ends: carried(row.ends, now) });
    for (const wait of waits.values()) waits.set(wait.target, { ...wait, ends: carried(wait.ends, now) });
    if (now.monotonic - writtenAt >= unwrittenMilliseconds) {
      const operations = [
        ...[...rows.values()].filter(({ ends }) => ends.left > 0).map(putting),
        ...[...waits.values()].filter(({ ends }) => ends.left > 0).map(waiting),
      ];
      await store.commit(operations).catch(refused);
      writtenAt = now.monotonic;
    }
    await drop([...rows.values()].filter(({ ends }) => ends.left === 0));
    const over = [...waits.values()].filter(({ target, ends }) => ends.left === 0 && !spent.has(target));
    for (const { target } of over) spent.add(target);
    if (over.length > 0) tell(null);
  }

  /** Until something has to be looked at, however often it is woken before. */
  function pause(): number {
    const ends = [...rows.values(), ...[...waits.values()].filter(({ target }) => !spent.has(target))];
    const due = writtenAt + unwrittenMilliseconds - tick().monotonic;
    return ends.length === 0 ? Number.POSITIVE_INFINITY : Math.min(due, ...ends.map(left));
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const { signal } = woken;
      const milliseconds = pause();
      if (milliseconds === Number.POSITIVE_INFINITY) await aborted([signal]);
      else if (milliseconds > 0) await clock.sleep(milliseconds, signal);
      if (!signal.aborted) await inTurn(look);
    }
  }

  return {
    tick,
    inTurn,
    left,
    tell,
    drop,
    leases: () => [...rows.values()].filter((row) => left(row) > 0).sort((a, b) => a.takenAt - b.takenAt),
    wait: (target) => waits.get(target),
    async putLease(row) {
      await store.commit([putting(row)]);
      rows.set(row.id, row);
      tell(row.app);
    },
    async putWait(wait, write = (operations) => store.commit(operations)) {
      await write([waiting(wait)]);
      waits.set(wait.target, wait);
      spent.delete(wait.target);
      tell(null);
    },
    async endWait(target) {
      if (!waits.has(target)) return;
      await store.commit([{ type: 'del', sublevel: waitLevel, key: target }]);
      waits.delete(target);
      spent.delete(target);
      tell(null);
    },
    version: () => version,
    changedSince(seen, signal) {
      return version === seen ? aborted([woken.signal, signal]) : Promise.resolve();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopping = true;
      wake();
      await running;
      await inTurn(async () => {
        writtenAt = Number.NEGATIVE_INFINITY;
        await look();
      });
    },
  };
}
