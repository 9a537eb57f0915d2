import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { amountOf, minorRead } from '#common/accounts/money.js';
import { check } from '#contract/parse.js';
import { printedReference, referenceOf } from '#contract/payment-reference.js';
import {
  Booking,
  ImportedPayments,
  InvoicePayments,
  Payment,
  PaymentSums,
  UnmatchedPayment,
} from '#contract/payments.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { cutChild } from '../support/cut-child.js';
import { ownFolder } from '../support/folder.js';
import { type BankLine, bank, openPaymentsDesk, type PaymentsDesk, statement } from '../support/payments-desk.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const all = { limit: 500 };

async function desked(t: Test) {
  const folder = await ownFolder(t);
  const desk = await openPaymentsDesk(path.join(folder, 'territory'));
  t.teardown(() => desk.store.close());
  let count = 0;
  return {
    ...desk,
    async bring(lines: readonly BankLine[], format = bank) {
      count += 1;
      const file = path.join(folder, `${count}.csv`);
      await writeFile(file, statement(lines));
      return desk.payments.importFile(file, format);
    },
  };
}

const states = async ({ payments }: Pick<PaymentsDesk, 'payments'>) =>
  (await payments.invoices(all)).map(({ paid, open, state }) => [paid, open, state].join(' '));

t.test('exact, partial, too much, unknown: each is booked or listed, with why', async (t) => {
  const desk = await desked(t);
  const [first, second, third, back] = await desk.bill(['2.99', '10.00', '1234.56', '-1.49']);
  const answer = await desk.bring([
    { amount: '2,99', text: `Invoice ${first!.reference}` },
    { amount: '4,00', text: `part, rf${second!.reference.slice(2, 4)} 0000-0000 0002 thank you` },
    { amount: '1.300,00', text: printedReference(third!.reference) },
    { amount: '-1,49', text: `back ${back!.reference}` },
    { amount: '5,00', text: 'for the boxes' },
    { amount: '5,00', text: first!.reference.replace('1', '7') },
    { amount: '5,00', text: referenceOf('999') },
    { amount: '5,00', text: `${first!.reference} ${second!.reference}` },
    { amount: '5,00', text: first!.reference, currency: 'USD' },
    { amount: '0,00', text: 'your interest' },
  ]);
  t.ok(check(ImportedPayments, answer).ok);
  t.match(answer, { rows: 10, taken: 9, known: 0, empty: 1, matched: 4, unmatched: 5, differing: [] });
  t.strictSame(await states(desk), [
    '2.99 0.00 paid',
    '4.00 6.00 partly-paid',
    '1300.00 -65.44 overpaid',
    '-1.49 0.00 paid',
  ]);
  const waiting = await desk.payments.unmatched(all);
  t.strictSame(
    waiting.map(({ fault, left, currency }) => `${fault} ${left} ${currency}`),
    [
      'no-reference 5.00 EUR',
      'reference-mistyped 5.00 EUR',
      'reference-unknown 5.00 EUR',
      'several-references 5.00 EUR',
      'other-currency 5.00 USD',
    ],
  );
  t.ok(waiting.every((one) => check(UnmatchedPayment, one).ok));
  t.match(await desk.payments.unmatched({ limit: 2, after: waiting[1]!.id }), waiting.slice(2, 4));
  t.match(await desk.payments.invoices({ limit: 1, after: first!.number }), [{ number: second!.number }]);
  t.ok((await desk.payments.invoices(all)).every((one) => check(InvoicePayments, one).ok));
  const sums = await desk.payments.sums();
  t.ok(sums.every((one) => check(PaymentSums, one).ok));
  t.match(sums, [
    { currency: 'EUR', cameIn: '1325.50', booked: '1305.50', unmatched: '20.00', invoiced: '1246.06', open: '-59.44' },
    { currency: 'USD', cameIn: '5.00', booked: '0.00', unmatched: '5.00' },
  ]);
});

