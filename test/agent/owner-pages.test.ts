/** The owner's console as an owner meets it: real Chromium, phone and desktop, light and dark, the keyboard alone. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import t from 'tap';
import { LedgerExport } from '#contract/ledger.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { parseJson } from '#contract/parse.js';
import { passphrase, setupCode, startOwnerConsole } from '../support/owner-console.js';
import {
  heading,
  launch,
  looker,
  openPage,
  press,
  type Size,
  shots,
  sizes,
  type View,
  violations,
  toElection as walkToElection,
} from '../support/owner-pages.js';

t.jobs = 2;
const browser = await launch(t);
const open = (url: string, viewport: View): Promise<Page> => openPage(browser, url, viewport);
const toElection = (page: Page): Promise<string> => walkToElection(page, { setupCode, passphrase });

async function toHome(page: Page, fed: Awaited<ReturnType<typeof startOwnerConsole>>['fed']): Promise<void> {
  await toElection(page);
  await page.getByText('Harbour Network', { exact: true }).click();
  await press(page, 'Continue');
  await page.getByLabel('Claim code').fill('4F0A2-B7KQM-3XZ1T-9CVDE');
  await press(page, 'Join');
  await heading(page, 'Your box is joining Harbour Network.');
  fed.enrolled();
  await press(page, 'Go to my box');
  await heading(page, 'Your box is healthy.');
}

for (const [size, viewport] of Object.entries(sizes) as [Size, View][]) {
  t.test(`from the label to a healthy box, every page: ${size}`, { buffered: true }, async (test) => {
    const served = await startOwnerConsole(test, { httpsPort: 0 });
    const { fed, ledger, url, box } = served;
    const page = await open(`${url}/#code=${setupCode}`, viewport);
    const look = looker(test, page, size, 'owner');
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !/\b40[139]\b/.test(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));

    await heading(page, 'Enter the code on the label of your box.');
    test.equal(await page.getByLabel('Code on the label').inputValue(), setupCode, "the label's QR code brings it");
    test.notMatch(page.url(), setupCode, 'and it does not stay in the address');
    await page.getByLabel('Code on the label').fill('AAAAA-BBBBB');
    await press(page, 'Continue');
    await page.getByText('This is not the code on the label of this box.').waitFor();
    await look('1-code');
    await page.getByLabel('Code on the label').fill('7k3fp 9qm2d');
    await press(page, 'Continue');

    await heading(page, 'Choose a passphrase.');
    await page.getByLabel('Passphrase', { exact: true }).fill('tram la');
    await page.getByText('3 more characters.').waitFor();
    await press(page, 'Continue');
    await page.getByRole('alert').getByText('Use at least 10 characters').waitFor();
    await press(page, 'Show Passphrase');
    await look('2-passphrase');
    await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
    await page.getByText('Good.').waitFor();
    await press(page, 'Continue');

    await heading(page, 'Write down your recovery code.');
    await look('3-recovery');
    const code = (await page.locator('[data-code]').textContent()) ?? '';
    await page.reload();
    await heading(page, 'Make a recovery code.');
    await look('3-recovery-lost');
    await page.getByLabel('Your passphrase', { exact: true }).fill(passphrase);
    await press(page, 'Show a new code');
    await heading(page, 'Write down your recovery code.');
    const second = (await page.locator('[data-code]').textContent()) ?? '';
    test.not(second, code, 'the one that was shown before is not shown again');
    await page.getByLabel('Type the last four characters').fill('0000');
    await press(page, 'I have it');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Type the last four characters').fill(second.slice(-4).toLowerCase());
    await press(page, 'I have it');

    await heading(page, 'Where do you live?');
    test.equal(await page.getByLabel('Country').inputValue(), '', 'nothing is guessed');
    await page.getByLabel('Country').fill('aust');
    await page.getByText('2 countries match.').waitFor();
    await page.getByText('Australia', { exact: true }).click();
    await press(page, 'NSW');
    await look('4-place');
    await press(page, 'Continue');

    await heading(page, 'Who shall look after your box?');
    await page.reload();
    await heading(page, 'Who shall look after your box?');
    const cards = await page.locator('.card strong').allTextContents();
    test.same(cards, ['Harbour Network', 'Southern Link', 'Spreenetz', 'Yarra Commons'], 'own law first');
    test.ok(await page.locator('#territory-au-old-1').isDisabled(), 'a suspended one is shown, not to be chosen');
    await look('5-choose');
    await page.getByText('Spreenetz', { exact: true }).click();
    await press(page, 'Continue');
    await heading(page, 'Another law will govern.');
    await press(page, 'Continue');
    await page.getByRole('alert').waitFor();
    await look('5-foreign');
    await page.getByLabel(/I know that this other law governs/).check();
    await press(page, 'Continue');
    await heading(page, 'Do you have a code from Spreenetz?');
    await look('6-claim');
    await press(page, 'Ask to be admitted');

    await heading(page, 'Your box is joining Spreenetz.');
    test.match(fed.asked.at(-1)?.election, { territory: 'de-be-1', ownJurisdiction: 'AU-NSW', foreignAccepted: true });
    fed.reach('ask');
    await page.getByText('Ask to be admitted now').waitFor();
    await look('7-progress');
    fed.reach('ask', 'waiting-admission');
    await heading(page, 'Waiting for Spreenetz to admit your box.');
    test.equal(await page.locator('[data-request]').textContent(), 'K7QM-42XA');
    await look('7-waiting');
    fed.refuse('box-revoked', 'we serve Berlin only');
    await heading(page, 'Spreenetz did not admit your box.');
    await page.getByText('we serve Berlin only').waitFor();
    await look('7-refused');
    await press(page, 'Choose another provider');
    await page.getByText('Harbour Network', { exact: true }).click();
    await press(page, 'Continue');
    await page.getByLabel('Claim code').fill('4F0A2-B7KQM-3XZ1T-00000');
    await press(page, 'Join');
    await heading(page, 'Your box is joining Harbour Network.');
    fed.refuse('claim-used');
    await heading(page, 'That claim code was not taken.');
    await look('7-claim-wrong');
    await press(page, 'Enter another code');
    await page.getByLabel('Claim code').fill('4F0A2-B7KQM-3XZ1T-9CVDE');
    await press(page, 'Join');
    await heading(page, 'Your box is joining Harbour Network.');
    fed.reach('reach', 'reaching', 'est-unreachable');
    await heading(page, 'Harbour Network can not be reached just now.');
    await look('7-unreachable');
    fed.reach('prove');
    await heading(page, 'Your box is joining Harbour Network.');
    fed.enrolled();
    await heading(page, 'Your box is yours, and it is online.');
    await look('8-done');
    await press(page, 'Go to my box');

    await heading(page, 'Your box is healthy.');
    await page.getByText('You made a new recovery code.').waitFor();
    await look('home');
    box.online = false;
    served.announce();
    await heading(page, 'Your box is offline, and works.');
    await page.getByText('37 reports will be sent later', { exact: false }).waitFor();
    await look('home-offline');
    box.online = true;
    box.expired = true;
    served.announce();
    await heading(page, 'One thing needs your care.');
    box.expired = false;
    box.isSuspended = true;
    box.offered = Date.now() - 400 * 86_400_000;
    served.announce();
    await page.getByText('The alliance has suspended Harbour Network.').waitFor();
    await page.getByText('its audit failed', { exact: false }).waitFor();
    await page.getByText('Is this the right time?').waitFor();
    await look('home-care');
    await press(page, 'The provider is right');
    await page.getByText('You confirmed the time', { exact: false }).waitFor();
    await page.getByText('Is this the right time?').waitFor({ state: 'detached' });
    box.isSuspended = false;
    for (let sent = 0; sent < 30; sent += 1)
      await ledger.append({ by: 'provider', type: 'command', facts: { name: 'rebirth' } });

    await page.getByRole('link', { name: 'What happened', exact: true }).click();
    await heading(page, 'What happened.');
    await look('history');
    await press(page, 'Show older');
    await page.getByText('The box became yours.').waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Save all of it').click()]);
    const exported = parseJson(LedgerExport, await readFile(await download.path()));
    test.ok(exported.ok && verifyLedger(exported.value).ok, 'what is saved can be verified');

    await page.getByRole('link', { name: 'Settings' }).click();
    await heading(page, 'Settings.');
    await look('settings');
    await page.getByRole('link', { name: 'Encrypt this page' }).click();
    await page.getByRole('heading', { name: 'Fingerprint (SHA-256)' }).waitFor();
    await look('secure');
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Move to another provider' }).click();
    await page.getByText('Yarra Commons', { exact: true }).click();
    await press(page, 'Continue');
    await page.getByLabel(/I know that this other law governs/).check();
    await press(page, 'Continue');
    await press(page, 'Ask to be admitted');
    await heading(page, 'Your box is moving to Yarra Commons.');
    fed.reach('ask', 'waiting-admission');
    await heading(page, 'Waiting for Yarra Commons to admit your box.');
    await look('move');
    await press(page, 'Stop, and stay where I am');
    await heading(page, 'Move to which provider?');
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Change the passphrase' }).click();
    await heading(page, 'Change the passphrase.');
    await page.getByLabel('Current passphrase', { exact: true }).fill(passphrase);
    await page.getByLabel('New passphrase', { exact: true }).fill(`${passphrase} too`);
    await press(page, 'Save');
    await page.getByText('Saved.', { exact: false }).waitFor();
    await look('change-passphrase');
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Hand over or reset the box' }).click();
    await page.getByLabel('Hand it to somebody else').check();
    await page.getByLabel('Type “hand-over” to confirm').fill('yes');
    await press(page, 'Hand it over');
    await page.getByRole('alert').waitFor();
    test.same(box.resets, [], 'nothing happened');
    await look('leave');
    await page.getByLabel('Type “hand-over” to confirm').fill('hand-over');
    await press(page, 'Hand it over');
    await heading(page, 'The box is starting over.');
    test.same(box.resets, ['hand-over']);
    await press(page, 'Sign out');
    await heading(page, 'Sign in to webizen-7k3f.');
    await look('sign-in');
    await page.getByRole('link', { name: 'I forgot the passphrase' }).click();
    await heading(page, 'A new passphrase.');
    await look('forgotten');
    await page.getByLabel('I have lost both').check();
    await page.getByText('The box has not found the file yet.').waitFor();
    await look('forgotten-label');
    test.same(complaints, [], 'the browser complains of nothing');
    await page.context().close();
  });
}

t.test('by the keyboard alone: from the code on the label to the provider', { buffered: true }, async (test) => {
  const { fed, url } = await startOwnerConsole(test);
  const page = await open(url, sizes.desktop);
  await heading(page, 'Enter the code on the label of your box.');
  /** Who is led by the keyboard goes on where the new page puts the focus, and that is a moment after it is seen. */
  const turned = async (name: string) => {
    await heading(page, name);
    await page.locator('h1:focus').waitFor();
  };
  const reach = async (until: string, key = 'Tab') => {
    for (let times = 0; times < 40; times += 1) {
      await page.keyboard.press(key);
      const focus = await page.evaluate<string>(
        '(document.activeElement.getAttribute("aria-label") ?? document.activeElement.innerText ?? "") + "|" + document.activeElement.id',
      );
      if (focus.split('|').includes(until)) return;
    }
    throw new Error(`cannot reach ${until} by ${key}`);
  };
  await page.keyboard.press('Tab');
  test.equal(await page.evaluate('document.activeElement.className'), 'skip', 'first comes the skip link');
  await reach('code');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await page.locator('[role=alert]:focus').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  test.equal(await page.evaluate('document.activeElement.id'), 'code', 'and leads to its field');
  await page.keyboard.type(setupCode);
  await page.keyboard.press('Enter');
  await turned('Choose a passphrase.');
  await reach('new-passphrase');
  await page.keyboard.type(passphrase);
  await page.keyboard.press('Enter');
  await turned('Write down your recovery code.');
  const code = (await page.locator('[data-code]').textContent()) ?? '';
  await reach('last');
  await page.keyboard.type(code.slice(-4));
  await page.keyboard.press('Enter');
  await turned('Where do you live?');
  await reach('country');
  await page.keyboard.type('new zeal');
  await page.keyboard.press('Enter');
  await turned('Who shall look after your box?');
  await reach('territory-au-nsw-1');
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await turned('Another law will govern.');
  await reach('accept');
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await turned('Do you have a code from Harbour Network?');
  await reach('claim');
  await page.keyboard.type('4F0A2-B7KQM-3XZ1T-9CVDE');
  await page.keyboard.press('Enter');
  await turned('Your box is joining Harbour Network.');
  test.match(fed.asked.at(-1)?.election, { territory: 'au-nsw-1', ownJurisdiction: 'NZ' });
  await page.context().close();
});

