/** A box that is cut while it keeps what its months came to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import t from 'tap';
import { nextMonth } from '#common/accounts/days.js';
import { createInvoices } from '../../provisioning/accounts/invoices.js';
import { openAccountsDesk, type Told } from '../support/accounts-desk.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { askingOf, monthsOfBox as box, knowing, openMonthsBox } from '../support/months-box.js';

const at = (text: string): number => Date.parse(`${text}Z`);
const first: Told = {
  ...{ number: 1, box, since: at('2026-10-01T00:00') },
  prices: [{ amount: '3.00', currency: 'EUR', per: 'month' }],
};

t.test('cut at any step of keeping, each month is kept once, with its entry in the history', async (t) => {
  const folder = await ownFolder(t);
  const provider = path.join(folder, 'provider');
  const desk = await openAccountsDesk(provider, at('2028-02-01T00:00'));
  await desk.tell(first);
  for (let month = '2026-10'; month <= '2027-12'; month = nextMonth(month)) await desk.accounts.close(month);
  const invoices = createInvoices({ ...desk, territory: 'north', accountOf: desk.accounts.owner });
  await invoices.setSeller({
    ...{ name: 'Kauri Networks Ltd', country: 'NZ', vatId: 'NZ123456789', paymentDays: 14 },
    tax: { category: 'S', percent: '15' },
  });
  await invoices.issue({ month: '2027-12', box, buyer: { name: 'Ana', country: 'NZ' } });
  await desk.store.close();
  const child = async (where: string, cut: number) => {
    const script = path.resolve('build/test/support/months-child.js');
    const run = spawn(process.execPath, [script, provider, where, String(cut)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    run.stdout.on('data', (chunk) => (out += chunk));
    const [, signal] = await once(run, 'close');
    return { signal, commits: Number(out) };
  };
  const { commits } = await child(path.join(folder, 'whole'), 0);
  t.ok(commits >= 4, 'two answers, an invoice, and that it was asked');
  const seen = async (where: string) => {
    const store = await openAccountsDesk(provider, at('2028-02-01T00:00'));
    const ask = askingOf(store.store);
    const clock = createManualClock(at('2028-02-01T00:00'));
    const one = await openMonthsBox(where, { clock, ask, knows: () => knowing([], []) });
    await one.months.ask();
    const view = await one.months.view();
    const said = await one.said();
    const last = await one.months.month(box, '2027-12');
    await one.close();
    await store.store.close();
    const months = view.closed.map(({ month, sums, differences }) => ({ month, sums, differences }));
    return { months, said, invoices: last.invoices.map(({ number }) => number), asked: view.askedAt !== null };
  };
  const whole = await seen(path.join(folder, 'whole'));
  for (let step = 1; step <= commits; step += 1)
    for (const cut of [step, -step]) {
      const where = path.join(folder, `cut${cut}`);
      t.equal((await child(where, cut)).signal, 'SIGKILL');
      t.strictSame(await seen(where), whole, `cut ${cut < 0 ? 'behind' : 'before'} commit ${step}`);
    }
});
