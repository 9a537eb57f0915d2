/**
 * Rolls up what is past its time, box by box. What goes from one resolution goes into the next in the same commit, so a
 * cut at any moment leaves each sample counted once; and what comes weeks late is merged into what is there.
 */
import type { Operation } from '#common/commits.js';
import type { Keep } from './fleet.js';
import {
  type Bucket,
  bucketOf,
  hoursMilliseconds,
  mergeBuckets,
  minutesMilliseconds,
  type Row,
  rollUp,
} from './rollup.js';
import { type Store, sampleRange, sampleTime } from './store.js';

const day = 86_400_000;
/** A commit's worth: what a box sends in a day. */
const mostInStep = 1440;

export async function sweepLevel(store: Store, keep: Keep, now: number, signal?: AbortSignal): Promise<void> {
  /** Everything before it goes; on the hour, so that no bucket is begun twice without need. */
  const cut = (days: number) => Math.floor((now - days * day) / hoursMilliseconds) * hoursMilliseconds;
  const keyOf = (box: string, begin: number) => `${box}!${String(begin).padStart(16, '0')}`;

  async function step<V>(
    box: string,
    from: Pick<Store['samples'] | Store['rollupMinutes'], 'prefixKey'> & {
      iterator(range: object): { all(): Promise<[string, V][]> };
    },
    into: Store['rollupMinutes'],
    { before, width, read }: { before: number; width: number; read: (at: number, value: V) => Bucket },
  ): Promise<boolean> {
    const entries = await from.iterator({ ...sampleRange(box, 0, before - 1), limit: mostInStep }).all();
    if (entries.length === 0) return false;
    const rows = entries.map(([key, value]): Row => ({ at: sampleTime(key), bucket: read(sampleTime(key), value) }));
    const buckets = [...rollUp(rows, width)];
    const there = await into.getMany(buckets.map(([begin]) => keyOf(box, begin)));
    const operations: Operation[] = buckets.map(([begin, bucket], index) => ({
      type: 'put',
      sublevel: into,
      key: keyOf(box, begin),
      value: mergeBuckets(there[index], bucket),
    }));
    for (const [key] of entries)
      operations.push({ type: 'del', key: from.prefixKey(key, 'utf8'), keyEncoding: 'utf8' });
    await store.commit(operations);
    return entries.length === mostInStep;
  }

  const rawCut = cut(keep.rawDays);
  const minutesCut = cut(keep.minutesDays);
  const hoursCut = cut(keep.hoursDays);
  for await (const box of store.lives.keys()) {
    for (let more = rawCut > 0; more && !signal?.aborted; )
      more = await step(box, store.samples, store.rollupMinutes, {
        ...{ before: rawCut, width: minutesMilliseconds, read: bucketOf },
      });
    for (let more = minutesCut > 0; more && !signal?.aborted; )
      more = await step(box, store.rollupMinutes, store.rollupHours, {
        ...{ before: minutesCut, width: hoursMilliseconds, read: (_at: number, bucket: Bucket) => bucket },
      });
    if (signal?.aborted) return;
    if (hoursCut > 0) await store.rollupHours.clear(sampleRange(box, 0, hoursCut - 1));
  }
}
