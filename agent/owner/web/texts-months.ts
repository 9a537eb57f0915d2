/** What the owner reads about months: what they come to, and where the box reckons otherwise than its provider. */
import { monthName } from './format.js';

const nbsp = '\u00a0';
const money = (amount: string, currency: string): string => `${amount}${nbsp}${currency}`;
const unitName = (unit: string | null): string => (unit ?? 'unit').replaceAll('-', ' ');
const of = (quantity: string | null, unit: string | null): string =>
  `${quantity ?? '0'}${nbsp}×${nbsp}${unitName(unit)}`;
const places = (count: number): string => (count === 1 ? 'one place' : `${count} places`);

export interface Said {
  is: string;
  said: string | null;
  own: string | null;
  unit: string | null;
}

const differences: Record<string, (one: Said) => string> = {
  agreement: () => 'It is charged under an agreement that this box does not know.',
  price: ({ said, own }) =>
    own === null
      ? `The provider charges ${said ?? 'a price'}, which you did not agree to.`
      : `The provider charges ${said ?? 'no price'}; you agreed to ${own}.`,
  quantity: ({ said, own, unit }) => `The provider charges ${of(said, unit)}; this box counted ${own ?? '0'}.`,
  days: ({ said, own }) => `The provider charges ${said} days; by what this box knows it is ${own}.`,
  amount: ({ said, own, unit }) =>
    `All that was charged for this is ${money(said ?? '', unit ?? '')}; by what this box knows it is ${money(own ?? '', unit ?? '')}.`,
  kind: () => 'This box does not know what kind of charge this is, and cannot check it.',
  period: ({ said }) => `It is charged for ${monthName(said ?? '')}, which was still to come.`,
  sum: ({ said, own, unit }) =>
    `The account says ${money(said ?? '', unit ?? '')}; its lines come to ${money(own ?? '', unit ?? '')}.`,
  chain: () => 'It does not follow the month before as that was told to this box: one of the two was changed.',
  withheld: ({ said }) => `It has ${said} lines, more than can be told to a box. Ask your provider for them.`,
};

const ways: Record<string, string> = { once: 'once', month: 'by the month', year: 'by the year', credit: 'given back' };
const kinds: Record<string, string> = {
  late: 'heard of late',
  correction: 'put right',
  credit: 'given back',
};

export const months = {
  link: 'What apps cost, month by month',
  money,
  sums: (sums: readonly { amount: string; currency: string }[]): string =>
    sums.map(({ amount, currency }) => money(amount, currency)).join(' and ') || 'nothing',
  care: {
    title: (count: number) =>
      count === 1 ? 'A month differs from what your box counted' : `${count} months differ from what your box counted`,
    what: 'Read where, and ask your provider about it.',
  },
  list: {
    title: (month: string, sums: string) => `${monthName(month)} has come to ${sums} so far.`,
    nothing: 'Nothing has cost anything this month.',
    differs: (count: number) =>
      count === 1
        ? 'One month differs from what your box reckons.'
        : `${count} months differ from what your box reckons.`,
    asked: 'Your provider was last asked',
    never: 'Your provider has not been asked yet.',
    offline: 'It could not be asked since. What you see is from then.',
    ask: 'Ask now',
    open: (month: string) => `${monthName(month)}, so far`,
    over: (month: string) => `${monthName(month)}, not closed yet`,
    openLead: 'As your box reckons it, by your agreements and what was counted.',
    sum: 'All of it',
    closed: 'Closed months',
    none: 'Your provider has closed no month of this box yet.',
    agrees: 'agrees with what your box knows',
    marked: (count: number) => `differs in ${places(count)}`,
    nothingOf: 'nothing was charged',
  },
  one: {
    title: (month: string, sums: string) => `${monthName(month)} came to ${sums}.`,
    differs: (month: string, count: number) =>
      `${monthName(month)} differs in ${places(count)} from what your box reckons.`,
    gone: 'This month is not kept here.',
    back: 'All months',
    lines: 'What was charged',
    app: 'For',
    amount: 'Amount',
    none: 'Nothing was charged for this box.',
    agrees: 'Your box has checked it: it agrees with your agreements and what was counted here.',
    what: 'What to do',
    whatLead: [
      'Ask your provider about it, naming the month. Save the table first: it has what the provider says and what your box says.',
      'What your provider heard late, such as that you left, is put right with the next month by itself.',
    ],
    seen: 'I have read this',
    csv: 'Save as a table (CSV)',
    invoice: (number: string) => `Save invoice ${number} (UBL)`,
    pay: (number: string, sum: string, reference: string) =>
      `Invoice ${number} comes to ${sum}. Whoever pays it by bank gives the reference ${reference.replace(/(.{4})(?=.)/g, '$1 ')}.`,
    invoiceDiffers: (number: string) => `Invoice ${number} is made out for another sum than the account says.`,
    noInvoice: 'Your provider has made out no invoice for it. If you need one, ask for it, naming the month.',
    closedAt: 'Closed',
    kept: 'On this box since',
    provider: 'Provider',
    box: 'This box is known there as',
    hash: 'Fingerprint of the month',
    agreement: 'Agreement',
  },
  differs: (one: Said): string => differences[one.is]?.(one) ?? one.is,
  way: (kind: string): string => ways[kind] ?? kind,
  kind: (kind: string): string | undefined => kinds[kind],
  used: (quantity: string, unit: string, price: string, currency: string) =>
    `${of(quantity, unit)} at ${money(price, currency)} each`,
  days: (held: number, all: number, price: string, currency: string, way: string) =>
    way === 'year'
      ? `${held}${nbsp}days, at ${money(price, currency)} a year`
      : `${held} of ${all}${nbsp}days, at ${money(price, currency)} a month`,
};
