/** Installing, updating and removing apps on a box: what the owner decides, and what a member's standing allows. */
import { readdirSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { InstalledApp } from '#contract/installed.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import type { Manifest } from '#contract/manifest.js';
import type { StatusLists } from '#contract/member.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { inPieces } from '../support/archive.js';
import { type FileRunner, fileRunner } from '../support/file-runner.js';
import { ownFolder } from '../support/folder.js';
import {
  collect,
  type InstallingBox,
  installingBox,
  newKey,
  type TestMember,
  type TestRelease,
  testCatalogue,
  testRelease,
  testSigner,
  testTerritory,
} from '../support/installing.js';
import { createManualClock, type ManualClock } from '../support/manual-clock.js';

const day = 86_400_000;
const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const app = 'example.visits';
const storage = { capability: 'storage' as const, reason: { en: 'to keep the count' } };
const health = { capability: 'health.read' as const, reason: { en: 'to show it' } };

async function bench(t: Test) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const territory = await testTerritory({ now: clock.now() });
  const other = await testTerritory({ id: 'south', now: clock.now() });
  const maker = await territory.member('example-soft');
  const shelf = testCatalogue();
  const runner = fileRunner(folder);
  const { signer, jwk } = await testSigner();
  const fresh = await territory.lists(5);
  let count = 0;
  let box: InstallingBox | undefined;
  const tools = {
    folder,
    clock,
    territory,
    other,
    maker,
    shelf,
    runner,
    signer,
    fresh,
    time: { isKnown: true },
    free: { bytes: 1e12 },
    async release(
      version: string,
      more: Partial<Manifest> & { by?: TestMember; status?: StatusLists; text?: string } = {},
    ) {
      const { by = maker, status = fresh, text, ...manifest } = more;
      count += 1;
      const place = path.join(folder, `release-${count}`);
      const words = text === undefined ? {} : { text };
      return testRelease(place, { by, territory: 'north', status, manifest: { version, ...manifest }, ...words });
    },
    async open(engine: FileRunner = runner, shipped?: string): Promise<InstallingBox> {
      box = await installingBox({
        folder,
        clock,
        keys: (id) => (id === 'north' ? territory.keys : id === 'south' ? other.keys : []),
        catalogue: shelf.catalogue,
        runner: engine,
        freeBytes: () => tools.free.bytes,
        isTimeKnown: () => tools.time.isKnown,
        ...(shipped !== undefined && { shipped }),
      });
      if (box.ledger.ownerKeys().length === 0) await box.ledger.appendKey(jwk, 'owner.set', signer);
      return box;
    },
    /** The next agent over what the one before it left. */
    async again(): Promise<InstallingBox> {
      await box?.close();
      return tools.open(fileRunner(folder));
    },
    /** Says yes to all that it asks for, and waits for the end. */
    async agree(now: InstallingBox, made: TestRelease) {
      const grants = made.release.manifest.capabilities.map(({ capability }) => ({ capability }));
      const id = await now.desk.decide({ release: made.id, grants, termsAccepted: true }, signer);
      return now.changes.ended(id);
    },
    async installed(now: InstallingBox, made: TestRelease): Promise<void> {
      shelf.publish(made);
      await now.desk.offer(made.id);
      t.match(await tools.agree(now, made), { state: 'done', problem: null });
    },
  };
  t.teardown(() => box?.close());
  return tools;
}

const wish = { hold: 'update' as const, reason: 'Copies photos', seconds: 3600 };

/** One release runs, and holds the update to the next, which is ready. */
async function held(t: Test) {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0', { capabilities: [storage] }));
  const two = await b.release('1.1.0', { capabilities: [storage] });
  b.shelf.publish(two);
  const { lease } = await box.room.leases.take(app, wish);
  const change = await box.desk.update(app);
  const shown = await box.until(app, (now) => now?.held !== null);
  return { ...b, box, two, lease, change: change ?? '', shown };
}

const typesOf = async (box: InstallingBox): Promise<string[]> =>
  (await box.ledger.entries({ limit: 100 })).map(({ type }) => type);
const blobsOf = (box: InstallingBox): string[] =>
  readdirSync(box.blobsDirectory).filter((name) => /^[0-9a-f]{64}$/.test(name));
const versionOf = (shown: InstalledApp | undefined): string | undefined => shown?.manifest.version;

