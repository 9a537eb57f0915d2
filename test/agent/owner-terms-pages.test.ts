/** Prices and agreements as an owner meets them: real Chromium, phone and desktop, each state. */
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { agreedPlan, planDigest } from '#contract/plan-digest.js';
import type { Plan } from '#contract/plans.js';
import { createAppsDesk, installedOf, manifestOf, offerOf } from '../support/apps-desk.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { heading, launch, looker, openPage, press, type Size, sizes } from '../support/owner-pages.js';
import { setUpOwner } from '../support/owner-session.js';
import { planOf } from '../support/terms-box.js';
import { createTermsDesk } from '../support/terms-desk.js';

t.jobs = 2;
const browser = await launch(t);
const day = 86_400_000;
const app = 'example.visits';

const plans: Plan[] = [
  planOf({ name: { en: 'At home' }, trialDays: 14, prices: [{ amount: '2.00', currency: 'EUR', per: 'month' }] }),
  planOf({ id: 'student', name: { en: 'For students' }, audience: ['student'], prices: [] }),
  planOf({
    id: 'shop',
    name: { en: 'For a shop, an office or a workshop with several people' },
    audience: ['commercial'],
    prices: [
      { amount: '9.90', currency: 'EUR', per: 'month' },
      { amount: '0.015', currency: 'EUR', per: 'unit', unit: 'printed-page' },
    ],
  }),
];
const digests = plans.map((plan) => planDigest(agreedPlan(plan)));
const manifest = { ...manifestOf(), plans };

async function start(t: Test, size: Size) {
  const apps = createAppsDesk();
  const offer = apps.offer(offerOf(manifest, { digests }));
  const terms = createTermsDesk(() => [
    offer,
    ...apps.desk.list().map((one) => ({ release: one.release, manifest: one.manifest })),
  ]);
  const served = await startOwnerConsole(t, { apps, terms: terms.desk });
  const cookie = await setUpOwner(served);
  const page = await openPage(browser, `${served.url}/icon.svg`, sizes[size]);
  const [name = '', value = ''] = cookie.split('=');
  await page.context().addCookies([{ name, value, url: served.url }]);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  const go = (to: string) => page.goto(`${served.url}${to}`);
  return { apps, terms, offer, page, go, complaints, look: looker(t, page, size, 'terms') };
}

const said = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
const text = (page: Page) => page.locator('main').innerText();

for (const size of Object.keys(sizes) as Size[])
  t.test(`the price is agreed to by an act of its own, before the app is installed: ${size}`, async (t) => {
    const { apps, terms, offer, page, go, look, complaints } = await start(t, size);
    await go(`/install/${offer.release}`);
    await heading(page, /^Install Visits/);
    await said(page, 'What it costs');
    t.match(await text(page), /2\.00\sEUR a month/);
    t.notMatch(await text(page), /9\.90/, 'what is for others is not offered');
    await look('1-plans');
    await page.getByLabel('I accept these terms').check();
    await press(page, 'Install it');
    await page.getByRole('link', { name: 'Agree to a plan, or leave the app' }).waitFor();
    t.same(
      apps.asked.filter(({ act }) => act === 'decide'),
      [],
      'nothing is installed',
    );
    await page.getByLabel('What are you?').selectOption({ label: 'A business' });
    t.match(await text(page), /9\.90\sEUR a month, and 0\.015\sEUR for each printed page/);
    await look('2-business');
    await page.getByLabel('What are you?').selectOption({ label: 'A student' });
    t.match(await text(page), /Free of charge/);
    await page.getByLabel('What are you?').selectOption({ label: 'A private person' });
    await page.getByText('Read the text of this plan').first().click();
    await said(page, 'You pay for what you use, and may leave at any time.');
    await press(page, 'Agree to this plan');
    await said(page, 'You have agreed to “At home”.');
    await look('3-agreed');
    t.match(terms.asked, [
      { act: 'agree', what: { plan: 'personal', class: 'natural-person', digest: digests[0] }, signed: true },
    ]);
    await press(page, 'Take it back');
    await page.getByLabel('What are you?').waitFor();
    await press(page, 'Agree to this plan');
    await said(page, 'You have agreed to “At home”.');
    await press(page, 'Install it');
    await page.waitForURL(/\/changes\//);
    t.equal(apps.asked.filter(({ act }) => act === 'decide').length, 1);
    t.same(complaints, []);
  });

for (const size of Object.keys(sizes) as Size[])
  t.test(`the page of the app says what it costs, what is coming, and has the way out: ${size}`, async (t) => {
    const { apps, terms, offer, page, go, look, complaints } = await start(t, size);
    await go('/apps');
    await terms.desk.agree(
      offer.release,
      { plan: 'personal', class: 'natural-person', language: 'en', digest: digests[0] ?? '' },
      { kid: '', sign: async () => new Uint8Array() },
    );
    apps.put(installedOf(manifest, { release: offer.release, digests }));
    terms.alter(app, { since: Date.now() - 40 * day, told: true });
    await go(`/apps/${app}`);
    await heading(page, 'Visits runs.');
    await said(page, 'knows of it');
    await look('4-app');
    const endsAt = Date.now() + 29 * day;
    const next = { version: '2.0.0', release: 'c'.repeat(64), seenAt: Date.now(), endsAt };
    terms.alter(app, { notice: next });
    apps.alter(app, {});
    await said(page, 'Version 2.0.0 has other terms.');
    await look('5-notice');
    await press(page, 'Leave');
    await said(page, 'It ends now, without notice, and nothing more is charged.');
    await look('6-leave');
    await press(page, 'Leave now');
    apps.alter(app, { state: 'stopped', stopped: 'terms' });
    await heading(page, 'Visits is stopped: there is no agreement about it.');
    await said(page, 'There is no agreement any more.');
    await look('7-left');
    await page.getByText('Agreements before').click();
    t.match(await text(page), /You left\./);
    t.match(terms.asked.at(-1), { act: 'leave', signed: true });
    t.same(complaints, []);
  });
