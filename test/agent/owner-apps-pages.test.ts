/** The pages about apps as an owner meets them: real Chromium, phone and desktop, each state, the keyboard alone. */
import type { BrowserContext, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import {
  createAppsDesk,
  entryOf,
  grantOf,
  installedOf,
  manifestOf,
  memberOf,
  offerOf,
  successionOf,
  told,
} from '../support/apps-desk.js';
import { startOwnerConsole } from '../support/owner-console.js';
import {
  heading,
  launch,
  openPage,
  overflow,
  press,
  type Size,
  shots,
  sizes,
  type View,
  violations,
} from '../support/owner-pages.js';
import { setUpOwner } from '../support/owner-session.js';

t.jobs = 2;
const browser = await launch(t);
const day = 86_400_000;
const patience = 30_000;

interface Teardown {
  teardown(work: () => unknown): void;
}

/** One set of tokens serves all pages: in the dark, these have every part that there is. */
const inTheDark = new Set(['2-offline', '3-install-filled', '5-giving', '8-list', '9-suspended']);

/** A state is walked to once, and looked at on the phone and on the desktop. */
function looker(test: Test, page: Page) {
  const back = page.viewportSize() ?? sizes.phone;
  return async (name: string): Promise<void> => {
    const isDark = inTheDark.has(name);
    for (const [size, viewport] of Object.entries(sizes) as [Size, View][]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: size === 'desktop' && isDark ? 'dark' : 'light' });
      const found = size === 'phone' ? await violations(page) : isDark ? await violations(page, 'color-contrast') : [];
      test.same(found, [], `${name}, ${size}: axe finds nothing`);
      test.ok((await overflow(page)) <= 0, `${name}, ${size}: nothing sticks out sideways`);
      await page.screenshot({ path: `${shots}/apps-${name}-${size}.png`, fullPage: true, caret: 'initial' });
    }
    await page.setViewportSize(back);
  };
}

async function start(test: Teardown, viewport: View, path = '/apps') {
  const apps = createAppsDesk();
  const served = await startOwnerConsole(test, { apps });
  const cookie = await setUpOwner(served);
  const page = await openPage(browser, `${served.url}/icon.svg`, viewport);
  const context: BrowserContext = page.context();
  context.setDefaultTimeout(patience);
  const [name = '', value = ''] = cookie.split('=');
  await context.addCookies([{ name, value, url: served.url }]);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (404|503|507)/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const go = (to: string) => page.goto(`${served.url}${to}`);
  await go(path);
  return { ...served, apps, page, go, complaints };
}

const link = (page: Page, name: string | RegExp) => page.getByRole('link', { name }).first().click();
const said = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