t.test('a layer that the image brought does not come over the network, and outlives the image', async (t) => {
  const b = await bench(t);
  const one = await b.release('1.0.0', { capabilities: [storage] });
  const [layer, other] = one.release.blobs.toSorted((a, z) => z.size - a.size);
  if (!layer || !other) throw new Error('a release has more than one blob');
  const shipped = path.join(b.folder, 'image');
  const hexOf = (digest: string): string => digest.slice('sha256:'.length);
  await mkdir(shipped);
  await cp(one.fileOf(layer.digest), path.join(shipped, hexOf(layer.digest)));
  await writeFile(path.join(shipped, hexOf(other.digest)), 'cut, or changed on the card');
  const box = await b.open(b.runner, shipped);
  b.shelf.publish(one);
  const offer = await box.desk.offer(one.id);
  t.equal(offer.missingBytes, offer.sizeBytes - layer.size - other.size);
  await b.installed(box, one);
  t.notOk(b.shelf.asked.some((asked) => asked.includes(layer.digest)));
  t.ok(
    b.shelf.asked.some((asked) => asked.includes(other.digest)),
    'what is not what its name says is fetched',
  );
  t.match(box.refused, [{ code: 'blob-damaged' }], 'and that is told');
  await rm(shipped, { recursive: true });
  const after = await b.again();
  t.same(blobsOf(after).toSorted(), one.release.blobs.map(({ digest }) => hexOf(digest)).toSorted());
});

t.test('an app from the catalogue is shown with its maker, agreed to, fetched, checked and run', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const one = await b.release('1.0.0', { capabilities: [storage, { ...health, optional: true }] });
  b.shelf.publish(one);
  const offer = await box.desk.offer(one.id);
  t.match(offer, {
    release: one.id,
    source: 'catalogue',
    member: { id: 'example-soft', class: 'var', vettingLevel: 2, standing: 'good', freshness: 'fresh' },
    installed: null,
    asks: ['storage', 'health.read'],
    problem: null,
  });
  t.equal(offer.missingBytes, offer.sizeBytes);
  t.same(b.runner.engine(), { images: [], containers: {} }, 'nothing was loaded for an offer');
  const grants = [{ capability: 'storage' as const }];
  const wish = { release: one.id, grants, termsAccepted: true as const };
  await t.rejects(box.desk.decide({ ...wish, grants: [] }, b.signer), refuses('grants-incomplete'));
  await t.rejects(
    box.desk.decide({ ...wish, grants: [...grants, { capability: 'notify' }] }, b.signer),
    refuses('grant-not-asked'),
  );
  const id = await box.desk.decide(wish, b.signer);
  t.match(await box.changes.ended(id), { kind: 'app-install', state: 'done' });
  t.match(box.desk.show(app), {
    release: one.id,
    state: 'running',
    stopped: null,
    grants: [{ capability: 'storage' }],
    change: null,
    failed: null,
  });
  t.same(b.runner.engine().images, [one.release.image.digest]);
  t.equal(b.runner.engine().containers[app]?.release, one.id);
  const types = await typesOf(box);
  t.same(
    types.filter((type) => type.startsWith('app.')),
    ['app.agreed', 'app.installed'],
  );
  const ledger = await box.ledger.export();
  t.match(verifyLedger(ledger), { ok: true });
  t.ok(
    ledger.entries.find(({ type }) => type === 'app.agreed')?.signature,
    'the agreement bears the owner’s signature',
  );
});

t.test('an app from a file needs no provider; a bad file is refused before anything is loaded', async (t) => {
  const b = await bench(t);
  b.shelf.told.off = true;
  const box = await b.open();
  const one = await b.release('1.0.0');
  const bytes = await collect(one.wza());
  const flipped = Buffer.from(bytes);
  const last = flipped.lastIndexOf('data') + 1;
  flipped[last] = flipped[last]! ^ 1;
  await t.rejects(box.desk.offerFile(inPieces(flipped)), { name: 'Refusal' });
  await t.rejects(box.desk.offerFile(inPieces(bytes.subarray(0, 4096))), refuses('archive-truncated'));
  const stranger = await b.other.member('example-soft');
  const forged = { ...stranger, credential: b.maker.credential };
  const foreign = await b.release('1.0.0', { by: forged });
  await t.rejects(box.desk.offerFile(foreign.wza()), refuses('release-foreign'));
  const renamed = await testRelease(path.join(b.folder, 'renamed'), {
    by: b.maker,
    territory: 'north',
    status: b.fresh,
    member: 'another',
  });
  await t.rejects(box.desk.offerFile(renamed.wza()), refuses('release-member-other'));
  t.same(b.runner.engine(), { images: [], containers: {} });
  t.same(blobsOf(box), []);
  t.match(await box.desk.offerFile(one.wza()), { source: 'file', missingBytes: 0, problem: null });
  t.match(await b.agree(box, one), { state: 'done' });
  t.match(box.desk.show(app), { state: 'running', member: { standing: 'good' } });
});