t.test(
  'when the agent restarts in the middle the page says so, and recovers by itself',
  { buffered: true },
  async (test) => {
    const served = await startOwnerConsole(test);
    const page = await open(served.url, sizes.phone);
    await toElection(page);
    await page.getByText('Harbour Network', { exact: true }).click();
    await press(page, 'Continue');
    await press(page, 'Ask to be admitted');
    await heading(page, 'Your box is joining Harbour Network.');
    await served.stop();
    await page.getByText(/The box does not answer. What you see is from \d\d:\d\d/).waitFor();
    test.ok(await page.getByRole('heading', { name: 'Your box is joining' }).isVisible(), 'what was known stays');
    test.same(await violations(page), []);
    await page.screenshot({ path: `${shots}/owner-no-answer-phone-light.png`, fullPage: true });
    served.fed.reach('ask', 'waiting-admission');
    await served.startAgain();
    await page.getByText('You were signed out.', { exact: false }).waitFor();
    await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
    await press(page, 'Sign in');
    await heading(page, 'Waiting for Harbour Network to admit your box.');
    await page.context().setOffline(true);
    served.fed.enrolled();
    await page.context().setOffline(false);
    await heading(page, 'Your box is yours, and it is online.');
    await page.context().close();
  },
);

t.test('a call that is lost before anybody has signed in: the page says so, and recovers by itself', async (test) => {
  const served = await startOwnerConsole(test);
  const page = await open(served.url, sizes.phone);
  let isAway = true;
  await page.getByLabel('Code on the label').fill('AAAAA-AAAAA');
  await page.route('**/v1/**', (route) => (isAway ? route.abort() : route.continue()));
  await press(page, 'Continue');
  const banner = page.getByText(/The box does not answer. What you see is from/);
  await banner.waitFor();
  isAway = false;
  await banner.waitFor({ state: 'detached' });
  await page.context().close();
});