t.test('a line is taken once, however often and in whatever file it is read', async (t) => {
  const desk = await desked(t);
  const [invoice] = await desk.bill(['9.00']);
  const lines = [
    { amount: '3,00', text: invoice!.reference, id: 'a' },
    { amount: '3,00', text: invoice!.reference, id: 'b' },
  ];
  t.match(await desk.bring(lines), { taken: 2, known: 0 });
  t.match(await desk.bring(lines), { taken: 0, known: 2 });
  t.match(await desk.bring([...lines, { amount: '3,00', text: invoice!.reference, id: 'c' }]), { taken: 1, known: 2 });
  t.strictSame(await states(desk), ['9.00 0.00 paid']);
  t.match(
    await desk.bring([{ amount: '4,00', text: invoice!.reference, id: 'a' }]),
    { taken: 0, known: 0, differing: [{ line: 2, id: 'a' }] },
    'an id that names another payment now is told of, and books nothing',
  );
  t.match(await desk.bring([{ ...lines[0]!, text: `booked ${invoice!.reference}`, day: '04.12.2026' }]), { known: 1 });
  t.match(await desk.bring([{ ...lines[0]!, text: referenceOf('2') }]), { known: 0, differing: [{ id: 'a' }] });
  await t.rejects(desk.bring([...lines, lines[0]!]), refuses('bank-file-unreadable'), 'an id that is none');
  t.match(await desk.bring(lines, { ...bank, account: 'other' }), { taken: 2 }, 'of another account it is another one');

  const { id: _id, ...columns } = bank.columns;
  const plain = { ...bank, account: 'plain', columns };
  const twice = [
    { amount: '1,00', text: 'x', id: 'same' },
    { amount: '1,00', text: 'x', id: 'same' },
  ];
  t.match(await desk.bring(twice, plain), { taken: 2 }, 'without an id, equal lines are as many as there are');
  t.match(await desk.bring(twice, plain), { taken: 0, known: 2 });
  t.match(await desk.bring([...twice, twice[0]!], plain), { taken: 1, known: 2 }, 'and one more is one more');
  const less = { ...plain, columns: { ...columns, text: ['Number'] } };
  t.match(await desk.bring(twice, less), { taken: 0, known: 2 }, 'whichever columns are named');
});

