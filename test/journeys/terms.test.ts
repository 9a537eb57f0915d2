/**
 * A price, the whole way on real parts: a plan in a release, agreed to in the browser, counted by the app, told to the
 * provider, read by the maker, and left.
 */
import t from 'tap';
import type { ProviderAgreement } from '#contract/agreements.js';
import { agreedPlan } from '#contract/plan-digest.js';
import { appIs, desk, isWell, openWay, passphrase } from '../support/apps-way.js';
import { heading, launch, looker, openPage, passSetup, press, signIn, sizes } from '../support/owner-pages.js';
import { planOf } from '../support/terms-box.js';
import { packedBase } from '../support/var.js';

const base = await packedBase(t);
const app = 'example.visits';
const browser = await launch(t);
const patience = 180_000;

t.test('agreed to in the browser, counted, told, read by the maker, and left', async (t) => {
  const way = await openWay(t, { base });
  way.done('app', 'init', 'visits', '--id', app, '--name', 'Visits');
  const plan = planOf({ prices: [{ amount: '0.02', currency: 'EUR', per: 'unit', unit: 'visit' }] });
  const student = planOf({ id: 'student', name: { en: 'Students' }, audience: ['student'], prices: [] });
  const reason = { en: 'To charge for each visit.' };
  await way.publish('visits', '1.0.0', (manifest) => ({
    ...manifest,
    plans: [plan, student],
    capabilities: [...manifest.capabilities, { capability: 'metering', reason }],
    health: { kind: 'http', path: '/health', graceSeconds: 300, timeoutSeconds: 60 },
  }));

  const url = `http://127.0.0.1:${way.box.agent?.console()?.port}`;
  const page = await openPage(browser, url, sizes.phone);
  page.context().setDefaultTimeout(patience);
  const look = looker(t, page, 'phone', 'terms-journey');
  await signIn(page, passphrase);
  await passSetup(page);
  await page.goto(`${url}/apps/get`);
  await page.getByRole('link', { name: /^Visits/ }).click();
  await heading(page, 'Install Visits by Acme Apps?', patience);
  await page.getByText('0.02 EUR for each visit').waitFor();
  await press(page, 'Agree to this plan');
  await page.getByText('You have agreed to “Personal”.').waitFor();
  await look('1-agreed');
  await page.getByLabel('I accept these terms of Acme Apps').check();
  await press(page, 'Install it');
  await heading(page, 'Visits is installed.', patience);
  await appIs(way, app, isWell);

  const { installed } = way.box.agent!.rooms();
  const { terms, metering } = installed!;
  await metering.count(app, { unit: 'visit', quantity: '3' }, 'one');
  await metering.count(app, { unit: 'visit', quantity: '3' }, 'one');
  await page.goto(`${url}/apps/${app}`);
  await page.getByText('0.06 EUR this month').waitFor();
  await look('2-cost');

  await terms.idle();
  const listed = JSON.parse(await way.operator('agreement', 'list', '--json')) as ProviderAgreement[];
  const its = terms.of(app).now;
  t.match(listed, [
    {
      id: its?.id,
      app,
      member: 'acme',
      class: { is: 'natural-person' },
      plan: agreedPlan(plan),
      since: Number,
      ended: null,
    },
  ]);
  t.match(await way.operator('agreement', 'list'), /0\.02 EUR per visit/);
  const seen = way.done('agreement', 'list', '--json');
  t.match(JSON.parse(seen), [{ id: its?.id, plan: { id: 'personal' } }]);
  t.notMatch(seen, listed[0]?.box ?? '-', 'its maker is not told whose box it is');
  const boxed = await way.provider.api<ProviderAgreement[]>('/v1/agreements');
  t.match(boxed, [{ id: its?.id }]);

  t.match(way.done('agreement', 'income'), /^MONTH .* INCOME$/m, 'no month is closed yet');
  t.same(await way.provider.api('/v1/accounts'), []);

  await press(page, 'Leave');
  await press(page, 'Leave now');
  await heading(page, 'Visits is stopped: there is no agreement about it.', patience);
  await appIs(way, app, (now) => now?.state === 'stopped');
  t.equal(desk(way).show(app)?.stopped, 'terms');
  await look('3-left');
  await terms.idle();
  t.match(await way.operator('agreement', 'list'), /ended .*: left/);
  t.match(way.done('agreement', 'list'), /ended .*: left/);
});
