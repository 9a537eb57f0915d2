/** What is kept of months, as the owner is shown it. */
import type { Known } from '#common/accounts/rate.js';
import type { BoxInvoice } from '#contract/months.js';
import type { MonthGlance, MonthsView, OwnerMonth } from '#contract/owner-months.js';
import { Refusal } from '#contract/problems.js';
import type { Book, MonthRow } from './book.js';
import { openMonths } from './running.js';

export interface Shown {
  /** Oldest first. */
  rows(): Promise<MonthRow[]>;
  /** @throws Refusal `month-unknown` */
  find(box: string, month: string): Promise<MonthRow>;
  view(now: {
    own: { box: string; territory: string } | undefined;
    known: readonly Known[];
    problem: Refusal | undefined;
    at: number;
  }): Promise<MonthsView>;
  /** @throws Refusal `month-unknown` */
  month(box: string, month: string): Promise<OwnerMonth>;
  /** @throws Refusal `invoice-unknown` */
  invoice(box: string, number: string): Promise<BoxInvoice>;
}

const told = ({ problem: { code, title, remedy, detail } }: Refusal) => ({
  ...{ code, title, remedy, ...(detail ? { detail } : {}) },
});

const glanceOf = ({ territory, box, told: its, keptAt, differences, isSeen }: MonthRow): MonthGlance => ({
  ...{ territory, box, month: its.month, closedAt: its.closedAt, keptAt, entries: its.entries },
  ...{ sums: its.account?.sums ?? [], isSeen, differences: differences.length },
});

export function createShown(book: Book): Shown {
  async function rows(): Promise<MonthRow[]> {
    const found: MonthRow[] = [];
    for (const key of book.months.keys()) {
      const row = await book.months.get(key);
      if (row) found.push(row);
    }
    return found;
  }

  async function find(box: string, month: string): Promise<MonthRow> {
    const row = (await rows()).find((one) => one.box === box && one.told.month === month);
    if (!row) throw new Refusal('month-unknown', month);
    return row;
  }

  async function invoicesOf(box: string): Promise<BoxInvoice[]> {
    const found: BoxInvoice[] = [];
    for (const key of book.invoices.keys()) {
      const row = await book.invoices.get(key);
      if (row?.box === box) found.push(row.invoice);
    }
    return found;
  }

  return {
    rows,
    find,
    async view({ own, known, problem, at }) {
      const closed = (await rows()).reverse();
      const last = closed.find(({ box, territory }) => box === own?.box && territory === own.territory);
      return {
        askedAt: book.asked()?.at ?? null,
        problem: problem ? told(problem) : null,
        open: openMonths(known, { closed: last?.told.month, now: at }),
        closed: closed.map(glanceOf),
      };
    },
    async month(box, month) {
      const row = await find(box, month);
      const { told: its, differences } = row;
      const sums = its.account?.sums ?? [];
      const invoices = (await invoicesOf(box)).filter((one) => one.month === month);
      return {
        ...{ ...glanceOf(row), differences, lines: its.account?.entries ?? [] },
        invoices: invoices.map(({ xml: _xml, ...one }) => ({
          ...one,
          agrees: sums.some(({ currency, amount }) => currency === one.currency && amount === one.amount),
        })),
        ...{ sha256: its.sha256, previous: its.previous },
      };
    },
    async invoice(box, number) {
      const found = (await invoicesOf(box)).find((one) => one.number === number);
      if (!found) throw new Refusal('invoice-unknown', number);
      return found;
    },
  };
}