t.test('what is booked by hand is booked within what is left, and taken back by a booking against it', async (t) => {
  const desk = await desked(t);
  const [one, two] = await desk.bill(['10.00', '20.00']);
  await desk.bring([
    { amount: '25,00', text: 'two at once' },
    { amount: '-7,00', text: 'the rent' },
    { amount: '8,00', text: 'x', currency: 'USD' },
  ]);
  const [both, rent, other] = await desk.payments.unmatched(all);
  const id = both!.id;
  await t.rejects(desk.payments.assign({ payment: id, invoice: 'north-000009' }), refuses('invoice-not-issued'));
  await t.rejects(desk.payments.assign({ payment: id, invoice: 'south-000001' }), refuses('invoice-not-issued'));
  await t.rejects(
    desk.payments.assign({ payment: id, invoice: one!.reference.replace('1', '2') }),
    refuses('reference-mistyped'),
  );
  await t.rejects(desk.payments.assign({ payment: other!.id, invoice: one!.number }), refuses('invoice-currency'));
  for (const amount of ['25.01', '0.00', '-1.00', '1.5', '00.50'])
    await t.rejects(desk.payments.assign({ payment: id, invoice: one!.number, amount }), refuses('payment-used-up'));
  const first = await desk.payments.assign({ payment: id, invoice: one!.number, amount: '10.00' });
  t.ok(check(Booking, first).ok);
  t.match(await desk.payments.assign({ payment: id, invoice: two!.reference }), { amount: '15.00', kind: 'assigned' });
  await t.rejects(desk.payments.assign({ payment: id, invoice: one!.number }), refuses('payment-used-up'));
  t.match(await desk.payments.assign({ payment: rent!.id, reason: 'the rent' }), { kind: 'aside', invoice: null });
  t.strictSame(await states(desk), ['10.00 0.00 paid', '15.00 5.00 partly-paid']);
  t.match(await desk.payments.unmatched(all), [{ id: other!.id }]);

  const back = await desk.payments.reverse({ booking: first.id, reason: 'it was for the other' });
  t.match(back, { kind: 'reversal', amount: '-10.00', reverses: first.id, invoice: one!.number });
  await t.rejects(desk.payments.reverse({ booking: first.id, reason: 'x' }), refuses('booking-reversed'));
  await t.rejects(desk.payments.reverse({ booking: back.id, reason: 'x' }), refuses('booking-reversed'));
  await t.rejects(
    desk.payments.reverse({ booking: first.id.replace(/\d{4}$/, '0099'), reason: 'x' }),
    refuses('booking-unknown'),
  );
  t.strictSame(await states(desk), ['0.00 10.00 open', '15.00 5.00 partly-paid']);
  await desk.payments.assign({ payment: id, invoice: two!.number, amount: '5.00' });
  const { payment, bookings } = await desk.payments.payment(id);
  t.match(payment, { left: '5.00', amount: '25.00' });
  t.strictSame(
    bookings.map(({ amount }) => amount),
    ['10.00', '15.00', '-10.00', '5.00'],
    'nothing was altered',
  );
  t.match((await desk.payments.invoice(two!.reference)).bookings, [{ amount: '15.00' }, { amount: '5.00' }]);
  await t.rejects(desk.payments.payment('payment-000000000099'), refuses('payment-unknown'));
  t.match(await desk.payments.sums(), [{ cameIn: '18.00', booked: '20.00', aside: '-7.00', unmatched: '5.00' }, {}]);

  const { store } = desk;
  await store.commit([{ type: 'put', sublevel: store.invoicesPaid, key: '000000000002', value: '2100' }]);
  await t.rejects(desk.payments.sums(), refuses('payments-altered'), 'what was written to from outside shows');
});

t.test('a credit note is set against an invoice out of the payment that left it off', async (t) => {
  const desk = await desked(t);
  const [invoice, note] = await desk.bill(['8.50', '-1.49']);
  await desk.bring([{ amount: '7,01', text: invoice!.reference }]);
  const payment = 'payment-000000000001';
  const against = (amount: string, number = note!.number) => desk.payments.assign({ payment, invoice: number, amount });
  await t.rejects(against('-1.50'), refuses('payment-used-up'));
  await t.rejects(against('-1.00', invoice!.number), refuses('payment-used-up'));
  await against('-1.49');
  await t.rejects(against('-0.01'), refuses('payment-used-up'));
  await against('1.49', invoice!.number);
  t.strictSame(await states(desk), ['8.50 0.00 paid', '-1.49 0.00 paid']);
  t.match(await desk.payments.sums(), [{ cameIn: '7.01', booked: '7.01', unmatched: '0.00', open: '0.00' }]);
});

const billed = ['1.00', '2.50', '999.99', '-3.00'];
type Act =
  | { do: 'import'; lines: BankLine[]; again: boolean }
  | { do: 'assign'; payment: number; invoice: number | null; part: number }
  | { do: 'reverse'; payment: number; booking: number };

const lineArb: fc.Arbitrary<BankLine> = fc.record({
  amount: fc.bigInt({ min: -100_000n, max: 100_000n }).map((minor) => amountOf(minor, 'EUR').replace('.', ',')),
  text: fc.oneof(
    fc.integer({ min: 1, max: billed.length + 1 }).map((number) => referenceOf(String(number))),
    fc.integer({ min: 1, max: billed.length }).map((number) => `to ${printedReference(referenceOf(String(number)))} x`),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
  ),
  id: fc.integer({ min: 1, max: 40 }).map((number) => `id${number}`),
});
const actArb: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    do: fc.constant('import' as const),
    lines: fc.uniqueArray(lineArb, { selector: ({ id }) => id, maxLength: 8 }),
    again: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('assign' as const),
    payment: fc.nat(30),
    invoice: fc.option(fc.integer({ min: 1, max: billed.length }), { nil: null }),
    part: fc.integer({ min: 1, max: 100 }),
  }),
  fc.record({ do: fc.constant('reverse' as const), payment: fc.nat(30), booking: fc.nat(5) }),
);

