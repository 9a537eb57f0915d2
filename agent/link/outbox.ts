/**
 * Health samples that the provider has not acknowledged, on disk.
 *
 * Invariants. Up to `batch` samples wait in memory, and in the spool, for one synced commit. A sample's sequence is given
 * with that commit; nothing outside this file sees one before (the one that `add` answers is what it will be). A
 * commit also reserves, durably, the sequences that the samples after it can need. So whatever ends the agent:
 * - an orderly stop commits what waits and gives the reserve back;
 * - after a kill the spool still holds all that was added, and the next start commits it under the same sequences;
 * - after a power cut the spool is gone. What it held is at most the reserve: that is counted as lost, for the reason
 *   `cut`, and numbering goes on behind it, so that the provider sees a gap that is explained, and no sequence stands for
 *   two samples.
 * A sample leaves the outbox only when a `down/ack` covers it, or when it is given up, which is counted and told to the
 * provider with the reason. The epoch is random and made with the store, and anew where the store wakes up in another
 * machine: it may be a copy, and the one that it was copied from goes on by the old epoch.
 */
import { randomBytes } from 'node:crypto';
import type { Database, Operation } from '#common/commits.js';
import type { LostRange, LostReason, Range, Sample } from '#contract/health.js';
import type { BootTime, Stamp } from '../time/trusted-time.js';
import { explain, type NamedLoss, remember } from './losses.js';
import { type Dated, openShelf, sizeOf, trueTime } from './shelf.js';
import type { Spool, Spooled } from './spool.js';
import { after, nextStep, notThinned, stays, type Thinned } from './thinning.js';

export interface OutboxState {
  epoch: string;
  /** Highest sequence given. */
  last: number;
  /** Everything up to here is the provider's. */
  acknowledged: number;
  /** On the disk and before it. */
  waiting: number;
  /** Of those that wait, how many were taken before the time was known. */
  uncertain: number;
  deadLetters: number;
  lost: number;
  /** Of those, how many at most went with the power before this start. */
  cut: number;
}

export interface Outbox {
  state(): OutboxState;
  /** Outlives the agent when it resolves, and the power with the next commit, at the latest when `batch` wait. */
  add(sample: Omit<Sample, 'seq'> & Stamp): Promise<Sample>;
  /** What was added is durable when it resolves. */
  commit(): Promise<void>;
  /**
   * The time of this boot is known: what was taken in it gets its true time, in one batch. What is left of earlier boots
   * keeps the earliest time that it can have, as nothing tells how long the box was without power.
   */
  correct(known: BootTime): Promise<void>;
  /** Committed samples in `[from, to]`, ascending, within both limits, at least one if there is one. */
  read(from: number, to: number, limits: { count: number; bytes: number }): Promise<Sample[]>;
  acknowledge(contiguous: number): Promise<void>;
  /** Kept aside and never sent again; the provider hears that it is lost. `reason` is for who looks at it here. */
  deadLetter(range: Range, reason: string, lost?: LostReason): Promise<void>;
  /**
   * A new epoch, for another provider: what waits is numbered anew from 1, so that the new one counts no gap. Harmless
   * when that was asked for before, whatever the epoch is now. Nothing may be under way between outbox and provider.
   */
  renumber(epoch: string): Promise<void>;
  /** Sequences within `[from, to]` that were given and are no longer held, with the reason where one is known. */
  lostWithin(from: number, to: number): Promise<LostRange[]>;
  /** An orderly end: all is committed, and nothing is counted as lost. Nothing may be added afterwards. */
  close(): Promise<void>;
}

interface Counters {
  epoch: string;
  last: number;
  acknowledged: number;
  deadLetters: number;
  lost: number;
  /** The epoch that `renumber` last asked for, where another has taken its place since. */
  followed?: string;
  /** Where the epoch was made. */
  machine?: string;
  /** The highest sequence that a sample in memory can have. Missing: `last`. */
  reserved?: number;
  thinned?: Thinned;
  named?: NamedLoss[];
}

type Added = Omit<Sample, 'seq'> & Stamp;

