/**
 * What stands on an invoice, in minor units. Pure. Prices have their tax within them: each line's net is what is left of it
 * without, rounded half up; the tax is reckoned from the sum of the nets, as EN 16931 wants it (BR-CO-17); and what that is off
 * what the account says stands as the rounding amount (BT-114), so that what is to be paid is the account's sum, to the cent.
 */
import type { AccountEntry } from '#contract/accounts.js';
import type { InvoiceTax } from '#contract/invoices.js';

export interface ReckonedLine {
  entry: AccountEntry;
  /** Below zero where it goes the other way. */
  net: bigint;
}

export interface Reckoned {
  lines: ReckonedLine[];
  net: bigint;
  tax: bigint;
  withTax: bigint;
  rounding: bigint;
  payable: bigint;
}

/** Also of what is below zero: away from zero. */
function halfUp(above: bigint, below: bigint): bigint {
  const size = above < 0n ? -above : above;
  const rounded = (2n * size + below) / (2n * below);
  return above < 0n ? -rounded : rounded;
}

/** Hundredths of a per cent. */
export const rateOf = (tax: InvoiceTax): bigint => {
  if (tax.category !== 'S') return 0n;
  const [whole = '0', behind = ''] = tax.percent.split('.');
  return BigInt(whole) * 100n + BigInt(behind.padEnd(2, '0'));
};
const whole = 10_000n;

/** @param entries each with its amount in minor units, turned round on a credit note */
export function reckon(entries: readonly { entry: AccountEntry; minor: bigint }[], tax: InvoiceTax): Reckoned {
  const rate = rateOf(tax);
  const lines = entries.map(({ entry, minor }) => ({ entry, net: halfUp(minor * whole, whole + rate) }));
  const payable = entries.reduce((sum, { minor }) => sum + minor, 0n);
  const net = lines.reduce((sum, line) => sum + line.net, 0n);
  const its = halfUp(net * rate, whole);
  return { lines, net, tax: its, withTax: net + its, rounding: payable - net - its, payable };
}
