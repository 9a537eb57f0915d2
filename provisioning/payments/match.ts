/** Which invoice a payment is for, by the reference in its text alone; and how an invoice stands. Pure. */
import { amountOf, minorRead } from '#common/accounts/money.js';
import type { Invoice } from '#contract/invoices.js';
import { numberReferred, referenceOf, referencesIn } from '#contract/payment-reference.js';
import type { InvoicePayments, MatchFault } from '#contract/payments.js';

export type BilledInvoice = Pick<Invoice, 'number' | 'month' | 'box' | 'currency' | 'amount'>;

/** The key of the one invoice that a text refers to, or why there is none. */
export function referredKey(text: string): { key: string } | { fault: MatchFault } {
  const { references, mistyped } = referencesIn(text);
  const [first, ...more] = references;
  // A second one, though mistyped, may be meant as well.
  if (first === undefined) return { fault: mistyped.length > 0 ? 'reference-mistyped' : 'no-reference' };
  const key = numberReferred(first);
  if (key === undefined || more.length > 0 || mistyped.length > 0) return { fault: 'several-references' };
  return { key };
}

export function matchFault(invoice: BilledInvoice | undefined, currency: string): MatchFault | null {
  if (!invoice) return 'reference-unknown';
  return invoice.currency === currency ? null : 'other-currency';
}

/** Of a credit note everything goes the other way. */
function stateOf(amount: bigint, paid: bigint): InvoicePayments['state'] {
  const [due, had] = amount < 0n ? [-amount, -paid] : [amount, paid];
  if (had === due) return 'paid';
  return had > due ? 'overpaid' : had > 0n ? 'partly-paid' : 'open';
}

export function invoiceView(key: string, invoice: BilledInvoice, paid: bigint): InvoicePayments {
  const { number, month, box, currency, amount } = invoice;
  const due = minorRead(amount);
  const text = (minor: bigint): string => amountOf(minor, currency);
  return {
    ...{ number, reference: referenceOf(key), month, box, currency, amount },
    ...{ paid: text(paid), open: text(due - paid), state: stateOf(due, paid) },
  };
}
