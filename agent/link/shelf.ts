/**
 * The samples of the outbox that are on the disk, by sequence, with what is known of their times, and the dead letters.
 *
 * What changes it is answered as operations: the outbox commits them with its counters, and only then says `stored` or
 * `forget`, so that what is counted here is what the disk holds.
 */
import type { Database, Operation } from '#common/commits.js';
import type { Range, Sample } from '#contract/health.js';
import type { BootTime, Uncertain } from '../time/trusted-time.js';

export interface Dated {
  sample: Sample;
  /** Where its time is not known. */
  open?: Uncertain | undefined;
}

export interface Shelf {
  count(): number;
  bytes(): number;
  /** How many were taken before the time was known. */
  uncertain(): number;
  in(from: number, to: number, limit?: number): Promise<Sample[]>;
  /** Sequences that are not there. */
  absent(from: number, to: number): Promise<Range[]>;
  put(fresh: readonly Dated[]): Operation[];
  stored(fresh: readonly Dated[]): void;
  remove(gone: readonly Sample[]): Operation[];
  forget(gone: readonly Sample[]): void;
  /** What waits under sequences from 1; `stored` and `forget` are done once it is committed. */
  renumber(): Promise<{ operations: Operation[]; count: number; done(): void }>;
  /** All get their true time, or keep the earliest that they can have. */
  date(known: BootTime): Promise<{ operations: Operation[]; done(): void }>;
  /** Keeps dead letters, a bounded number of them. */
  bury(gone: readonly Sample[], reason: string): Operation[];
  thinGraves(): Promise<void>;
}

interface Dead {
  reason: string;
  sample: Sample;
}

const keyOf = (sequence: number): string => String(sequence).padStart(16, '0');
const keptDead = 1000;
export const sizeOf = (sample: Sample): number => JSON.stringify(sample).length;

export const trueTime = (known: BootTime | undefined, { boot, monotonic }: Uncertain): number | undefined =>
  known?.boot === boot ? Math.floor(known.zero + monotonic) : undefined;

export async function openShelf(db: Database): Promise<Shelf> {
  const samples = db.sublevel<string, Sample>('outbox', { valueEncoding: 'json' });
  // Beside the samples, not in them: a release that knows nothing of it sends a time that is too early, and no more.
  const undatedOnDisk = db.sublevel<string, Uncertain>('outboxUndated', { valueEncoding: 'json' });
  const dead = db.sublevel<string, Dead>('dead', { valueEncoding: 'json' });

  let count = 0;
  let bytes = 0;
  for await (const sample of samples.values()) {
    count += 1;
    bytes += sizeOf(sample);
  }
  /** By sequence: what was taken before the time was known. */
  const undated = new Map<number, Uncertain>();
  for await (const [key, when] of undatedOnDisk.iterator())
    if ((await samples.get(key)) !== undefined) undated.set(Number(key), when);

  const putSample = (sample: Sample): Operation => ({
    type: 'put',
    sublevel: samples,
    key: keyOf(sample.seq),
    value: sample,
  });
  const dating = (seq: number): Operation => ({ type: 'del', sublevel: undatedOnDisk, key: keyOf(seq) });

  const remove: Shelf['remove'] = (gone) =>
    gone.flatMap(({ seq }): Operation[] => [
      { type: 'del', sublevel: samples, key: keyOf(seq) },
      ...(undated.has(seq) ? [dating(seq)] : []),
    ]);

  const stored: Shelf['stored'] = (fresh) => {
    count += fresh.length;
    for (const { sample, open } of fresh) {
      bytes += sizeOf(sample);
      if (open) undated.set(sample.seq, open);
    }
  };

  const forget: Shelf['forget'] = (gone) => {
    count -= gone.length;
    for (const sample of gone) {
      bytes -= sizeOf(sample);
      undated.delete(sample.seq);
    }
  };

  return {
    count: () => count,
    bytes: () => bytes,
    uncertain: () => undated.size,
    in: (from, to, limit) =>
      samples.values({ gte: keyOf(from), lte: keyOf(to), ...(limit !== undefined && { limit }) }).all(),
    async absent(from, to) {
      const ranges: Range[] = [];
      let next = from;
      for await (const key of samples.keys({ gte: keyOf(next), lte: keyOf(to) })) {
        const sequence = Number(key);
        if (sequence > next) ranges.push([next, sequence - 1]);
        next = sequence + 1;
      }
      if (next <= to) ranges.push([next, to]);
      return ranges;
    },
    put: (fresh) =>
      fresh.flatMap(({ sample, open }): Operation[] => [
        putSample(sample),
        ...(open ? [{ type: 'put' as const, sublevel: undatedOnDisk, key: keyOf(sample.seq), value: open }] : []),
      ]),
    stored,
    remove,
    forget,
    async renumber() {
      const waited = await samples.values().all();
      const moved = waited.map((sample, index): Sample => ({ ...sample, seq: index + 1 }));
      return {
        operations: [...remove(waited), ...moved.map(putSample)],
        count: moved.length,
        done() {
          forget(waited);
          stored(moved.map((sample) => ({ sample })));
        },
      };
    },
    async date(known) {
      const operations: Operation[] = [];
      let growth = 0;
      for (const [seq, when] of undated) {
        operations.push(dating(seq));
        const at = trueTime(known, when);
        const sample = at === undefined ? undefined : await samples.get(keyOf(seq));
        if (at === undefined || !sample) continue;
        const right = { ...sample, at };
        operations.push(putSample(right));
        growth += sizeOf(right) - sizeOf(sample);
      }
      return {
        operations,
        done() {
          bytes += growth;
          undated.clear();
        },
      };
    },
    bury: (gone, reason) =>
      gone.map(
        (sample): Operation => ({
          type: 'put',
          sublevel: dead,
          key: keyOf(sample.seq),
          value: { reason, sample },
        }),
      ),
    async thinGraves() {
      const oldest = (await dead.keys({ reverse: true, limit: keptDead + 1 }).all())[keptDead];
      if (oldest !== undefined) await dead.clear({ lte: oldest });
    },
  };
}
