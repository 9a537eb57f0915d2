/** The pages about companies as an owner meets them: real Chromium, phone and desktop, each state, the keyboard alone. */
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { createAppsDesk, installedOf, manifestOf, offerOf } from '../support/apps-desk.js';
import { createLinksDesk, linkId } from '../support/links-desk.js';
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
import { askOwner, setUpOwner } from '../support/owner-session.js';

t.jobs = 2;
const browser = await launch(t);
const patience = 30_000;

/** A state is walked to once, and looked at on the phone and on the desktop, where it is dark. */
function looker(test: Test, page: Page) {
  const back = page.viewportSize() ?? sizes.phone;
  return async (name: string): Promise<void> => {
    for (const [size, viewport] of Object.entries(sizes) as [Size, View][]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: size === 'desktop' ? 'dark' : 'light' });
      const found = await violations(page, size === 'phone' ? 'all' : 'color-contrast');
      test.same(found, [], `${name}, ${size}: axe finds nothing`);
      test.ok((await overflow(page)) <= 0, `${name}, ${size}: nothing sticks out sideways`);
      await page.screenshot({ path: `${shots}/links-${name}-${size}.png`, fullPage: true, caret: 'initial' });
    }
    await page.setViewportSize(back);
  };
}

async function start(test: Test, viewport: View, path = '/companies') {
  const apps = createAppsDesk();
  const links = createLinksDesk();
  const served = await startOwnerConsole(test, { apps, links: links.desk });
  const cookie = await setUpOwner(served);
  const page = await openPage(browser, `${served.url}/icon.svg`, viewport);
  page.context().setDefaultTimeout(patience);
  const [name = '', value = ''] = cookie.split('=');
  await page.context().addCookies([{ name, value, url: served.url }]);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  const go = (to: string) => page.goto(`${served.url}${to}`);
  await go(path);
  return { ...served, apps, links, page, go, complaints, cookie };
}

const link = (page: Page, name: string | RegExp) => page.getByRole('link', { name }).first().click();
const said = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

t.test('a code is shown, somebody asks, and the owner says yes', { buffered: true }, async (test) => {
  const { links, page, go, complaints } = await start(test, sizes.phone);
  const look = looker(test, page);
  await heading(page, 'You are linked with no company.');
  await look('1-none');
  await press(page, 'Link with a company');
  await said(page, 'Tell the company this code');
  const code = links.view().code?.code ?? 'none';
  await said(page, code);
  await look('2-code');

  links.ask('Front \u202edesk');
  await said(page, 'Acme asks to be linked with you.');
  test.equal(await page.getByText(code).count(), 0, 'the code is spent');
  await said(page, 'Front desk');
  await look('3-ask');
  await go('/');
  await said(page, 'Acme asks to be linked with you.');
  await link(page, 'Look at it');
  await press(page, 'Yes, link with Acme');
  await heading(page, 'You are linked with one company.');
  test.same(links.asked.at(-1), { act: 'confirm', what: linkId, signed: true });
  links.alter({ told: false });
  await said(page, 'Your provider could not be told');
  await look('4-list');
  test.same(complaints, []);
});

t.test('an answer that was overtaken by news does not bring the past back', { buffered: true }, async (test) => {
  const { links, page, complaints } = await start(test, sizes.phone);
  await heading(page, 'You are linked with no company.');
  let letGo = (): void => {};
  const released = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let asked = (): void => {};
  const answered = new Promise<void>((resolve) => {
    asked = resolve;
  });
  await page.route('**/v1/view', async (route) => {
    const answer = await route.fetch();
    asked();
    await released;
    await route.fulfill({ response: answer });
  });
  await press(page, 'Link with a company'); // and the page asks how things stand
  await answered;
  await said(page, 'Tell the company this code');
  const code = links.view().code?.code ?? 'none';
  links.ask();
  await said(page, 'Acme asks to be linked with you.');
  const late = page.waitForResponse('**/v1/view');
  letGo();
  await (await late).finished();
  const drawn = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))';
  await page.evaluate(drawn); // the page has read it
  test.equal(await page.getByText('Acme asks to be linked with you.').count(), 1, 'the news stays');
  test.equal(await page.getByText(code).count(), 0, 'the code is spent');
  test.same(complaints, []);
});

