/**
 * What an owner has on one box, saved as a file through the browser and restored on another in its setup, on real parts:
 * the app goes on with its data in a container there, and the box joins as itself.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { verifyLedger } from '#contract/ledger-chain.js';
import { appIs, isWell, openWay, passphrase, say, type Way } from '../support/apps-way.js';
import { testBox } from '../support/box.js';
import {
  heading,
  launch,
  looker,
  openPage,
  passSetup,
  press,
  type Size,
  signIn,
  sizes,
} from '../support/owner-pages.js';
import { testPodman } from '../support/podman.js';
import { freePortBase } from '../support/provider.js';
import { packedBase } from '../support/var.js';

const base = await packedBase(t);
const app = 'example.visits';
const browser = await launch(t);
/** An image is loaded, an app started, on a busy machine. */
const patience = 180_000;

async function opened(t: Test, way: Pick<Way, 'box'>, size: Size) {
  const url = `http://127.0.0.1:${way.box.agent?.console()?.port}`;
  const page = await openPage(browser, url, sizes[size]);
  page.context().setDefaultTimeout(patience);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  return { page, url, complaints, look: looker(t, page, size, 'backup') };
}

const rooms = ({ box }: Pick<Way, 'box'>) => box.agent!.rooms();
const count = (way: Pick<Way, 'box'>): string => rooms(way).storage.get(app, 'count').value.toString();

t.test('saved on one box, restored on another: the app goes on there, and the box is itself', async (t) => {
  const way = await openWay(t, { base });
  way.done('app', 'init', 'visits', '--id', app, '--name', 'Visits');
  const release = await way.publish('visits', '1.0.0', (manifest) => ({
    ...manifest,
    health: { kind: 'http', path: '/health', graceSeconds: 300, timeoutSeconds: 60 },
  }));
  t.match(await say(way, release, ['storage']), { state: 'done' });
  await appIs(way, app, isWell);
  t.equal(count(way), '1');

  const first = await opened(t, way, 'desktop');
  await signIn(first.page, passphrase);
  await passSetup(first.page);
  await first.page.goto(`${first.url}/backup`);
  await heading(first.page, 'There is no backup yet.');
  await first.look('1-none');
  await press(first.page, 'Make my backup code');
  await heading(first.page, 'Write down your backup code.');
  const code = ((await first.page.locator('[data-code]').textContent()) ?? '').trim();
  await first.page.getByLabel('Type the last five characters').fill('wrong');
  await press(first.page, 'I have it');
  await first.page.getByRole('alert').waitFor();
  await first.page.getByLabel('Type the last five characters').fill(code.slice(-5));
  await press(first.page, 'I have it');
  const [download] = await Promise.all([
    first.page.waitForEvent('download'),
    first.page.getByRole('link', { name: 'Save a backup' }).click(),
  ]);
  const file = path.join(way.box.folder, download.suggestedFilename());
  await download.saveAs(file);
  await heading(first.page, /^Your last backup is from/);
  await first.look('2-made');
  const bytes = await readFile(file);
  t.notOk(bytes.includes('example.visits'), 'nothing of it can be read');

  // Checked on the box that it is of: nothing changes.
  await first.page.getByRole('link', { name: 'Open, check or restore a backup' }).click();
  await heading(first.page, 'Open a backup.');
  await first.page.getByLabel('A file').setInputFiles(file);
  await first.page.getByLabel('Backup code').fill('AAAAA-AAAAA-AAAAA-AAAAA-AAAAB');
  await press(first.page, 'Open it');
  await first.page.getByText('This is not a backup code').waitFor();
  await first.page.getByLabel('Backup code').fill(code.toLowerCase());
  await first.look('3-open');
  await press(first.page, 'Open it');
  await heading(first.page, 'This backup is whole.');
  await first.page.getByText('Visits 1.0.0').waitFor();
  await first.look('4-found');
  await press(first.page, 'Close it');
  await heading(first.page, 'Open a backup.');
  await first.page.goto(`${first.url}/backup`);
  await first.page.getByText('Opened with your code and read to its end.').waitFor();
  const head = rooms(way).ledger.head();
  const old = rooms(way).membership.view().current.box;
  t.same(first.complaints, []);
  await way.box.stop(); // it is lost

  const podman = await testPodman(t);
  const port = await freePortBase();
  const box = await testBox(t, {
    territories: [way.provider.listing],
    more: { runtime: { podman: podman.socketPath }, owner: { host: '127.0.0.1', port, mdns: false } },
  });
  await box.start();
  const written = await readFile(path.join(box.bootDir, 'webizen-setup-code.txt'), 'utf8');
  const setupCode = /^\s*([0-9A-Z]{5}-[0-9A-Z]{5})\s*$/m.exec(written)?.[1] ?? '';
  const second = await opened(t, { box }, 'phone');
  const { page } = second;
  await page.getByLabel('Code on the label').fill(setupCode);
  await press(page, 'Continue');
  await page.getByRole('link', { name: 'Restore from a backup instead' }).click();
  await heading(page, 'Open a backup.');
  await second.look('5-setup');
  await page.getByLabel('A file').setInputFiles(file);
  await page.getByLabel('Backup code').fill(code);
  await press(page, 'Open it');
  await heading(page, 'This backup is whole.');
  await second.look('6-setup-found');
  await page.getByLabel('Type “restore”').fill('Restore');
  // How things stand is asked before the box has begun to go: the page has to ask again.
  const asked = page.waitForResponse((response) => new URL(response.url()).pathname === '/v1/state');
  box.calm = asked.then((response) => response.finished());
  await press(page, 'Restore this backup');
  await page.getByLabel('Passphrase', { exact: true }).waitFor();
  await signIn(page, passphrase);
  await page.getByLabel('Country').fill('austral');
  await page.getByLabel('State, province or region').fill('nsw');
  await press(page, 'Continue');
  await heading(page, 'Who shall look after your box?');
  const { code: claim } = await way.provider.claim();
  const now = { ...way, box };
  now.signer = await rooms(now).owner.unlock(passphrase);
  await rooms(now).membership.elect({ territory: 'home', ownJurisdiction: 'AU-NSW', claimCode: claim }, now.signer);
  await box.until(({ link }) => link.online);
  const id = rooms(now).membership.view().current.box;
  t.ok(id && id !== old, 'it has an id of its own');
  t.match(await appIs(now, app, isWell), {
    release,
    state: 'running',
    sandbox: 'podman',
    grants: [{ capability: 'storage' }],
  });
  t.equal(count(now), '2', 'it goes on from what was kept');

  const exported = await rooms(now).ledger.export();
  t.ok(verifyLedger(exported).ok);
  t.equal(exported.entries[0]?.ledger, head?.ledger);
  t.match(
    exported.entries.filter(({ type }) => type === 'restored'),
    [{ facts: { boxId: old ?? '', territory: 'home' } }],
  );
  const ledgerFile = path.join(box.folder, 'ledger.json');
  await writeFile(ledgerFile, JSON.stringify(exported));
  way.done('ledger', 'verify', ledgerFile);

  await page.goto(`${second.url}/`);
  await press(page, 'Go to my box');
  await page.goto(`${second.url}/backup`);
  await page.getByText('This box was restored', { exact: true }).waitFor();
  await second.look('7-restored');
  await press(page, 'I have looked');
  await page.getByText('This box was restored', { exact: true }).waitFor({ state: 'detached' });
  t.same(second.complaints, []);
});
