/**
 * SIGKILL of the agent, of podman's service, or of both, at and inside the steps of installing, updating and removing an
 * app, with real containers, sockets and storage: complete or undone, nothing left over, and the agent says which.
 */
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { imageTar } from '#common/archive/layout.js';
import { systemClock } from '#common/clock.js';
import type { Self } from '#contract/api.js';
import type { Manifest } from '#contract/manifest.js';
import { volumesOf } from '../../agent/apps/runtime/spec.js';
import { openStore } from '../../agent/store/store.js';
import { call } from '../support/api-box.js';
import { inPieces } from '../support/archive.js';
import { engineRunner, realApi } from '../support/engine-box.js';
import { ownFolder } from '../support/folder.js';
import { catalogueOf, type InstallPlan } from '../support/install-child.js';
import {
  collect,
  type InstallingBox,
  installingBox,
  type TestRelease,
  testRelease,
  testSigner,
  testTerritory,
} from '../support/installing.js';
import { testPodman } from '../support/podman.js';
import { kills, randomFrom, seed } from '../support/random.js';

const child = path.resolve('build/test/support/install-child.js');
const app = 'example.visits';
/** Of each kind of change so many are cut. */
const cuts = Math.max(3, Math.round(kills / 16));
t.comment(`SEED=${seed} KILLS=${kills}`);
const random = randomFrom(seed);
const below = (limit: number): number => Math.floor(random() * limit);

const podman = await testPodman(t);
const folder = await ownFolder(t);
const place = path.join(folder, 'box');
const now = systemClock.now();
const territory = await testTerritory({ now });
const by = await territory.member('example-soft');
const status = await territory.lists(1);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { signer } = await testSigner(privateKey);
const storage = { capability: 'storage' as const, reason: { en: 'to keep the count' } };
const health = { capability: 'health.read' as const, reason: { en: 'to show it' } };
const files = { busybox: await readFile('/bin/busybox') };
const looks = (command: string): Manifest['health'] => ({
  kind: 'command',
  command: ['/app/busybox', command],
  graceSeconds: 1,
  intervalSeconds: 1,
  timeoutSeconds: 30,
});
const release = (version: string, manifest: Partial<Manifest>): Promise<TestRelease> =>
  testRelease(path.join(folder, version), {
    ...{ by, territory: 'north', status, files },
    manifest: {
      version,
      run: { command: ['/app/busybox', 'sleep', '1000000'] },
      health: looks('true'),
      resources: { memoryMiB: 64, cpus: 1, pids: 32, storageMiB: 1 },
      ...manifest,
    },
  });
const one = await release('1.0.0', { capabilities: [storage] });
const two = await release('1.1.0', { capabilities: [storage, health] });
const ill = await release('1.2.0', { capabilities: [storage, health], health: looks('false') });
const archive = path.join(folder, 'one.wza');
await writeFile(archive, await collect(one.wza()));

const plan = (action: InstallPlan['action'], made: TestRelease): InstallPlan => ({
  action,
  app,
  release: made.id,
  grants: made.release.manifest.capabilities.map(({ capability }) => capability),
  ownerKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  keys: territory.keys,
  archive,
  entries: [made.entry()],
  blobs: Object.fromEntries(made.release.blobs.map(({ digest }) => [digest, made.fileOf(digest)])),
  engine: { socketPath: podman.socketPath, pid: podman.pid() },
  told: path.join(place, 'told'),
});

/** The next agent over the same folder and engine. */
async function open(catalogue: InstallPlan): Promise<InstallingBox> {
  const runner = engineRunner({ folder: place, socketPath: podman.socketPath });
  await runner.open();
  const box = await installingBox({
    ...{ folder: place, clock: systemClock, runner, catalogue: catalogueOf(catalogue), api: realApi(place) },
    keys: () => territory.keys,
  });
  return {
    ...box,
    async close() {
      await box.close();
      await runner.close();
    },
  };
}

async function ask<T>(what: string): Promise<T> {
  return (await call(podman.socketPath, 'GET', `/v4.0.0/libpod${what}`)).json as T;
}

