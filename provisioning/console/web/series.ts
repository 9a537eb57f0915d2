/** From stored samples to what a chart draws: the time axis stays true, and where nothing was measured nothing is drawn. Pure. */
import type { MetricName } from '#contract/metrics.js';
import type { StoredSample } from '#contract/operator.js';

/** A value of one sample; null where there is none. `before` is the sample before it, unless a gap lies between. */
export type Read = (sample: StoredSample, before: StoredSample | undefined) => number | null;

export interface Columns {
  /** Seconds since 1970, ascending; a gap has one time of its own, at which every line is null. */
  times: number[];
  lines: (number | null)[][];
  /** From and to, in seconds. */
  gaps: [number, number][];
}

export const gauge =
  (name: MetricName): Read =>
  ({ values }) =>
    values[name] ?? null;

/** The least of a gauge where a sample stands for several; null where it stands for itself. */
export const leastOf =
  (name: MetricName): Read =>
  ({ min }) =>
    min?.[name] ?? null;

export const mostOf =
  (name: MetricName): Read =>
  ({ max }) =>
    max?.[name] ?? null;

/** Of a counter, a second. A counter that fell was set back by a restart: what it counted before is not known. */
export const perSecond =
  (name: MetricName): Read =>
  (sample, before) => {
    const now = sample.values[name];
    const then = before?.values[name];
    if (now === undefined || then === undefined || !before || now < then || sample.at <= before.at) return null;
    return (now - then) / ((sample.at - before.at) / 1000);
  };

/**
 * How long, in milliseconds, two samples may lie apart before something is missing between them: two and a half times
 * the usual step. The usual one is the 80th of a hundred, so that a while at a faster interval makes no gaps of the rest.
 */
export function longestStep(samples: readonly StoredSample[]): number {
  const steps = samples.slice(1).map((sample, index) => sample.at - (samples[index]?.at ?? sample.at));
  steps.sort((a, b) => a - b);
  const usual = steps[Math.floor((steps.length - 1) * 0.8)];
  return usual === undefined ? Number.POSITIVE_INFINITY : Math.max(2.5 * usual, 3000);
}

export function columnsOf(samples: readonly StoredSample[], reads: readonly Read[]): Columns {
  const columns: Columns = { times: [], lines: reads.map(() => []), gaps: [] };
  const longest = longestStep(samples);
  let before: StoredSample | undefined;
  for (const sample of samples) {
    if (before && sample.at <= before.at) continue;
    if (before && sample.at - before.at > longest) {
      columns.times.push((before.at + sample.at) / 2000);
      for (const line of columns.lines) line.push(null);
      columns.gaps.push([before.at / 1000, sample.at / 1000]);
      before = undefined;
    }
    columns.times.push(sample.at / 1000);
    reads.forEach((read, index) => {
      columns.lines[index]?.push(read(sample, before));
    });
    before = sample;
  }
  return columns;
}

/** Both ascending; where both have a time the newer wins. Drops what is older than `from`. */
export function merge(known: readonly StoredSample[], newer: readonly StoredSample[], from: number): StoredSample[] {
  const byTime = new Map([...known, ...newer].map((sample) => [sample.at, sample]));
  return [...byTime.values()].filter(({ at }) => at >= from).sort((a, b) => a.at - b.at);
}

export function summaryOf(line: readonly (number | null)[]): { last: number; least: number; most: number } | undefined {
  let found: { last: number; least: number; most: number } | undefined;
  for (const value of line) {
    if (value === null) continue;
    found = { last: value, least: Math.min(found?.least ?? value, value), most: Math.max(found?.most ?? value, value) };
  }
  return found;
}
