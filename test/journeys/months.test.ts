/**
 * A month, the whole way on real parts: counted by the app, told, closed by the provider, read by the box over mutual TLS,
 * and shown to its owner; and the same from a provider that charges more than was counted, answers too much, or is not there.
 */
import { once } from 'node:events';
import https from 'node:https';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { AccountMonth } from '#contract/accounts.js';
import { endOfPeriod, periodOf } from '#contract/metering.js';
import { boxAccountsPath } from '#contract/months.js';
import { realHost } from '../../agent/host/host.js';
import { openWay, passphrase, say } from '../support/apps-way.js';
import { answerByClock } from '../support/dated.js';
import { heading, launch, looker, openPage, passSetup, press, signIn, sizes } from '../support/owner-pages.js';
import { storeIn } from '../support/records.js';
import { planOf, yesTo } from '../support/terms-box.js';
import { packedBase } from '../support/var.js';

const base = await packedBase(t);
const app = 'example.visits';
const browser = await launch(t);
const patience = 60_000;
const nameOf = (period: string): string =>
  new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${period}-01T00:00:00Z`),
  );

t.test('closed, read by the box, shown to the owner; and what was charged too much is shown too', async (t) => {
  const time = { ahead: 0 };
  const clock = { ...systemClock, now: () => Date.now() + time.ahead };
  t.teardown(answerByClock(clock));
  const host = { ...realHost, clock, monotonic: () => realHost.monotonic() + time.ahead };
  const way = await openWay(t, { base, host, provider: { clock }, leafLifetime: '120d' });
  way.done('app', 'init', 'visits', '--id', app, '--name', 'Visits');
  const plan = planOf({ prices: [{ amount: '0.02', currency: 'EUR', per: 'unit', unit: 'page' }] });
  const release = await way.publish('visits', '1.0.0', (manifest) => ({
    ...manifest,
    plans: [plan],
    capabilities: [...manifest.capabilities, { capability: 'metering', reason: { en: 'To charge for each page.' } }],
    health: { kind: 'http', path: '/health', graceSeconds: 300, timeoutSeconds: 60 },
  }));
  const rooms = () => way.box.agent!.rooms().installed!;
  await rooms().installer.desk.offer(release);
  await rooms().terms.agree(release, yesTo(plan), way.signer);
  await say(way, release, ['storage', 'metering']);
  await rooms().metering.count(app, { unit: 'page', quantity: '10' }, 'one');
  await rooms().terms.idle();
  const month = periodOf(clock.now());

  // The month is over.
  way.serving.kill();
  await once(way.serving, 'exit');
  await way.box.stop();
  time.ahead = endOfPeriod(month) + 3_600_000 - Date.now();
  await way.provider.start();
  await way.box.start(host);
  await way.box.until(({ link }) => link.online);
  while ((await way.provider.api<unknown[]>('/v1/usage')).length === 0) await systemClock.sleep(50); // a look, not an event
  t.match(await way.provider.api('/v1/usage'), [{ period: month, sums: [{ unit: 'page', quantity: '10' }] }]);

  // Somebody at the provider makes more of it than was counted.
  await way.provider.stop();
  const store = await storeIn(way.provider.directory);
  for await (const [key, record] of store.usage.iterator()) {
    const sums = [{ unit: 'page', quantity: '12', trial: '0' }];
    await store.usage.put(key, { ...record, statement: { ...record.statement, sums } });
  }
  await store.close();
  await way.provider.start();
  await way.operator('account', 'close', month);

  const url = `http://127.0.0.1:${way.box.agent?.console()?.port}`;
  const page = await openPage(browser, url, sizes.phone);
  page.context().setDefaultTimeout(patience);
  const look = looker(t, page, 'phone', 'months-journey');
  await signIn(page, passphrase);
  await passSetup(page);
  await page.goto(`${url}/months`);
  await press(page, 'Ask now');
  await heading(page, 'One month differs from what your box reckons.', patience);
  await page.getByRole('link', { name: new RegExp(nameOf(month)) }).click();
  await heading(page, new RegExp(`^${nameOf(month)} differs in 2 places`));
  await page.getByText(/The provider charges 12\s×\spage; this box counted 10\./).waitFor();
  await look('1-differs');
  await page.goto(`${url}/history`);
  await page.getByText(`Your box reckons ${nameOf(month)} otherwise than your provider has closed it.`).waitFor();
  await page.getByText(new RegExp(`Your provider closed ${nameOf(month)}: 0\\.24 EUR`)).waitFor();
  const { said } = await way.provider.happened((event) => event.said?.type === 'month-differs');
  t.match(said, { facts: { month, differences: 2 } });

  // What was read stays, whatever the provider does.
  await way.provider.stop();
  await page.goto(`${url}/months`);
  await page.getByText(nameOf(month)).first().waitFor();
  await press(page, 'Ask now');
  await page.getByText(/It could not be asked since/).waitFor();
  await look('2-offline');
  await way.box.stop();
  await way.provider.start();
  const [first] = await way.provider.api<AccountMonth[]>('/v1/accounts');
  t.match(first, { month, state: 'closed' });

  // Whoever has no certificate of a box reads nothing.
  const stranger = https.get(`${way.provider.est}${boxAccountsPath}`, { rejectUnauthorized: false });
  const [answer] = await once(stranger, 'response');
  answer.resume();
  t.equal(answer.statusCode, 401);
});