/** All that podman knows, what it does not name itself among it. */
async function engine() {
  const containers = await ask<{ Names: string[]; State: string; ImageID: string }[]>(
    '/containers/json?all=true&external=true',
  );
  const images = await ask<{ Id: string; Names?: string[] }[]>('/images/json?all=true');
  const volumes = await ask<{ Name: string }[]>('/volumes/json');
  return {
    containers: containers.map(({ Names, State, ImageID }) => `${Names.join(' ')} ${State} ${ImageID}`),
    images: images.map(({ Id, Names }) => `${(Names ?? []).join(' ')} ${Id}`),
    volumes: volumes.map(({ Name }) => Name).sort(),
  };
}

/** What it holds with this release and nothing else. */
function engineWith(made: TestRelease | undefined): Awaited<ReturnType<typeof engine>> {
  if (!made) return { containers: [], images: [], volumes: [] };
  const id = made.release.blobs[1]?.digest.slice(7);
  return {
    containers: [`webizen-${app} running ${id}`],
    images: [`localhost/webizen/image:${made.release.image.digest.slice(7)} ${id}`],
    volumes: volumesOf(app)
      .map(({ name }) => name)
      .sort(),
  };
}

/**
 * Volumes that are mounted, each as often as it is. Killed between mounting one and writing that down, podman mounts it
 * once more, and takes one of the two away: the other, empty, stays until the machine starts again.
 */
const mounted = async (): Promise<string[]> =>
  (await podman.mounts()).flatMap((place) => /volumes\/(.*)\/_data$/.exec(place)?.[1] ?? []).sort();

async function emptyEngine(): Promise<void> {
  podman.run('rm', '--all', '--force', '--time', '0');
  for (const place of await podman.mounts()) if (place.includes('/volumes/')) execFileSync('umount', ['-l', place]);
  podman.run('volume', 'rm', '--all', '--force');
  podman.run('rmi', '--all', '--force');
}

