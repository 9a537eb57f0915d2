/**
 * What the samples of a box came to, the buckets of one day together, as they lie in either store: begins, names, and
 * for each name what its gauges or counters were (contract/health-columns.ts).
 *
 * Least and most are exact, and a counter. Of an average the sum of its samples is kept, to the unit that least and most
 * are multiples of: exact where the samples were multiples too, as measured values are.
 */
import { type BitReader, type BitWriter, createBitReader, createBitWriter } from '#contract/bits.js';
import { readColumn, unitOf, units, writeColumn } from '#contract/health-columns.js';
import { inOrder, mostNames, readNames, writeNames } from '#contract/names-codec.js';
import { dayOf } from './pack.js';
import { type Bucket, type Figures, mergeBuckets, type Row } from './rollup.js';

const format = 1;
const unitBits = 4;
/** No unit: the three are written as they are. */
const exactly = 15;
const kindBits = 2;
/** Each bucket says its own. */
const mixed = 3;
/** Of one minute each: far more than a day has. */
const mostBuckets = 1440;

type Gauge = Extract<Figures, { length: 4 }>;
type Counter = Extract<Figures, { length: 2 }>;

/** Of each bucket: nothing, a gauge, or a counter. */
const kindOf = (figures: Figures | undefined): number => (figures === undefined ? 0 : figures.length === 4 ? 1 : 2);

/** Of one day: one pack each. */
export function byDay(rows: readonly Row[]): Map<number, Row[]> {
  const days = new Map<number, Row[]>();
  for (const row of rows) {
    const day = dayOf(row.at);
    const known = days.get(day);
    if (known) known.push(row);
    else days.set(day, [row]);
  }
  return days;
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

function writeGauges(to: BitWriter, gauges: readonly Gauge[]): void {
  const [average, least, most, counts] = [0, 1, 2, 3].map((place) => gauges.map((gauge) => gauge[place]!));
  const number = unitOf([...least!, ...most!]);
  if (number !== undefined) {
    const { toWhole, fromWhole } = units[number]!;
    const low = least!.map(toWhole);
    const range = most!.map((value, index) => toWhole(value) - low[index]!);
    const sums = average!.map((value, index) => Math.round((value / fromWhole(1) - low[index]!) * counts![index]!));
    if ([...range, ...sums].every(Number.isSafeInteger)) {
      to.bits(number, unitBits);
      for (const column of [low, range, sums]) writeColumn(to, column);
      return;
    }
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

/** @param rows of one day, ascending, one for each begin */
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