t.test('an offer is read on the first page, looked at, and declined', { buffered: true }, async (test) => {
  const { links, apps, page, go, complaints } = await start(test, sizes.desktop, '/');
  const look = looker(test, page);
  links.linked();
  links.offer();
  const manifest = manifestOf({ version: '1.2.0' });
  apps.offer({ ...offerOf(manifest), release: links.view().offers[0]?.release ?? '' });
  await said(page, 'Acme offers you Visits 1.2.0');
  await said(page, 'The counter that we spoke of on Monday.');
  await look('5-home-offer');
  await go('/apps');
  await said(page, 'Offered to you');
  await look('5-apps-offer');
  await link(page, 'Look at Visits');
  await heading(page, 'Install Visits by Acme?');
  await go(`/companies/${linkId}`);
  await heading(page, 'You are linked with Acme.');
  await press(page, 'No, thank you: Visits');
  await said(page, 'They offer you nothing now.');
  test.match(links.asked.at(-1), { act: 'decline', signed: true });
  await link(page, 'Apps');
  test.equal(await page.getByText('Offered to you').count(), 0);
  test.same(complaints, []);
});

t.test('a manager is appointed by a typed word, and taken back', { buffered: true }, async (test) => {
  const { links, apps, page, go, port, cookie, complaints } = await start(test, sizes.phone);
  const look = looker(test, page);
  links.linked();
  apps.put(installedOf(manifestOf()));
  await go(`/companies/${linkId}`);
  await heading(page, 'You are linked with Acme.');
  await look('6-company');
  await link(page, 'Let them manage their apps');
  await heading(page, 'Let Acme manage its apps?');
  await look('7-appoint');

  // By the keyboard alone, from the first permission on.
  await page.getByLabel(/^Keep data on your box/).focus();
  await page.keyboard.press('Space');
  const field = page.getByLabel('Addresses on the internet that its apps may reach');
  await field.focus();
  await page.keyboard.type('api.acme.example nowhere');
  await page.getByLabel('Type “manager” to confirm').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('“nowhere” is not an address such as api.example.com').waitFor();
  await field.fill('api.acme.example\n*.acme.example');
  await press(page, 'Let them manage their apps');
  await page.getByRole('alert').getByText('Type the word manager').waitFor();
  await look('8-fault');
  await page.getByLabel('Apps, at most').fill('2');
  await page.getByLabel('For how long: Acme').selectOption('Until a date');
  await page.getByLabel('Last day: Acme').fill('2199-03-05');
  await page.getByLabel('Type “manager” to confirm').fill('manager');
  await page.keyboard.press('Enter');
  await heading(page, 'You are linked with Acme.');
  test.match(links.asked.at(-1), {
    act: 'appoint',
    what: {
      capabilities: ['storage', 'network.egress:api.acme.example', 'network.egress:*.acme.example'],
      apps: 2,
      storageMiB: 954,
      memoryMiB: 488,
      until: Date.parse('2199-03-05T13:00:00Z'),
    },
    signed: true,
  });
  await said(page, 'Reach everything under acme.example on the internet');
  await look('9-manager');
  const { name, version, id } = manifestOf();
  links.alter({ acts: [{ app: id, name, version, by: 'Acme', link: linkId, at: Date.now() }] });
  await go('/');
  await said(page, 'Acme installed Visits 1.0.0 as your manager');
  await look('10-acts');

  const put = (body: object) => askOwner(port, `/v1/links/${linkId}/manager`, { method: 'PUT', body, cookie });
  const wish = { capabilities: ['storage'], apps: 1, storageMiB: 1, memoryMiB: 64 };
  test.match(await put({ ...wish, word: 'yes' }), { status: 400, code: 'word-missing' });
  test.match(await put({ ...wish, capabilities: ['everything'], word: 'manager' }), { status: 400 });
  test.match(await askOwner(port, `/v1/links/${linkId}/manager`, { method: 'DELETE' }), { status: 401 });

  await go(`/companies/${linkId}`);
  await press(page, 'Take it back');
  await said(page, 'They can do nothing by themselves');
  await press(page, 'End the link');
  await heading(page, 'You are linked with no company.');
  test.match(links.asked.at(-1), { act: 'end', what: linkId, signed: true });
  await go(`/companies/${linkId}`);
  await heading(page, 'You are not linked with this company.');
  test.same(complaints, []);
});
