/**
 * What looks like the number of a payment card (ISO/IEC 7812-1): 13 to 19 digits, in groups or not, of a length that goes with
 * how it begins, and with the check digit that it should have. Better one too many: nothing here needs such a number.
 */
import { referencesIn } from '#contract/payment-reference.js';

const run = /\d+(?:[ -]\d+)*/g;
/** Visa, Mastercard and what is like them, American Express, Diners Club, JCB, Maestro. */
const begins: Readonly<Record<number, RegExp>> = {
  ...{ 13: /^4/, 14: /^3[0689]/, 15: /^3[47]|^[56]/ },
  16: /^[456]|^2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|^35(?:2[89]|[3-8])/,
  ...{ 17: /^[56]/, 18: /^[56]/, 19: /^[3456]/ },
};

/** Luhn's, ISO/IEC 7812-1 annex B. */
function isChecked(digits: string): boolean {
  const sum = [...digits].reverse().reduce((all, digit, at) => {
    const value = Number(digit) * (at % 2 === 0 ? 1 : 2);
    return all + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

const isCard = (digits: string): boolean => begins[digits.length]?.test(digits) === true && isChecked(digits);

/** Where in a run of groups a number begins and ends; undefined where there is none. */
function cardIn(digits: string): [from: number, to: number] | undefined {
  const groups = [...digits.matchAll(/\d+/g)].map((found) => [found.index, found.index + found[0].length] as const);
  for (const [first, [from]] of groups.entries())
    for (const [, to] of groups.slice(first, first + 19))
      if (isCard(digits.slice(from, to).replace(/\D/g, ''))) return [from, to];
  return undefined;
}

const reference = /RF(?:[\s./-]*\d){14}/gi;
const isReference = (text: string): boolean => referencesIn(text).references.length === 1;

/** The text without them. */
export function withoutCardNumbers(text: string): string {
  // A reference that is one stays, whatever its digits look like.
  const parts = text.split(reference);
  const kept = [...text.matchAll(reference)].map(([found]) => found);
  const clean = (part: string): string =>
    part.replace(run, (digits) => {
      let left = digits;
      for (let found = cardIn(left); found; found = cardIn(left))
        left = `${left.slice(0, found[0])}[left out]${left.slice(found[1])}`;
      return left;
    });
  return parts
    .map((part, at) => {
      const next = kept[at] ?? '';
      return clean(part) + (isReference(next) ? next : clean(next));
    })
    .join('');
}

export const holdsCardNumber = (text: string): boolean => withoutCardNumbers(text) !== text;
