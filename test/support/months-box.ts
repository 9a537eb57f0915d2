/** A box that reads its months from a provider's rooms, in the bytes in which they go over the wire; the test may alter them. */
import type { Agreement } from '#contract/agreements.js';
import type { UsageSum } from '#contract/metering.js';
import { BoxInvoice, BoxMonths } from '#contract/months.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Bounds } from '../../agent/accounts/book.js';
import type { AskAccounts } from '../../agent/accounts/client.js';
import { createMonths, type MonthsParts, type MonthsRoom } from '../../agent/accounts/months.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { openStore } from '../../agent/store/store.js';
import { createBoxMonths } from '../../provisioning/accounts/box-months.js';
import { type AccountsDesk, agreementId, boxOf, recordOf, type Told, type Used } from './accounts-desk.js';

export const monthsOfBox = boxOf(1);

/** What the box knows of itself: what was told, unless the test has it know something else. */
export interface BoxKnows {
  agreements: { agreement: Agreement; since: number | null; endedAt: number | null }[];
  counted: Map<string, { period: string; sums: UsageSum[] }[]>;
}

export function knowing(told: readonly Told[], used: readonly Used[]): BoxKnows {
  const counted: BoxKnows['counted'] = new Map();
  for (const { number, period, quantities } of used) {
    const sums = Object.entries(quantities).map(([unit, quantity]) => ({ unit, quantity, trial: '0' }));
    counted.set(agreementId(number), [...(counted.get(agreementId(number)) ?? []), { period, sums }]);
  }
  const agreements = told.map((one) => {
    const { agreement, since, ended } = recordOf(one);
    return { agreement, since, endedAt: ended?.at ?? null };
  });
  return { agreements, counted };
}

/** As the client reads it. */
export function askingOf(
  store: AccountsDesk['store'],
  provider: { alter?(text: string): string; box?: string } = {},
): AskAccounts {
  const room = createBoxMonths({ store });
  const sent = (value: unknown): Buffer => {
    const text = JSON.stringify(value);
    return Buffer.from(provider.alter?.(text) ?? text);
  };
  const who = () => provider.box ?? monthsOfBox;
  return {
    async months(after) {
      const read = parseJson(BoxMonths, sent(await room.of(who(), after)));
      if (!read.ok) throw new Refusal('account-invalid', describeFaults(read.faults));
      return read.value;
    },
    async invoice(number) {
      const read = parseJson(BoxInvoice, sent(await room.invoice(who(), number)));
      if (!read.ok) throw new Refusal('account-invalid', describeFaults(read.faults));
      return read.value;
    },
  };
}

export async function openMonthsBox(
  folder: string,
  wish: {
    clock: MonthsParts['clock'];
    ask: AskAccounts;
    knows: () => BoxKnows;
    own?: MonthsParts['own'];
    isTimeKnown?: () => boolean;
    bounds?: Bounds;
    /** What the store's commits go through. */
    commit?: (commit: MonthsParts['store']['commit']) => MonthsParts['store']['commit'];
  },
) {
  const opened = await openStore(folder);
  const commit = wish.commit?.(opened.commit) ?? opened.commit;
  const store = { db: opened.db, commit };
  const ledger = await createLedger({ store, clock: wish.clock });
  const refused: string[] = [];
  const months: MonthsRoom = await createMonths({
    ...{ store, ledger, clock: wish.clock, ask: wish.ask },
    own: wish.own ?? (() => ({ box: monthsOfBox, territory: 'north' })),
    isTimeKnown: wish.isTimeKnown ?? (() => true),
    onTime: () => () => {},
    held: (box) => wish.knows().agreements.filter(({ agreement }) => agreement.box === box),
    counted: async (agreement) => wish.knows().counted.get(agreement) ?? [],
    onRefused: ({ code }) => void refused.push(code),
    ...(wish.bounds && { bounds: wish.bounds }),
  });
  return {
    ...{ months, ledger, refused },
    /** What the ledger says of months. */
    said: async () =>
      (await ledger.export()).entries
        .filter(({ type }) => type.startsWith('terms.month-'))
        .map(({ type, facts }) => `${type.slice(12)} ${facts.month}`),
    async close() {
      await months.stop();
      await opened.close();
    },
  };
}