t.test(
  'an update that asks for nothing more goes ahead; what it shares with the one before is not fetched again',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    const one = await b.release('1.0.0');
    await b.installed(box, one);
    await box.storeFor(app);
    t.equal(await box.desk.update(app), null, 'there is nothing newer');
    const two = await b.release('1.1.0');
    b.shelf.publish(two);
    b.shelf.asked.length = 0;
    const id = await box.desk.update(app);
    t.match(await box.changes.ended(id ?? ''), { kind: 'app-update', state: 'done' });
    t.match(box.desk.show(app), { release: two.id, failed: null, waiting: null });
    t.ok(box.desk.show(app)?.updatedAt);
    t.ok(await box.hasData(app), 'its data stay');
    const before = new Set(one.release.blobs.map(({ digest }) => digest));
    t.notOk(b.shelf.asked.some((line) => before.has(line.split(' ')[0] ?? '')));
    t.same(b.runner.engine().images, [two.release.image.digest], 'the image before it is gone');
    t.same(
      new Set(blobsOf(box)),
      new Set(two.release.blobs.map(({ digest }) => digest.slice(7))),
      'and so are its blobs',
    );
  },
);

t.test('an update that asks for more, or has other terms, waits for the owner; the old one runs on', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0'));
  const two = await b.release('1.1.0', { capabilities: [storage, health] });
  b.shelf.publish(two);
  t.equal(await box.desk.update(app), null);
  t.match(box.desk.show(app), {
    state: 'running',
    manifest: { version: '1.0.0' },
    waiting: { release: two.id, asks: ['health.read'], installed: '1.0.0', problem: null },
  });
  const again = await b.again();
  t.match(again.desk.show(app)?.waiting, { release: two.id }, 'it waits across restarts');
  b.shelf.told.off = false;
  t.match(await b.agree(again, two), { state: 'done' });
  t.match(again.desk.show(app), { release: two.id, waiting: null });
  t.ok(again.grants.allows(app, 'health.read'));
  const three = await b.release('1.2.0', { capabilities: [storage], terms: { en: 'It costs a fortune.' } });
  b.shelf.publish(three);
  t.equal(await again.desk.update(app), null);
  t.match(again.desk.show(app)?.waiting, { release: three.id, asks: [] });
  b.shelf.publish(three, { state: 'withdrawn', reason: 'a mistake' });
  t.equal(await again.desk.update(app), null);
  t.equal(again.desk.show(app)?.waiting, null, 'what is withdrawn waits no longer');
});

t.test(
  'an update that fails its health check is rolled back with its reason, and is not tried again by itself',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    const one = await b.release('1.0.0');
    await b.installed(box, one);
    const bad = await b.release('1.1.0', { run: { command: ['/app/ill'] }, capabilities: [storage, health] });
    b.shelf.publish(bad);
    await box.desk.offer(bad.id);
    t.match(await b.agree(box, bad), { state: 'undone', problem: { code: 'app-unhealthy' } });
    t.match(box.desk.show(app), {
      release: one.id,
      state: 'running',
      stopped: null,
      failed: { release: bad.id, version: '1.1.0', problem: { code: 'app-unhealthy', detail: 'it answers 500' } },
    });
    t.equal(b.runner.engine().containers[app]?.release, one.id);
    t.same(b.runner.engine().images, [one.release.image.digest]);
    t.notOk(box.grants.allows(app, 'health.read'), 'what was granted for it is taken back');
    t.ok(box.grants.allows(app, 'storage'));
    t.equal(await box.desk.update(app), null);
    t.ok((await typesOf(box)).includes('app.rolled-back'));
    const three = await b.release('1.2.0');
    b.shelf.publish(three);
    t.match(await box.changes.ended((await box.desk.update(app)) ?? ''), { state: 'done' });
    t.match(box.desk.show(app), { release: three.id, failed: null });
  },
);

