/**
 * What the samples of a box came to, the buckets of a day or of ten together, as they lie in either store: begins, names, and
 * for each name what its gauges or counters were (contract/health-columns.ts).
 *
 * Least and most are exact, and a counter. Of an average the sum of its samples is kept, in the unit that all of them are
 * multiples of, as measured values are: it comes back to nine digits and more.
 */
import { type BitReader, type BitWriter, createBitReader, createBitWriter } from '#contract/bits.js';
import { readColumn, type Unit, units, unitsOf, writeColumn } from '#contract/health-columns.js';
import { inOrder, mostNames, readNames, writeNames } from '#contract/names-codec.js';
import { dayMilliseconds } from './pack.js';
import { type Bucket, type Figures, mergeBuckets, type Row } from './rollup.js';

const format = 1;
const unitBits = 4;
/** No unit: the three are written as they are. */
const exactly = 15;
/** Of a sum: what an average that was merged many times has lost. */
const precision = 1e-9;
const kindBits = 2;
/** Each bucket says its own. */
const mixed = 3;
/** Of one minute each: far more than a day has. */
const mostBuckets = 1440;

type Gauge = Extract<Figures, { length: 4 }>;
type Counter = Extract<Figures, { length: 2 }>;

/** Of each bucket: nothing, a gauge, or a counter. */
const kindOf = (figures: Figures | undefined): number => (figures === undefined ? 0 : figures.length === 4 ? 1 : 2);

/** How long the buckets of one pack go on, from when on: what they have in common stands in it once. */
export const spans = { minute: dayMilliseconds, hour: 10 * dayMilliseconds } as const;
export type Buckets = keyof typeof spans;
export const spanOf = (kind: Buckets, at: number): number => at - (at % spans[kind]);

/** By when their pack begins. */
export function bySpan(kind: Buckets, rows: readonly Row[]): Map<number, Row[]> {
  const packs = new Map<number, Row[]>();
  for (const row of rows) {
    const begin = spanOf(kind, row.at);
    const known = packs.get(begin);
    if (known) known.push(row);
    else packs.set(begin, [row]);
  }
  return packs;
}

/** Those of one begin are one. Ascending. */
export function mergeRows(all: readonly (readonly Row[])[]): Row[] {
  const found = new Map<number, Bucket>();
  for (const rows of all) for (const { at, bucket } of rows) found.set(at, mergeBuckets(found.get(at), bucket));
  return [...found].map(([at, bucket]) => ({ at, bucket })).sort((one, other) => one.at - other.at);
}

/** Those that begin in `[from, to]`. */
export const rowsWithin = (all: readonly (readonly Row[])[], from: number, to: number): Row[] =>
  mergeRows(all).filter(({ at }) => at >= from && at <= to);

/** Most metrics of a box are of the same samples, so that their counts are alike, and the times of their counters. */
function writeShared(to: BitWriter, values: readonly number[], before: readonly number[] | undefined): void {
  const isSame = before?.length === values.length && values.every((value, index) => value === before[index]);
  to.bits(isSame ? 1 : 0, 1);
  if (!isSame) writeColumn(to, values);
}

function readShared(from: BitReader, count: number, before: readonly number[] | undefined): number[] | undefined {
  if (from.bits(1) === 0) return readColumn(from, count);
  return before?.length === count ? [...before] : undefined;
}

/** How far the sums lie above that of so many of the least; undefined where they are no multiples of the unit. */
function sumsAbove(unit: Unit, gauges: readonly Gauge[], low: readonly number[]): number[] | undefined {
  const size = unit.fromWhole(1);
  const sums: number[] = [];
  for (const [index, [average, , , count]] of gauges.entries()) {
    const sum = (average / size) * count;
    if (Math.abs(sum - Math.round(sum)) > Math.max(1, Math.abs(sum)) * precision) return undefined;
    sums.push(Math.round(sum) - low[index]! * count);
  }
  return sums;
}

function writeGauges(to: BitWriter, gauges: readonly Gauge[]): void {
  const [average, least, most] = [0, 1, 2].map((place) => gauges.map((gauge) => gauge[place]!));
  for (const number of unitsOf([...least!, ...most!])) {
    const unit = units[number]!;
    const low = least!.map(unit.toWhole);
    const range = most!.map((value, index) => unit.toWhole(value) - low[index]!);
    const sums = sumsAbove(unit, gauges, low);
    if (!sums || ![...range, ...sums].every(Number.isSafeInteger)) continue;
    to.bits(number, unitBits);
    for (const column of [low, range, sums]) writeColumn(to, column);
    return;
  }
  to.bits(exactly, unitBits);
  for (const column of [least!, most!, average!]) writeColumn(to, column);
}

