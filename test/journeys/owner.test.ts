/** An owner's days in real Chromium, against a real box, a real alliance's directory and real providers. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { newClaimCode } from '#contract/claim-code.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { AdmissionRequest } from '#contract/operator.js';
import { parseWays } from '../../provisioning/admission/ways.js';
import { someTerritory } from '../support/alliance.js';
import { type TestBox, testBox } from '../support/box.js';
import {
  heading,
  launch,
  looker,
  openPage,
  press,
  type Size,
  sizes,
  toElection,
  violations,
} from '../support/owner-pages.js';
import { freePortBase, runCommand, type TestProvider, testProvider } from '../support/provider.js';

t.jobs = 2;
const browser = await launch(t);
const passphrase = 'tram lantern quartz pillow';
/** A box's keys, a provider's scrypt and a retry or two, on a busy machine. */
const patient = 60_000;

const harbour = { territory: 'harbour', name: 'Harbour Network', law: 'Law of New South Wales, Australia' };
const yarra = { territory: 'yarra', name: 'Yarra Commons', jurisdiction: 'AU-VIC', law: 'Law of Victoria, Australia' };
const spree = {
  territory: 'spree',
  name: 'Spreenetz',
  jurisdiction: 'DE-BE',
  law: 'Law of the Federal Republic of Germany',
};

async function served(t: Test, ...wish: Parameters<typeof testProvider>[1][]): Promise<TestProvider[]> {
  return Promise.all(
    wish.map(async (one) => {
      const provider = await testProvider(t, one);
      await provider.start();
      return provider;
    }),
  );
}

interface Unpacked {
  box: TestBox;
  url: string;
  setupCode: string;
}

/** A box with its console on a port that it keeps when it starts again. */
async function unpacked(t: Test, territories: DirectoryTerritory[]): Promise<Unpacked> {
  const port = await freePortBase();
  const more = { owner: { host: '127.0.0.1', port, mdns: false } };
  const box = await testBox(t, { territories, more });
  await box.start();
  const written = await readFile(path.join(box.bootDir, 'webizen-setup-code.txt'), 'utf8');
  const setupCode = /^\s*([0-9A-Z]{5}-[0-9A-Z]{5})\s*$/m.exec(written)?.[1] ?? '';
  t.ok(setupCode, 'a box without a label has its code on the boot partition');
  return { box, url: `http://127.0.0.1:${port}`, setupCode };
}

async function choose(page: Page, name: string, { code, isForeign }: { code?: string; isForeign?: boolean } = {}) {
  await page.getByText(name, { exact: true }).click();
  await press(page, 'Continue');
  if (isForeign) {
    await page.getByLabel(/I know that this other law governs/).check();
    await press(page, 'Continue');
  }
  await claim(page, code);
}

async function claim(page: Page, code: string | undefined): Promise<void> {
  if (code === undefined) return press(page, 'Ask to be admitted');
  await page.getByLabel('Claim code').fill(code);
  await press(page, 'Join');
}

const online = 'Your box is yours, and it is online.';

async function toHome(page: Page): Promise<void> {
  await heading(page, online, patient);
  await press(page, 'Go to my box');
  await heading(page, 'Your box is healthy.');
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
  await press(page, 'Sign in');
}

/** A handful of pictures belong to the guide; they are written when they are asked for, so that a test run leaves no trace. */
const inGuide = ['1-code', '3-recovery', '5-choose', 'foreign', 'waiting', 'refused', 'home', 'history', 'leave'];

async function forGuide(page: Page, name: string): Promise<void> {
  if (process.env.WEBIZEN_DOCS !== '1' || !inGuide.includes(name)) return;
  await mkdir('docs/images', { recursive: true });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: `docs/images/owner-${name}.png`, fullPage: true, caret: 'initial' });
}

