/**
 * A VAR's app on an owner's box, the whole way on real parts: membership, release, catalogue, consent, container, update,
 * roll back, and what becomes of it when its maker is suspended, expelled and reinstated.
 */
import { mkdir } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { Change } from '#contract/changes.js';
import type { Manifest } from '#contract/manifest.js';
import { appIs, desk, ended, isWell, joined, openWay, passphrase, say, type Way } from '../support/apps-way.js';
import { killed } from '../support/box.js';
import { heading, launch, looker, openPage, passSetup, press, signIn, sizes } from '../support/owner-pages.js';
import { packedBase } from '../support/var.js';

const base = await packedBase(t);
const app = 'example.visits';

const browser = await launch(t);
/** An image is loaded, an app started, on a busy machine. */
const patience = 180_000;

const count = async ({ box }: Way): Promise<string> => box.agent!.rooms().storage.get(app, 'count').value.toString();

/** Two pictures belong to the owner's guide; they are written when they are asked for, see test/journeys/owner.test.ts. */
async function forGuide(page: Page, name: string): Promise<void> {
  if (process.env.WEBIZEN_DOCS !== '1') return;
  await mkdir('docs/images', { recursive: true });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.screenshot({ path: `docs/images/owner-${name}.png`, fullPage: true, caret: 'initial' });
}

/** The end of what the page has begun: where it went wrong, it says why. */
async function endOf(way: Way, kind: string): Promise<Change> {
  for (;;) {
    const change = way.box
      .agent!.rooms()
      .changes.list()
      .find((one) => one.kind === kind);
    if (change) return ended(way, change.id);
    await systemClock.sleep(50); // a look, not an event
  }
}

/** A busy machine may take its time. */
const patient = (manifest: Manifest): Manifest => ({
  ...manifest,
  health: { kind: 'http', path: '/health', graceSeconds: 300, timeoutSeconds: 60 },
});

/** The owner's pages, signed in to, past the setup. */
async function signedIn({ box }: Way): Promise<{ page: Page; go(to: string): Promise<unknown>; complaints: string[] }> {
  const url = `http://127.0.0.1:${box.agent?.console()?.port}`;
  const page = await openPage(browser, url, sizes.phone);
  page.context().setDefaultTimeout(patience);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await signIn(page, passphrase);
  await passSetup(page);
  return { page, complaints, go: (to) => page.goto(`${url}${to}`) };
}

