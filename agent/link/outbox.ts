/**
 * Health samples that the provider has not acknowledged, on disk.
 *
 * Invariants: a sample's sequence is given once, at the moment it is durably stored. It leaves the outbox only when a
 * `down/ack` covers it, or when it is given up, which is counted and told to the provider. The epoch is random and made
 * with the store, and anew where the store wakes up in another machine: it may be a copy, and the one that it was copied
 * from goes on by the old epoch.
 */
import { randomBytes } from 'node:crypto';
import type { Database, Operation } from '#common/commits.js';
import type { Range, Sample } from '#contract/health.js';
import type { BootTime, Stamp, Uncertain } from '../time/trusted-time.js';

export interface OutboxState {
  epoch: string;
  /** Highest sequence given. */
  last: number;
  /** Everything up to here is the provider's. */
  acknowledged: number;
  waiting: number;
  /** Of those that wait, how many were taken before the time was known. */
  uncertain: number;
  deadLetters: number;
  lost: number;
}

export interface Outbox {
  state(): OutboxState;
  /** Durable when it resolves. */
  add(sample: Omit<Sample, 'seq'> & Stamp): Promise<Sample>;
  /**
   * The time of this boot is known: what was taken in it gets its true time, in one batch. What is left of earlier boots
   * keeps the earliest time that it can have, as nothing tells how long the box was without power.
   */
  correct(known: BootTime): Promise<void>;
  /** Samples in `[from, to]`, ascending, within both limits, at least one if there is one. */
  read(from: number, to: number, limits: { count: number; bytes: number }): Promise<Sample[]>;
  acknowledge(contiguous: number): Promise<void>;
  /** Kept aside and never sent again. */
  deadLetter(range: Range, reason: string): Promise<void>;
  /**
   * A new epoch, for another provider: what waits is numbered anew from 1, so that the new one counts no gap. Harmless
   * when that was asked for before, whatever the epoch is now. Nothing may be under way between outbox and provider.
   */
  renumber(epoch: string): Promise<void>;
  /** Sequences within `[from, to]` that were given and are no longer held. */
  lostWithin(from: number, to: number): Promise<Range[]>;
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
}

interface Dead {
  reason: string;
  sample: Sample;
}

const keyOf = (sequence: number): string => String(sequence).padStart(16, '0');
const keptDead = 1000;

