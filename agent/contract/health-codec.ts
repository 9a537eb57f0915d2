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
import { knownNames } from './health-names.js';
import { metricNamePattern } from './metrics.js';
import { type Parsed, parseJson } from './parse.js';

/** What a provider's profile calls this format. */
export const compactHealth = 'health-1';

const format = 1;
const mostNames = 256;
/** Names times samples: two kilobytes could stand for a megabyte otherwise. An agent sends 300 samples of some 40 at most. */
const mostValues = 32_768;
const latest = 8_640_000_000_000_000;
const numberOf = new Map(knownNames.map((name, index) => [name, index]));
const isName = new RegExp(metricNamePattern);
const reasons: readonly (LostReason | undefined)[] = [undefined, 'thinned', 'budget', 'dead-letter', 'cut', 'withheld'];

const attributesOf = (name: string): string => (name.includes('{') ? name.slice(name.indexOf('{')) : '');

/** Known ones by number, then the others by their attributes, which stand there once. */
const order = (one: string, other: string): number => {
  const [a = Number.MAX_VALUE, b = Number.MAX_VALUE] = [numberOf.get(one), numberOf.get(other)];
  if (a !== b) return a - b;
  const [left, right] = [attributesOf(one) + one, attributesOf(other) + other];
  return left < right ? -1 : left > right ? 1 : 0;
};

function writeText(to: BitWriter, text: string): void {
  to.bits(text.length, 8);
  for (let index = 0; index < text.length; index += 1) to.bits(text.charCodeAt(index), 7);
}

function readText(from: BitReader): string {
  let text = '';
  for (let left = from.bits(8); left > 0 && !from.failed(); left -= 1) text += String.fromCharCode(from.bits(7));
  return text;
}

function writeNames(to: BitWriter, names: readonly string[]): void {
  let last = -1;
  let attributes = '';
  to.number(names.length);
  for (const name of names) {
    const known = numberOf.get(name);
    to.bits(known === undefined ? 1 : 0, 1);
    if (known !== undefined) {
      to.rice(known - last - 1, 0);
      last = known;
      continue;
    }
    const own = attributesOf(name);
    to.bits(own === attributes ? 0 : 1, 1);
    if (own !== attributes) writeText(to, own);
    attributes = own;
    const base = name.slice(0, name.length - own.length);
    const baseNumber = numberOf.get(base);
    to.bits(baseNumber === undefined ? 1 : 0, 1);
    if (baseNumber === undefined) writeText(to, base);
    else to.bits(baseNumber, 8);
  }
}

function readNames(from: BitReader): string[] | undefined {
  let last = -1;
  let attributes = '';
  const count = from.number();
  const names = new Set<string>();
  if (count > mostNames) return undefined;
  while (names.size < count) {
    let name: string | undefined;
    if (from.bits(1) === 0) {
      last += from.rice(0) + 1;
      name = knownNames[last];
    } else {
      if (from.bits(1) === 1) attributes = readText(from);
      const base = from.bits(1) === 1 ? readText(from) : knownNames[from.bits(8)];
      if (base !== undefined && isName.test(base + attributes)) name = base + attributes;
    }
    if (from.failed() || name === undefined || names.has(name)) return undefined;
    names.add(name);
  }
  return [...names];
}

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
  const names = [...new Set(samples.flatMap(({ values }) => Object.keys(values)))].sort(order);
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

function readSamples(from: BitReader): Sample[] | string {
  const count = from.bits(9);
  if (count > mostSamples) return `holds ${count} samples`;
  if (count === 0) return [];
  const sequences = readColumn(from, count);
  const times = sequences && readColumn(from, count);
  if (!sequences?.every(isSequence) || !times?.every((at) => Number.isSafeInteger(at) && at >= 0 && at <= latest))
    return 'has sequences or times that are none';
  const names = readNames(from);
  if (!names) return 'has names that are none';
  if (names.length * count > mostValues) return `holds ${names.length} values in each of ${count} samples`;
  const samples = sequences.map((seq, index): Sample => ({ seq, at: times[index]!, values: {} }));
  for (const name of names) {
    const there = from.bits(1) === 0 ? samples : samples.filter(() => from.bits(1) === 1);
    const values = there.length > 0 ? readColumn(from, there.length) : undefined;
    if (!values) return `has no values of ${name}`;
    for (const [index, sample] of there.entries()) sample.values[name] = values[index]!;
  }
  return samples;
}

export const isCompact = (payload: Uint8Array): boolean => payload[0] === format;

/** Takes outside bytes, of this form alone. */
export function decodeCompact(payload: Uint8Array): Parsed<HealthBatch> {
  const fault = (message: string): Parsed<HealthBatch> => ({ ok: false, faults: [{ path: '', message }] });
  const from = createBitReader(payload);
  if (from.bits(8) !== format) return fault('is no batch of this format');
  const epoch = [from.bits(32), from.bits(32)].map((half) => half.toString(16).padStart(8, '0')).join('');
  const samples = readSamples(from);
  if (typeof samples === 'string') return fault(samples);
  const hasLost = from.bits(1) === 1;
  const lost = hasLost ? readLost(from) : [];
  if (!lost) return fault('names lost samples that are none');
  if (from.failed()) return fault('is cut short');
  if (!from.atEnd()) return fault('goes on behind its end');
  return { ok: true, value: { epoch, samples, ...(hasLost && { lost }) } };
}

/** Takes outside bytes, of either form. */
export const decodeBatch = (payload: Uint8Array): Parsed<HealthBatch> =>
  isCompact(payload) ? decodeCompact(payload) : parseJson(HealthBatch, payload);
