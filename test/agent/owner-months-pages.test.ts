/** Months as an owner meets them: real Chromium, phone and desktop, on the real room of the box and a real provider's accounts. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { nextMonth } from '#common/accounts/days.js';
import { systemClock } from '#common/clock.js';
import { periodOf } from '#contract/metering.js';
import type { Price } from '#contract/plans.js';
import { createInvoices } from '../../provisioning/accounts/invoices.js';
import { openAccountsDesk, type Told, type Used } from '../support/accounts-desk.js';
import { createAppsDesk, installedOf, manifestOf } from '../support/apps-desk.js';
import { ownFolder } from '../support/folder.js';
import { askingOf, monthsOfBox as box, knowing, openMonthsBox } from '../support/months-box.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, type Size, sizes } from '../support/owner-pages.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';

t.jobs = 2;
const browser = await launch(t);
const app = 'example.visits';
const prices: Price[] = [
  { amount: '0.02', currency: 'EUR', per: 'unit', unit: 'printed-page' },
  { amount: '2.90', currency: 'EUR', per: 'month' },
];
const long = 'Ana of the house at the far end of the road';

async function start(t: Test, size: Size, { charged = '12', counted = '12' } = {}) {
  const folder = await ownFolder(t);
  const now = Date.now();
  const month = periodOf(Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth() - 1, 1));
  const before = periodOf(Date.parse(`${month}-01T00:00:00Z`) - 1);
  const desk = await openAccountsDesk(path.join(folder, 'provider'), now);
  const told: Told = { number: 1, box, app, prices, since: Date.parse(`${before}-11T00:00:00Z`) };
  const used = (quantity: string): Used => ({
    ...{ number: 1, statement: 1, period: month, box, quantities: { 'printed-page': quantity } },
  });
  await desk.tell(told);
  await desk.use(used(charged));
  await desk.accounts.close(before);
  const provider: { alter?(text: string): string } = {};
  const clock = { ...systemClock, now: () => Date.now() };
  const opened = await openMonthsBox(path.join(folder, 'box'), {
    ...{ clock, ask: askingOf(desk.store, provider) },
    knows: () => knowing([told], [used(counted)]),
  });
  const apps = createAppsDesk();
  const manifest = { ...manifestOf(), name: { en: 'Visits' } };
  apps.put(installedOf(manifest, { release: 'a'.repeat(64) }));
  const served = await startOwnerConsole(t, { apps, months: opened.months });
  t.teardown(async () => {
    await opened.close();
    await desk.store.close();
  });
  const cookie = await setUpOwner(served);
  const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
  const [name = '', value = ''] = cookie.split('=');
  await page.context().addCookies([{ name, value, url: served.url }]);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  const go = (to: string) => page.goto(`${served.url}${to}`);
  return { served, cookie, desk, provider, page, go, complaints, month, before, look: looker(t, page, size, 'months') };
}

const said = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
const text = (page: Page) => page.locator('main').innerText();
const nameOf = (period: string): string =>
  new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${period}-01T00:00:00Z`),
  );

for (const size of Object.keys(sizes) as Size[])
  t.test(`what runs up, what was closed, and what there is to save: ${size}`, async (t) => {
    const { served, cookie, desk, provider, page, go, look, complaints, month, before } = await start(t, size);
    await go('/apps');
    await page.getByRole('link', { name: 'What apps cost, month by month' }).click();
    await heading(page, new RegExp(`^${nameOf(nextMonth(month))} has come to .* EUR so far\\.`));
    await said(page, 'Your provider has not been asked yet.');
    await look('1-never');
    await press(page, 'Ask now');
    await said(page, 'Your provider was last asked just now');
    await said(page, `${nameOf(month)}, not closed yet`);
    t.match(await text(page), /12\s×\sprinted page at 0\.02\sEUR each/);
    await said(page, 'agrees with what your box knows');
    await look('2-open');
    await desk.accounts.close(month);
    const invoices = createInvoices({ ...desk, territory: 'north', accountOf: desk.accounts.owner });
    await invoices.setSeller({
      ...{ name: 'Kauri Networks Ltd', country: 'NZ', vatId: 'NZ123456789', paymentDays: 14 },
      tax: { category: 'S', percent: '15' },
    });
    await invoices.issue({ month, box, buyer: { name: long, country: 'NZ' } });
    await press(page, 'Ask now');
    await page.getByRole('link', { name: new RegExp(nameOf(month)) }).click();
    await heading(page, new RegExp(`^${nameOf(month)} came to 3\\.14\\sEUR\\.`));
    await said(page, 'Your box has checked it');
    await look('3-month');
    const saving = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save as a table (CSV)' }).click();
    const csv = await readFile(await (await saving).path(), 'utf8');
    t.match(csv, /^month,app,member,.*\r\n/);
    t.match(csv, new RegExp(`${month},${app},acme,personal,.*,unit,printed-page,12,,0\\.02,0\\.24,EUR`));
    t.match(await page.locator('main').innerText(), /comes to .* gives the reference RF\d\d( \d{4}){3}\./);
    const invoice = page.waitForEvent('download');
    await page.getByRole('link', { name: /^Save invoice north-000001/ }).click();
    const xml = await readFile(await (await invoice).path(), 'utf8');
    t.match(xml, long);
    t.match(xml, 'urn:cen.eu:en16931:2017');
    provider.alter = () => 'no answer';
    await go('/months');
    await press(page, 'Ask now');
    await page.getByRole('alert').waitFor();
    await said(page, /It could not be asked since\. What you see is from then\./);
    await said(page, nameOf(before));
    await look('4-offline');
    const stranger = await askOwner(served.port, '/v1/months');
    t.equal(stranger.status, 401, 'nobody else on the network reads it');
    t.equal((await askOwner(served.port, `/v1/months/${box}/${month}/csv`)).status, 401);
    t.equal((await askOwner(served.port, '/v1/months/box-000000000009/2026-01', { cookie })).status, 404);
    t.same(complaints, []);
  });

for (const size of Object.keys(sizes) as Size[])
  t.test(`a month that differs is said on the first page, until it was read: ${size}`, async (t) => {
    const { desk, page, go, look, complaints, month } = await start(t, size, { counted: '10' });
    await desk.accounts.close(month);
    await go('/months');
    await press(page, 'Ask now');
    await heading(page, 'One month differs from what your box reckons.');
    await look('5-differs');
    await go('/');
    const care = page.locator('section.notice', { hasText: 'A month differs from what your box counted' });
    await care.getByRole('link').click();
    await page.getByRole('link', { name: new RegExp(nameOf(month)) }).click();
    await heading(page, new RegExp(`^${nameOf(month)} differs in 2 places`));
    await page.locator('h1:focus').waitFor();
    t.match(await text(page), /The provider charges 12\s×\sprinted page; this box counted 10\./);
    t.match(await text(page), /All that was charged for this is 0\.24\sEUR; by what this box knows it is 0\.20\sEUR\./);
    await look('6-month-differs');
    await press(page, 'I have read this');
    await page.getByRole('button', { name: 'I have read this' }).waitFor({ state: 'detached' });
    await go('/');
    await heading(page, /healthy|care/);
    t.notMatch(await text(page), /A month differs/);
    t.same(complaints, []);
  });