export async function createOutbox(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  /** Beyond it the oldest samples are thinned, and at last given up. */
  budgetBytes: number;
  /** So many samples share a synced commit; one unless said. */
  batch?: number;
  /** Without it a kill costs what a power cut costs. */
  spool?: Spool;
  /** What tells this machine from others; undefined where nothing does, and the epoch stays. */
  machine?: string | undefined;
  isSameMachine?: (one: string, other: string) => boolean;
  /** The store was another machine's; the epoch changes behind it. May be called again after a cut. */
  onMoved?: () => Promise<void>;
}): Promise<Outbox> {
  const { store, budgetBytes, batch = 1, spool, machine, isSameMachine = (one, other) => one === other } = wish;
  const meta = store.db.sublevel<string, Counters>('outboxMeta', { valueEncoding: 'json' });
  const shelf = await openShelf(store.db);
  const found = await meta.get('counters');
  let counters: Counters = found ?? {
    epoch: randomBytes(8).toString('hex'),
    last: 0,
    acknowledged: 0,
    deadLetters: 0,
    lost: 0,
    ...(machine === undefined ? {} : { machine }),
  };
  let added: Added[] = [];
  let cut = 0;
  let reserve = 0; // none before all that was left is taken care of
  let known: BootTime | undefined;
  // One change at a time: each reads counters, commits, and only then lets the next see them.
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  async function save(next: Counters, operations: Operation[]): Promise<void> {
    const value = { ...next, reserved: next.last + reserve };
    await store.commit([...operations, { type: 'put', sublevel: meta, key: 'counters', value }]);
    counters = value;
  }

  /** What has to go so that so many bytes more have room. */
  async function makeRoom(more: number): Promise<{ gone: Sample[]; thinned: Thinned }> {
    const gone = new Map<number, Sample>();
    let thinned = counters.thinned ?? notThinned;
    for (let over = shelf.bytes() + more - budgetBytes; over > 0; ) {
      const step = nextStep(thinned, counters);
      if (!step) break;
      let { to } = step;
      for (const sample of await shelf.in(step.from, to)) {
        if (gone.has(sample.seq) || stays(sample.seq, step)) continue;
        gone.set(sample.seq, sample);
        over -= sizeOf(sample);
        if (step.every === 'none' && over <= 0) {
          to = sample.seq;
          break;
        }
      }
      thinned = after(thinned, step, to);
    }
    return { gone: [...gone.values()], thinned };
  }

  async function commitAdded(): Promise<void> {
    const taken = added;
    if (taken.length === 0) return;
    const fresh = taken.map(({ at, values, uncertain }, index): Dated => {
      const since = uncertain && trueTime(known, uncertain); // the time may have come since it was taken
      const sample: Sample = { seq: counters.last + index + 1, at: since ?? at, values };
      return { sample, open: since === undefined ? uncertain : undefined };
    });
    const { gone, thinned } = await makeRoom(fresh.reduce((sum, { sample }) => sum + sizeOf(sample), 0));
    const lost = counters.lost + gone.length;
    await save({ ...counters, last: counters.last + fresh.length, lost, ...(thinned !== notThinned && { thinned }) }, [
      ...shelf.remove(gone),
      ...shelf.put(fresh),
    ]);
    added = added.slice(taken.length);
    shelf.forget(gone);
    shelf.stored(fresh);
    await spool?.clear().catch(() => {});
  }

  /** What waits is numbered from 1, in the same batch. */
  async function begin(next: Pick<Counters, 'epoch' | 'followed'>): Promise<void> {
    await commitAdded();
    const moved = await shelf.renumber();
    const { thinned: _thinned, named: _named, ...kept } = counters;
    await save({ ...kept, ...next, last: moved.count, acknowledged: 0 }, moved.operations);
    moved.done();
  }

  /** What the agent before had not committed: from the spool, or counted. */
  async function recover(): Promise<void> {
    const { last, reserved = last, epoch } = counters;
    if (reserved <= last) return;
    const { entries, whole } = (await spool?.left()) ?? { entries: [], whole: false };
    for (const entry of entries)
      if (entry.epoch === epoch && entry.sample.seq === last + added.length + 1)
        added.push({ ...entry.sample, ...(entry.uncertain && { uncertain: entry.uncertain }) });
    await commitAdded();
    const count = reserved - counters.last;
    if (whole || count <= 0) return;
    const named = remember(counters.named, [counters.last + 1, reserved, 'cut'], counters.acknowledged);
    cut = count;
    await save({ ...counters, last: reserved, lost: counters.lost + count, named }, []);
  }

  /** False: it has to be committed now. */
  const isSpooled = (entry: Spooled): Promise<boolean> =>
    spool
      ? spool.append(entry).then(
          () => true,
          () => false,
        )
      : Promise.resolve(true);

  await recover();
  const before = counters.machine;
  if (machine !== undefined && before !== undefined && !isSameMachine(before, machine)) {
    await wish.onMoved?.();
    const followed = counters.followed ?? counters.epoch;
    counters = { ...counters, machine };
    await begin({ epoch: randomBytes(8).toString('hex'), followed });
  }
  await spool?.begin().catch(() => {}); // then each sample is committed by itself
  reserve = batch - 1;
  if (!found || (machine !== undefined && before !== machine) || (counters.reserved ?? 0) < counters.last + reserve)
    await save({ ...counters, ...(machine === undefined ? {} : { machine }) }, []);

  const isOpen = ({ uncertain }: Added): boolean => uncertain !== undefined && trueTime(known, uncertain) === undefined;

  return {
    state: () => ({
      ...counters,
      cut,
      waiting: shelf.count() + added.length,
      uncertain: shelf.uncertain() + added.filter(isOpen).length,
    }),
    add: ({ at, values, uncertain }) =>
      inTurn(async () => {
        const since = uncertain && trueTime(known, uncertain);
        const next: Sample = { seq: counters.last + added.length + 1, at: since ?? at, values };
        const entry = { epoch: counters.epoch, sample: next, ...(uncertain && { uncertain }) };
        added.push({ at, values, ...(uncertain && { uncertain }) });
        if (added.length < batch && (await isSpooled(entry))) return next;
        try {
          await commitAdded();
        } catch (error) {
          added = added.slice(0, -1); // the ones before it were promised, and wait on
          throw error;
        }
        return next;
      }),
    commit: () => inTurn(commitAdded),
    correct: (now) =>
      inTurn(async () => {
        known = now;
        if (shelf.uncertain() === 0) return;
        const { operations, done } = await shelf.date(now);
        await store.commit(operations);
        done();
      }),
    async read(from, to, limits) {
      const some = await shelf.in(from, to, limits.count);
      let size = 0;
      const taken = some.findIndex((sample) => {
        size += sizeOf(sample) + 1;
        return size > limits.bytes;
      });
      return taken < 0 ? some : some.slice(0, Math.max(1, taken));
    },
    acknowledge: (contiguous) =>
      inTurn(async () => {
        const upTo = Math.min(contiguous, counters.last); // a provider cannot acknowledge what was never taken
        if (upTo <= counters.acknowledged) return;
        const gone = await shelf.in(0, upTo);
        await save({ ...counters, acknowledged: upTo }, shelf.remove(gone));
        shelf.forget(gone);
      }),
    deadLetter: ([from, to], reason, loss = 'dead-letter') =>
      inTurn(async () => {
        const gone = await shelf.in(from, to);
        if (gone.length === 0) return;
        const { acknowledged, deadLetters, lost } = counters;
        const named = remember(counters.named, [from, to, loss], acknowledged);
        await save({ ...counters, deadLetters: deadLetters + gone.length, lost: lost + gone.length, named }, [
          ...shelf.remove(gone),
          ...shelf.bury(gone, reason),
        ]);
        shelf.forget(gone);
        await shelf.thinGraves();
      }),
    renumber: (epoch) =>
      inTurn(async () => {
        if ((counters.followed ?? counters.epoch) !== epoch) await begin({ epoch, followed: epoch });
      }),
    async lostWithin(from, to) {
      const ranges = await shelf.absent(from, Math.min(to, counters.last));
      const { acknowledged, thinned = notThinned, named = [] } = counters;
      return ranges.flatMap((range) => explain(range, { acknowledged, thinned, named }));
    },
    close: () =>
      inTurn(async () => {
        await commitAdded();
        reserve = 0;
        if ((counters.reserved ?? 0) > counters.last) await save(counters, []);
        await spool?.close().catch(() => {});
      }),
  };
}
