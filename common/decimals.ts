/** Sums of decimals as they are written: exact, whatever their size, and never by a float. */
import Big from 'big.js';

/** `Big` stores a number as its digits; adding and multiplying neither rounds nor has a limit. */
const Exact = Big();
Exact.NE = -1e6;
Exact.PE = 1e6;
Exact.strict = true;

export const plus = (a: string, b: string): string => new Exact(a).plus(b).toFixed();
export const times = (a: string, b: string): string => new Exact(a).times(b).toFixed();
export const isAbove = (a: string, b: string): boolean => new Exact(a).gt(b);
export const isSame = (a: string, b: string): boolean => new Exact(a).eq(b);
export const total = (all: readonly string[]): string => all.reduce(plus, '0');
