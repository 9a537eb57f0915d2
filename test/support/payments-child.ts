/**
 * A provider that reads a bank's statement and is cut: `node payments-child.js FOLDER CUT`. Before the CUT-th commit, or just
 * behind it where that is negative, comes SIGKILL. When all is booked it prints how many commits that took, and where the
 * money is. What was done before is done once.
 */
import { writeSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { referenceOf } from '#contract/payment-reference.js';
import { bank, openPaymentsDesk, statement } from './payments-desk.js';

const [folder = '', cut = '0'] = process.argv.slice(2);
const kill = (): void => void process.kill(process.pid, 'SIGKILL');
let commits = 0;
await mkdir(folder, { recursive: true });
const desk = await openPaymentsDesk(path.join(folder, 'territory'), (store) => async (operations) => {
  commits += 1;
  if (commits === Number(cut)) kill();
  await store.commit(operations);
  if (commits === -Number(cut)) kill();
});
const invoices = await desk.bill(Array.from({ length: 5 }, () => '100.00'));
const file = path.join(folder, 'statement.csv');
// Every seventh names nothing, and one is for an invoice that it does not name.
const lines = Array.from({ length: 500 }, (_, n) => ({
  ...{ amount: '1,01', id: `n${n}` },
  text: n % 7 === 0 ? 'nothing' : referenceOf(String((n % 5) + 1)),
}));
await writeFile(file, statement(lines));
await desk.payments.importFile(file, bank);
const payment = 'payment-000000000001';
const { bookings } = await desk.payments.payment(payment);
const first = bookings[0] ?? (await desk.payments.assign({ payment, invoice: invoices[0]!.number, amount: '1.00' }));
if (bookings.length < 2) await desk.payments.reverse({ booking: first.id, reason: 'it was for nobody' });
const sums = await desk.payments.sums();
const states = (await desk.payments.invoices({ limit: 10 })).map(({ paid, state }) => `${paid} ${state}`);
writeSync(1, JSON.stringify({ commits, sums, states }));
await desk.store.close();
