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

const kinds = new Map<string, boolean>();
/** Boxes may invent names without end. */
const mostKinds = 10_000;

function isCounter(name: string): boolean {
  let known = kinds.get(name);
  if (known !== undefined) return known;
  known = describeMetric(name)?.kind === 'counter';
  if (kinds.size >= mostKinds) kinds.clear();
  kinds.set(name, known);
  return known;
}

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

/** Into the first, which is the caller's own; its figures are replaced and not altered. */
function mergeInto(merged: Bucket, other: Bucket): void {
  for (const name of Object.keys(other)) {
    const before = merged[name];
    merged[name] = before ? mergeFigures(before, other[name]!) : other[name]!;
  }
}

export function mergeBuckets(one: Bucket | undefined, other: Bucket): Bucket {
  if (!one) return other;
  const merged: Bucket = { ...one };
  mergeInto(merged, other);
  return merged;
}

/** As merging `bucketOf` it, without making that: each stored sample comes by here. Alters the bucket and its figures. */
function add(bucket: Bucket, at: number, values: Sample['values']): void {
  for (const name of Object.keys(values)) {
    const value = values[name]!;
    const figures = bucket[name];
    if (!figures) bucket[name] = isCounter(name) ? [value, at] : [value, value, value, 1];
    else if (figures.length === 2) {
      if (at >= figures[1]) bucket[name] = [value, at];
    } else {
      figures[3] += 1;
      figures[0] += (value - figures[0]) / figures[3];
      if (value < figures[1]) figures[1] = value;
      if (value > figures[2]) figures[2] = value;
    }
  }
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

const rowsOf = (found: ReadonlyMap<number, Bucket>): Row[] =>
  [...found].map(([at, bucket]) => ({ at, bucket })).sort((one, other) => one.at - other.at);

/** Rows of one box, merged into buckets of a width; ascending by their begin. Of width 1: those of one begin are one. */
export function rollUp(rows: Iterable<Row>, widthMilliseconds: number): Row[] {
  const found = new Map<number, Bucket>();
  for (const { at, bucket } of rows) {
    const begin = beginOf(at, widthMilliseconds);
    const merged = found.get(begin);
    if (merged) mergeInto(merged, bucket);
    else found.set(begin, { ...bucket });
  }
  return rowsOf(found);
}

/** Samples of one box, in buckets of a width; ascending by their begin. */
export function rollUpSamples(samples: Iterable<Omit<Sample, 'seq'>>, widthMilliseconds: number): Row[] {
  const found = new Map<number, Bucket>();
  for (const { at, values } of samples) {
    const begin = beginOf(at, widthMilliseconds);
    const bucket = found.get(begin) ?? {};
    found.set(begin, bucket);
    add(bucket, at, values);
  }
  return rowsOf(found);
}
