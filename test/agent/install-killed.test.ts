/** SIGKILL before each effect and each commit of installing, updating and removing an app: complete or undone, nothing left over. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { Change } from '#contract/changes.js';
import type { Manifest } from '#contract/manifest.js';
import type { Outcome } from '#contract/rollout.js';
import type { AppSuccessions } from '#contract/succession.js';
import { inPieces } from '../support/archive.js';
import { type FileRunner, fileRunner } from '../support/file-runner.js';
import { ownFolder } from '../support/folder.js';
import { catalogueOf, type InstallPlan, sayNow } from '../support/install-child.js';
import {
  collect,
  type InstallingBox,
  installingBox,
  type TestRelease,
  testRelease,
  testSigner,
  testTerritory,
} from '../support/installing.js';

t.setTimeout(600_000);

const child = path.resolve('build/test/support/install-child.js');
const app = 'example.visits';
const storage = { capability: 'storage' as const, reason: { en: 'to keep the count' } };
const health = { capability: 'health.read' as const, reason: { en: 'to show it' } };

interface Bench {
  one: TestRelease;
  /** Its maker's next, that of whom it passes to, and what their territory says of that. */
  own: TestRelease;
  heirs: TestRelease;
  succession: AppSuccessions;
  two: TestRelease;
  ill: TestRelease;
  plan(action: InstallPlan['action'], made: TestRelease): InstallPlan;
  open(place: string, plan: InstallPlan): Promise<InstallingBox & { runner: FileRunner }>;
  /** A folder in which the first release is installed, and another over it, with something stored. */
  installed(place: string, then?: TestRelease): Promise<void>;
  place(name: string): string;
}

async function bench(t: Test): Promise<Bench> {
  const folder = await ownFolder(t);
  const now = systemClock.now();
  const territory = await testTerritory({ now });
  const by = await territory.member('example-soft');
  const status = await territory.lists(1);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ownerKey = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const { signer } = await testSigner(privateKey);
  const heir = await territory.member('heir-soft');
  const statements = [await territory.succession(3, [by, heir])];
  const release = (name: string, manifest: Partial<Manifest>, who = by): Promise<TestRelease> =>
    testRelease(path.join(folder, name), { by: who, territory: 'north', status, manifest });
  const one = await release('one', { version: '1.0.0', capabilities: [storage] });
  const two = await release('two', { version: '1.1.0', capabilities: [storage, health] });
  const ill = await release('ill', {
    version: '1.1.0',
    capabilities: [storage, health],
    run: { command: ['/app/ill'] },
  });
  const archive = path.join(folder, 'one.wza');
  await writeFile(archive, await collect(one.wza()));

  const tools: Bench = {
    one,
    ...{ two, ill },
    own: await release('own', { version: '1.0.1', capabilities: [storage] }),
    heirs: await release('heirs', { version: '2.0.0', capabilities: [storage] }, heir),
    succession: { statements, credential: heir.credential },
    place: (name) => path.join(folder, name),
    plan: (action, made) => ({
      action,
      app,
      release: made.id,
      grants: made.release.manifest.capabilities.map(({ capability }) => capability),
      ownerKey,
      keys: territory.keys,
      archive,
      entries: [made.entry()],
      blobs: Object.fromEntries(made.release.blobs.map(({ digest }) => [digest, made.fileOf(digest)])),
      told: path.join(folder, 'cut', 'told.jsonl'),
    }),
    async open(place, plan) {
      const runner = fileRunner(place);
      const catalogue = catalogueOf(plan);
      const box = await installingBox({ folder: place, clock: systemClock, keys: () => plan.keys, catalogue, runner });
      if (plan.holds) sayNow(box, app, signer);
      return { ...box, runner };
    },
    async installed(place, then) {
      await mkdir(place);
      const told = path.join(place, 'told.jsonl');
      const box = await tools.open(place, { ...tools.plan('install', then ?? one), told });
      await box.desk.offerFile(inPieces(await collect(one.wza())));
      const grants = [{ capability: 'storage' as const }];
      await box.changes.ended(await box.desk.decide({ release: one.id, grants, termsAccepted: true }, signer));
      if (then) {
        await box.desk.offer(then.id);
        const more = then.release.manifest.capabilities.map(({ capability }) => ({ capability }));
        await box.changes.ended(await box.desk.decide({ release: then.id, grants: more, termsAccepted: true }, signer));
        await box.drained();
      }
      await box.storeFor(app);
      await box.close();
    },
  };
  return tools;
}

