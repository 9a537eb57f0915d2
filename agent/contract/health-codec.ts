/**
 * A HealthBatch as bytes: the one module that builds and parses them.
 *
 * Each batch can be read by itself. The first byte is 1 (JSON begins with `{`); then, as bits: epoch, sequences and
 * times, names, each metric's values (`health-columns.ts`), what is lost. Exact: nothing is rounded here. Whatever
 * arrives, what is made of it is bounded: 500 samples, 256 names, and 32,768 values in all.
 */
import { type BitReader, type BitWriter, createBitReader, createBitWriter } from './bits.js';
import { HealthBatch, type LostRange, type LostReason, mostLost, mostSamples, type Sample } from './health.js';
import { readColumn, writeColumn } from './health-columns.js';
import { inOrder, mostNames, readNames, writeNames } from './names-codec.js';
import { type Parsed, parseJson } from './parse.js';

/** What a provider's profile calls this format. */
export const compactHealth = 'health-1';

const format = 1;
/** Names times samples: two kilobytes could stand for a megabyte otherwise. An agent sends 300 samples of some 40 at most. */
const mostValues = 32_768;
const latest = 8_640_000_000_000_000;
const reasons: readonly (LostReason | undefined)[] = [undefined, 'thinned', 'budget', 'dead-letter', 'cut', 'withheld'];

function writeSigned(to: BitWriter, value: number): void {
  to.bits(value < 0 ? 1 : 0, 1);
  to.number(Math.abs(value));
}

const readSigned = (from: BitReader): number => (from.bits(1) === 1 ? -from.number() : from.number());

function writeLost(to: BitWriter, lost: readonly LostRange[]): void {
  let next = 1;
  to.bits(lost.length, 7);
  for (const [first, last, reason] of lost) {
    writeSigned(to, first - next);
    writeSigned(to, last - first);
    to.bits(reasons.indexOf(reason), 3);
    next = last;
  }
}

const isSequence = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;

function readLost(from: BitReader): LostRange[] | undefined {
  let next = 1;
  const count = from.bits(7);
  const lost: LostRange[] = [];
  if (count > mostLost) return undefined;
  while (lost.length < count) {
    const first = next + readSigned(from);
    next = first + readSigned(from);
    const code = from.bits(3);
    const reason = reasons[code];
    if (from.failed() || !isSequence(first) || !isSequence(next) || code >= reasons.length) return undefined;
    lost.push(reason ? [first, next, reason] : [first, next]);
  }
  return lost;
}

/** Without bounds of its own: a batch that is too large for this form goes as JSON. */
export function encodeBatch(batch: HealthBatch): Buffer {
  const { epoch, samples, lost } = batch;
  const names = [...new Set(samples.flatMap(({ values }) => Object.keys(values)))].sort(inOrder);
  if (names.length > mostNames || names.length * samples.length > mostValues) return Buffer.from(JSON.stringify(batch));
  const to = createBitWriter();
  to.bits(format, 8);
  for (const half of [epoch.slice(0, 8), epoch.slice(8)]) to.bits(Number.parseInt(half, 16), 32);
  to.bits(samples.length, 9);
  if (samples.length > 0) {
    for (const column of ['seq', 'at'] as const)
      writeColumn(
        to,
        samples.map((sample) => sample[column]),
      );
    writeNames(to, names);
    for (const name of names) {
      const values = samples.map((sample) => (Object.hasOwn(sample.values, name) ? sample.values[name] : undefined));
      const there = values.filter((value) => value !== undefined);
      to.bits(there.length === values.length ? 0 : 1, 1);
      if (there.length < values.length) for (const value of values) to.bits(value === undefined ? 0 : 1, 1);
      writeColumn(to, there);
    }
  }
  to.bits(lost ? 1 : 0, 1);
  if (lost) writeLost(to, lost);
  return to.bytes();
}

/** Which sample, and when by its box's clock. */
export type Place = Pick<Sample, 'seq' | 'at'>;

function readPlaces(from: BitReader): Place[] | string {
  const count = from.bits(9);
  if (count > mostSamples) return `holds ${count} samples`;
  if (count === 0) return [];
  const sequences = readColumn(from, count);
  const times = sequences && readColumn(from, count);
  if (!sequences?.every(isSequence) || !times?.every((at) => Number.isSafeInteger(at) && at >= 0 && at <= latest))
    return 'has sequences or times that are none';
  return sequences.map((seq, index): Place => ({ seq, at: times[index]! }));
}