for (const size of Object.keys(sizes) as Size[])
  t.test(`from the parcel to a healthy box: ${size}`, { buffered: true }, async (t) => {
    const [provider] = await served(t, harbour);
    const others = await Promise.all([
      someTerritory('spree', { name: 'Spreenetz', jurisdiction: 'DE-BE', law: spree.law, provider: 'Spreenetz eG' }),
      someTerritory('southern', {
        name: 'Southern Link',
        law: harbour.law,
        provider: 'Southern Link Pty Ltd',
        standing: 'suspended',
        reason: 'its audit is overdue since September',
      }),
    ]);
    const { box, url, setupCode } = await unpacked(t, [provider!.listing, ...others]);
    const page = await openPage(browser, url, sizes[size]);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    const see = looker(t, page, size, 'journey');
    const look = async (name: string): Promise<void> => {
      await see(name);
      if (size === 'phone') await forGuide(page, name);
    };
    await toElection(page, { setupCode, passphrase, look });
    t.same(await page.locator('.card strong').allTextContents(), ['Harbour Network', 'Southern Link', 'Spreenetz']);
    await page.getByText('Harbour Network', { exact: true }).click();
    await press(page, 'Continue');
    await heading(page, 'Do you have a code from Harbour Network?');
    await look('6-claim');
    await claim(page, (await provider!.claim()).code);
    await heading(page, online, patient);
    await page.getByText('looked after by Harbour Network Pty Ltd').waitFor();
    await look('8-done');
    await press(page, 'Go to my box');
    await heading(page, 'Your box is healthy.');
    const belongs = page.getByRole('region', { name: 'Belongs to you' });
    for (const said of ['Harbour Network Pty Ltd', harbour.law, 'Connected to the provider', 'Good until'])
      await belongs.getByText(said).first().waitFor();
    const happened = page.getByRole('region', { name: 'What happened last' });
    for (const said of ['The box joined Harbour Network.', 'You chose the provider Harbour Network.'])
      await happened.getByText(said).waitFor();
    await look('home');
    const status = await box.until(({ health }) => health.acknowledged > 0);
    t.match(await provider!.until(({ state }) => state === 'online'), { id: status.box }, 'the provider knows it too');

    await provider!.stop();
    await heading(page, 'Your box is offline, and works.');
    await look('home-offline');
    await provider!.start();
    await heading(page, 'Your box is healthy.', patient);

    await page.getByRole('link', { name: 'What happened', exact: true }).click();
    await page.getByText('The box became yours.').waitFor();
    await look('history');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Save all of it').click()]);
    t.match(runCommand('webizen', ['ledger', 'verify', await download.path()]), {
      status: 0,
      stdout: /^OK: 4 entries, 3 signed by the owner/,
    });
    await page.getByRole('link', { name: 'Settings' }).click();
    await heading(page, 'Settings.');
    await look('settings');
    t.same(complaints, []);
    await page.context().close();
  });

t.test('the provider says no, with a reason; asked again it says yes', { buffered: true }, async (t) => {
  const [provider] = await served(t, { ...harbour, provider: { admission: parseWays('manual') } });
  const { url, setupCode } = await unpacked(t, [provider!.listing]);
  const page = await openPage(browser, url, sizes.phone);
  const look = looker(t, page, 'phone', 'journey');
  await toElection(page, { setupCode, passphrase });
  await choose(page, 'Harbour Network');
  await heading(page, 'Waiting for Harbour Network to admit your box.', patient);
  await look('waiting');
  await forGuide(page, 'waiting');
  const shown = await page.locator('[data-request]').textContent();
  const waiting = async (): Promise<AdmissionRequest | undefined> =>
    (await provider!.api<AdmissionRequest[]>('/v1/requests')).find(({ state }) => state === 'waiting');
  const first = await waiting();
  t.equal(first?.code, shown, 'what the owner reads to them is what the operator sees');
  const reason = 'we need to see your contract first';
  await provider!.api(`/v1/requests/${first?.id}/refuse`, { method: 'POST', body: { reason } });
  await heading(page, 'Harbour Network did not admit your box.', patient);
  await page.getByText(reason).waitFor();
  await look('refused');
  await forGuide(page, 'refused');
  await press(page, 'Ask again');
  await claim(page, undefined);
  await heading(page, 'Waiting for Harbour Network to admit your box.', patient);
  await provider!.api(`/v1/requests/${(await waiting())?.id}/approve`, { method: 'POST', body: {} });
  await toHome(page);
  await page.context().close();
});

