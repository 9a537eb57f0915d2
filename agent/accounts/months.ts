/**
 * What months came to for this box: asked of its provider once a day, as soon as the time is known, kept, and held against what
 * the box itself agreed to and counted. What was told stays as it was told; where it differs, the owner is told, and the
 * provider hears that it does.
 */

import type { Known } from '#common/accounts/rate.js';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import { createRounds } from '#common/rounds.js';
import type { Agreement } from '#contract/agreements.js';
import type { UsageSum } from '#contract/metering.js';
import type { BoxInvoice, BoxMonth } from '#contract/months.js';
import type { MonthsView, OwnerMonth } from '#contract/owner-months.js';
import { Refusal } from '#contract/problems.js';
import type { Decision, Ledger } from '../consent/ledger.js';
import { type Bounds, type InvoiceRow, type MonthRow, monthKey, openBook } from './book.js';
import type { AskAccounts } from './client.js';
import { differencesOf } from './compare.js';
import { fetchInvoices, fetchMonths } from './fetch.js';
import { createShown } from './shown.js';

/** What the owner does. */
export interface OwnerMonths {
  view(): Promise<MonthsView>;
  /** @throws Refusal `month-unknown` */
  month(box: string, month: string): Promise<OwnerMonth>;
  /** @throws Refusal `invoice-unknown` */
  invoice(box: string, number: string): Promise<BoxInvoice>;
  /** Now. @throws Refusal `not-a-member`, `est-unreachable`, `account-invalid` and what the provider refuses */
  ask(): Promise<void>;
  /** The owner has read where it differs. @throws Refusal `month-unknown` */
  seen(box: string, month: string): Promise<void>;
  /** How many months differ that the owner has not read. */
  glance(): { differing: number };
  onChange(listener: () => void): () => void;
}