t.test('a first installation that fails leaves nothing behind', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const bad = await b.release('1.0.0', { run: { command: ['/app/ill'] } });
  b.shelf.publish(bad);
  await box.desk.offer(bad.id);
  t.match(await b.agree(box, bad), { state: 'undone', problem: { code: 'app-unhealthy' } });
  t.equal(box.desk.show(app), undefined);
  t.same(b.runner.engine(), { images: [], containers: {} });
  t.same(box.grants.of(app), []);
  t.ok((await typesOf(box)).includes('app.not-installed'));
  const full = await b.release('1.0.1');
  b.shelf.publish(full);
  await box.desk.offer(full.id);
  b.free.bytes = 65 * 1024 * 1024;
  const large = full.release.blobs.reduce((sum, { size }) => sum + size, 0);
  b.free.bytes = 64 * 1024 * 1024 + large;
  t.match(await b.agree(box, full), { state: 'undone', problem: { code: 'disk-full' } });
});

t.test('a download goes on where it was cut, and what is not what was signed is thrown away', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const one = await b.release('1.0.0');
  b.shelf.publish(one);
  await box.desk.offer(one.id);
  b.shelf.told.cutAt = 150;
  const failed = new Promise<void>((resolve) => {
    const end = box.changes.on(({ problem }) => {
      if (problem?.code !== 'est-unreachable') return;
      end();
      resolve();
    });
  });
  const done = b.agree(box, one);
  await failed;
  await b.clock.pass(1000); // until it is tried again
  t.match(await done, { state: 'done' });
  t.match(b.shelf.asked[1], / 150$/, 'asked for from there on');
});

t.test('a suspended member: nothing new, no update, what runs goes on; reinstated, it goes on as before', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0'));
  const suspended = await b.territory.lists(6, { suspended: [b.maker] });
  const two = await b.release('1.1.0', { status: suspended });
  b.shelf.publish(two);
  t.match(await box.desk.offer(two.id), {
    member: { standing: 'suspended' },
    problem: { code: 'member-suspended' },
  });
  await t.rejects(b.agree(box, two), refuses('member-suspended'));
  await t.rejects(box.desk.update(app), refuses('member-suspended'));
  const another = await b.release('1.0.0', { id: 'example.other', status: suspended });
  await t.rejects(
    box.desk.offerFile(another.wza()).then(() => b.agree(box, another)),
    refuses('member-suspended'),
  );
  t.match(box.desk.show(app), { state: 'running', stopped: null, member: { standing: 'suspended' } });
  const three = await b.release('1.2.0', { status: await b.territory.lists(7) });
  b.shelf.publish(three);
  t.match(await box.changes.ended((await box.desk.update(app)) ?? ''), { state: 'done' });
});

t.test(
  'an expelled member: its app is stopped and its data kept, offline and across restarts, whoever replays what',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    await b.installed(box, await b.release('1.0.0'));
    await box.storeFor(app);
    const news = await b.release('1.0.0', {
      id: 'example.news',
      status: await b.territory.lists(9, { expelled: [b.maker] }),
    });
    t.match(await box.desk.offerFile(news.wza()), { problem: { code: 'member-expelled' } });
    t.match(await box.until(app, (shown) => shown?.stopped === 'expelled' && shown.state === 'stopped'), {
      member: { standing: 'expelled' },
    });
    t.equal(b.runner.engine().containers[app]?.runs, false);
    t.ok(await box.hasData(app));
    t.ok((await typesOf(box)).includes('app.expelled'), 'the owner is told');
    await t.rejects(box.desk.start(app, b.signer), refuses('member-expelled'));

    b.shelf.told.off = true;
    const again = await b.again();
    t.match(again.desk.show(app), { stopped: 'expelled', state: 'stopped' }, 'it holds offline, after a restart');
    const replayed = await b.release('1.1.0', { status: b.fresh });
    t.match(await again.desk.offerFile(replayed.wza()), { problem: { code: 'member-expelled' } });
    t.ok(
      again.refused.some(({ code }) => code === 'status-replayed'),
      'and the replay is told',
    );
    t.match(again.desk.show(app), { stopped: 'expelled' });

    const back = await b.release('1.2.0', { status: await b.territory.lists(10) });
    await again.desk.offerFile(back.wza());
    t.match(await again.until(app, (shown) => shown?.state === 'running'), { stopped: null });
    t.ok((await typesOf(again)).includes('app.reinstated'));
  },
);