t.test('whatever is read, read again, assigned and taken back: all that came in is somewhere, once', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(actArb, { minLength: 1, maxLength: 12 }), async (acts) => {
      const desk = await desked(t);
      await desk.bill(billed);
      /** By its id, what first came in under it. */
      const came = new Map<string, bigint>();
      const tolerant = (work: Promise<unknown>) =>
        work.catch((error: unknown) => {
          if (!(error instanceof Refusal)) throw error;
        });
      const paymentAt = (number: number) => `payment-${String(number).padStart(12, '0')}`;
      for (const act of acts) {
        if (act.do === 'import') {
          const files = act.again ? [act.lines, act.lines] : [act.lines];
          for (const lines of files) await desk.bring(lines);
          for (const { id, amount } of act.lines) {
            const minor = BigInt(amount.replace(',', ''));
            if (minor !== 0n && !came.has(id!)) came.set(id!, minor);
          }
        } else if (act.do === 'assign') {
          const found = await desk.payments.payment(paymentAt(act.payment)).catch(() => undefined);
          const left = minorRead(found?.payment.left ?? '0.00');
          const amount = amountOf((left * BigInt(act.part)) / 100n, 'EUR');
          const invoice = act.invoice === null ? {} : { invoice: referenceOf(String(act.invoice)) };
          await tolerant(desk.payments.assign({ payment: paymentAt(act.payment), amount, ...invoice }));
        } else {
          const id = `booking-${String(act.payment).padStart(12, '0')}-${String(act.booking).padStart(4, '0')}`;
          await tolerant(desk.payments.reverse({ booking: id, reason: 'x' }));
        }
      }
      // Reckons every booking anew, and holds it against what is kept.
      const [sums] = await desk.payments.sums();
      const cameIn = [...came.values()].reduce((sum, one) => sum + one, 0n);
      const invoices = await desk.payments.invoices(all);
      const sum = (amounts: string[]) => amounts.reduce((total, one) => total + minorRead(one), 0n);
      const unmatched = sum((await desk.payments.unmatched(all)).map(({ left }) => left));
      const open = sum(invoices.map((one) => one.open));
      const aside = minorRead(sums!.aside);
      if (minorRead(sums!.cameIn) !== cameIn) t.fail('another sum came in');
      if (sum(billed) - open + unmatched + aside !== cameIn) t.fail('open, unmatched and aside are not what came in');
      if ((await desk.store.payments.keys().all()).length !== came.size) t.fail('a payment is there twice');
      for await (const payment of desk.store.payments.values())
        if (!check(Payment, payment).ok) t.fail('is no payment');
    }),
    { numRuns: 25 },
  );
});

t.test('killed at each step of an import, all of it is there once when it is read again', async (t) => {
  const run = (folder: string, cut: number): Promise<string> => cutChild('payments-child', folder, cut);
  const whole = await run(await ownFolder(t), 0);
  const { commits, sums, states: told } = JSON.parse(whole);
  t.ok(commits >= 5, 'an import of several batches, an assignment and a reversal');
  for (let cut = 1; cut <= commits; cut += 1)
    for (const side of [cut, -cut]) {
      const folder = await ownFolder(t);
      t.equal(await run(folder, side), '', 'cut');
      const where = `cut ${side < 0 ? 'behind' : 'before'} commit ${cut}`;
      t.match(JSON.parse(await run(folder, 0)), { sums, states: told }, where);
    }
});
