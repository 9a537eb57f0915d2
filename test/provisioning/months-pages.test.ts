/** Months as an operator meets them: real Chromium on real accounts; and months that close by themselves. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import t from 'tap';
import { monthBefore, nextMonth } from '#common/accounts/days.js';
import type { AccountMonth, NextMonth } from '#contract/accounts.js';
import { endOfPeriod, periodOf } from '#contract/metering.js';
import type { AuditPage } from '#contract/operators.js';
import { Refusal } from '#contract/problems.js';
import { createMonthClosing } from '../../provisioning/accounts/closing.js';
import { agreementId, boxOf, openAccountsDesk, recordOf, type Told } from '../support/accounts-desk.js';
import { secret, startConsole } from '../support/console.js';
import { ownFolder } from '../support/folder.js';
import { heading, launch, looker, openPage, press, type Size, sizes } from '../support/owner-pages.js';

const browser = await launch(t);
const last = monthBefore(periodOf(Date.now()), 1);
const before = monthBefore(last, 1);
const begin = Date.parse(`${before}-01T00:00:00Z`);
const told = (number: number, more: Partial<Told> = {}): Told => ({
  ...{ number, box: boxOf(number), member: number % 2 === 0 ? 'bracken' : 'acme', since: begin },
  prices: [{ amount: '2.90', currency: number % 3 === 0 ? 'USD' : 'EUR', per: 'month' }],
  ...more,
});
const nameOf = (period: string): string =>
  new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${period}-01T00:00:00Z`),
  );

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Operator secret').fill(secret);
  await press(page, 'Sign in');
  await page.getByRole('navigation').waitFor();
}

for (const size of Object.keys(sizes) as Size[])
  t.test(`an admin closes a month, looks at it, and lets them close by themselves: ${size}`, async (t) => {
    const served = await startConsole(t);
    const { store, accounts, url } = served;
    const all = Array.from({ length: 60 }, (_, n) => told(n + 1));
    await store.commit(
      all.flatMap((one) => [
        { type: 'put' as const, sublevel: store.agreements, key: agreementId(one.number), value: recordOf(one) },
        {
          ...{ type: 'put' as const, sublevel: store.boxAgreements, value: 0 },
          key: `${one.box}!${agreementId(one.number)}`,
        },
      ]),
    );
    await accounts.setSchedule({ from: before, share: '15', alliance: '2', discounts: [{ level: 1, percent: '20' }] });
    await accounts.close(before);
    const page = await openPage(browser, `${url}/months`, sizes[size]);
    const look = looker(t, page, size, 'console-months');
    await signIn(page);
    await heading(page, `${nameOf(last)} is over and waits to be closed.`);
    await page
      .getByRole('link', { name: nameOf(before) })
      .first()
      .waitFor();
    await look('1-months');
    await page.getByRole('button', { name: `Close this month: ${nameOf(last)}` }).click();
    await page.getByText('cannot be opened again').waitFor();
    await look('2-ask');
    await press(page, 'Close it now');
    await heading(page, `${nameOf(nextMonth(last))} is under way.`);
    await page.getByLabel('Days after the end').fill('61');
    await press(page, 'Close them by themselves');
    await page.getByText('Write a number from 1 to 60').waitFor();
    await page.getByLabel('Days after the end').fill('5');
    await press(page, 'Close them by themselves');
    await page.getByText(/It closes by itself on/).waitFor();
    t.match(await served.accounts.months(), [{ month: before }, { month: last, state: 'closed', owners: 60 }]);
    await look('3-by-itself');
    await page
      .getByRole('link', { name: nameOf(last) })
      .first()
      .click();
    await heading(page, `${nameOf(last)} was charged to 60 boxes.`);
    await page.getByText(boxOf(1)).first().click();
    await page.getByRole('region', { name: boxOf(1) }).waitFor();
    await look('4-month');
    await page.getByLabel('Box', { exact: true }).fill(boxOf(60));
    await press(page, 'Show its account');
    await page.getByRole('heading', { name: new RegExp(`${boxOf(60)}: 2\\.90 USD`) }).waitFor();
    await press(page, 'Show more');
    await page.locator('details.month-box').nth(59).waitFor();
    const saving = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Boxes as CSV' }).click();
    const csv = (await readFile(await (await saving).path(), 'utf8')).split('\r\n');
    t.equal(csv.length, 62, 'a head, a line for each, and its end');
    t.match(csv[1], `${boxOf(1)},${agreementId(1)},acme.visits,acme,charge,${last},month,`);
    const audit = await fetch(`${url}/v1/audit`, { headers: { authorization: `Bearer ${secret}` } });
    const acts = ((await audit.json()) as AuditPage).entries.map(({ type }) => type);
    t.ok(acts.includes('account.close') && acts.includes('account.closing'), 'both stand in the log of acts');
  });

t.test('who may only look closes nothing, and reads all of it', async (t) => {
  const served = await startConsole(t);
  const { secret: viewer } = await served.operators.add({ name: 'vera', role: 'viewer' });
  const ask = (path: string, method = 'GET', body?: unknown) =>
    fetch(`${served.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${viewer}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  await served.accounts.close(last);
  t.match(await (await ask('/v1/accounts/next')).json(), { month: nextMonth(last), isOver: false, afterDays: null });
  t.equal((await ask(`/v1/accounts/${last}/members.csv`)).status, 200);
  t.equal((await ask(`/v1/accounts/${nextMonth(last)}/members.csv`)).status, 404);
  t.equal((await ask(`/v1/accounts/${last}/boxes/${boxOf(1)}`)).status, 404);
  t.equal((await ask(`/v1/accounts/${nextMonth(last)}/close`, 'POST')).status, 403);
  t.equal((await ask('/v1/accounts/closing', 'PUT', { afterDays: 1 })).status, 403);
});

t.test(
  'months close by themselves so many days after their end, once, whoever serves the territory then',
  async (t) => {
    const folder = await ownFolder(t);
    const desk = await openAccountsDesk(folder, Date.UTC(2026, 11, 5));
    t.teardown(() => desk.store.close());
    const { store, clock, accounts } = desk;
    const since = Date.UTC(2026, 9, 1);
    await desk.tell({ ...told(1), since });
    const refused: string[] = [];
    const open = (closes: Pick<typeof accounts, 'close'> = accounts) =>
      createMonthClosing({ store, clock, accounts: closes });
    const say = ({ code }: Refusal): void => void refused.push(code);
    const months = async () => (await accounts.months()).map(({ month, state }: AccountMonth) => `${month} ${state}`);
    const first = open();
    first.start(say);
    await first.set({ afterDays: 10 });
    t.match(await first.next(), { month: '2026-11', isOver: true, closesAt: null } satisfies Partial<NextMonth>);
    await accounts.close('2026-10');
    t.match(await first.next(), { month: '2026-11', closesAt: endOfPeriod('2026-11') + 10 * 86_400_000 });
    t.strictSame(await months(), ['2026-10 closed'], 'not before its time');
    // It is cut as it closes one, and another takes over.
    await first.stop();
    const closed = new Promise<void>((resolve) => {
      let cut = true;
      const second = open({
        async close(month) {
          if (cut) {
            cut = false;
            throw new Refusal('unavailable');
          }
          const its = await accounts.close(month);
          resolve();
          return its;
        },
      });
      t.teardown(() => second.stop());
      clock.advance(Date.UTC(2026, 11, 11, 1) - clock.now());
      second.start((refusal) => {
        say(refusal);
        setImmediate(() => clock.advance(61_000)); // it tries again
      });
    });
    await closed;
    t.strictSame(await months(), ['2026-10 closed', '2026-11 closed']);
    t.same(refused, ['unavailable']);
    // Asleep for months, as a territory that was off: all that are due, in their order.
    clock.advance(Date.UTC(2027, 2, 20) - clock.now());
    const third = open();
    third.start(say);
    t.teardown(() => third.stop());
    while ((await months())[4] !== '2027-02 closed') await new Promise(setImmediate);
    t.strictSame((await months()).slice(2), ['2026-12 closed', '2027-01 closed', '2027-02 closed']);
    await third.set({ afterDays: null });
    t.match(await third.next(), { month: '2027-03', closesAt: null });
    t.same(await accounts.verify(), { months: 5, altered: null });
  },
);