t.test(
  "published, installed with the owner's yes, updated, rolled back, and ended with its maker's standing",
  async (t) => {
    const way = await openWay(t, { base });
    way.done('app', 'init', 'visits', '--id', app, '--name', 'Visits');
    const first = await way.publish('visits', '1.0.0', patient);
    const { page, go, complaints } = await signedIn(way);
    const look = looker(t, page, 'phone', 'apps-journey');
    await go('/apps/get');
    await page.getByRole('link', { name: /^Visits/ }).click();
    await heading(page, 'Install Visits by Acme Apps?', patience);
    await look('1-install');
    await forGuide(page, 'install');
    await page.getByLabel('I accept these terms of Acme Apps').check();
    await press(page, 'Install it');
    t.match(await endOf(way, 'app-install'), { state: 'done' });
    await heading(page, 'Visits is installed.', patience);
    await page.getByRole('link', { name: 'Go to Visits' }).click();
    await heading(page, 'Visits runs.', patience);
    await forGuide(page, 'app');
    t.match(await appIs(way, app, isWell), {
      release: first,
      sandbox: 'podman',
      member: { id: 'acme', class: 'var', vettingLevel: 1, standing: 'good', freshness: 'fresh' },
      grants: [{ capability: 'storage' }],
    });
    t.equal(await count(way), '1');

    // The agent's restart never stops an app.
    const running = () => way.podman.run('ps', '--quiet', '--no-trunc');
    const before = running();
    t.match(before, /^[0-9a-f]{64}\s$/);
    await way.box.stop();
    t.equal(running(), before);
    await way.box.start();
    way.signer = await way.box.agent!.rooms().owner.unlock(passphrase);
    await appIs(way, app, isWell);
    t.equal(running(), before, 'the same container');

    const asks = { capability: 'health.read' as const, reason: { en: 'Shows how warm the box is.' } };
    const more = (manifest: Manifest): Manifest => ({ ...manifest, capabilities: [...manifest.capabilities, asks] });
    const second = await way.publish('visits', '1.1.0', more);
    t.equal(await desk(way).update(app), null, 'it asks for more: nothing begins');
    t.match(await appIs(way, app, (now) => now?.waiting !== null), {
      release: first,
      waiting: { release: second, asks: ['health.read'] },
    });
    await go(`/apps/${app}`);
    await signIn(page, passphrase);
    await page.getByRole('link', { name: 'Look at the update' }).click();
    await heading(page, 'Update Visits to 1.1.0?', patience);
    await page.getByText('Shows how warm the box is.').waitFor();
    await look('2-update');
    await page.getByLabel('I accept these terms of Acme Apps').check();
    await press(page, 'Update it');
    t.match(await endOf(way, 'app-update'), { state: 'done' });
    await heading(page, /is updated/, patience);
    t.match(await appIs(way, app, isWell), {
      release: second,
      waiting: null,
      grants: [{ capability: 'storage' }, { capability: 'health.read' }],
    });
    t.equal(await count(way), '2', 'what it stored is there');

    const sick = {
      kind: 'command' as const,
      command: ['/usr/bin/node', '-e', 'process.exit(1)'],
      ...{ graceSeconds: 1, intervalSeconds: 1, failures: 1 },
    };
    const third = await way.publish('visits', '1.2.0', (manifest) => ({ ...manifest, health: sick }));
    const change = await desk(way).update(app);
    t.match(await ended(way, change ?? ''), { state: 'undone', problem: { code: 'app-unhealthy' } });
    t.match(await appIs(way, app, isWell), {
      release: second,
      failed: { release: third, version: '1.2.0', problem: { code: 'app-unhealthy' } },
    });
    t.equal(await desk(way).update(app), null, 'what failed is not tried again by itself');
    await go(`/apps/${app}`);
    await page.getByText('The update to 1.2.0 was taken back.').waitFor();
    await look('3-rolled-back');

    // Nobody asks for anything: a box that is online hears of it.
    const decided = ['--reason', 'complaints', '--decided-by', 'the board', '--review', 'write to the board'];
    const fourth = await way.publish('visits', '1.3.0', (manifest) => ({
      ...manifest,
      health: { kind: 'http', path: '/health' },
    }));
    await way.operator('member', 'suspend', 'acme', ...decided);
    t.match(await appIs(way, app, (now) => now?.member.standing === 'suspended'), { state: 'running', stopped: null });
    await t.rejects(say(way, fourth, []), { code: 'member-suspended' });
    await way.operator('member', 'reinstate', 'acme', ...decided);
    await appIs(way, app, (now) => now?.member.standing === 'good');

    const kept = await count(way);
    await way.operator('member', 'expel', 'acme', ...decided);
    await appIs(way, app, (now) => now?.stopped === 'expelled' && now.state === 'stopped');
    t.equal(running(), '', 'its container has ended');
    t.equal(await count(way), kept, 'its data are kept');
    await go(`/apps/${app}`);
    await page
      .getByText(/expelled/)
      .first()
      .waitFor();
    await look('4-expelled');
    await killed(way.serving); // and the box goes on without its provider
    await way.box.stop();
    await way.box.start();
    t.match(await appIs(way, app, (now) => now !== undefined), { stopped: 'expelled', state: 'stopped' });
    const { entries } = await way.box.agent!.rooms().ledger.export();
    t.ok(entries.some(({ type }) => type === 'app.expelled'));

    // Its territory lets it pass to another member: the box hears of it, and its owner says yes.
    const serving = await way.provider.spawn();
    t.teardown(() => killed(serving));
    await way.box.until(({ link }) => link.online);
    const heir = await joined(t, { ...way, serving, base, member: 'wattle', called: 'Wattle Software' });
    await way.operator('member', 'succeed', 'acme', 'wattle', '--app', app, ...decided);
    t.match(await appIs(way, app, (now) => now?.succession != null), {
      ...{ stopped: 'expelled', state: 'stopped' },
      succession: { answer: null, to: { id: 'wattle' }, decisions: [{ decidedBy: 'the board' }] },
    });
    heir.done('app', 'init', 'visits', '--id', app, '--name', 'Visits');
    const theirs = await heir.publish('visits', '2.0.0', patient);
    await go(`/apps/${app}`);
    await signIn(page, passphrase);
    await page.getByRole('link', { name: 'Read about it and decide' }).click();
    await heading(page, 'Let Wattle Software take over Visits?', patience);
    await page.getByText('write to the board').waitFor();
    await look('5-succession');
    await press(page, 'Yes, Wattle Software may take it over');
    await heading(page, /^Visits is (being )?updated\.$/, patience);
    t.match(await appIs(way, app, (now) => now?.release === theirs && isWell(now)), {
      ...{ stopped: null, succession: null },
      member: { id: 'wattle', standing: 'good' },
    });
    t.equal(await count(way), String(Number(kept) + 1), 'it goes on from the data that were kept');
    const signed = (await way.box.agent!.rooms().ledger.export()).entries.find(({ type }) => type === 'app.succession');
    t.match(signed, { by: 'owner', signature: String, facts: { from: 'acme', to: 'wattle' } });
    t.same(complaints, []);
  },
);