t.test('an app is got, installed, allowed and removed', { buffered: true }, async (test) => {
  const { apps, page, go, complaints } = await start(test, sizes.phone);
  const look = looker(test, page);
  await heading(page, 'No app is installed yet.');
  await look('1-none');

  apps.box.isOffline = true;
  await link(page, 'Get an app');
  await said(page, 'The catalogue can not be reached.');
  await page.getByRole('heading', { name: 'From a file' }).waitFor();
  await look('2-offline');
  apps.box.isOffline = false;
  const offer = apps.offer(offerOf());
  const others = ['Garden diary', 'House library', 'Choir', 'Shopping', 'Bees', 'Tram times'].map((name, index) =>
    offerOf(manifestOf({ id: `example.a${index}`, name: { en: name } })),
  );
  apps.box.catalogue = [offer, ...others].map(entryOf);
  await press(page, 'Try again');
  await said(page, 'Garden diary');
  await press(page, 'Show more');
  await said(page, 'Tram times');
  await look('2-catalogue');
  await page.getByLabel('Search the catalogue').fill('no such thing');
  await press(page, 'Search');
  await said(page, 'Nothing was found for “no such thing”.');
  await press(page, 'Show everything');
  await link(page, /^Visits/);

  await heading(page, 'Install Visits by Acme?');
  await said(page, 'A software house that makes and looks after apps');
  await said(page, '310 kB to download. The rest of 42 MB is on your box already.');
  await said(page, 'Reach any other address on the internet');
  test.equal(await page.getByRole('checkbox', { checked: true }).count(), 0, 'nothing is ticked beforehand');
  await look('3-install');
  await press(page, 'Install it');
  await page.getByRole('alert').getByText('Accept the terms if you want the app').waitFor();
  test.same(
    apps.asked.filter(({ act }) => act === 'decide'),
    [],
  );
  await page.getByText('Read the terms').click();
  await said(page, 'Use it as you like.');
  await page.getByLabel('I accept these terms of Acme').check();
  await page.getByLabel(/^Tell you something on these pages/).check();
  await page.getByLabel('For how long: Tell you something on these pages').selectOption('Until a date');
  await press(page, 'Install it');
  await page.getByRole('alert').getByText('Choose the date on which it ends').waitFor();
  await page.getByLabel('Last day: Tell you something on these pages').fill('2199-03-05');
  await look('3-install-filled');
  await press(page, 'Install it');
  await heading(page, 'Visits is being installed.');
  const decided = apps.asked.find(({ act }) => act === 'decide');
  test.match(decided, {
    what: {
      release: offer.release,
      grants: [{ capability: 'storage' }, { capability: 'notify', until: Date.parse('2199-03-05T13:00:00Z') }],
      termsAccepted: true,
    },
    signed: true,
  });
  const first = apps.changes()[0]?.id ?? '';
  apps.reach(first, 'app-load');
  await said(page, /^Unpack it/);
  await page.locator('[aria-current=step]').getByText('Unpack it').waitFor();
  await look('4-installing');
  await link(page, 'My box');
  await heading(page, 'Your box is healthy.');
  await said(page, 'An app is being installed');
  await link(page, /An app is being installed/);
  await heading(page, /is being installed\./);
  apps.fail(first, 'disk-full', '310 kB are missing');
  await heading(page, /was not installed\./);
  await said(page, 'Nothing of it is left on your box.');
  await look('4-failed');

  await go('/apps/get');
  await link(page, /^Visits/);
  await heading(page, 'Install Visits by Acme?');
  await page.getByLabel('I accept these terms of Acme').check();
  await press(page, 'Install it');
  await heading(page, 'Visits is being installed.');
  apps.finish(apps.changes()[0]?.id ?? '');
  await heading(page, 'Visits is installed.');
  await look('4-installed');
  await link(page, 'Go to Visits');
  await heading(page, 'Visits runs.');
  await page.getByText('It needs this', { exact: false }).waitFor({ state: 'detached' });
  await look('5-app');

  await press(page, 'Take back: Keep data on your box');
  await said(page, 'It needs this: without it, it may not work.');
  test.match(apps.asked.at(-1), { what: { take: ['storage'] }, signed: true });
  await press(page, 'Allow: Keep data on your box');
  await page.getByLabel('For how long: Keep data on your box').selectOption('Until a date');
  await page.getByLabel('Last day: Keep data on your box').fill('2199-03-05');
  await look('5-giving');
  await press(page, /^Allow Keep data/);
  await said(page, 'until 5 March 2199');
  await press(page, 'Change how long: Keep data on your box');
  await page.getByLabel('For how long: Keep data on your box').selectOption('Always');
  await press(page, /^Save Keep data/);
  await page.getByText('until 5 March 2199').waitFor({ state: 'detached' });
  await press(page, 'Stop it');
  await heading(page, 'Visits is stopped, as you wished.');
  await press(page, 'Start it');
  await heading(page, 'Visits runs.');

  apps.box.logs = '\u001b[31mready\u001b[0m\n<img src=x onerror=alert(1)>\n';
  await link(page, 'What it writes down');
  await heading(page, 'What Visits writes down.');
  test.equal(await page.locator('pre').textContent(), 'ready\n<img src=x onerror=alert(1)>\n');
  await look('6-logs');
  await link(page, 'Back to Visits');
  const offers = (name: string) => page.getByRole('link', { name }).getAttribute('href');
  test.equal(await offers('Save what you agreed to'), '/v1/apps/example.visits/receipt');
  test.equal(await offers('Save what it keeps'), '/v1/apps/example.visits/export');
  await link(page, 'Remove it');
  await heading(page, 'Remove Visits?');
  await said(page, /All that it keeps on your box \(3\.2.MB\)/);
  test.equal(await offers('Save what it keeps'), '/v1/apps/example.visits/export', 'to save it first');
  await page.getByLabel('Type “example.visits” to confirm').fill('visits');
  await press(page, 'Remove it');
  await page.getByRole('alert').getByText('Type example.visits').waitFor();
  await look('7-remove');
  await page.getByLabel('Type “example.visits” to confirm').fill('example.visits');
  await press(page, 'Remove it');
  await heading(page, 'Visits is being removed.');
  apps.finish(apps.changes()[0]?.id ?? '');
  await heading(page, /is removed\.$/);
  await go('/apps/example.visits');
  await heading(page, 'This app is not on your box.');
  await look('7-gone');
  test.same(complaints, [], 'the browser complains of nothing');
  await page.context().close();
});

