/**
 * One metric's values through a batch, as bits. Exact for every finite number (-0 is 0, as in JSON).
 *
 * A measured value has few digits: where all are multiples of 4096, 1024 or a power of ten they are counted in that unit.
 * Then only what the last value, or the last change, does not foretell is written (Rice codes); what stays the same
 * costs nothing.
 */
import { type BitReader, type BitWriter, riceCost } from './bits.js';

export interface Unit {
  /** Rounded. */
  toWhole(value: number): number;
  fromWhole(whole: number): number;
}

/** In what values are counted. */
export const units: readonly Unit[] = [
  ...[1, 10, 100, 1000, 10_000, 100_000, 1_000_000].map((size) => ({
    toWhole: (value: number) => Math.round(value * size),
    fromWhole: (whole: number) => whole / size,
  })),
  ...[1024, 4096].map((size) => ({
    toWhole: (value: number) => Math.round(value / size),
    fromWhole: (whole: number) => whole * size,
  })),
];
const coarsestFirst = [8, 7, 0, 1, 2, 3, 4, 5, 6];
const unitBits = 4;
const exactly = 15;
const mostK = 40;
/** Zigzag doubles it, and 53 bits are exact. */
const mostRest = 2 ** 52 - 1;

const fits = (unit: number, values: readonly number[]): boolean => {
  const { toWhole, fromWhole } = units[unit]!;
  return values.every((value) => {
    const whole = toWhole(value);
    return Number.isSafeInteger(whole) && fromWhole(whole) === value;
  });
};

/** The units that all of them are multiples of, the coarsest first. */
export function* unitsOf(values: readonly number[]): Generator<number> {
  for (const unit of coarsestFirst) if (fits(unit, values)) yield unit;
}

/** `order` 0: each beside the one before. 1: its change beside the change before. */
function restsOf(wholes: readonly number[], order: number): number[] | undefined {
  const rests: number[] = [];
  let [last = 0] = wholes;
  let step = 0;
  for (let index = 1; index < wholes.length; index += 1) {
    const whole = wholes[index]!;
    const rest = whole - last - (order === 1 ? step : 0);
    if (Math.abs(whole - last) > mostRest || Math.abs(rest) > mostRest) return undefined;
    step = whole - last;
    last = whole;
    rests.push(rest < 0 ? -2 * rest - 1 : 2 * rest);
  }
  return rests;
}

interface Plan {
  order: number;
  /** 0: nothing but zeros. Else one more than Rice's parameter. */
  code: number;
  rests: readonly number[];
  cost: number;
}

function plan(wholes: readonly number[], order: number): Plan | undefined {
  const rests = restsOf(wholes, order);
  if (!rests) return undefined;
  let sum = 0;
  for (const rest of rests) sum += rest;
  if (sum === 0) return { order, code: 0, rests, cost: 0 };
  // Near what the mean asks for; or 0, where most are zero and some are large.
  const near = Math.floor(Math.log2(sum / rests.length));
  let best: Plan | undefined;
  for (const k of [0, near - 3, near - 2, near - 1, near, near + 1]) {
    if (k < 0 || k > mostK) continue;
    let cost = 0;
    for (const rest of rests) cost += riceCost(rest, k);
    if (!best || cost < best.cost) best = { order, code: k + 1, rests, cost };
  }
  return best;
}

const view = new DataView(new ArrayBuffer(8));

function writeExactly(to: BitWriter, value: number): void {
  view.setFloat64(0, value + 0); // -0 + 0 is 0
  to.bits(view.getUint32(0), 32);
  to.bits(view.getUint32(4), 32);
}

/** At least one value. */
export function writeColumn(to: BitWriter, values: readonly number[]): void {
  const unit = coarsestFirst.find((one) => fits(one, values));
  const wholes = unit === undefined ? [] : values.map(units[unit]!.toWhole);
  const plain = unit === undefined ? undefined : plan(wholes, 0);
  if (!plain || unit === undefined) {
    to.bits(exactly, unitBits);
    for (const value of values) writeExactly(to, value);
    return;
  }
  to.bits(unit, unitBits);
  const [first = 0] = wholes;
  to.bits(first < 0 ? 1 : 0, 1);
  to.number(Math.abs(first));
  if (wholes.length === 1) return;
  const steady = plain.cost > 0 ? plan(wholes, 1) : undefined;
  const { order, code, rests } = steady && steady.cost < plain.cost ? steady : plain;
  to.bits(order, 1);
  to.bits(code, 6);
  if (code > 0) for (const rest of rests) to.rice(rest, code - 1);
}

/** Undefined where the bits are no column. */
export function readColumn(from: BitReader, count: number): number[] | undefined {
  const unit = from.bits(unitBits);
  const values: number[] = [];
  if (unit === exactly) {
    for (let index = 0; index < count && !from.failed(); index += 1) {
      view.setUint32(0, from.bits(32));
      view.setUint32(4, from.bits(32));
      values.push(view.getFloat64(0));
    }
    return from.failed() || !values.every(Number.isFinite) ? undefined : values;
  }
  const form = units[unit];
  const isNegative = from.bits(1) === 1;
  let whole = from.number() * (isNegative ? -1 : 1);
  if (!form) return undefined;
  const [order, code] = count > 1 ? [from.bits(1), from.bits(6)] : [0, 0];
  if (code > mostK + 1) return undefined;
  values.push(form.fromWhole(whole));
  let step = 0;
  for (let index = 1; index < count; index += 1) {
    const rest = code === 0 ? 0 : from.rice(code - 1);
    const change = (rest % 2 === 1 ? -(rest + 1) / 2 : rest / 2) + (order === 1 ? step : 0);
    whole += change;
    step = change;
    if (!Number.isSafeInteger(whole) || !Number.isSafeInteger(change)) return undefined;
    values.push(form.fromWhole(whole));
  }
  return from.failed() ? undefined : values;
}
