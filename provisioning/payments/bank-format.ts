/** What is said of how a bank writes: whether it can be so, and where its columns are in a file. Pure. */
import type { BankFormat } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';

export type Cells = string[];
type Columns = BankFormat['columns'];

export const unreadable = (why: string, cause?: unknown): Refusal =>
  new Refusal('bank-file-unreadable', why, { cause });

/** @throws Refusal `bank-format-invalid` */
export function checkFormat({
  columns,
  currency,
  directions,
  hasHeadings,
  decimal,
  grouping,
  separator,
}: BankFormat): void {
  const fault = (why: string) => new Refusal('bank-format-invalid', why);
  if ((columns.currency === undefined) === (currency === undefined))
    throw fault('the currency is said by a column, or by a code for all of it');
  if ((columns.direction === undefined) !== (directions === undefined))
    throw fault('a column of directions needs the words for in and out');
  if (decimal === grouping) throw fault('decimal and grouping cannot be the same');
  const all = [columns.date, columns.amount, columns.currency, columns.id, columns.direction, ...columns.text];
  const named = all.filter((one) => one !== undefined);
  if (new Set(named).size !== named.length) throw fault('a column is named twice');
  if (!hasHeadings && named.some((one) => typeof one === 'string'))
    throw fault('without headings columns are numbers, from 1');
  if (separator === decimal && separator === grouping) throw fault('the separator is within each amount');
}

/** Where each column is. @throws Refusal `bank-file-unreadable` */
export function placesOf(columns: Columns, headings: Cells | undefined, width: number) {
  const place = (column: string | number): number => {
    if (typeof column === 'number') {
      if (column > width) throw unreadable(`there is no column ${column}`);
      return column - 1;
    }
    const found = (headings ?? []).flatMap((heading, at) => (heading.trim() === column ? [at] : []));
    if (found.length !== 1)
      throw unreadable(found.length === 0 ? `no column is headed "${column}"` : `more than one column is "${column}"`);
    return found[0] ?? 0;
  };
  const { date, amount, text, currency, id, direction } = columns;
  const maybe = (column: string | number | undefined) => (column === undefined ? undefined : place(column));
  return {
    ...{ date: place(date), amount: place(amount), text: text.map(place) },
    ...{ currency: maybe(currency), id: maybe(id), direction: maybe(direction) },
  };
}

export type Places = ReturnType<typeof placesOf>;
