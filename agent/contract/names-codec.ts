/** Names of metrics as bits: those of the list by their number, the others written out. */
import type { BitReader, BitWriter } from './bits.js';
import { knownNames } from './health-names.js';
import { metricNamePattern } from './metrics.js';

export const mostNames = 256;
const numberOf = new Map(knownNames.map((name, index) => [name, index]));
const isName = new RegExp(metricNamePattern);

const attributesOf = (name: string): string => (name.includes('{') ? name.slice(name.indexOf('{')) : '');

/** Known ones by number, then the others by their attributes, which stand there once. */
export const inOrder = (one: string, other: string): number => {
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

/** In order. */
export function writeNames(to: BitWriter, names: readonly string[]): void {
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

/** Undefined where the bits are no names, or more than there may be. */
export function readNames(from: BitReader): string[] | undefined {
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
