/** Asks the provider for the months and invoices that this box has not kept yet, and judges what it answers. Nothing is written. */
import { createHash } from 'node:crypto';
import { endOfPeriod } from '#contract/metering.js';
import type { BoxInvoice, BoxMonth, BoxMonths } from '#contract/months.js';
import { Refusal } from '#contract/problems.js';
import type { AskAccounts } from './client.js';
import { hasItsDigits } from './compare.js';

/** Of answers to one asking: whoever always has more is not asked without end. */
const mostAnswers = 8;
const mostInvoicesAtOnce = 20;
/** Clocks are put right by the provider's, to within this. */
const slackMilliseconds = 3_600_000;

const not = (why: string): Refusal => new Refusal('account-invalid', why);

/** @throws Refusal `account-invalid` */
function judge(
  months: readonly BoxMonth[],
  { box, after, now }: { box: string; after: string | undefined; now: number },
) {
  let last = after;
  for (const { month, account } of months) {
    if (last !== undefined && month <= last) throw not(`${month} comes behind ${last}`);
    if (endOfPeriod(month) > now + slackMilliseconds) throw not(`${month} is not over`);
    if (account && (account.month !== month || account.box !== box)) throw not(`${month} is of somebody else`);
    if (account && ![...account.entries, ...account.sums].every(hasItsDigits))
      throw not(`${month} has an amount that its currency has not`);
    last = month;
  }
}

/** One answer after the other, each to be kept before the next is asked for. Answers the invoices that are named at last. */
export async function fetchMonths(
  ask: AskAccounts,
  wish: { box: string; after: string | undefined; now: () => number; keep(months: readonly BoxMonth[]): Promise<void> },
): Promise<BoxMonths['invoices']> {
  let { after } = wish;
  for (let answers = 1; ; answers += 1) {
    const { months, more, invoices } = await ask.months(after);
    judge(months, { box: wish.box, after, now: wish.now() });
    if (months.length > 0) await wish.keep(months);
    after = months.at(-1)?.month ?? after;
    if (!more || months.length === 0) return invoices;
    if (answers === mostAnswers) throw not('it has more months than there can be');
  }
}

/** Those of the list that are not there yet. */
export async function fetchInvoices(
  ask: AskAccounts,
  named: BoxMonths['invoices'],
  wish: { box: string; has(invoice: BoxMonths['invoices'][number]): boolean; keep(invoice: BoxInvoice): Promise<void> },
): Promise<void> {
  const wanted = named.filter((one) => one.box === wish.box && !wish.has(one)).slice(0, mostInvoicesAtOnce);
  for (const { number, month, sha256, currency } of wanted) {
    const invoice = await ask.invoice(number);
    const about = [invoice.number, invoice.box, invoice.month, invoice.currency, invoice.sha256].join(' ');
    if (about !== [number, wish.box, month, currency, sha256].join(' ')) throw not(`invoice ${number} is another one`);
    if (createHash('sha256').update(invoice.xml).digest('hex') !== sha256) throw not(`invoice ${number} was altered`);
    await wish.keep(invoice);
  }
}