t.test('what the owner had stopped stays stopped through an expulsion', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const one = await b.release('1.0.0');
  await b.installed(box, one);
  await box.desk.stop(app, b.signer);
  t.match(box.desk.show(app), { state: 'stopped', stopped: 'owner' });
  await box.members.judge(b.maker.credential, await b.territory.lists(6, { expelled: [b.maker] }));
  await box.until(app, (shown) => shown?.stopped === 'expelled');
  await box.members.judge(b.maker.credential, await b.territory.lists(7));
  await box.until(app, (shown) => shown?.stopped === 'owner');
  const again = await b.again();
  t.match(again.desk.show(app), { state: 'stopped', stopped: 'owner' });
  await again.desk.start(app, b.signer);
  await again.until(app, (shown) => shown?.state === 'running');
});

t.test(
  'standing that was verified too long ago: first nothing new, then no update, and what runs runs on',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    const one = await b.release('1.0.0');
    await b.installed(box, one);
    b.clock.advance(8 * day);
    const other = await b.release('1.0.0', { id: 'example.other' });
    t.match(await box.desk.offerFile(other.wza()), {
      member: { freshness: 'stale' },
      problem: { code: 'status-stale' },
    });
    await t.rejects(b.agree(box, other), refuses('status-stale'));
    const two = await b.release('1.1.0');
    t.match(await box.desk.offerFile(two.wza()), { problem: null }, 'an update still is');
    t.match(await b.agree(box, two), { state: 'done' });
    b.clock.advance(23 * day);
    const three = await b.release('1.2.0');
    t.match(await box.desk.offerFile(three.wza()), { member: { freshness: 'old' }, problem: { code: 'status-old' } });
    t.match(box.desk.show(app), { state: 'running', stopped: null, member: { freshness: 'old', standing: 'good' } });
    const four = await b.release('1.3.0', { status: await b.territory.lists(6, { at: b.clock.now() }) });
    t.match(await box.desk.offerFile(four.wza()), { problem: null }, 'an archive brings its status along');
  },
);

t.test(
  'a member of whom nothing was ever verified, or whose lists another signed, gets nothing installed',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    const signedBy = newKey();
    const forged = await b.release('1.0.0', { status: await b.territory.lists(5, { signedBy }) });
    t.match(await box.desk.offerFile(forged.wza()), {
      member: { checkedAt: null, freshness: 'old' },
      problem: { code: 'status-missing' },
    });
    t.ok(box.refused.some(({ code }) => code === 'status-foreign'));
    const ended = await b.territory.member('example-soft', { validUntil: b.clock.now() - 1000 });
    const old = await b.release('1.0.0', { by: ended });
    t.match(await box.desk.offerFile(old.wza()), { problem: { code: 'credential-expired' } });
    const early = await b.territory.member('example-soft');
    b.clock.advance(0);
    const nobody = await testTerritory({ id: 'nowhere', now: b.clock.now() });
    const unknown = await b.release('1.0.0', { by: await nobody.member('example-soft') });
    await t.rejects(box.desk.offerFile(unknown.wza()), refuses('credential-foreign'));
    t.ok(early);
  },
);

t.test('an app is bound to its maker’s key: another’s updates nothing, one that rotated is followed', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0'));
  const thief = await b.territory.member('example-thief');
  const taken = await b.release('2.0.0', { by: thief });
  b.shelf.publish(taken);
  t.match(await box.desk.offer(taken.id), { problem: { code: 'app-bound-elsewhere' } });
  await t.rejects(box.desk.update(app), refuses('app-bound-elsewhere'));
  t.match(box.desk.show(app)?.foreign, { version: '2.0.0', problem: { code: 'app-bound-elsewhere' } });
  await t.rejects(b.agree(box, taken), refuses('app-bound-elsewhere'));
  const southern = await b.other.member('example-soft');
  const abroad = await testRelease(path.join(b.folder, 'abroad'), {
    by: southern,
    territory: 'south',
    status: await b.other.lists(1),
    manifest: { version: '3.0.0' },
  });
  t.match(await box.desk.offerFile(abroad.wza()), { problem: { code: 'app-bound-elsewhere' } });
  const moved = await b.territory.member('example-soft', { index: b.maker.index });
  const rotated = await testRelease(path.join(b.folder, 'rotated'), {
    by: moved,
    territory: 'north',
    status: b.fresh,
    manifest: { version: '1.1.0' },
    before: [b.maker.key],
  });
  t.match(await box.desk.offerFile(rotated.wza()), { problem: null });
  t.match(await b.agree(box, rotated), { state: 'done' });
  const back = await b.release('1.2.0');
  t.match(
    await box.desk.offerFile(back.wza()),
    { problem: { code: 'app-bound-elsewhere' } },
    'the old key is done with',
  );
});