t.test('under another law, with a code that is wrong at first', { buffered: true }, async (t) => {
  const [provider] = await served(t, spree);
  const { box, url, setupCode } = await unpacked(t, [provider!.listing]);
  const page = await openPage(browser, url, sizes.phone);
  const look = looker(t, page, 'phone', 'journey');
  await toElection(page, { setupCode, passphrase });
  await page.getByText('Spreenetz', { exact: true }).click();
  await press(page, 'Continue');
  await heading(page, 'Another law will govern.');
  await look('foreign');
  await forGuide(page, 'foreign');
  await press(page, 'Back');
  await choose(page, 'Spreenetz', { code: newClaimCode(), isForeign: true });
  await heading(page, 'That claim code was not taken.', patient);
  await look('claim-wrong');
  await press(page, 'Enter another code');
  await heading(page, 'Another law will govern.');
  await page.getByLabel(/I know that this other law governs/).check();
  await press(page, 'Continue');
  await claim(page, (await provider!.claim()).code);
  await toHome(page);
  const { entries } = await box.agent!.rooms().ledger.export();
  const elections = entries.filter(({ type }) => type === 'election');
  t.match(elections.at(-1), {
    by: 'owner',
    facts: { foreign: true, jurisdiction: 'DE-BE', ownJurisdiction: 'AU-NSW' },
  });
  t.ok(
    elections.every(({ signature }) => signature),
    'each yes to another law is signed',
  );
  await page.context().close();
});

t.test('provider away, box switched off in the middle: the page recovers by itself', { buffered: true }, async (t) => {
  const [provider] = await served(t, harbour);
  const { code } = await provider!.claim();
  await provider!.stop();
  const { box, url, setupCode } = await unpacked(t, [provider!.listing]);
  const page = await openPage(browser, url, sizes.phone);
  const look = looker(t, page, 'phone', 'journey');
  await toElection(page, { setupCode, passphrase });
  await choose(page, 'Harbour Network', { code });
  await heading(page, 'Harbour Network can not be reached just now.', patient);
  await look('unreachable');
  await box.stop();
  await page.getByText(/The box does not answer. What you see is from \d\d:\d\d/).waitFor();
  t.same(await violations(page), []);
  await look('no-answer');
  await box.start();
  await page.getByText('You were signed out.', { exact: false }).waitFor();
  await signIn(page);
  await heading(page, 'Harbour Network can not be reached just now.', patient);
  await provider!.start();
  await toHome(page);
  t.equal((await provider!.boxes()).length, 1);
  await page.context().close();
});

t.test('to another provider, and on to another owner', { buffered: true }, async (t) => {
  const [first, second] = await served(t, harbour, yarra);
  const { box, url, setupCode } = await unpacked(t, [first!.listing, second!.listing]);
  const page = await openPage(browser, url, sizes.phone);
  const look = looker(t, page, 'phone', 'journey');
  await toElection(page, { setupCode, passphrase });
  await choose(page, 'Harbour Network', { code: (await first!.claim()).code });
  await toHome(page);
  const { box: before } = await box.until(({ health }) => health.acknowledged > 0);

  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('link', { name: 'Move to another provider' }).click();
  await heading(page, 'Move to which provider?');
  t.ok(await page.locator('#territory-harbour').isDisabled(), 'it is there already');
  await look('move-choose');
  await choose(page, 'Yarra Commons', { code: newClaimCode(), isForeign: true });
  await heading(page, 'That claim code was not taken.', patient);
  await look('move-refused');
  t.match(await first!.until(({ id }) => id === before), { state: 'online' }, 'refused there, it has not left');
  await press(page, 'Enter another code');
  await page.getByLabel(/I know that this other law governs/).check();
  await press(page, 'Continue');
  await claim(page, (await second!.claim()).code);
  await heading(page, 'Your box is healthy.', patient);
  await page.getByRole('region', { name: 'Belongs to you' }).getByText('Yarra Commons Pty Ltd').waitFor();
  await page.getByText('The box moved to Yarra Commons.').waitFor();
  await look('moved');
  await second!.until(({ state }) => state === 'online');
  await first!.until(({ id, state }) => id === before && state !== 'online');

  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('link', { name: 'Hand over or reset the box' }).click();
  await page.getByLabel('Hand it to somebody else').check();
  await page.getByLabel('Type “hand-over” to confirm').fill('hand-over');
  await look('leave');
  await forGuide(page, 'leave');
  await press(page, 'Hand it over');
  await heading(page, 'Enter the code on the label of your box.', patient);
  await look('handed-over');
  const after = await box.until(({ state }) => state === 'unclaimed');
  t.match(after, { box: null, owner: false });
  await toElection(page, { setupCode, passphrase: 'somebody else entirely' });
  await choose(page, 'Harbour Network', { code: (await first!.claim()).code });
  await toHome(page);
  t.not((await box.until(({ box }) => box !== null)).box, before, 'a new box id for the new owner');
  await page.context().close();
});
