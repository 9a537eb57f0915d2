/**
 * Amounts as they are reckoned: whole minor units of a currency (cents), in a bigint. What is not whole is rounded half up,
 * once, where a price meets what was used; prices and quantities are multiplied exactly before.
 */
import { times } from '#common/decimals.js';
import { minorDigits } from '#contract/money.js';

const digitsOf = (currency: string): number => minorDigits(currency) ?? 0;

/** `12.5` as `{ units: 125n, scale: 10n }`. */
function fractionOf(decimal: string): { units: bigint; scale: bigint } {
  const [whole = '0', behind = ''] = decimal.split('.');
  return { units: BigInt(whole + behind), scale: 10n ** BigInt(behind.length) };
}

/** Neither is below zero. */
const halfUp = (above: bigint, below: bigint): bigint => (2n * above + below) / (2n * below);

/** `part` of `whole` of a price, in minor units. */
export function minorPart(price: string, currency: string, part: bigint, whole: bigint): bigint {
  const { units, scale } = fractionOf(price);
  return halfUp(units * 10n ** BigInt(digitsOf(currency)) * part, scale * whole);
}

export const minorOf = (price: string, currency: string): bigint => minorPart(price, currency, 1n, 1n);

export const minorTimes = (price: string, quantity: string, currency: string): bigint =>
  minorOf(times(price, quantity), currency);

/** With all the digits of the currency. */
export function amountOf(minor: bigint, currency: string): string {
  const digits = digitsOf(currency);
  const text = String(minor < 0n ? -minor : minor).padStart(digits + 1, '0');
  const sign = minor < 0n ? '-' : '';
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** What `amountOf` has written. */
export const minorRead = (amount: string): bigint => BigInt(amount.replace('.', ''));

/** So many per cent of a sum that is not below zero, rounded down. */
export function percentOf(sum: bigint, percent: string): bigint {
  const { units, scale } = fractionOf(percent);
  return (sum * units) / (scale * 100n);
}