/** Answers the names of the events it came to. */
async function run(place: string, cut: number): Promise<string[]> {
  const started = spawn(process.execPath, [child, place, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await once(started, 'close');
  return printed.split('\n').filter((name) => name !== '' && name !== 'killed');
}

/** Resolves when nothing is under way any more. */
async function settled(box: InstallingBox): Promise<Change[]> {
  for (const { id, endedAt } of box.changes.list()) if (endedAt === null) await box.changes.ended(id);
  return box.changes.list();
}

/** Engine, sockets, blobs and grants hold what that release needs, and nothing else. */
function checkWhole(
  t: Test,
  box: InstallingBox & { runner: FileRunner },
  release: TestRelease | undefined,
  at: string,
): void {
  const expected = release
    ? { images: [release.release.image.digest], containers: { [app]: { release: release.id, runs: true } } }
    : { images: [], containers: {} };
  t.same(box.runner.engine(), expected, `${at}: containers and images`);
  const sockets = existsSync(box.socketsDirectory) ? readdirSync(box.socketsDirectory) : [];
  t.same(sockets, release ? [app] : [], `${at}: sockets`);
  const blobs = readdirSync(box.blobsDirectory).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const needed = new Set(release?.release.blobs.map(({ digest }) => digest.slice(7)));
  t.same(new Set(blobs), needed, `${at}: blobs`);
  t.same(readdirSync(path.join(box.blobsDirectory, 'partial')), [], `${at}: pieces of blobs`);
  const asked = release?.release.manifest.capabilities.map(({ capability }) => capability) ?? [];
  t.same(
    box.grants
      .of(app)
      .map(({ capability }) => capability)
      .toSorted(),
    asked.toSorted(),
    `${at}: permissions`,
  );
  t.equal(box.desk.show(app)?.release, release?.id, `${at}: what the owner sees`);
  t.equal(box.desk.show(app)?.change ?? null, null, `${at}: nothing is under way`);
}

/** Cut before each event, one folder each; afterwards an agent is started over it. */
async function cutAtEach(
  t: Test,
  b: Bench,
  wish: { plan: InstallPlan; from: string; wanted: string[]; since?: string },
  check: (box: InstallingBox & { runner: FileRunner }, at: string) => Promise<void>,
): Promise<void> {
  const { plan, from } = wish;
  const place = b.place('cut');
  async function once(cut: number, name: string): Promise<string[]> {
    await cp(from, place, { recursive: true });
    await writeFile(path.join(place, 'plan.json'), JSON.stringify(plan));
    const events = await run(place, cut);
    const box = await b.open(place, plan);
    await settled(box);
    await box.idle();
    await check(box, name);
    await box.close();
    await rm(place, { recursive: true });
    return events;
  }
  const events = await once(0, 'uncut');
  for (const name of wish.wanted) t.ok(events.includes(name), `"${name}" is an event`);
  t.comment(`${events.length} events: ${events.join('; ')}`);
  const since = Math.max(0, events.indexOf(wish.since ?? ''));
  for (const [at, name] of events.entries()) {
    // Before a step begins is after the one before it has ended; of what comes several times in a row the last will do.
    const told = / (doing|undoing)$/.test(name) || events[at + 1] === name;
    if (at >= since && !told) await once(at + 1, `cut ${name}`);
  }
}

/** Once nothing waits to be told: what the provider heard of the release, each once however often it came. */
async function heard(box: InstallingBox, { told, release }: InstallPlan): Promise<string[]> {
  await box.drained();
  if (!existsSync(told)) return [];
  const lines = readFileSync(told, 'utf8').split('\n').filter(Boolean);
  const outcomes = lines.map((line) => JSON.parse(line) as Outcome).filter((one) => one.release === release);
  const byId = new Map(outcomes.map(({ id, kind, outcome, problem }) => [id, `${kind} ${outcome} ${problem?.code}`]));
  return [...byId.values()];
}

const typesOf = async (box: InstallingBox): Promise<string[]> =>
  (await box.ledger.entries({ limit: 100 })).map(({ type }) => type).filter((type) => type.startsWith('app.'));

t.test('killed at any point of an installation, an app is installed in full or not at all', async (t) => {
  const b = await bench(t);
  const from = b.place('empty');
  await mkdir(from);
  const wanted = [
    'before commit ledger + installed',
    'before commit changes app-fetch doing',
    'before commit changes app-verify done',
    'before load',
    'before commit changes app-load done',
    'before socket',
    'before start',
    'before commit changes app-pass done',
    'before commit changes app-commit done',
  ];
  await cutAtEach(t, b, { plan: b.plan('install', b.one), from, wanted }, async (box, at) => {
    const types = await typesOf(box);
    const isThere = types.at(-1) === 'app.installed';
    checkWhole(t, box, isThere ? b.one : undefined, at);
    if (!isThere && types.length > 0) t.equal(types.at(-1), 'app.not-installed', `${at}: the ledger says which`);
  });
});

t.test('killed at any point of an update, the one release runs or the other, with its permissions', async (t) => {
  const b = await bench(t);
  const from = b.place('installed');
  await b.installed(from);
  const wanted = [
    'before the second half of a blob',
    'before load',
    'before start',
    'before commit ledger + grants',
    'before unload',
    'before commit changes app-commit done',
  ];
  const plan = b.plan('update', b.two);
  await cutAtEach(t, b, { plan, from, wanted }, async (box, at) => {
    t.same(
      await heard(box, plan),
      box.desk.show(app)?.release === b.two.id ? ['update done undefined'] : [],
      `${at}: told once`,
    );
    const types = await typesOf(box);
    const isThere = types.at(-1) === 'app.updated';
    checkWhole(t, box, isThere ? b.two : b.one, at);
    if (!isThere && types.includes('app.agreed', 2))
      t.equal(types.at(-1), 'app.rolled-back', `${at}: the ledger says which`);
    t.ok(await box.hasData(app), `${at}: its data are there`);
  });
});

t.test(
  'killed at any point of an update that waits for its app, it goes on, and the owner is asked no twice',
  async (t) => {
    const b = await bench(t);
    const from = b.place('installed');
    await b.installed(from);
    const wanted = [
      'before commit changes app-wait doing',
      'before commit lease-waits',
      'before commit ledger + lease-waits',
      'before commit changes app-wait done',
      'before commit leases',
      'before commit changes app-start done',
      'before commit changes app-commit done',
    ];
    const since = 'before commit changes app-load done';
    const plan = { ...b.plan('update', b.two), holds: true };
    await cutAtEach(t, b, { plan, from, wanted, since }, async (box, at) => {
      const types = await typesOf(box);
      checkWhole(t, box, b.two, at);
      t.equal(types.filter((type) => type === 'app.update-now').length, 1, `${at}: the owner’s word is there once`);
      t.same(box.room.leases.all(), [], `${at}: nothing is held any more`);
      t.same(box.room.updates.held(app), undefined, at);
    });
  },
);

t.test(
  'killed at any point of an update that fails, the release before it runs, and the owner is told why',
  async (t) => {
    const b = await bench(t);
    const from = b.place('installed');
    await b.installed(from);
    const wanted = [
      'before commit changes app-pass undoing',
      'before commit changes app-start undone',
      'before commit changes app-next undone',
    ];
    const since = 'before commit changes app-pass undoing';
    const plan = b.plan('update', b.ill);
    await cutAtEach(t, b, { plan, from, wanted, since }, async (box, at) => {
      const tried = box.changes.list().some(({ kind }) => kind === 'app-update');
      t.same(await heard(box, plan), tried ? ['update rolled-back app-unhealthy'] : [], `${at}: told once`);
      checkWhole(t, box, b.one, at);
      const types = await typesOf(box);
      const change = box.changes.list().find(({ kind }) => kind === 'app-update');
      if (change) t.match(box.desk.show(app)?.failed, { version: '1.1.0', problem: { code: 'app-unhealthy' } }, at);
      if (change) t.equal(types.at(-1), 'app.rolled-back');
    });
  },
);

t.test('killed at any point of a removal, an app is there or gone with all it had', async (t) => {
  const b = await bench(t);
  const from = b.place('installed');
  await b.installed(from);
  const wanted = [
    'before stop',
    'before remove',
    'before forget',
    'before destroy',
    'after destroy',
    'before commit values',
    'before commit names',
    'before commit ledger + installed',
    'before unload',
    'before commit changes app-image done',
  ];
  await cutAtEach(t, b, { plan: b.plan('remove', b.one), from, wanted }, async (box, at) => {
    const isGone = (await typesOf(box)).at(-1) === 'app.removed';
    checkWhole(t, box, isGone ? undefined : b.one, at);
    t.equal(await box.hasData(app), !isGone, `${at}: its data`);
  });
});

t.test(
  'killed at any point of a removal, the provider of an app from its catalogue is told once, when it is gone',
  async (t) => {
    const b = await bench(t);
    const from = b.place('installed');
    await b.installed(from, b.two);
    const plan = b.plan('remove', b.two);
    const wanted = [
      'before commit ledger + installed + outcomes + outcomes-last',
      'before it is told',
      'before it knows that it was told',
    ];
    const since = 'before commit changes app-data done';
    await cutAtEach(t, b, { plan, from, wanted, since }, async (box, at) => {
      const isGone = (await typesOf(box)).at(-1) === 'app.removed';
      checkWhole(t, box, isGone ? undefined : b.two, at);
      const told = (await heard(box, plan)).filter((one) => one !== 'update done undefined');
      t.same(told, isGone ? ['remove done undefined'] : [], `${at}: told once`);
    });
  },
);

t.test(
  "killed at any point of a succession, an app is bound to its maker or to the heir, as its owner's word says",
  async (t) => {
    const b = await bench(t);
    const from = b.place('installed');
    await b.installed(from);
    const wanted = ['before commit installed', 'before commit ledger + installed', 'before load', 'before start'];
    const plan = { ...b.plan('succeed', b.heirs), succession: b.succession };
    await cutAtEach(t, b, { plan, from, wanted }, async (box, at) => {
      const types = await typesOf(box);
      const isTheirs = types.includes('app.succession');
      const isThere = types.at(-1) === 'app.updated';
      t.ok(isTheirs || !isThere, `${at}: nothing of theirs runs without a yes`);
      const answer = box.desk.show(app)?.succession?.answer;
      if (isTheirs && !isThere) t.equal(answer, 'yes', `${at}: the page says so`);
      const problems = [];
      for (const made of [b.own, b.heirs]) {
        const { problem } = await box.desk.offerFile(made.wza());
        problems.push(['app-bound-elsewhere', 'succession-undecided'].includes(problem?.code ?? ''));
      }
      t.same(problems, [isTheirs, !isTheirs], `${at}: bound to exactly one`);
      t.ok(await box.hasData(app), `${at}: its data are there`);
      t.equal(box.desk.show(app)?.release, isThere ? b.heirs.id : b.one.id, `${at}: what runs`);
    });
  },
);