export interface MonthsRoom extends OwnerMonths {
  start(): void;
  /** The provider can be reached again. */
  wake(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface MonthsParts {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide'>;
  clock: Clock;
  isTimeKnown(): boolean;
  onTime(listener: () => void): () => void;
  own(): { box: string; territory: string } | undefined;
  /** What was agreed to as this box. */
  held(box: string): { agreement: Agreement; since: number | null; endedAt: number | null }[];
  /** What was counted under an agreement, by month. */
  counted(agreement: string): Promise<{ period: string; sums: UsageSum[] }[]>;
  ask: AskAccounts;
  onRefused(refusal: Refusal): void;
  bounds?: Bounds;
}

const hour = 3_600_000;
/** Boxes do not ask all at once. */
const nextDay = (): number => (20 + Math.random() * 4) * hour;
const firstPause = 60_000;
const longestPause = hour;

export async function createMonths(parts: MonthsParts): Promise<MonthsRoom> {
  const { store, ledger, clock, isTimeKnown, own, ask, onRefused } = parts;
  const book = await openBook({ db: store.db, onRefused, bounds: parts.bounds });
  const shown = createShown(book);
  const listeners = new Set<() => void>();
  const differing = new Set<string>();
  for (const row of await shown.rows()) if (row.differences.length > 0 && !row.isSeen) differing.add(monthKey(row));
  let problem: Refusal | undefined;
  let nextAt = 0;
  let pause = firstPause;
  let turn: Promise<unknown> = Promise.resolve();
  let endWatching = (): void => {};

  const rounds = createRounds({
    ...{ clock, onRefused },
    async work() {
      if (own() && isTimeKnown() && isDue()) await inTurn(askOnce).catch(() => {});
    },
    moments: () => [nextAt],
  });

  function announce(): void {
    for (const listener of [...listeners]) listener();
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  /** A box that has moved asks at once. */
  function isDue(): boolean {
    const [mine, asked] = [own(), book.asked()];
    const isOther = asked?.box !== mine?.box || asked?.territory !== mine?.territory;
    const left = nextAt - clock.now(); // more than a day: the clock was put back
    return (problem === undefined && isOther) || left <= 0 || left > 24 * hour;
  }

  const rowsOf = async (box: string, territory: string): Promise<MonthRow[]> =>
    (await shown.rows()).filter((row) => row.box === box && row.territory === territory);

  const knownOf = (box: string): Promise<Known[]> =>
    Promise.all(
      parts.held(box).map(async (one) => ({ ...one, statements: await parts.counted(one.agreement.id), credits: [] })),
    );

  async function write(decisions: readonly Decision[], changes: readonly { operations: Operation[]; apply(): void }[]) {
    const operations = changes.flatMap((one) => one.operations);
    if (decisions.length > 0) await ledger.decide(() => ({ decisions, operations }));
    else await store.commit(operations);
    for (const { apply } of changes) apply();
  }

  /** With its entries in the ledger, in one batch. */
  async function keep(
    { box, territory }: { box: string; territory: string },
    months: readonly BoxMonth[],
  ): Promise<void> {
    const known = await knownOf(box);
    const before = (await rowsOf(box, territory)).map((row) => row.told);
    const rows = new Map<string, MonthRow>();
    const decisions: Decision[] = [];
    for (const month of months) {
      const differences = differencesOf(month, { before, known });
      before.push(month);
      const row = { territory, box, told: month, keptAt: clock.now(), differences, isSeen: false };
      rows.set(monthKey(row), row);
      const sums = (month.account?.sums ?? []).map(({ amount, currency }) => `${amount} ${currency}`).join(', ');
      const facts = { month: month.month, territory };
      if (month.entries > 0)
        decisions.push({ by: 'provider', type: 'terms.month-closed', facts: { ...facts, sums: sums.slice(0, 500) } });
      if (differences.length > 0)
        decisions.push({
          by: 'box',
          type: 'terms.month-differs',
          facts: { ...facts, differences: differences.length },
        });
    }
    await write(decisions, [book.months.put(rows)]);
    for (const [key, { differences }] of rows) if (differences.length > 0) differing.add(key);
    announce();
  }

  async function keepInvoice(invoice: BoxInvoice, place: { box: string; territory: string }): Promise<void> {
    const row: InvoiceRow = { ...place, invoice };
    await write([], [book.invoices.put(new Map([[book.invoiceKey(row), row]]))]);
  }

  async function askOnce(): Promise<void> {
    try {
      const mine = own();
      if (!mine) throw new Refusal('not-a-member');
      const kept = await rowsOf(mine.box, mine.territory);
      const invoices = await fetchMonths(ask, {
        ...{ box: mine.box, after: kept.at(-1)?.told.month, now: clock.now },
        keep: (months) => keep(mine, months),
      });
      await fetchInvoices(ask, invoices, {
        box: mine.box,
        has: (one) => book.invoices.has(`${one.month}!${mine.territory}!${mine.box}!${one.number}`),
        keep: (invoice) => keepInvoice(invoice, mine),
      });
      await write([], [book.putAsked({ ...mine, at: clock.now() })]);
      problem = undefined;
      pause = firstPause;
      nextAt = clock.now() + nextDay();
    } catch (error) {
      problem = error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });
      if (problem.code !== 'not-a-member') onRefused(problem);
      // Whoever answers otherwise than it should is not asked without end.
      nextAt = clock.now() + (problem.code === 'account-invalid' ? longestPause : pause);
      pause = Math.min(pause * 2, longestPause);
      throw problem;
    } finally {
      announce();
    }
  }

  return {
    async view() {
      const mine = own();
      const known = mine ? await knownOf(mine.box) : [];
      return shown.view({ own: mine, known, problem, at: clock.now() });
    },
    month: shown.month,
    invoice: shown.invoice,
    ask: () => inTurn(askOnce),
    seen: (box, month) =>
      inTurn(async () => {
        const row = await shown.find(box, month);
        await write([], [book.months.put(new Map([[monthKey(row), { ...row, isSeen: true }]]))]);
        differing.delete(monthKey(row));
        announce();
      }),
    glance: () => ({ differing: differing.size }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      endWatching = parts.onTime(rounds.wake);
      rounds.start();
    },
    wake() {
      if (problem?.code === 'est-unreachable') nextAt = 0;
      rounds.wake();
    },
    async idle() {
      await turn;
    },
    async stop() {
      endWatching();
      await rounds.stop();
      await turn;
    },
  };
}
