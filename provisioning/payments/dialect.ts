/** Amounts and days as a bank writes them, by what is said of it. What is written otherwise is no amount and no day. Pure. */
import { minorDigits } from '#contract/money.js';
import type { BankFormat } from '#contract/payments.js';

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A space between thousands is often one of those that do not break. */
const spaces = '[ \\u00a0\\u202f]';

const mostDigits = 15;

/**
 * Whole minor units, undefined for what is no amount. No exponent, no currency beside it; thousands in groups of three, of all
 * of it or none. More decimals than the currency has are refused, save two zeros where it has none.
 */
export function readAmount(
  text: string,
  currency: string,
  { decimal, grouping }: Pick<BankFormat, 'decimal' | 'grouping'>,
): bigint | undefined {
  const digits = minorDigits(currency) ?? 0;
  const group = grouping === null ? undefined : grouping === ' ' ? spaces : escaped(grouping);
  const whole = group === undefined ? '\\d+' : `(?:\\d{1,3}(?:${group}\\d{3})+|\\d+)`;
  const behind = digits === 0 ? '(?:00)' : `(?:\\d{1,${digits}})`;
  const amount = new RegExp(`^([+\\-\\u2212]?)(${whole})(?:${escaped(decimal)}(${behind}))?$`);
  const [, sign, before, fraction = ''] = amount.exec(text.trim()) ?? [];
  if (before === undefined) return undefined;
  const plain = before.replace(/\D/g, '');
  if (plain.length > mostDigits) return undefined;
  const minor = BigInt(plain + fraction.slice(0, digits).padEnd(digits, '0'));
  return sign === '' || sign === '+' ? minor : -minor;
}

const places: Record<BankFormat['dateOrder'], readonly [number, number, number]> = {
  ymd: [1, 2, 3],
  dmy: [3, 2, 1],
  mdy: [3, 1, 2],
};
const time = '(?:[T ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?(?:Z|[+-]\\d{2}:?\\d{2})?)?';
const yearFirst = new RegExp(`^(20\\d{2})([./-])(\\d{1,2})\\2(\\d{1,2})${time}$|^(20\\d{2})(\\d{2})(\\d{2})$`);
const yearLast = new RegExp(`^(\\d{1,2})([./-])(\\d{1,2})\\2(20\\d{2})${time}$`);

/** `2026-11-27`, undefined for what is no day. The year has four digits; a time behind it does not matter. */
export function readDay(text: string, order: BankFormat['dateOrder']): string | undefined {
  const found = (order === 'ymd' ? yearFirst : yearLast).exec(text.trim());
  if (!found) return undefined;
  const parts = found[5] === undefined ? [found[1], found[3], found[4]] : [found[5], found[6], found[7]];
  const [year, month, day] = places[order].map((place) => (parts[place - 1] ?? '').padStart(2, '0'));
  const iso = `${year}-${month}-${day}`;
  const at = Date.parse(`${iso}T00:00:00Z`);
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== iso ? undefined : iso;
}
