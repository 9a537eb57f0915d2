/** From stored samples in three resolutions to the points of a chart. Pure. */
import type { StoredSample } from '#contract/operator.js';
import { hoursMilliseconds, pointOf, type Row, rollUp } from './rollup.js';

export interface Span {
  from: number;
  to: number;
  limit: number;
}

/**
 * How many of the points fall to what is still raw: its share of the time, and never none.
 * @param rawSince when raw samples begin, and `now`, when they end, both by our clock
 */
export function rawLimit({ from, to, limit }: Span, rawSince: number, now: number): number {
  const end = Math.min(to, now);
  if (from >= rawSince || end <= from) return limit;
  const share = Math.max(0, end - Math.max(from, rawSince)) / (end - from);
  return Math.min(limit, Math.max(2, Math.round(limit * share)));
}

/** Which resolution of the coarse ones fits: up to the answer those of an hour, from there on
 * those of five minutes. Hours all over where points are hours apart. */
export function hoursUntil({ from, to, limit }: Span, minutesSince: number, now: number): number {
  const end = Math.min(to, now);
  return (end - from) / Math.max(1, limit) >= hoursMilliseconds ? Number.MAX_SAFE_INTEGER : minutesSince;
}

/** Rows of both coarse resolutions, in buckets as wide as so many points need. Ascending. */
export function pointsOf(rows: readonly Row[], limit: number): StoredSample[] {
  const sorted = [...rows].sort((a, b) => a.at - b.at);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last || limit < 1) return [];
  const width = Math.max(1, Math.ceil((last.at - first.at + 1) / Math.max(1, limit - 1)));
  const points = sorted.length <= limit ? sorted : rollUp(sorted, width);
  // A bucket of the chart begins on its grid, which may lie before what is in it.
  return points.map(({ at, bucket }) => ({ at: Math.max(at, first.at), ...pointOf(bucket) }));
}

/** Coarse and raw together, at most `limit`, oldest first. */
export function join(coarse: readonly StoredSample[], raw: readonly StoredSample[], limit: number): StoredSample[] {
  if (coarse.length === 0) return [...raw];
  const all = [...coarse, ...raw].sort((a, b) => a.at - b.at);
  if (all.length <= limit) return all;
  if (limit <= 1) return all.slice(all.length - Math.max(0, limit));
  return Array.from({ length: limit }, (_, index) => all[Math.round((index * (all.length - 1)) / (limit - 1))]!);
}