t.test(
  'a forgotten passphrase: the recovery code, or the label and a file on the card',
  { buffered: true },
  async (test) => {
    const served = await startOwnerConsole(test);
    const page = await open(served.url, sizes.phone);
    await toHome(page, served.fed);
    await press(page, 'Sign out');
    await page.getByRole('link', { name: 'I forgot the passphrase' }).click();
    await page.getByLabel('I have lost both').check();
    await page.getByText('The box has not found the file yet.').waitFor();
    await writeFile(path.join(served.bootDir, 'webizen-forgot-passphrase'), '');
    await page.reload();
    await page.getByText('The box has found the file.').waitFor();
    await page.getByLabel('Code on the label').fill(setupCode);
    await page.getByLabel('New passphrase', { exact: true }).fill('another four plain words');
    await press(page, 'Set the new passphrase');
    await heading(page, 'Write down your recovery code.');
    const code = (await page.locator('[data-code]').textContent()) ?? '';
    await page.getByLabel('Type the last four characters').fill(code.slice(-4));
    await press(page, 'I have it');
    await heading(page, 'Your box is healthy.');
    test.notOk((await readdir(served.bootDir)).length, 'the file serves once');
    await page.getByText('A new owner’s key was made.').waitFor();
    await press(page, 'Sign out');
    await page.getByRole('link', { name: 'I forgot the passphrase' }).click();
    await page.getByRole('textbox', { name: 'Recovery code' }).fill(code.toLowerCase());
    await page.getByLabel('New passphrase', { exact: true }).fill(passphrase);
    await press(page, 'Set the new passphrase');
    await heading(page, 'Write down your recovery code.');
    await page.context().close();
  },
);

