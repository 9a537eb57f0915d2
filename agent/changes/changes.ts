/**
 * Durable work in steps that know how to undo themselves.
 *
 * Invariants: a step's state is on the disk before its effect begins and after it has ended; a step whose end was cut
 * off is done (or undone) again, so each must bear that. What failed is tried again, with growing pauses, until it
 * succeeds, is refused for good, is aborted, or its deadline passes; then everything is undone, last step first. An undo is tried for
 * ever. A change with a step of a kind that is not known here is left untouched: a newer version wrote it.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { Change } from '#contract/changes.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ChangeRecord, type Facts, shown } from './record.js';
import { createRun, type Run, type StepKind } from './run.js';

export interface Wish {
  kind: string;
  steps: readonly { kind: string; parameters?: Facts }[];
  /** Of these, one at a time. */
  group?: string;
  /** What is known before the first step. */
  data?: Facts;
  deadlineSeconds?: number;
}

export interface Changes {
  /** Answers the id, once the change is on the disk. @throws Refusal `change-under-way` */
  begin(wish: Wish): Promise<string>;
  /** Turns it round; resolves when that is on the disk. @throws Refusal `change-unknown`, `change-ended`, `change-stuck`, `change-past-return` */
  abort(id: string): Promise<void>;
  /** Newest first; of those that have ended the last fifty. */
  list(): Change[];
  show(id: string): Change | undefined;
  /** Facts that its steps have noted. */
  data(id: string): Facts | undefined;
  /** The one of this group that is under way, stuck ones too. */
  underWay(group: string): Change | undefined;
  /** Resolves when it has ended, done or undone. Rejects when the runner stops before. */
  ended(id: string): Promise<Change>;
  /** Told at each step, note and problem. Answers the way to end it. */
  on(listener: (change: Change) => void): () => void;
  /** Takes up what a stop or a power cut interrupted. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const keptEnded = 50;

export function createChanges(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: Clock;
  kinds: Readonly<Record<string, StepKind>>;
  onRefused: (refusal: Refusal) => void;
}): Changes {
  const { store, clock, kinds, onRefused } = wish;
  const sublevel = store.db.sublevel<string, unknown>('changes', { valueEncoding: 'json' });
  const stopping = new AbortController();
  const listeners = new Set<(change: Change) => void>();
  const runs = new Map<string, Run>();
  const past = new Map<string, ChangeRecord>();

  const isStuck = (record: ChangeRecord): boolean =>
    record.endedAt === null && record.steps.some(({ kind }) => !Object.hasOwn(kinds, kind));
  const show = (record: ChangeRecord): Change => shown(record, isStuck(record));
  const records = (): ChangeRecord[] => [...past.values(), ...[...runs.values()].map((run) => run.record())];

  function tell(record: ChangeRecord): void {
    for (const listener of [...listeners]) listener(show(record));
  }

  async function save(record: ChangeRecord): Promise<void> {
    const operations: Operation[] = [{ type: 'put', sublevel, key: record.id, value: record }];
    const spare =
      record.endedAt === null
        ? []
        : [...past.values()].sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)).slice(keptEnded - 1);
    for (const { id } of spare) operations.push({ type: 'del', sublevel, key: id });
    await store.commit(operations);
    for (const { id } of spare) past.delete(id);
  }

  function take(record: ChangeRecord): void {
    const run = createRun({
      record,
      kinds,
      clock,
      signal: stopping.signal,
      save,
      onChange: (now) => {
        if (now.endedAt !== null) {
          past.set(now.id, now);
          runs.delete(now.id);
        }
        tell(now);
      },
      onRefused,
    });
    runs.set(record.id, run);
    if (isStuck(record)) onRefused(new Refusal('change-stuck', `${record.kind} ${record.id}`));
    else run.start();
  }

  return {
    async begin({ kind, steps, group = null, data = {}, deadlineSeconds }) {
      stopping.signal.throwIfAborted();
      for (const step of steps) if (!Object.hasOwn(kinds, step.kind)) throw new Error(`no step kind ${step.kind}`);
      const other = group === null ? undefined : records().find((one) => one.endedAt === null && one.group === group);
      if (other) throw new Refusal('change-under-way', `${other.kind} ${other.id}`);
      const now = clock.now();
      const record: ChangeRecord = {
        id: randomBytes(8).toString('hex'),
        kind,
        group,
        way: 'do',
        startedAt: now,
        endedAt: null,
        deadlineAt: deadlineSeconds === undefined ? null : now + deadlineSeconds * 1000,
        steps: steps.map((step) => ({
          kind: step.kind,
          parameters: step.parameters ?? {},
          state: 'waiting',
          note: null,
        })),
        data,
        problem: null,
      };
      past.set(record.id, record); // holds its group's place while it is written
      try {
        await store.commit([{ type: 'put', sublevel, key: record.id, value: record }]);
      } finally {
        past.delete(record.id);
      }
      take(record);
      tell(record);
      return record.id;
    },
    async abort(id) {
      const run = runs.get(id);
      if (!run) throw new Refusal(past.has(id) ? 'change-ended' : 'change-unknown', id);
      if (isStuck(run.record())) throw new Refusal('change-stuck', id);
      await run.turn(null);
    },
    list: () =>
      records()
        .map(show)
        .sort((a, b) => b.startedAt - a.startedAt),
    show(id) {
      const record = runs.get(id)?.record() ?? past.get(id);
      return record && show(record);
    },
    data: (id) => (runs.get(id)?.record() ?? past.get(id))?.data,
    underWay(group) {
      const record = records().find((one) => one.endedAt === null && one.group === group);
      return record && show(record);
    },
    ended(id) {
      return new Promise((resolve, reject) => {
        // One that is being written for the first time lies among the past ones, and has not ended.
        const known = past.get(id);
        if (known && known.endedAt !== null) return resolve(show(known));
        if (!known && !runs.has(id)) return reject(new Refusal('change-unknown', id));
        if (stopping.signal.aborted) return reject(new Refusal('unavailable'));
        const leave = (): void => {
          listeners.delete(listener);
          stopping.signal.removeEventListener('abort', stopped);
        };
        const listener = (change: Change): void => {
          if (change.id !== id || change.endedAt === null) return;
          leave();
          resolve(change);
        };
        const stopped = (): void => {
          leave();
          reject(new Refusal('unavailable'));
        };
        listeners.add(listener);
        stopping.signal.addEventListener('abort', stopped);
      });
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start() {
      for await (const [key, value] of sublevel.iterator()) {
        const read = check(ChangeRecord, value);
        if (!read.ok) onRefused(new Refusal('change-stuck', `${key}: ${describeFaults(read.faults)}`));
        else if (read.value.endedAt === null) take(read.value);
        else past.set(read.value.id, read.value);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all([...runs.values()].map((run) => run.stopped()));
    },
  };
}
