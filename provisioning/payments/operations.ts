/** What an operator's command line asks of payments. */
import { type Static, type TSchema, Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { InvoiceNumber } from '#contract/invoices.js';
import { Period } from '#contract/metering.js';
import { check, describeFaults } from '#contract/parse.js';
import { PaymentReference } from '#contract/payment-reference.js';
import {
  BankFormat,
  NewAssignment,
  NewPayout,
  NewReversal,
  Payee,
  PaymentId,
  ReturnedPayout,
  SourceName,
} from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import type { PaymentHooks } from './hooks.js';
import type { Payments } from './payments.js';
import type { Payouts } from './payouts.js';

const page = {
  after: Type.Optional(Type.String({ maxLength: 200 })),
  limit: Type.Integer({ minimum: 1, maximum: 500 }),
};
const Page = Type.Object(page);
const MonthPage = Type.Object({ month: Period, ...page });
/** A path, because a statement is larger than a message: whoever reaches the socket may read what we may. */
const Import = Type.Object({ file: Type.String({ pattern: '^/' }), format: BankFormat });
const OneInvoice = Type.Object({ invoice: Type.Union([InvoiceNumber, PaymentReference]) });
const OnePayment = Type.Object({ payment: PaymentId });
const OneHook = Type.Object({ name: SourceName });

function wanted<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const read = check(schema, value);
  if (read.ok) return read.value;
  throw new Refusal('arguments-invalid', describeFaults(read.faults));
}

export interface PaymentRooms {
  payments: Payments;
  paymentHooks: PaymentHooks;
  payouts: Payouts;
}

export const createPaymentOperations = ({ payments, paymentHooks, payouts }: PaymentRooms): Handlers => ({
  async 'payment.import'(parameters) {
    const { file, format } = wanted(Import, parameters);
    return payments.importFile(file, format);
  },
  'payment.list': (parameters) => payments.invoices(wanted(Page, parameters)),
  'payment.unmatched.list': (parameters) => payments.unmatched(wanted(Page, parameters)),
  'payment.invoice.show': (parameters) => payments.invoice(wanted(OneInvoice, parameters).invoice),
  'payment.show': (parameters) => payments.payment(wanted(OnePayment, parameters).payment),
  'payment.sums.read': () => payments.sums(),
  'payment.assign': (parameters) => payments.assign(wanted(NewAssignment, parameters)),
  'payment.reverse': (parameters) => payments.reverse(wanted(NewReversal, parameters)),
  'payment.hook.list': () => paymentHooks.list(),
  'payment.hook.add': (parameters) => paymentHooks.create(wanted(OneHook, parameters).name),
  'payment.hook.remove': (parameters) => paymentHooks.remove(wanted(OneHook, parameters).name),
  async 'payout.list'(parameters) {
    const { month, ...rest } = wanted(MonthPage, parameters);
    return payouts.list(month, rest);
  },
  'payout.done': (parameters) => payouts.done(wanted(NewPayout, parameters)),
  'payout.returned': (parameters) => payouts.returned(wanted(ReturnedPayout, parameters)),
  'payout.payee': (parameters) => payouts.setPayee(wanted(Payee, parameters)),
});
