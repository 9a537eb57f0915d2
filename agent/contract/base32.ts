/**
 * Codes that people type: random characters of Crockford's alphabet and one check character.
 *
 * The check is a weighted sum over GF(32) with a different non-zero weight for each place: it finds every single wrong
 * character and every swap of two.
 */
import { randomBytes } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Multiplication by x in GF(32), modulo x^5 + x^2 + 1. */
const timesX = (value: number): number => ((value << 1) ^ (value & 16 ? 0b100101 : 0)) & 31;

/** Sum of value[i] * x^i; zero for a whole code. Powers of x are distinct for up to 31 places. */
function checksum(values: readonly number[]): number {
  return values.reduceRight((sum, value) => timesX(sum) ^ value, 0);
}

/** So many characters, the last the check, in groups of five: `XXXXX-XXXXX`. */
export function newCode(length: number): string {
  const data = [...randomBytes(length - 1)].map((byte) => byte & 31);
  const check = checksum([0, ...data]); // the check stands at place 0, whose weight is 1
  return grouped([...data, check].map((value) => alphabet[value]).join(''));
}

const grouped = (plain: string): string => plain.replace(/(.{5})(?!$)/g, '$1-');

/**
 * The characters without separators, or undefined. Forgives what people do: lower case, spaces and dashes, O for 0, I and
 * L for 1. Takes outside bytes.
 */
export function parseCode(text: string, length: number): string | undefined {
  if (text.length > 200) return undefined;
  const plain = text.replace(/[\s-]/g, '').toUpperCase().replace(/O/g, '0').replace(/[IL]/g, '1');
  if (plain.length !== length) return undefined;
  const values = [...plain].map((character) => alphabet.indexOf(character));
  if (values.some((value) => value < 0)) return undefined;
  return checksum([values[length - 1]!, ...values.slice(0, -1)]) === 0 ? plain : undefined;
}