t.test('an app in each state, and what it means', { buffered: true }, async (test) => {
  const { apps, page, go, complaints } = await start(test, sizes.phone);
  const look = looker(test, page);
  const more = manifestOf({
    version: '1.1.0',
    capabilities: [
      ...manifestOf().capabilities,
      { capability: 'network.egress:*', reason: { en: 'Looks up who a guest is, wherever that can be found.' } },
    ],
  });
  const waiting = apps.offer(offerOf(more, { installed: '1.0.0', asks: ['network.egress:*'] }));
  apps.put(installedOf(manifestOf(), { waiting }));
  const other = (id: string, name: string) => manifestOf({ id: `example.${id}`, name: { en: name } });
  const suspended = memberOf({
    name: 'Harbour Software',
    standing: 'suspended',
    checkedAt: Date.now() - 9 * day,
    freshness: 'stale',
  });
  apps.put(
    installedOf(other('choir', 'Choir'), {
      member: suspended,
      failed: {
        release: '0'.repeat(64),
        version: '1.2.0',
        at: Date.now() - day,
        problem: told('unavailable', 'it did not answer within 30 seconds'),
      },
      sandbox: 'none',
      told: { kind: 'update', outcome: 'rolled-back', version: '1.2.0', at: Date.now() - day, sent: false },
    }),
  );
  const expelled = memberOf({
    name: 'Gone Ltd',
    standing: 'expelled',
    checkedAt: Date.now() - 40 * day,
    freshness: 'old',
  });
  apps.put(installedOf(other('bees', 'Bees'), { member: expelled, state: 'stopped', stopped: 'expelled' }));
  apps.put(
    installedOf(other('tram', 'Tram times'), {
      state: 'stopped',
      stopped: 'failing',
      restarts: 7,
      health: told('unavailable'),
    }),
  );
  apps.put(installedOf(other('shop', 'Shopping'), { health: told('unavailable') }));
  apps.put(
    installedOf(other('book', 'Library'), { state: 'stopped', stopped: 'owner', grants: [grantOf('health.read')] }),
  );
  await heading(page, '4 of 6 apps need your care.');
  await look('8-list');
  await link(page, 'My box');
  await heading(page, '4 things need your care.');
  await look('8-home');
  await page.getByRole('link', { name: 'Look at it' }).first().click();

  await heading(page, 'Visits runs.');
  await said(page, 'Version 1.1.0 waits for your yes.');
  await look('8-waiting');
  await link(page, 'Look at the update');
  await heading(page, 'Update Visits to 1.1.0?');
  await said(page, 'What you have allowed already');
  await look('8-update');
  await page.getByLabel('I accept these terms of Acme').check();
  await press(page, 'Update it');
  await heading(page, 'Visits is being updated.');
  test.match(apps.asked.at(-1), { what: { grants: [{ capability: 'network.egress:*' }] } });
  const update = apps.changes()[0]?.id ?? '';
  apps.reach(update, 'app-pass', 'unavailable');
  await said(page, 'This part is starting or stopping.');
  await look('8-updating');
  await go('/apps/example.visits');
  await said(page, 'Visits is being updated.');
  apps.finish(update);
  await page.getByText('waits for your yes').waitFor({ state: 'detached' });

  await go('/apps/example.choir');
  await said(page, 'The update to 1.2.0 was taken back.');
  await said(page, /Nothing of theirs is installed or updated until this is lifted/);
  await said(page, /It runs without walls around it/);
  await said(page, /that version 1\.2\.0 was taken back, and why \(waits to be told/);
  await look('9-suspended');
  await go('/apps/example.bees');
  await heading(page, 'Bees was stopped: its maker was expelled.');
  await said(page, /What the apps keep stays on your box/);
  test.equal(await page.getByRole('button', { name: 'Start it' }).count(), 0);
  await look('9-expelled');
  await go('/apps/example.tram');
  await heading(page, 'Tram times was stopped: it kept failing.');
  await look('9-failing');
  await go('/apps/example.shop');
  await heading(page, 'Shopping runs, but is not well.');
  apps.alter('example.shop', { health: null });
  await heading(page, 'Shopping runs.');
  apps.alter('example.shop', { state: 'starting' });
  await heading(page, 'Shopping is starting.');
  await go('/apps/example.book');
  await said(page, 'This version does not ask for it any more.');

  const stopped = apps.offer(offerOf(manifestOf(), { problem: told('unavailable', 'its maker is suspended') }));
  await go(`/install/${stopped.release}`);
  await heading(page, 'Visits can not be installed now.');
  await said(page, 'Its maker is suspended.');
  test.equal(await page.getByRole('button', { name: 'Install it' }).count(), 0);
  await look('9-refused');
  await go(`/install/${'f'.repeat(64)}`);
  await heading(page, 'This app can not be shown.');
  test.same(complaints, [], 'the browser complains of nothing');
  await page.context().close();
});

t.test('somebody is to take over an app: asked, declined, agreed to', { buffered: true }, async (test) => {
  const { apps, page, go, complaints } = await start(test, sizes.phone);
  const look = looker(test, page);
  const expelled = memberOf({ name: 'Gone Ltd', standing: 'expelled' });
  const next = { release: '0'.repeat(64), version: '2.0.0', asks: ['notify' as const], sameTerms: false };
  apps.put(
    installedOf(manifestOf(), {
      ...{ member: expelled, state: 'stopped', stopped: 'expelled' },
      succession: successionOf({ next }),
    }),
  );
  await said(page, 'Somebody is to take it over');
  await link(page, 'My box');
  await said(page, 'Harbour Software is to take over Visits, if you agree.');
  await go('/apps/example.visits');
  await said(page, 'Harbour Software is to take over Visits, if you agree.');
  await look('11-heir');
  await link(page, 'Read about it and decide');
  await heading(page, 'Let Harbour Software take over Visits?');
  await said(page, /Gone Ltd was expelled from the alliance on/);
  await said(page, 'It passed on what owners had trusted it with, and did not stop when told to.');
  await said(page, 'write to review@north.example within 30 days');
  await said(page, 'It has other terms. You read them before it is installed.');
  await said(page, 'Tell you something on these pages');
  await said(page, /stays on your box. The version of Harbour Software finds it there/);
  await look('11-succession');
  await press(page, 'No, leave it as it is');
  await heading(page, 'Visits was stopped: its maker was expelled.');
  await said(page, /You said no to Harbour Software/);
  test.match(apps.asked.at(-1), { act: 'succeed', what: { serial: 3, accept: false }, signed: true });
  await look('11-declined');
  await link(page, 'Think about it again');
  apps.box.refuses = 'unavailable';
  await press(page, 'Yes, Harbour Software may take it over');
  await page.getByRole('alert').waitFor();
  await page.getByRole('button', { name: 'Yes, Harbour Software may take it over' }).focus();
  await page.keyboard.press('Enter');
  await said(page, 'You agreed that Harbour Software takes it over.');
  await look('11-accepted');
  await press(page, 'Look for it now');
  test.match(apps.asked.at(-1), { act: 'succeed', what: { serial: 3, accept: true } });
  await go('/apps/example.visits/succession');
  await heading(page, 'There is nothing to decide about this app.');

  const problem = told('member-suspended', 'Harbour Software');
  const decisions = [...successionOf().decisions, ...successionOf({}).decisions].map((one, index) => ({
    ...{ ...one, at: one.at + index },
    ...(index === 0 ? { to: 'Wattle' } : { from: 'Wattle' }),
  }));
  const foreign = {
    ...{ release: '1'.repeat(64), version: '9.0.0', maker: 'Rival Ltd' },
    problem: told('app-bound-elsewhere', 'example.visits'),
  };
  apps.put(installedOf(manifestOf(), { foreign }));
  await go('/apps/example.visits');
  await said(page, 'The catalogue has a version 9.0.0 under this name, by Rival Ltd.');
  await look('11-foreign');
  apps.put(installedOf(manifestOf(), { succession: successionOf({ problem, decisions }) }));
  await go('/apps/example.visits/succession');
  await said(page, /lets it pass from Wattle to Harbour Software/);
  test.equal(await page.getByRole('button', { name: /^Yes/ }).count(), 0, 'not to somebody who is suspended');
  await look('11-suspended');
  const waiting = apps.offer(offerOf(manifestOf({ version: '2.0.0' }), { problem: told('succession-undecided') }));
  await go(`/install/${waiting.release}`);
  await link(page, 'Read about it and decide');
  await heading(page, 'Let Harbour Software take over Visits?');
  test.same(complaints, [], 'the browser complains of nothing');
  await page.context().close();
});

t.test('an app from a file, with its progress; a hostile one is only read', { buffered: true }, async (test) => {
  const { apps, page, go, complaints } = await start(test, sizes.phone, '/apps/get');
  const look = looker(test, page);
  let release = (): void => {};
  apps.box.checked = new Promise((resolve) => {
    release = resolve;
  });
  const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  const hostile = manifestOf({
    name: { en: '\u202eVisits</h1><b>by your provider' },
    summary: { en: evil },
    icon: 'data:image/svg+xml,<svg onload="window.hacked=1" xmlns="http://www.w3.org/2000/svg"/>',
    capabilities: [{ capability: 'network.egress:*', reason: { en: `${evil}\u202e Installed by your provider.` } }],
    terms: { en: `${evil} javascript:window.hacked=1` },
  });
  apps.box.file = offerOf(hostile, {
    source: 'file',
    missingBytes: 0,
    member: memberOf({ name: `${evil}\u2066Acme`, checkedAt: null }),
  });
  await heading(page, 'Get an app.');
  await press(page, 'Send it to the box');
  await page.getByRole('alert').getByText('Choose a file first').waitFor();
  await page.getByLabel('App file').setInputFiles({
    name: 'visits.wza',
    mimeType: 'application/octet-stream',
    buffer: Buffer.alloc(400_000),
  });
  apps.box.refuses = 'disk-full';
  await press(page, 'Send it to the box');
  await page.getByRole('alert').getByText('The disk of this machine is too full to write safely.').waitFor();
  await press(page, 'Send it to the box');
  await page.getByRole('status').getByText('The box is checking it.', { exact: false }).waitFor();
  await look('a-sending');
  release();
  await heading(page, /^Install Visits<\/h1><b>by your provider by /);
  await said(page, 'It came from a file that you sent.');
  await said(page, /Nothing to download/);
  await said(page, 'Not known yet');
  await page.getByText('Read the terms').click();
  await look('a-hostile');
  test.equal(await page.evaluate('window.hacked'), undefined, 'nothing that it says is done');
  test.equal(await page.locator('main img, main script, main b').count(), 0, 'and none of it is markup');
  test.notMatch(await page.locator('main').innerText(), /[\u202a-\u202e\u2066-\u2069]/u, 'nor turns a line');
  const asked = apps.asked.length;
  await page.reload();
  await heading(page, /^Install Visits/);
  test.equal(apps.asked.length, asked, 'nothing was decided by looking');

  await go('/apps/get');
  apps.box.checked = new Promise(() => {});
  const cut = new Promise<unknown>((resolve) => {
    apps.box.onOctets = resolve;
  });
  await page.getByLabel('App file').setInputFiles({
    name: 'visits.wza',
    mimeType: 'application/octet-stream',
    buffer: Buffer.alloc(1000),
  });
  await press(page, 'Send it to the box');
  await cut;
  await press(page, 'Stop sending');
  await said(page, 'Stopped. Nothing was kept.');
  test.same(complaints, [], 'the browser complains of nothing');
  await page.context().close();
});

t.test(
  'by the keyboard alone, in the reader’s language: from the list to an app that runs',
  { buffered: true },
  async (test) => {
    const { apps, page, go } = await start(test, sizes.desktop);
    await page.addInitScript('Object.defineProperty(navigator, "languages", { value: ["de-AT", "en"] })');
    const offer = apps.offer(offerOf());
    apps.box.catalogue = [entryOf(offer)];
    await go('/apps');
    await heading(page, 'No app is installed yet.');
    const reach = async (until: string) => {
      for (let times = 0; times < 60; times += 1) {
        await page.keyboard.press('Tab');
        const focus = await page.evaluate<string>(
          '[document.activeElement.id, document.activeElement.getAttribute("aria-label"), document.activeElement.innerText].join("|")',
        );
        if (focus.split(/[|\n]/).includes(until)) return;
      }
      throw new Error(`cannot reach ${until}`);
    };
    await reach('Get an app');
    await page.keyboard.press('Enter');
    await heading(page, 'Get an app.');
    await said(page, 'Keeps count of who came');
    await page.locator('h1:focus').waitFor();
    await reach('Visits');
    await page.keyboard.press('Enter');
    await heading(page, 'Install Besuche by Acme?');
    test.equal(
      await page.locator('bdi[lang=en]').first().isVisible(),
      true,
      'what is not translated says its language',
    );
    await reach('permission-2');
    await page.keyboard.press('Space');
    await reach('terms');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await heading(page, 'Besuche is being installed.');
    await page.locator('h1:focus').waitFor();
    test.match(apps.asked.at(-1), { what: { grants: [{ capability: 'storage' }, { capability: 'notify' }] } });
    apps.finish(apps.changes()[0]?.id ?? '');
    await heading(page, 'Besuche is installed.');
    await reach('Go to Besuche');
    await page.keyboard.press('Enter');
    await heading(page, 'Besuche runs.');
    await reach('Take back: Tell you something on these pages');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Allow: Tell you something on these pages' }).waitFor();
    await page.context().close();
  },
);