function readGauges(from: BitReader, counts: readonly number[]): Gauge[] | undefined {
  const number = from.bits(unitBits);
  const [low, high, middle] = [0, 1, 2].map(() => readColumn(from, counts.length));
  if (!low || !high || !middle) return undefined;
  if (number === exactly) return counts.map((count, index) => [middle[index]!, low[index]!, high[index]!, count]);
  const unit = units[number];
  return (
    unit &&
    counts.map((count, index): Gauge => {
      const least = low[index]!;
      return [
        unit.fromWhole(least + middle[index]! / count),
        unit.fromWhole(least),
        unit.fromWhole(least + high[index]!),
        count,
      ];
    })
  );
}

/** @param rows ascending, one for each begin */
export function packBuckets(rows: readonly Row[]): Buffer {
  const names = [...new Set(rows.flatMap(({ bucket }) => Object.keys(bucket)))].sort(inOrder);
  const to = createBitWriter();
  to.bits(format, 8);
  to.number(rows.length);
  writeColumn(
    to,
    rows.map(({ at }) => at),
  );
  to.number(Math.ceil(names.length / mostNames));
  let [counts, times]: (number[] | undefined)[] = [];
  for (let first = 0; first < names.length; first += mostNames) {
    const some = names.slice(first, first + mostNames);
    writeNames(to, some);
    for (const name of some) {
      const all = rows.map(({ bucket }) => (Object.hasOwn(bucket, name) ? bucket[name] : undefined));
      const kinds = all.map(kindOf);
      const isUniform = kinds.every((kind) => kind === kinds[0]);
      to.bits(isUniform ? kinds[0]! : mixed, kindBits);
      if (!isUniform) for (const kind of kinds) to.bits(kind, kindBits);
      const gauges = all.filter((figures): figures is Gauge => kindOf(figures) === 1);
      if (gauges.length > 0) {
        const own = gauges.map((gauge) => gauge[3]);
        writeShared(to, own, counts);
        counts = own;
        writeGauges(to, gauges);
      }
      const counters = all.filter((figures): figures is Counter => kindOf(figures) === 2);
      if (counters.length > 0) {
        const own = counters.map((counter) => counter[1]);
        writeShared(to, own, times);
        times = own;
        writeColumn(
          to,
          counters.map((counter) => counter[0]),
        );
      }
    }
  }
  return to.bytes();
}

/** @throws Error where the bytes are none that were written here */
export function unpackBuckets(bytes: Uint8Array): Row[] {
  const broken = () => new Error('stored buckets cannot be read');
  const from = createBitReader(bytes);
  if (from.bits(8) !== format) throw broken();
  const count = from.number();
  if (count < 1 || count > mostBuckets) throw broken();
  const rows = readColumn(from, count)?.map((at): Row => ({ at, bucket: {} }));
  if (!rows) throw broken();
  let [counts, times]: (number[] | undefined)[] = [];
  for (let chunks = from.number(); chunks > 0; chunks -= 1)
    for (const name of readNames(from) ?? []) {
      const kind = from.bits(kindBits);
      const kinds = rows.map(() => (kind === mixed ? from.bits(kindBits) : kind));
      const [gauged, counted] = [1, 2].map((wanted) => rows.filter((_, index) => kinds[index] === wanted));
      if (gauged!.length > 0) {
        counts = readShared(from, gauged!.length, counts);
        const gauges = counts && readGauges(from, counts);
        if (!gauges) throw broken();
        for (let index = 0; index < gauges.length; index += 1) gauged![index]!.bucket[name] = gauges[index]!;
      }
      if (counted!.length > 0) {
        times = readShared(from, counted!.length, times);
        const last = readColumn(from, counted!.length);
        if (!times || !last) throw broken();
        for (let index = 0; index < last.length; index += 1)
          counted![index]!.bucket[name] = [last[index]!, times[index]!];
      }
    }
  if (from.failed() || !from.atEnd()) throw broken();
  return rows;
}