t.test('no downgrade, nothing withdrawn, nothing for another machine or a newer API', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.1.0'));
  const older = await b.release('1.0.0');
  t.match(await box.desk.offerFile(older.wza()), { problem: { code: 'release-not-newer' } });
  const same = await b.release('1.1.0', { summary: { en: 'Another one' } });
  t.match(await box.desk.offerFile(same.wza()), { problem: { code: 'release-not-newer' } });
  const withdrawn = await b.release('1.2.0');
  b.shelf.publish(withdrawn, { state: 'withdrawn', reason: 'it eats data' });
  t.match(await box.desk.offer(withdrawn.id), { problem: { code: 'release-withdrawn', detail: 'it eats data' } });
  t.equal(await box.desk.update(app), null);
  const again = await b.again();
  t.match(await again.desk.offerFile(withdrawn.wza()), { problem: { code: 'release-withdrawn' } }, 'nor from a file');
  const seen = await b.release('1.2.1');
  b.shelf.publish(seen);
  t.match(await again.desk.offer(seen.id), { problem: null });
  b.shelf.publish(seen, { state: 'stopped', reason: 'a court said so' });
  await t.rejects(b.agree(again, seen), refuses('release-withdrawn'), 'it was taken back between the look and the yes');
  const later = await b.release('1.3.0', { api: '1.999' });
  t.match(await again.desk.offerFile(later.wza()), { problem: { code: 'api-too-old' } });
  const swapped = await b.release('1.4.0');
  b.shelf.publish(swapped, { id: older.id });
  await t.rejects(again.desk.offer(older.id), refuses('release-other'));
  t.equal(versionOf(again.desk.show(app)), '1.1.0');
});

t.test('a removal takes the app with all it had; its maker’s name is free again', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0'));
  await box.storeFor(app);
  t.match(await box.changes.ended(await box.desk.remove(app, b.signer)), { kind: 'app-remove', state: 'done' });
  t.equal(box.desk.show(app), undefined);
  t.same(box.desk.list(), []);
  t.same(b.runner.engine(), { images: [], containers: {} });
  t.notOk(await box.hasData(app));
  t.same(box.grants.of(app), []);
  t.same(readdirSync(box.socketsDirectory), []);
  await t.rejects(box.desk.remove(app, b.signer), refuses('app-unknown'));
  const types = await typesOf(box);
  t.ok(types.includes('app.remove') && types.includes('app.removed'));
});

t.test(
  'one change at a time for an app, side by side for several; a slow one is resumed after a restart',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    const slow = await b.release('1.0.0', { run: { command: ['/app/slow'] } });
    b.shelf.publish(slow);
    await box.desk.offer(slow.id);
    const wish = { release: slow.id, grants: [{ capability: 'storage' as const }], termsAccepted: true as const };
    const id = await box.desk.decide(wish, b.signer);
    await t.rejects(box.desk.decide(wish, b.signer), refuses('change-under-way'));
    t.match(box.desk.show(app), { change: id });
    const other = await b.release('1.0.0', { id: 'example.other' });
    await b.installed(box, other);
    await box.until(app, (shown) => shown?.state === 'running');
    await box.close();
    const engine = fileRunner(b.folder);
    const again = await b.open(engine);
    engine.let();
    t.match(await again.changes.ended(id), { state: 'done' });
    t.match(again.desk.show(app), { release: slow.id, state: 'running', change: null });
    t.same(engine.started, [], 'the restart of the agent stopped nothing and started nothing');
  },
);

