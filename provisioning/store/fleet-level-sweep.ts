/**
 * Rolls up what is past its time, box by box. Samples go and what they come to is written in one commit, so a cut at any
 * moment leaves each of them counted once; and what comes weeks late is merged into what is there.
 */
import type { Operation } from '#common/commits.js';
import { type Buckets, bySpan, mergeRows, packBuckets, spanOf, unpackBuckets } from './bucket-pack.js';
import { cutsOf, type Keep } from './fleet.js';
import { dayOf, samplesIn } from './pack.js';
import { bucketOf, hoursMilliseconds, minutesMilliseconds, type Row, rollUp } from './rollup.js';
import { sampleRange, sampleTime } from './samples.js';
import type { Store } from './store.js';

/** A commit's worth: what a box sends in a day. */
const mostPacks = 96;
const mostSamples = 1440;

const keyOf = (box: string, begin: number): string => `${box}!${String(begin).padStart(16, '0')}`;

export async function sweepLevel(store: Store, keep: Keep, now: number, signal?: AbortSignal): Promise<void> {
  const cuts = cutsOf(keep, now);
  // Whole days: each pack of buckets is written once, and once more for what comes late.
  const before = dayOf(cuts.raw);

  async function merged(kind: Buckets, box: string, rows: readonly Row[], width: number): Promise<Operation[]> {
    const into = store[`${kind}Packs`];
    const found = [...rollUp(rows, width)].map(([at, bucket]): Row => ({ at, bucket }));
    const packs = [...bySpan(kind, found)];
    const there = await into.getMany(packs.map(([begin]) => keyOf(box, begin)));
    return packs.map(([begin, fresh], index): Operation => {
      const old = there[index] ? unpackBuckets(there[index]) : [];
      return { type: 'put', sublevel: into, key: keyOf(box, begin), value: packBuckets(mergeRows([old, fresh])) };
    });
  }

  async function put(box: string, rows: readonly Row[], sublevel: Store['samples'] | Store['packs'], keys: string[]) {
    const since = (cut: number) => rows.filter(({ at }) => at >= cut);
    await store.commit([
      ...(await merged('minute', box, since(cuts.minutes), minutesMilliseconds)),
      ...(await merged('hour', box, since(cuts.hours), hoursMilliseconds)),
      ...keys.map((key): Operation => ({ type: 'del', sublevel: sublevel as Store['packs'], key })),
    ]);
  }

  /** Whether there is more. */
  async function stepOfPacks(box: string): Promise<boolean> {
    const entries = await store.packs.iterator({ ...sampleRange(box, 0, before - 1), limit: mostPacks }).all();
    const rows = entries.flatMap(([, bytes]) =>
      samplesIn(bytes).map(({ at, values }): Row => ({ at, bucket: bucketOf(at, values) })),
    );
    if (entries.length > 0)
      await put(
        box,
        rows,
        store.packs,
        entries.map(([key]) => key),
      );
    return entries.length === mostPacks;
  }

  /** Of what the release before wrote. */
  async function stepOfSamples(box: string): Promise<boolean> {
    const entries = await store.samples.iterator({ ...sampleRange(box, 0, before - 1), limit: mostSamples }).all();
    const rows = entries.map(([key, values]): Row => {
      const at = sampleTime(key);
      return { at, bucket: bucketOf(at, values) };
    });
    if (entries.length > 0)
      await put(
        box,
        rows,
        store.samples,
        entries.map(([key]) => key),
      );
    return entries.length === mostSamples;
  }

  for await (const box of store.lives.keys()) {
    for (const step of [stepOfPacks, stepOfSamples])
      for (let more = before > 0; more && !signal?.aborted; ) more = await step(box);
    if (signal?.aborted) return;
    for (const kind of ['minute', 'hour'] as const) {
      const cut = cuts[`${kind}s`];
      if (spanOf(kind, cut) > 0) await store[`${kind}Packs`].clear(sampleRange(box, 0, spanOf(kind, cut) - 1));
      const old = kind === 'minute' ? store.rollupMinutes : store.rollupHours;
      if (cut > 0) await old.clear(sampleRange(box, 0, cut - 1));
    }
  }
}
