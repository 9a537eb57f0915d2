/** What an operator's command line asks of accounts. */
import { type Static, type TSchema, Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { Closing, NewCredit, Schedule } from '#contract/accounts.js';
import { BoxId } from '#contract/box-id.js';
import { Buyer, Seller } from '#contract/invoices.js';
import { Period } from '#contract/metering.js';
import { Currency } from '#contract/money.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Accounts } from './accounts.js';
import type { MonthClosing } from './closing.js';
import type { Invoices } from './invoices.js';

const Month = Type.Object({ month: Period });
const Page = Type.Object({
  month: Period,
  after: Type.Optional(Type.String({ maxLength: 200 })),
  limit: Type.Integer({ minimum: 1, maximum: 500 }),
});
const Owner = Type.Object({ month: Period, box: BoxId });
const Development = Type.Object({ box: BoxId, isFree: Type.Boolean() });

/** The buyer lies deeper than the log of acts looks: it keeps no names of owners. */
const Issue = Type.Object({
  month: Period,
  box: BoxId,
  currency: Type.Optional(Currency),
  to: Type.Object({ buyer: Buyer }),
});
const InvoicePage = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 100 })),
  limit: Type.Integer({ minimum: 1, maximum: 500 }),
});

function wanted<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const read = check(schema, value);
  if (read.ok) return read.value;
  throw new Refusal('arguments-invalid', describeFaults(read.faults));
}

export const createAccountOperations = ({
  accounts,
  invoices,
  closing,
}: {
  accounts: Accounts;
  invoices: Invoices;
  closing: MonthClosing;
}): Handlers => ({
  'account.list': () => accounts.months(),
  'account.close': (parameters) => accounts.close(wanted(Month, parameters).month),
  'account.next.show': () => closing.next(),
  'account.closing': (parameters) => closing.set(wanted(Closing, parameters)),
  'account.verify.read': () => accounts.verify(),
  async 'account.owners.list'(parameters) {
    const { month, ...page } = wanted(Page, parameters);
    return accounts.owners(month, page);
  },
  async 'account.members.list'(parameters) {
    const { month, ...page } = wanted(Page, parameters);
    return accounts.members(month, page);
  },
  async 'account.show'(parameters) {
    const { month, box } = wanted(Owner, parameters);
    return accounts.owner(month, box);
  },
  'account.credit': (parameters) => accounts.credit(wanted(NewCredit, parameters)),
  'account.schedule': (parameters) => accounts.setSchedule(wanted(Schedule, parameters)),
  'account.schedule.list': () => accounts.schedules(),
  async 'account.development'(parameters) {
    const { box, isFree } = wanted(Development, parameters);
    return accounts.setDevelopment(box, isFree);
  },
  'account.seller': (parameters) => invoices.setSeller(wanted(Seller, parameters)),
  'account.seller.show': () => invoices.seller(),
  async 'account.invoice'(parameters) {
    const { to, ...wish } = wanted(Issue, parameters);
    return invoices.issue({ ...wish, ...to });
  },
  'account.invoices.list': (parameters) => invoices.list(wanted(InvoicePage, parameters)),
  'account.development.list': () => accounts.developmentBoxes(),
});
