/**
 * Health samples that the provider has not acknowledged, on disk.
 *
 * Invariants: a sample's sequence is given once, at the moment it is durably stored. It leaves the outbox only when a
 * `down/ack` covers it, or when it is given up, which is counted and told to the provider. The epoch is random and made
 * with the store.
 */
import { randomBytes } from 'node:crypto';
import type { Database, Operation } from '#common/commits.js';
import type { Range, Sample } from '#contract/health.js';

export interface OutboxState {
  epoch: string;
  /** Highest sequence given. */
  last: number;
  /** Everything up to here is the provider's. */
  acknowledged: number;
  waiting: number;
  deadLetters: number;
  lost: number;
}

export interface Outbox {
  state(): OutboxState;
  /** Durable when it resolves. */
  add(sample: Omit<Sample, 'seq'>): Promise<Sample>;
  /** Samples in `[from, to]`, ascending, within both limits, at least one if there is one. */
  read(from: number, to: number, limits: { count: number; bytes: number }): Promise<Sample[]>;
  acknowledge(contiguous: number): Promise<void>;
  /** Kept aside and never sent again. */
  deadLetter(range: Range, reason: string): Promise<void>;
  /**
   * A new epoch, for another provider: what waits is numbered anew from 1, so that the new one counts no gap. Harmless
   * when it is the epoch already. Nothing may be under way between outbox and provider.
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
}): Promise<Outbox> {
  const { store, budgetBytes } = wish;
  const samples = store.db.sublevel<string, Sample>('outbox', { valueEncoding: 'json' });
  const dead = store.db.sublevel<string, Dead>('dead', { valueEncoding: 'json' });
  const meta = store.db.sublevel<string, Counters>('outboxMeta', { valueEncoding: 'json' });

  const found = await meta.get('counters');
  let counters: Counters = found ?? {
    epoch: randomBytes(8).toString('hex'),
    last: 0,
    acknowledged: 0,
    deadLetters: 0,
    lost: 0,
  };
  let waiting = 0;
  let bytes = 0;
  const sizeOf = (sample: Sample): number => JSON.stringify(sample).length;
  for await (const sample of samples.values()) {
    waiting += 1;
    bytes += sizeOf(sample);
  }
  if (!found) await save(counters, []);

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

  function removal(gone: readonly Sample[]): Operation[] {
    return gone.map((sample) => ({ type: 'del', sublevel: samples, key: keyOf(sample.seq) }));
  }

  function forget(gone: readonly Sample[]): void {
    waiting -= gone.length;
    for (const sample of gone) bytes -= sizeOf(sample);
  }

  return {
    state: () => ({ ...counters, waiting }),
    add: (wanted) =>
      inTurn(async () => {
        const sample: Sample = { seq: counters.last + 1, ...wanted };
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
          { type: 'put', sublevel: samples, key: keyOf(sample.seq), value: sample },
        ]);
        forget(evicted);
        waiting += 1;
        bytes += size;
        return sample;
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
          (sample): Operation => ({ type: 'put', sublevel: dead, key: keyOf(sample.seq), value: { reason, sample } }),
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
        if (counters.epoch === epoch) return;
        const waited = await held({});
        const moved = waited.map((sample, index): Sample => ({ ...sample, seq: index + 1 }));
        await save({ ...counters, epoch, last: moved.length, acknowledged: 0 }, [
          ...removal(waited),
          ...moved.map((value): Operation => ({ type: 'put', sublevel: samples, key: keyOf(value.seq), value })),
        ]);
        forget(waited);
        waiting += moved.length;
        for (const sample of moved) bytes += sizeOf(sample);
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