function readSamples(from: BitReader, isWanted: Wanted): { samples: Sample[]; names: number } | string {
  const places = readPlaces(from);
  if (typeof places === 'string') return places;
  if (places.length === 0) return { samples: [], names: 0 };
  const names = readNames(from);
  if (!names) return 'has names that are none';
  if (names.length * places.length > mostValues)
    return `holds ${names.length} values in each of ${places.length} samples`;
  const samples = places.map((place, index): Sample | undefined =>
    isWanted(place, index, places) ? { ...place, values: {} } : undefined,
  );
  for (const name of names) {
    const there = from.bits(1) === 0 ? samples : samples.filter(() => from.bits(1) === 1);
    const values = there.length > 0 ? readColumn(from, there.length) : undefined;
    if (!values) return `has no values of ${name}`;
    for (let index = 0; index < there.length; index += 1) {
      const sample = there[index];
      if (sample) sample.values[name] = values[index]!;
    }
  }
  return { samples: samples.filter((sample) => sample !== undefined), names: names.length };
}

const readEpoch = (from: BitReader): string =>
  [from.bits(32), from.bits(32)].map((half) => half.toString(16).padStart(8, '0')).join('');

export const isCompact = (payload: Uint8Array): boolean => payload[0] === format;

/** What a batch of this form holds, without its values; undefined where it is none. */
export function placesOfCompact(payload: Uint8Array): { epoch: string; places: Place[] } | undefined {
  const from = createBitReader(payload);
  if (from.bits(8) !== format) return undefined;
  const epoch = readEpoch(from);
  const places = readPlaces(from);
  return typeof places === 'string' ? undefined : { epoch, places };
}

type Wanted = (place: Place, index: number, all: readonly Place[]) => boolean;

/** `names`: how many metrics its samples have among them. */
type Decoded = Exclude<Parsed<HealthBatch>, { ok: true }> | { ok: true; value: HealthBatch; names: number };

function decode(payload: Uint8Array, isWanted: Wanted): Decoded {
  const fault = (message: string): Decoded => ({ ok: false, faults: [{ path: '', message }] });
  const from = createBitReader(payload);
  if (from.bits(8) !== format) return fault('is no batch of this format');
  const epoch = readEpoch(from);
  const read = readSamples(from, isWanted);
  if (typeof read === 'string') return fault(read);
  const hasLost = from.bits(1) === 1;
  const lost = hasLost ? readLost(from) : [];
  if (!lost) return fault('names lost samples that are none');
  if (from.failed()) return fault('is cut short');
  if (!from.atEnd()) return fault('goes on behind its end');
  const value = { epoch, samples: read.samples, ...(hasLost && { lost }) };
  return { ok: true, value, names: read.names };
}

/** Takes outside bytes, of this form alone. @param isWanted of which samples; of all, unless said */
export function decodeCompact(payload: Uint8Array, isWanted: Wanted = () => true): Parsed<HealthBatch> {
  const decoded = decode(payload, isWanted);
  return decoded.ok ? { ok: true, value: decoded.value } : decoded;
}

/**
 * As `decodeCompact`, and all of it is checked; but only the last sample's values are made. To make them is four fifths of
 * the work: those of the others are made when somebody asks for one of them.
 */
export function decodeLazily(payload: Uint8Array): Decoded {
  const checked = decode(payload, (_, index, all) => index === all.length - 1);
  if (!checked.ok) return checked;
  const [last] = checked.value.samples;
  const places = placesOfCompact(payload)?.places ?? [];
  let all: readonly Sample[] | undefined;
  function valuesOf(index: number): Sample['values'] {
    if (!all) {
      const whole = decodeCompact(payload);
      all = whole.ok ? whole.value.samples : [];
    }
    return all[index]?.values ?? {};
  }
  const samples = places.map((place, index): Sample => {
    if (last && index === places.length - 1) return last;
    return {
      ...place,
      get values() {
        return valuesOf(index);
      },
    };
  });
  return { ...checked, value: { ...checked.value, samples } };
}

/** Takes outside bytes, of either form. */
export const decodeBatch = (payload: Uint8Array): Parsed<HealthBatch> =>
  isCompact(payload) ? decodeCompact(payload) : parseJson(HealthBatch, payload);
