/**
 * Rolls up what is past its time, box by box. Samples go and what they come to is written in one commit, so a cut at any
 * moment leaves each of them counted once; and what comes weeks late is merged into what is there.
 */
import type { Operation } from '#common/commits.js';
import { cutsOf, type Keep } from './fleet.js';
import { bucketOf, hoursMilliseconds, mergeBuckets, minutesMilliseconds, type Row, rollUp } from './rollup.js';
import { sampleRange, sampleTime } from './samples.js';
import type { Store } from './store.js';

/** A commit's worth: what a box sends in a day. */
const mostInStep = 1440;

const keyOf = (box: string, begin: number): string => `${box}!${String(begin).padStart(16, '0')}`;

export async function sweepLevel(store: Store, keep: Keep, now: number, signal?: AbortSignal): Promise<void> {
  const cuts = cutsOf(keep, now);

  async function merged(
    into: Store['rollupMinutes'],
    box: string,
    rows: readonly Row[],
    width: number,
  ): Promise<Operation[]> {
    const buckets = [...rollUp(rows, width)];
    const there = await into.getMany(buckets.map(([begin]) => keyOf(box, begin)));
    return buckets.map(([begin, bucket], index) => ({
      ...{ type: 'put', sublevel: into, key: keyOf(box, begin) },
      value: mergeBuckets(there[index], bucket),
    }));
  }

  /** Whether there is more. */
  async function step(box: string): Promise<boolean> {
    const range = { ...sampleRange(box, 0, cuts.raw - 1), limit: mostInStep };
    const entries = await store.samples.iterator(range).all();
    const rows = entries.map(([key, values]): Row => {
      const at = sampleTime(key);
      return { at, bucket: bucketOf(at, values) };
    });
    const lately = rows.filter(({ at }) => at >= cuts.minutes);
    await store.commit([
      ...(await merged(store.rollupMinutes, box, lately, minutesMilliseconds)),
      ...(await merged(store.rollupHours, box, rows, hoursMilliseconds)),
      ...entries.map(([key]): Operation => ({ type: 'del', sublevel: store.samples, key })),
    ]);
    return entries.length === mostInStep;
  }

  for await (const box of store.lives.keys()) {
    for (let more = cuts.raw > 0; more && !signal?.aborted; ) more = await step(box);
    if (signal?.aborted) return;
    await store.rollupMinutes.clear(sampleRange(box, 0, cuts.minutes - 1));
    await store.rollupHours.clear(sampleRange(box, 0, cuts.hours - 1));
  }
}
