/**
 * A provider that closes a month and is cut: `node accounts-child.js FOLDER CUT`. Before the CUT-th commit of closing it,
 * or just behind it where that is negative, comes SIGKILL. When it is closed it prints how many commits that took, and what
 * it has come to. What was told before is told once.
 */
import { writeSync } from 'node:fs';
import { boxOf, openAccountsDesk, type Told } from './accounts-desk.js';

const [folder = '', cut = '0'] = process.argv.slice(2);
const kill = (): void => void process.kill(process.pid, 'SIGKILL');
let commits = 0;
const desk = await openAccountsDesk(folder, Date.UTC(2026, 11, 1), (store) => async (operations) => {
  commits += 1;
  if (commits === Number(cut)) kill();
  await store.commit(operations);
  if (commits === -Number(cut)) kill();
});
const since = Date.UTC(2026, 9, 15);
await desk.tell(
  ...Array.from(
    { length: 150 },
    (_, n): Told => ({
      ...{ number: n + 1, box: boxOf(n + 1), member: n % 2 === 0 ? 'acme' : 'bracken', since },
      prices: [{ amount: '2.99', currency: n % 5 === 0 ? 'USD' : 'EUR', per: 'month' }],
    }),
  ),
);
if (await desk.store.schedules.get('1970-01').then((one) => one === undefined))
  await desk.store.schedules.put('1970-01', { from: '1970-01', share: '15', alliance: '2', discounts: [] });
const { sha256, totals } = await desk.accounts.close('2026-11');
await desk.accounts.close('2026-11');
const { altered } = await desk.accounts.verify();
if (altered === null) writeSync(1, JSON.stringify({ commits, sha256, totals }));
await desk.store.close();
