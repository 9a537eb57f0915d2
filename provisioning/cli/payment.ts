/** `payment`: what was paid of invoices. */
import path from 'node:path';
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { printedReference } from '#contract/payment-reference.js';
import {
  BankFormat,
  Booking,
  CreatedPaymentHook,
  ImportedPayments,
  InvoicePayments,
  InvoiceState,
  PaymentHook,
  PaymentSums,
  ShownInvoice,
  ShownPayment,
  UnmatchedPayment,
} from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import { fileText, flag, noMore, readArguments, required, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

async function importFile(args: string[], { out }: Parameters<Command>[1]): Promise<void> {
  const { values, positionals } = readArguments(args, { dir: text, format: text, json: flag });
  const [file, ...rest] = positionals;
  noMore(rest);
  const formatFile = required(values.format, '--format');
  const format = parseJson(BankFormat, Buffer.from(await fileText(formatFile)));
  if (!format.ok) throw new Refusal('bank-format-invalid', `${formatFile}: ${describeFaults(format.faults)}`);
  const wish = { file: path.resolve(required(file, 'the file')), format: format.value };
  const done = answered(check(ImportedPayments, await asking(values.dir)('payment.import', wish)));
  const { rows, taken, known, empty, matched, unmatched, differing } = done;
  tellDone(
    out,
    values,
    done,
    `${rows} lines: ${taken} taken (${matched} for an invoice, ${unmatched} unmatched), ${known} known, ${empty} of nothing`,
  );
  if (!values.json)
    for (const { line, id } of differing) out(`line ${line}: ${id} is known, and was another payment; not taken`);
}

const invoiceHead = ['NUMBER', 'REFERENCE', 'MONTH', 'BOX', 'AMOUNT', 'PAID', 'OPEN', 'CURRENCY', 'STATE'];
const invoiceRow = (one: InvoicePayments): string[] => [
  ...[one.number, printedReference(one.reference), one.month, one.box, one.amount, one.paid, one.open, one.currency],
  one.state,
];

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, state: text, ...outputs });
  noMore(positionals);
  const { state } = values;
  if (state !== undefined && !check(InvoiceState, state).ok)
    throw new Refusal('arguments-invalid', '--state is open, partly-paid, paid or overpaid');
  const all = await askAll(asking(values.dir), 'payment.list', (page) =>
    answered(check(Type.Array(InvoicePayments), page)).map((one) => ({ ...one, id: one.number })),
  );
  const wanted = all.filter((one) => state === undefined || one.state === state);
  tellRows(out, values, wanted, [invoiceHead, ...wanted.map(invoiceRow)]);
};

const paymentHead = ['PAYMENT', 'DAY', 'FROM', 'AMOUNT', 'LEFT', 'CURRENCY', 'WHY', 'ID', 'TEXT'];
const paymentRow = (one: UnmatchedPayment): string[] => [
  ...[one.id, one.day, one.source, one.amount, one.left, one.currency, one.fault ?? '', one.outsideId ?? '', one.text],
];

const unmatched: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const all = await askAll(asking(values.dir), 'payment.unmatched.list', (page) =>
    answered(check(Type.Array(UnmatchedPayment), page)),
  );
  tellRows(out, values, all, [paymentHead, ...all.map(paymentRow)]);
};

const bookingHead = ['BOOKING', 'KIND', 'AT', 'PAYMENT', 'INVOICE', 'AMOUNT', 'CURRENCY', 'REVERSES', 'REASON'];
const bookingRow = (one: Booking): string[] => [
  ...[one.id, one.kind, when(one.at), one.payment, one.invoice ?? '', one.amount, one.currency],
  ...[one.reverses ?? '', one.reason ?? ''],
];

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  const [named, ...rest] = positionals;
  noMore(rest);
  const id = required(named, 'invoice, reference or payment').replaceAll(' ', '');
  const ask = asking(values.dir);
  const told = (answer: { bookings: Booking[] }, about: string[][]): void => {
    if (!values.json && !values.csv) {
      tellRows(out, values, answer, about);
      out('');
    }
    tellRows(out, values, answer, [bookingHead, ...answer.bookings.map(bookingRow)]);
  };
  if (id.startsWith('payment-')) {
    const answer = answered(check(ShownPayment, await ask('payment.show', { payment: id })));
    return told(answer, [paymentHead, paymentRow(answer.payment)]);
  }
  const answer = answered(check(ShownInvoice, await ask('payment.invoice.show', { invoice: id })));
  return told(answer, [invoiceHead, invoiceRow(answer.invoice)]);
};

const tellBooking = (out: (line: string) => void, values: { json?: boolean }, booking: Booking): void => {
  const { id, amount, currency, payment, invoice } = booking;
  tellDone(out, values, booking, `${id}: ${amount} ${currency} of ${payment}, ${invoice ?? 'set aside'}`);
};

const assign: Command = async (args, { out }) => {
  const options = { dir: text, amount: text, reason: text, aside: flag, json: flag };
  const { values, positionals } = readArguments(args, options);
  const [payment, invoice, ...rest] = positionals;
  noMore(rest);
  const { amount, reason, aside } = values;
  if ((invoice === undefined) !== (aside === true))
    throw new Refusal('arguments-invalid', 'it is for an invoice, or --aside');
  if (aside) required(reason, '--reason');
  const wish = {
    payment: required(payment, 'the payment'),
    ...(invoice === undefined ? {} : { invoice: invoice.replaceAll(' ', '') }),
    ...(amount === undefined ? {} : { amount }),
    ...(reason === undefined ? {} : { reason }),
  };
  tellBooking(out, values, answered(check(Booking, await asking(values.dir)('payment.assign', wish))));
};

const reverse: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, reason: text, json: flag });
  const [booking, ...rest] = positionals;
  noMore(rest);
  const wish = { booking: required(booking, 'the booking'), reason: required(values.reason, '--reason') };
  tellBooking(out, values, answered(check(Booking, await asking(values.dir)('payment.reverse', wish))));
};

const sums: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const all = answered(check(Type.Array(PaymentSums), await asking(values.dir)('payment.sums.read', {})));
  const head = ['CURRENCY', 'CAME IN', 'BOOKED', 'ASIDE', 'UNMATCHED', 'INVOICED', 'OPEN'];
  const rows = all.map((one) => [
    ...[one.currency, one.cameIn, one.booked, one.aside, one.unmatched, one.invoiced, one.open],
  ]);
  tellRows(out, values, all, [head, ...rows]);
};

const hook: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, remove: flag, ...outputs });
  const [name, ...rest] = positionals;
  noMore(rest);
  const ask = asking(values.dir);
  if (name !== undefined && !values.remove) {
    const made = answered(check(CreatedPaymentHook, await ask('payment.hook.add', { name })));
    return tellDone(out, values, made, made.secret);
  }
  if (values.remove) await ask('payment.hook.remove', { name: required(name, 'the hook') });
  const all = answered(check(Type.Array(PaymentHook), await ask('payment.hook.list', {})));
  tellRows(out, values, all, [['HOOK', 'SINCE'], ...all.map((one) => [one.name, when(one.createdAt)])]);
};

const verbs: Record<string, Command | undefined> = {
  ...{ import: importFile, list, show, unmatched, assign, reverse, sums, hook },
};

export const payment: Command = async ([name = '', ...args], io) => {
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) throw new Refusal('arguments-invalid', `payment is followed by ${Object.keys(verbs).join(', ')}`);
  await verb(args, io);
};