t.test('what a disk damaged is noticed though it was checked before, and is fetched again', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0', { text: 'shared' }));
  const other = await b.release('1.0.0', { id: 'example.other', text: 'shared' });
  const [, , layer] = other.release.blobs;
  const file = path.join(box.blobsDirectory, layer!.digest.slice(7));
  const good = await readFile(file);
  await writeFile(file, Buffer.alloc(good.length, 'x'));
  b.shelf.publish(other);
  t.equal((await box.desk.offer(other.id)).missingBytes, 0, 'two apps share all that they are made of');
  t.match(await b.agree(box, other), { state: 'undone', problem: { code: 'blob-damaged' } });
  t.equal((await box.desk.offer(other.id)).missingBytes, good.length);
  t.match(await b.agree(box, other), { state: 'done' });
  t.same(await readFile(file), good);
});

async function idleWhilePassing(clock: ManualClock, now: InstallingBox): Promise<void> {
  let isIdle = false;
  const idle = now.idle().then(() => {
    isIdle = true;
  });
  while (!isIdle) {
    await clock.pass(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await idle;
}

t.test('an engine that was away, and had lost its images meanwhile, is given them and runs the app', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const one = await b.release('1.0.0');
  await b.installed(box, one);
  await box.close();
  const runner = fileRunner(b.folder);
  await runner.remove(app);
  await runner.unload(one.release.image.digest);
  let isAway = true;
  const engine: FileRunner = {
    ...runner,
    async images() {
      if (isAway) throw new Refusal('runtime-unavailable');
      return runner.images();
    },
  };
  const again = await b.open(engine);
  isAway = false;
  await idleWhilePassing(b.clock, again);
  t.same(runner.engine(), {
    images: [one.release.image.digest],
    containers: { [app]: { release: one.id, runs: true } },
  });
});

t.test('what an engine could not remove goes as soon as it can', async (t) => {
  const b = await bench(t);
  const runner = fileRunner(b.folder);
  let busy: ProblemCode[] = [];
  const meet = (): void => {
    const code = busy.shift();
    if (code) throw new Refusal(code);
  };
  const engine: FileRunner = {
    ...runner,
    async unload(image) {
      meet();
      await runner.unload(image);
    },
    async leftovers() {
      meet();
      return runner.leftovers();
    },
  };
  const box = await b.open(engine);
  await b.installed(box, await b.release('1.0.0'));
  busy = ['image-in-use', 'runtime-unavailable'];
  const two = await b.release('1.1.0');
  await b.installed(box, two);
  t.equal(runner.engine().images.length, 2, 'the container that it is in use by has not gone yet');
  await idleWhilePassing(b.clock, box);
  t.same(busy, []);
  t.same(runner.engine().images, [two.release.image.digest]);
  await box.close();

  const stray = { id: 'example.stray', release: two.id, image: two.release.image.digest, socketDirectory: '/nowhere' };
  await runner.start({ ...stray, manifest: two.release.manifest });
  busy = ['runtime-unavailable', 'runtime-unavailable'];
  const again = await b.open(engine);
  t.same(Object.keys(runner.engine().containers), [app, stray.id], 'an engine that is away sweeps nothing');
  await idleWhilePassing(b.clock, again);
  t.same(Object.keys(runner.engine().containers), [app]);
});

t.test('what no record names is removed when the agent starts', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const one = await b.release('1.0.0');
  await b.installed(box, one);
  await box.close();
  const stray = fileRunner(b.folder);
  await stray.load({ digest: `sha256:${'1'.repeat(64)}`, config: '' }, async function* () {});
  const made = await b.release('9.9.9', { id: 'example.stray' });
  await stray.load({ digest: made.release.image.digest, config: '' }, async function* () {});
  await stray.start({
    id: 'example.stray',
    release: made.id,
    image: made.release.image.digest,
    manifest: made.release.manifest,
    socketDirectory: '/nowhere',
  });
  await b.again();
  t.same(b.runner.engine(), {
    images: [one.release.image.digest],
    containers: { [app]: { release: one.id, runs: true } },
  });
});