t.test('a box that its maker registered is confirmed with one press', { buffered: true }, async (test) => {
  const { fed, url } = await startOwnerConsole(test);
  fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
  fed.enrolled();
  fed.alter({ electedBy: 'voucher' });
  const page = await open(url, sizes.phone);
  await toElection(page);
  await page.getByText('Your box was registered with Harbour Network', { exact: false }).waitFor();
  await page.screenshot({ path: `${shots}/owner-registered-phone-light.png`, fullPage: true });
  await press(page, 'Continue');
  await heading(page, 'Your box is joining Harbour Network.');
  test.match(fed.asked.at(-1), { act: 'elect', election: { territory: 'au-nsw-1' } });
  await page.context().close();
});

t.test('the pages are small, and ask nobody else for anything', async (test) => {
  const sizes = new Map<string, number>();
  const needs = new Map<string, string[]>();
  for (const name of await readdir('build/owner')) {
    const file = await readFile(path.join('build/owner', name));
    const text = file.toString('utf8');
    sizes.set(name, gzipSync(file, { level: 9 }).length);
    needs.set(
      name,
      [...text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)].map(([, needed = '']) => needed),
    );
    test.notMatch(text.replaceAll('http://www.w3.org', ''), /https?:\/\/[a-z]/, `${name} names no other place`);
  }
  /** With all that is loaded before any of it runs. */
  const whole = (name: string, seen = new Set<string>()): Set<string> => {
    if (!seen.has(name)) for (const needed of needs.get(name) ?? []) whole(needed, seen.add(name));
    return seen.add(name);
  };
  const sizeOf = (names: Iterable<string>): number => [...names].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  const first = new Set(['index.html', 'icon.svg', 'main.css', ...whole('main.js')]);
  const bytes = sizeOf(first);
  test.ok(first.size > 4, 'what they share is counted');
  test.ok(bytes < 60_000, `${bytes} bytes, compressed, are needed to set the box up and to see how it is`);
  for (const name of sizes.keys())
    if (name.endsWith('.js') && !first.has(name)) {
      const more = sizeOf([...whole(name)].filter((needed) => !first.has(needed)));
      test.ok(more < 20_000, `${more} bytes more for ${name.replace(/-[^-]+$/, '')}`);
    }
});