/** The box as it was when a round began. */
async function begin(installed: boolean): Promise<void> {
  await rm(path.join(place, 'data'), { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  if (installed) await cp(path.join(folder, 'installed'), path.join(place, 'data'), { recursive: true });
  const wanted = engineWith(installed ? one : undefined);
  const isClean = JSON.stringify(await mounted()) === JSON.stringify(wanted.volumes);
  if (isClean && JSON.stringify(await engine()) === JSON.stringify(wanted)) return;
  await emptyEngine();
  await rm(path.join(place, 'run'), { recursive: true, force: true });
  if (!installed) return;
  const runner = engineRunner({ folder: place, socketPath: podman.socketPath });
  const signed = { digest: one.release.image.digest, config: one.release.blobs[1]?.digest ?? '' };
  await runner.load(signed, () => imageTar(one.release, one.fileOf));
  await runner.close();
}

interface Cut {
  at: number;
  who: 'agent' | 'engine' | 'both';
  /** Milliseconds after the event; undefined: before it has any effect. */
  wait?: number;
}

/** Answers the names of the events it came to. */
async function run(what: InstallPlan, cut: Cut): Promise<string[]> {
  await writeFile(path.join(place, 'plan.json'), JSON.stringify(what));
  const parameters = [child, place, String(cut.at), cut.who, ...(cut.wait === undefined ? [] : [String(cut.wait)])];
  const over = new AbortController();
  const ended = cut.who === 'agent' ? Promise.resolve() : podman.ended();
  const served = ended.then(() => (cut.who === 'agent' || over.signal.aborted ? undefined : podman.start()));
  const started = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await once(started, 'close');
  const events = printed.split('\n').filter(Boolean);
  // One that was to be killed later may have come to its end before.
  if (events.includes('killed')) await served;
  over.abort();
  return events.filter((name) => name !== 'killed');
}

/** Engine, sockets, blobs, grants and storage hold what that release needs, and nothing else; every change has its end. */
async function checkWhole(t: Test, box: InstallingBox, made: TestRelease | undefined, at: string): Promise<void> {
  if (made) await box.until(app, (seen) => seen?.state === 'running' && seen.health === null);
  t.same(await engine(), engineWith(made), `${at}: containers, images and volumes`);
  t.equal((await podman.running()).length, made ? 1 : 0, `${at}: what really runs`);
  if (at.startsWith('agent')) t.same(await mounted(), engineWith(made).volumes, `${at}: what is mounted`);
  const sockets = path.join(place, 'run', 'apps');
  const found = existsSync(sockets) ? readdirSync(sockets, { recursive: true }).sort() : [];
  t.same(found, made ? [app, `${app}/api.sock`] : [], `${at}: sockets`);
  const ready = readdirSync(path.join(place, 'run', 'runtime')).filter((name) => name.startsWith(app));
  t.same(ready, [], `${at}: what it said`);
  const blobs = readdirSync(box.blobsDirectory).filter((name) => /^[0-9a-f]{64}$/.test(name));
  t.same(new Set(blobs), new Set(made?.release.blobs.map(({ digest }) => digest.slice(7))), `${at}: blobs`);
  for (const name of ['partial', 'staging'])
    t.same(readdirSync(path.join(box.blobsDirectory, name)), [], `${at}: ${name}`);
  const asked = made?.release.manifest.capabilities.map(({ capability }) => capability).sort() ?? [];
  const granted = box.grants.of(app).map(({ capability }) => capability);
  t.same(granted.sort(), asked, `${at}: permissions`);
  const shown = box.desk.show(app);
  t.match({ release: shown?.release, change: shown?.change ?? null }, { release: made?.id, change: null }, at);
  for (const { state, problem } of box.changes.list())
    if (state === 'undone') t.match(problem, { code: /^[a-z-]+$/, title: /\w/, remedy: /\w/ }, `${at}: it says why`);
    else t.match({ state, problem }, { state: 'done', problem: null }, at);
  if (!made) return;
  const self = await call(path.join(sockets, app, 'api.sock'), 'GET', '/v1/self');
  t.match(self.json, { id: app, storage: { quotaBytes: 1024 ** 2 } }, `${at}: its API`);
  t.same((self.json as Self).grants.sort(), asked, `${at}: what its API says that it may`);
}

const typesOf = async (box: InstallingBox): Promise<string[]> =>
  (await box.ledger.entries({ limit: 100 })).map(({ type }) => type).filter((type) => type.startsWith('app.'));

async function cutSome(
  t: Test,
  wish: { plan: () => InstallPlan; installed: boolean; since?: RegExp },
  check: (box: InstallingBox, at: string) => Promise<void>,
): Promise<void> {
  async function round(cut: Cut): Promise<string[]> {
    await begin(wish.installed);
    t.comment(`${cut.who} is killed at ${cut.at}${cut.wait === undefined ? '' : ` after ${cut.wait} ms`}`);
    const events = await run(wish.plan(), cut);
    const when = cut.wait === undefined ? 'before' : `${cut.wait} ms after`;
    const at = cut.at === 0 ? 'uncut' : `${cut.who} killed ${when} ${cut.at} "${events[cut.at - 1] ?? 'the end'}"`;
    const box = await open(wish.plan());
    for (const { id, endedAt } of box.changes.list()) if (endedAt === null) await box.changes.ended(id);
    await box.idle();
    await check(box, at);
    await box.close();
    return events;
  }
  const events = await round({ at: 0, who: 'agent' });
  t.comment(`${events.length} events: ${events.join('; ')}`);
  const first = wish.since ? events.findIndex((name) => wish.since?.test(name)) : 0;
  const left = events.map((name, at) => ({ name, at: at + 1 })).slice(first);
  // The engine's own work first: there its half-done things would lie.
  const deep = left.filter(({ name }) => / (POST|DELETE) /.test(name));
  for (let count = 0; count < cuts && left.length > 0; count += 1) {
    const from = count % 3 !== 2 && deep.length > 0 ? deep : left;
    const [{ name, at } = { name: '', at: 1 }] = from.splice(below(from.length), 1);
    const who = (['agent', 'both', 'engine'] as const)[name.includes('commit') ? 0 : count % 3] ?? 'agent';
    await round({ at, who, ...(count % 2 === 0 ? {} : { wait: below(60) }) });
  }
}

await begin(false);
const first = await open(plan('install', one));
await first.desk.offerFile(inPieces(await collect(one.wza())));
const grants = [{ capability: 'storage' as const }];
await first.changes.ended(await first.desk.decide({ release: one.id, grants, termsAccepted: true }, signer));
await first.storeFor(app);
await first.close();
await cp(path.join(place, 'data'), path.join(folder, 'installed'), { recursive: true });

/** In each room of the store, the ledger apart, which only grows. */
async function rows(): Promise<Record<string, number>> {
  const store = await openStore(path.join(place, 'data'));
  const counts: Record<string, number> = {};
  for await (const key of store.db.keys()) {
    const room = String(key).split('!')[1] ?? '';
    if (!room.startsWith('ledger')) counts[room] = (counts[room] ?? 0) + 1;
  }
  await store.close();
  return counts;
}

t.test('one update after the other leaves what one release needs', async (t) => {
  const more = await Promise.all(
    Array.from({ length: 10 }, (_, n) => release(`2.${n}.0`, { capabilities: n % 2 ? [storage] : [storage, health] })),
  );
  const wish = plan('update', one);
  const catalogue: InstallPlan = {
    ...wish,
    entries: more.map((made) => made.entry()),
    blobs: Object.assign({}, ...more.map((made) => plan('update', made).blobs)),
  };
  await begin(true);
  const logs = (): string[] =>
    readdirSync(path.join(podman.folder, 'root/overlay-containers'), { recursive: true })
      .map(String)
      .filter((file) => file.includes('ctr.log'));
  const layers = (): number => readdirSync(path.join(podman.folder, 'root/overlay')).length;
  let early: { rows: Record<string, number>; layers: number } | undefined;
  for (const [count, made] of more.entries()) {
    const box = await open(catalogue);
    await box.desk.offer(made.id);
    const grants = made.release.manifest.capabilities.map(({ capability }) => ({ capability }));
    const id = await box.desk.decide({ release: made.id, grants, termsAccepted: true }, signer);
    t.match(await box.changes.ended(id), { state: 'done' });
    await box.idle();
    await checkWhole(t, box, made, `agent: update ${count + 1}`);
    await box.close();
    t.equal(logs().length, 1, 'one log');
    const now = { rows: await rows(), layers: layers() };
    if (count === 3) early = now;
  }
  const late = { rows: await rows(), layers: layers() };
  t.ok((late.rows.changes ?? 0) <= 50, 'so many changes are kept and no more');
  for (const one of [early, late]) delete one?.rows.changes;
  t.same(late, early, 'the tenth update left no more than the fourth');
});

t.test('an installation', async (t) => {
  await cutSome(t, { plan: () => plan('install', one), installed: false }, async (box, at) => {
    const types = await typesOf(box);
    const isThere = types.at(-1) === 'app.installed';
    await checkWhole(t, box, isThere ? one : undefined, at);
    if (!isThere && types.length > 0) t.equal(types.at(-1), 'app.not-installed', `${at}: the ledger says which`);
    t.notOk(await box.hasData(app), `${at}: nothing is stored`);
  });
});

t.test('an update', async (t) => {
  await cutSome(t, { plan: () => plan('update', two), installed: true }, async (box, at) => {
    const types = await typesOf(box);
    const isThere = types.at(-1) === 'app.updated';
    await checkWhole(t, box, isThere ? two : one, at);
    if (!isThere && types.includes('app.agreed', 2)) t.equal(types.at(-1), 'app.rolled-back', `${at}: the ledger`);
    t.ok(await box.hasData(app), `${at}: its data are there`);
  });
});

t.test('an update that fails its health check', async (t) => {
  const wish = { plan: () => plan('update', ill), installed: true, since: /app-start doing/ };
  await cutSome(t, wish, async (box, at) => {
    await checkWhole(t, box, one, at);
    t.match(box.desk.show(app)?.failed, { version: '1.2.0', problem: { code: 'app-unhealthy' } }, `${at}: it says why`);
    t.equal((await typesOf(box)).at(-1), 'app.rolled-back', at);
    t.ok(await box.hasData(app), `${at}: its data are there`);
  });
});

t.test('a removal', async (t) => {
  await cutSome(t, { plan: () => plan('remove', one), installed: true }, async (box, at) => {
    const isGone = (await typesOf(box)).at(-1) === 'app.removed';
    await checkWhole(t, box, isGone ? undefined : one, at);
    t.equal(await box.hasData(app), !isGone, `${at}: its data`);
  });
});
