/** A territory's store with invoices that were made out, and the room that books what was paid of them. */
import type { AccountEntry } from '#contract/accounts.js';
import type { Invoice } from '#contract/invoices.js';
import type { BankFormat } from '#contract/payments.js';
import { createInvoices } from '../../provisioning/accounts/invoices.js';
import { createPaymentHooks } from '../../provisioning/payments/hooks.js';
import { createPayments } from '../../provisioning/payments/payments.js';
import { createPayouts } from '../../provisioning/payments/payouts.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { agreementId, boxOf } from './accounts-desk.js';
import { createManualClock } from './manual-clock.js';

export const bank: BankFormat = {
  ...{ account: 'main', encoding: 'utf-8', separator: ';', quote: '"', skipLines: 0, hasHeadings: true },
  columns: { date: 'Date', amount: 'Amount', currency: 'Currency', text: ['Details'], id: 'Number' },
  ...{ dateOrder: 'dmy', decimal: ',', grouping: '.' },
};

export interface BankLine {
  amount: string;
  text: string;
  id?: string;
  day?: string;
  currency?: string;
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
/** As the bank above writes it. */
export const statement = (lines: readonly BankLine[]): string =>
  ['Date;Amount;Currency;Details;Number', ...lines.map((one, at) => lineOf(one, at))].join('\r\n');
const lineOf = ({ amount, text, id, day = '03.12.2026', currency = 'EUR' }: BankLine, at: number): string =>
  [day, amount, currency, quoted(text), id ?? `B${at}`].join(';');

/** @param commit what the store's commit goes through */
export async function openPaymentsDesk(
  folder: string,
  commit: (store: Store) => Store['commit'] = (store) => store.commit,
) {
  const real = await openStore(folder);
  const store = { ...real, commit: commit(real) };
  const clock = createManualClock(Date.UTC(2026, 11, 3));
  const payments = createPayments({ store, clock });
  return {
    ...{ store, clock, payments },
    hooks: createPaymentHooks({ store, clock, payments }),
    payouts: createPayouts({ store, clock, territory: 'north' }),
    /** One for each amount, numbered from 1; what is there stays. */
    async bill(amounts: readonly string[], currency = 'EUR'): Promise<Invoice[]> {
      const tax = { category: 'O', reason: 'not registered' } as const;
      const invoices = createInvoices({
        ...{ store: real, clock, territory: 'north' },
        accountOf: async (month, box) => {
          const amount = amounts[Number(box.slice(4)) - 1] ?? '0.00';
          const entry: AccountEntry = {
            ...{ kind: 'charge', agreement: agreementId(1), app: 'acme.visits', plan: 'personal', member: 'acme' },
            ...{ territory: 'north', period: month, for: 'month', price: '1', unit: null, quantity: null, days: null },
            ...{ credit: null, reason: null, amount, currency },
          };
          return { month, box, entries: [entry], sums: [{ currency, amount }] };
        },
      });
      await invoices.setSeller({ name: 'North', country: 'AU', registration: '51', paymentDays: 14, tax });
      const made: Invoice[] = [];
      for (const at of amounts.keys()) {
        const wish = { month: '2026-11', box: boxOf(at + 1), buyer: { name: 'Ana', country: 'AU' } };
        const { xml: _xml, ...invoice } = await invoices.issue(wish);
        made.push(invoice);
      }
      return made;
    },
  };
}
export type PaymentsDesk = Awaited<ReturnType<typeof openPaymentsDesk>>;
