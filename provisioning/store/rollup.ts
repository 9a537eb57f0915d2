/**
 * What many samples come to. Pure. A gauge is averaged, with the least and the most of it; a counter is what it last was.
 * How many samples each figure stands for is kept with it, so that buckets can be merged in any order and samples that
 * come weeks late still count.
 */
import type { Sample } from '#contract/health.js';
import { describeMetric } from '#contract/metrics.js';

/** Of a gauge: average, least, most, of so many samples. Of a counter: what it was, and when by the box's clock. */
export type Figures = [average: number, least: number, most: number, count: number] | [last: number, at: number];

/** Keyed by the name of the metric. */
export type Bucket = Record<string, Figures>;

export const minutesMilliseconds = 5 * 60_000;
export const hoursMilliseconds = 3_600_000;

const isCounter = (name: string): boolean => describeMetric(name)?.kind === 'counter';

export const bucketOf = (at: number, values: Sample['values']): Bucket =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, Figures] => [
      name,
      isCounter(name) ? [value, at] : [value, value, value, 1],
    ]),
  );

function mergeFigures(one: Figures, other: Figures): Figures {
  if (one.length === 2) return other.length === 2 && other[1] >= one[1] ? other : one;
  if (other.length === 2) return one; // a metric does not change its kind; what an older release wrote stays
  const count = one[3] + other[3];
  // Weighted so, no sum of large values is ever formed.
  const average = one[0] + (other[0] - one[0]) * (other[3] / count);
  return [average, Math.min(one[1], other[1]), Math.max(one[2], other[2]), count];
}

export function mergeBuckets(one: Bucket | undefined, other: Bucket): Bucket {
  if (!one) return other;
  const merged: Bucket = { ...one };
  for (const [name, figures] of Object.entries(other)) {
    const before = merged[name];
    merged[name] = before ? mergeFigures(before, figures) : figures;
  }
  return merged;
}

/** When the bucket begins that a time falls into. */
export const beginOf = (at: number, widthMilliseconds: number): number => at - (at % widthMilliseconds);

/** The values that a chart shows, and how far a gauge went within the bucket. */
export function pointOf(bucket: Bucket): { values: Sample['values']; min: Sample['values']; max: Sample['values'] } {
  const [values, min, max]: Sample['values'][] = [{}, {}, {}];
  for (const [name, figures] of Object.entries(bucket)) {
    values![name] = figures[0];
    if (figures.length === 2) continue;
    min![name] = figures[1];
    max![name] = figures[2];
  }
  return { values: values!, min: min!, max: max! };
}

export interface Row {
  at: number;
  bucket: Bucket;
}

/** Rows of one box, merged into buckets of a width; ascending by their begin. */
export function rollUp(rows: Iterable<Row>, widthMilliseconds: number): Map<number, Bucket> {
  const found = new Map<number, Bucket>();
  for (const { at, bucket } of rows) {
    const begin = beginOf(at, widthMilliseconds);
    found.set(begin, mergeBuckets(found.get(begin), bucket));
  }
  return found;
}