export async function createOutbox(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  /** The oldest samples are given up beyond it. */
  budgetBytes: number;
  /** What tells this machine from others; undefined where nothing does, and the epoch stays. */
  machine?: string | undefined;
  isSameMachine?: (one: string, other: string) => boolean;
  /** The store was another machine's; the epoch changes behind it. May be called again after a cut. */
  onMoved?: () => Promise<void>;
}): Promise<Outbox> {
  const { store, budgetBytes, machine, isSameMachine = (one, other) => one === other } = wish;
  const samples = store.db.sublevel<string, Sample>('outbox', { valueEncoding: 'json' });
  // Beside the samples, not in them: a release that knows nothing of it sends a time that is too early, and no more.
  const undatedOnDisk = store.db.sublevel<string, Uncertain>('outboxUndated', { valueEncoding: 'json' });
  const dead = store.db.sublevel<string, Dead>('dead', { valueEncoding: 'json' });
  const meta = store.db.sublevel<string, Counters>('outboxMeta', { valueEncoding: 'json' });

  const found = await meta.get('counters');
  let counters: Counters = found ?? {
    epoch: randomBytes(8).toString('hex'),
    last: 0,
    acknowledged: 0,
    deadLetters: 0,
    lost: 0,
    ...(machine === undefined ? {} : { machine }),
  };
  let waiting = 0;
  let bytes = 0;
  let known: BootTime | undefined;
  const sizeOf = (sample: Sample): number => JSON.stringify(sample).length;
  for await (const sample of samples.values()) {
    waiting += 1;
    bytes += sizeOf(sample);
  }
  /** By sequence: what was taken before the time was known. */
  const undated = new Map<number, Uncertain>();
  for await (const [key, when] of undatedOnDisk.iterator())
    if ((await samples.get(key)) !== undefined) undated.set(Number(key), when);
  // One change at a time: each reads counters, commits, and only then lets the next see them.
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  async function save(next: Counters, operations: Operation[]): Promise<void> {
    await store.commit([...operations, { type: 'put', sublevel: meta, key: 'counters', value: next }]);
    counters = next;
  }

  async function held(range: { gte?: string; lte?: string; limit?: number }): Promise<Sample[]> {
    return samples.values(range).all();
  }

  const put = (sample: Sample): Operation => ({
    type: 'put',
    sublevel: samples,
    key: keyOf(sample.seq),
    value: sample,
  });
  const dating = (seq: number): Operation => ({ type: 'del', sublevel: undatedOnDisk, key: keyOf(seq) });

  function removal(gone: readonly Sample[]): Operation[] {
    return gone.flatMap(({ seq }): Operation[] => [
      { type: 'del', sublevel: samples, key: keyOf(seq) },
      ...(undated.has(seq) ? [dating(seq)] : []),
    ]);
  }

  function forget(gone: readonly Sample[]): void {
    waiting -= gone.length;
    for (const sample of gone) {
      bytes -= sizeOf(sample);
      undated.delete(sample.seq);
    }
  }

  /** What waits is numbered from 1, in the same batch. */
  async function begin(next: Pick<Counters, 'epoch' | 'followed'>): Promise<void> {
    const waited = await held({});
    const moved = waited.map((sample, index): Sample => ({ ...sample, seq: index + 1 }));
    await save({ ...counters, ...next, last: moved.length, acknowledged: 0 }, [
      ...removal(waited),
      ...moved.map((value): Operation => ({ type: 'put', sublevel: samples, key: keyOf(value.seq), value })),
    ]);
    forget(waited);
    waiting += moved.length;
    for (const sample of moved) bytes += sizeOf(sample);
  }

  const before = counters.machine;
  if (machine !== undefined && before !== undefined && !isSameMachine(before, machine)) {
    await wish.onMoved?.();
    const followed = counters.followed ?? counters.epoch;
    counters = { ...counters, machine };
    await begin({ epoch: randomBytes(8).toString('hex'), followed });
  } else if (!found || (machine !== undefined && before !== machine))
    await save({ ...counters, ...(machine === undefined ? {} : { machine }) }, []);

  const trueTime = ({ boot, monotonic }: Uncertain): number | undefined =>
    known?.boot === boot ? Math.floor(known.zero + monotonic) : undefined;

  return {
    state: () => ({ ...counters, waiting, uncertain: undated.size }),
    add: ({ uncertain, at, values }) =>
      inTurn(async () => {
        const since = uncertain && trueTime(uncertain); // the time may have come since it was taken
        const sample: Sample = { seq: counters.last + 1, at: since ?? at, values };
        const open = since === undefined ? uncertain : undefined;
        const size = sizeOf(sample);
        const evicted: Sample[] = [];
        if (bytes + size > budgetBytes) {
          let over = bytes + size - budgetBytes;
          for (const old of await held({ limit: 8 })) {
            if (over <= 0) break;
            evicted.push(old);
            over -= sizeOf(old);
          }
        }
        await save({ ...counters, last: sample.seq, lost: counters.lost + evicted.length }, [
          ...removal(evicted),
          put(sample),
          ...(open ? [{ type: 'put' as const, sublevel: undatedOnDisk, key: keyOf(sample.seq), value: open }] : []),
        ]);
        forget(evicted);
        waiting += 1;
        bytes += size;
        if (open) undated.set(sample.seq, open);
        return sample;
      }),
    correct: (now) =>
      inTurn(async () => {
        known = now;
        if (undated.size === 0) return;
        const operations: Operation[] = [];
        let growth = 0;
        for (const [seq, when] of undated) {
          operations.push(dating(seq));
          const at = trueTime(when);
          const sample = at === undefined ? undefined : await samples.get(keyOf(seq));
          if (at === undefined || !sample) continue;
          const right = { ...sample, at };
          operations.push(put(right));
          growth += sizeOf(right) - sizeOf(sample);
        }
        await store.commit(operations);
        bytes += growth;
        undated.clear();
      }),
    async read(from, to, limits) {
      const found = await held({ gte: keyOf(from), lte: keyOf(to), limit: limits.count });
      let size = 0;
      const taken = found.findIndex((sample) => {
        size += sizeOf(sample) + 1;
        return size > limits.bytes;
      });
      return taken < 0 ? found : found.slice(0, Math.max(1, taken));
    },
    acknowledge: (contiguous) =>
      inTurn(async () => {
        const upTo = Math.min(contiguous, counters.last); // a provider cannot acknowledge what was never taken
        if (upTo <= counters.acknowledged) return;
        const gone = await held({ lte: keyOf(upTo) });
        await save({ ...counters, acknowledged: upTo }, removal(gone));
        forget(gone);
      }),
    deadLetter: ([from, to], reason) =>
      inTurn(async () => {
        const gone = await held({ gte: keyOf(from), lte: keyOf(to) });
        if (gone.length === 0) return;
        const kept = gone.map(
          (sample): Operation => ({
            type: 'put',
            sublevel: dead,
            key: keyOf(sample.seq),
            value: { reason, sample },
          }),
        );
        await save(
          { ...counters, deadLetters: counters.deadLetters + gone.length, lost: counters.lost + gone.length },
          [...removal(gone), ...kept],
        );
        forget(gone);
        const oldest = (await dead.keys({ reverse: true, limit: keptDead + 1 }).all())[keptDead];
        if (oldest !== undefined) await dead.clear({ lte: oldest });
      }),
    renumber: (epoch) =>
      inTurn(async () => {
        if ((counters.followed ?? counters.epoch) !== epoch) await begin({ epoch, followed: epoch });
      }),
    async lostWithin(from, to) {
      const ranges: Range[] = [];
      let next = from;
      const end = Math.min(to, counters.last);
      for await (const key of samples.keys({ gte: keyOf(next), lte: keyOf(end) })) {
        const sequence = Number(key);
        if (sequence > next) ranges.push([next, sequence - 1]);
        next = sequence + 1;
      }
      if (next <= end) ranges.push([next, end]);
      return ranges;
    },
  };
}
