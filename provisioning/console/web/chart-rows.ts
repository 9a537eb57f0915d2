/** What the charts show, as rows of a table: at most two dozen steps of time, and a row for each time without samples. Pure. */
import type { StoredSample } from '#contract/operator.js';
import type { ChartLine, ChartSpec } from './charts.js';
import type { Gap } from './gaps.js';
import { columnsOf } from './series.js';

export interface ChartColumn {
  key: string;
  title: string;
  say: (value: number) => string;
  line: ChartLine;
}

export interface Cell {
  average: number;
  least: number;
  most: number;
}

export type ChartRow =
  | { at: number; to: number; cells: (Cell | undefined)[] }
  /** Nothing came in this time. */
  | { at: number; to: number; reason: string | undefined };

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [1, 5, 10, 15, 30]
  .map((n) => n * minute)
  .concat(
    [1, 2, 3, 6, 12].map((n) => n * hour),
    [1, 2, 7, 14, 31].map((n) => n * day),
  );
const mostRows = 24;

export const stepOf = (length: number): number => steps.find((step) => length / step <= mostRows) ?? 31 * day;

export const columnsFor = (specs: readonly ChartSpec[]): ChartColumn[] =>
  specs.flatMap(({ id, title, say, lines }) =>
    lines.map((line) => ({
      key: `${id} ${line.name}`,
      title: lines.length > 1 ? `${title}, ${line.name}` : title,
      ...{ say, line },
    })),
  );

/** Of the points of one step: each counts once. */
function cellOf(values: readonly (readonly [value: number, least: number, most: number])[]): Cell | undefined {
  if (values.length === 0) return undefined;
  return {
    average: values.reduce((sum, [value]) => sum + value / values.length, 0),
    least: Math.min(...values.map(([, least]) => least)),
    most: Math.max(...values.map(([, , most]) => most)),
  };
}

/**
 * @param offset what local time is ahead of UTC, in milliseconds: days begin at midnight
 */
export function rowsOf(
  samples: readonly StoredSample[],
  columns: readonly ChartColumn[],
  range: { from: number; to: number; offset: number; gaps: readonly Gap[] },
): ChartRow[] {
  const { from, to, offset, gaps } = range;
  const step = stepOf(to - from);
  const reads = columns.flatMap(({ line: { read, band } }) => [read, band?.least ?? read, band?.most ?? read]);
  const { times, lines } = columnsOf(samples, reads);
  const found = new Map<number, number[]>();
  for (const [index, time] of times.entries()) {
    if (lines.every((line) => line[index] == null)) continue;
    const begin = Math.floor((time * 1000 + offset) / step) * step - offset;
    found.set(begin, [...(found.get(begin) ?? []), index]);
  }
  const rows: ChartRow[] = [];
  for (let at = Math.floor((from + offset) / step) * step - offset; at < to; at += step) {
    const indexes = found.get(at);
    if (indexes) {
      const cells = columns.map((_, column) =>
        cellOf(
          indexes.flatMap((index) => {
            const value = lines[3 * column]?.[index] ?? undefined;
            if (value === undefined) return [];
            return [[value, lines[3 * column + 1]?.[index] ?? value, lines[3 * column + 2]?.[index] ?? value] as const];
          }),
        ),
      );
      rows.push({ at, to: at + step, cells });
      continue;
    }
    const last = rows.at(-1);
    const gap = gaps.find((one) => one.from < at + step && one.to > at);
    if (last && 'reason' in last && last.reason === gap?.reason) last.to = Math.min(to, at + step);
    else rows.push({ at, to: Math.min(to, at + step), reason: gap?.reason });
  }
  return rows;
}