t.test('an update that is ready waits for the app that runs, and goes on at once when it lets it', async (t) => {
  const b = await held(t);
  const { box, two } = b;
  t.match(b.shown, {
    manifest: { version: '1.0.0' },
    state: 'running',
    held: { version: '1.1.0', until: b.clock.now() + 3_600_000 },
    leases: [{ id: b.lease.id, reason: 'Copies photos', secondsLeft: 3600 }],
    change: b.change,
  });
  t.same(b.runner.started, [`${app} 1.0.0`], 'the app has not been touched');
  t.ok(b.runner.engine().images.includes(two.release.image.digest), 'what needs nothing of the app is done');
  const [step] = box.changes.show(b.change)?.steps.filter(({ state }) => state === 'doing') ?? [];
  t.match(step, { kind: 'app-wait', note: 'waiting-for-app' });
  await box.room.leases.take(app, { ...wish, hold: 'reboot' });
  await box.room.leases.release(app, b.lease.id);
  t.match(await box.changes.ended(b.change), { state: 'done' });
  t.match(box.desk.show(app), { manifest: { version: '1.1.0' }, held: null, leases: [] }, 'its leases went with it');
});

t.test('the owner has the update go ahead, in words of theirs', async (t) => {
  const { box, change, signer } = await held(t);
  await t.rejects(box.desk.updateNow('example.other', signer), refuses('app-unknown'));
  await box.desk.updateNow(app, signer);
  t.match(await box.changes.ended(change), { state: 'done' });
  await t.rejects(box.desk.updateNow(app, signer), refuses('update-not-held'));
  const exported = await box.ledger.export();
  t.match(verifyLedger(exported), { ok: true });
  const said = exported.entries.find(({ type }) => type === 'app.update-now');
  t.match(said, { by: 'owner', facts: { app, version: '1.1.0' } });
  t.type(said?.signature, 'string');
});

for (const act of ['stop', 'remove'] as const)
  t.test(`an owner who wants to ${act} the app is not held by it`, async (t) => {
    const { box, change, signer } = await held(t);
    const done = await box.desk[act](app, signer);
    t.match(box.changes.show(change), { state: 'undone', problem: null });
    if (typeof done === 'string') t.match(await box.changes.ended(done), { kind: 'app-remove', state: 'done' });
    t.same(box.room.leases.all(), [], 'what is stopped holds nothing');
    const now = box.desk.show(app);
    if (act === 'remove') t.equal(now, undefined);
    else t.match(now, { manifest: { version: '1.0.0' }, stopped: 'owner', held: null, failed: null });
    await box.idle();
    t.notOk(box.runner.show(app), 'and nothing has started it again');
  });

t.test('a maker who is expelled does not keep an update waiting for its app', async (t) => {
  const b = await held(t);
  await b.box.members.judge(b.maker.credential, await b.territory.lists(6, { expelled: [b.maker] }));
  t.match(await b.box.changes.ended(b.change), { state: 'undone' });
  await b.box.idle();
  t.match(b.box.desk.show(app), { stopped: 'expelled', held: null, leases: [] });
});

for (const loss of ['withdrawn', 'suspended'] as const)
  t.test(
    `what was ${loss} while it waited does not take the place of what runs, with the provider or without`,
    async (t) => {
      const b = await held(t);
      if (loss === 'withdrawn') b.shelf.publish(b.two, { state: 'withdrawn', reason: 'it loses visits' });
      else {
        b.shelf.told.off = true;
        await b.box.members.judge(b.maker.credential, await b.territory.lists(6, { suspended: [b.maker] }));
      }
      await b.box.room.leases.release(app, b.lease.id);
      const code = loss === 'withdrawn' ? 'release-withdrawn' : 'member-suspended';
      t.match(await b.box.changes.ended(b.change), { state: 'undone', problem: { code } });
      t.same(b.runner.started, [`${app} 1.0.0`], 'the app has not been touched');
      t.equal((await b.box.room.leases.take(app, wish)).isNew, true, 'and may hold again');
    },
  );

t.test('a release that was taken back leaves no lease behind', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.installed(box, await b.release('1.0.0'));
  const ill = await b.release('1.1.0', { run: { command: ['/app/slow'] } });
  b.shelf.publish(ill);
  const change = (await box.desk.update(app)) ?? '';
  const isWatched = () =>
    box.changes.show(change)?.steps.some(({ kind, state }) => kind === 'app-pass' && state === 'doing');
  await box.until(app, () => isWatched() ?? false);
  await box.room.leases.take(app, { ...wish, hold: 'reboot' });
  await box.changes.abort(change);
  t.match(await box.changes.ended(change), { state: 'undone' });
  t.same(box.room.leases.all(), [], 'the release that took it is gone');
  t.equal((await box.room.leases.take(app, wish)).isNew, true, 'the one before may hold again');
});
