/** Releases of the system at the provider: what is taken in, whom it reaches, and where it stops. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import { bundleSignature } from '#common/os/bundle.js';
import { type OsOutcome, type OsRelease, osPath } from '#contract/os-release.js';
import type { RolloutPlan } from '#contract/rollout.js';
import { spanOf } from '../../provisioning/catalogue/headers.js';
import { openStore } from '../../provisioning/store/store.js';
import { declareSystemRoutes } from '../../provisioning/systems/routes.js';
import { openSystems } from '../../provisioning/systems-wiring.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { someRelease, streamedBundle, testBundle, testPublisher } from '../support/os-release.js';

const hour = 3_600_000;

async function desk(t: Test) {
  const folder = await ownFolder(t);
  const directory = path.join(folder, 'territory');
  await mkdir(directory, { mode: 0o700 });
  const store = await openStore(directory);
  t.teardown(() => store.close());
  const clock = createManualClock();
  const publisher = await testPublisher();
  const systems = openSystems({ directory, store, clock });
  const keys = path.join(folder, 'keys.json');
  await writeFile(keys, JSON.stringify(publisher.keys));
  const file = async (name: string, bytes: string | Buffer): Promise<string> => {
    await writeFile(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  return {
    ...{ systems, clock, publisher, keys, file },
    async publish(version: string, more: Partial<OsRelease> = {}) {
      const { bytes, bundle } = testBundle(version);
      const release = await file(`${version}.jws`, await publisher.sign(someRelease({ version, bundle, ...more })));
      return systems.publish({ release, bundle: await file(`${version}.raucb`, bytes), keys });
    },
    ask: (box: string, version: string | null, last: OsOutcome | null = null) =>
      systems.ask(box, { compatible: 'webizen-test', version, last }),
  };
}

const plan = (more: Partial<RolloutPlan> = {}): RolloutPlan => ({ waves: [100], stopAt: 10, holdHours: 24, ...more });
const boxes = Array.from({ length: 40 }, (_, at) => `box-${String(at).padStart(12, '0')}`);

t.test('what its publisher did not sign, or signed for other octets, is not taken in', async (t) => {
  const { systems, publisher, keys, file, publish } = await desk(t);
  const { bytes, bundle } = testBundle('1.1.0');
  const good = await file('good.jws', await publisher.sign(someRelease({ bundle })));
  const whole = await file('whole', bytes);
  const stranger = await testPublisher();
  const foreign = await file('foreign.jws', await stranger.sign(someRelease({ bundle })));
  const cut = await file('cut', bytes.subarray(1));
  await t.rejects(systems.publish({ release: foreign, bundle: whole, keys }), { code: 'os-release-foreign' });
  await t.rejects(systems.publish({ release: good, bundle: cut, keys }), { code: 'os-bundle-mismatch' });
  await t.rejects(systems.publish({ release: good, bundle: '/nowhere', keys }));
  await t.rejects(systems.publish({ release: good, bundle: whole, keys: good }), { code: 'os-keys-invalid' });
  t.same(await systems.list(), []);
  const { id } = await publish('1.1.0');
  t.same(await publish('1.1.0'), { id, version: '1.1.0' }, 'twice is once');
  t.match(await systems.list(), [{ id, version: '1.1.0', state: '-', percent: 0 }]);
  t.equal((await systems.bundle(bundle.sha256)).size, bundle.size);
  await t.rejects(systems.bundle('0'.repeat(64)), { code: 'os-release-unknown' });
});

t.test('a box is told of the newest that is selected and that it can take, and of nothing else', async (t) => {
  const { systems, publish, ask } = await desk(t);
  const [box = ''] = boxes;
  const one = await publish('1.1.0');
  const two = await publish('1.2.0', { minimum: '1.1.0' });
  t.equal(await ask(box, '1.0.0'), undefined, 'nothing is selected');
  await t.rejects(systems.act(one.id, 'pause', 'a trial'), { code: 'os-not-scheduled' });
  await t.rejects(systems.schedule(one.id, { plan: plan({ waves: [50, 20] }), notBefore: null }));
  await systems.schedule(one.id, { plan: plan(), notBefore: 5 });
  await systems.schedule(two.id, { plan: plan(), notBefore: null });
  t.match(await ask(box, '1.0.0'), { notBefore: 5 }, 'the one in between comes first');
  t.match(await ask(box, '1.1.0'), { notBefore: null });
  t.equal(await ask(box, '1.2.0'), undefined);
  t.equal(await systems.ask(box, { compatible: 'webizen-other', version: '1.0.0', last: null }), undefined);
  await systems.act(one.id, 'pause', 'it is slow');
  t.equal(await ask(box, '1.0.0'), undefined, 'what is taken back is offered no more');
  await systems.act(one.id, 'resume');
  t.ok(await ask(box, '1.0.0'));
  await systems.act(one.id, 'abort', 'it is bad');
  t.equal(await ask(box, '1.0.0'), undefined);
  t.match(await systems.list(), [
    { version: '1.2.0', running: 0 },
    { version: '1.1.0', state: 'aborted', why: 'it is bad' },
  ]);
});

t.test('waves grow when boxes do well, and stop where too many fail', async (t) => {
  const { systems, publish, ask, clock } = await desk(t);
  for (const box of boxes) await ask(box, '1.0.0');
  const { id } = await publish('1.1.0');
  await systems.schedule(id, { plan: plan({ waves: [20, 100] }), notBefore: null });
  const reached = async () => {
    const all = await Promise.all(boxes.map(async (box) => ((await ask(box, '1.0.0')) ? [box] : [])));
    return all.flat();
  };
  const first = await reached();
  t.ok(first.length > 0 && first.length < boxes.length, `${first.length} of ${boxes.length}`);
  clock.advance(25 * hour);
  t.same(await reached(), first, 'time alone opens no wave');
  const told = (outcome: OsOutcome['outcome'], version = '1.1.0'): OsOutcome => ({
    ...{ version, from: '1.0.0', outcome, at: clock.now() },
  });
  for (const box of first) await ask(box, '1.1.0', told('done'));
  t.equal((await reached()).length, boxes.length - 0, 'all, those that have it too where they were set back');
  const rest = boxes.filter((box) => !first.includes(box));
  for (const box of rest.slice(0, 12)) await ask(box, '1.0.0', { ...told('rolled-back'), code: 'os-unhealthy' });
  t.same(await reached(), [], 'it goes no further');
  t.match(await systems.list(), [{ state: 'paused', why: /failed/, done: first.length }]);
  const before = await systems.list();
  await ask(rest[0] ?? '', '1.0.0', { ...told('rolled-back'), code: 'os-unhealthy' });
  t.equal((await systems.list())[0]?.failed, before[0]?.failed, 'told twice is counted once');
});

t.test('parts of a bundle are counted as such, and what is larger as a request like others', async (t) => {
  const { systems, publish, file } = await desk(t);
  const { bytes, bundle } = testBundle('1.1.0');
  await publish('1.1.0');
  const counted: (boolean | undefined)[] = [];
  const callers = {
    async box(_: unknown, isPart?: boolean) {
      counted.push(isPart);
      return 'box';
    },
  };
  const app = Fastify({ forceCloseConnections: true });
  t.teardown(() => app.close());
  declareSystemRoutes(app, { callers, systems, span: spanOf });
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const ask = (range?: string) =>
    fetch(`${address}${osPath}/bundles/${bundle.sha256}`, { headers: range === undefined ? {} : { range } });
  const part = await ask('bytes=10-99');
  t.equal(part.headers.get('content-range'), `bytes 10-99/${bytes.length}`);
  t.same(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 100));
  for (const range of ['bytes=10-99', 'bytes=10-', `bytes=0-${4 * 1024 ** 2}`]) {
    const reply = await ask(range);
    t.equal(reply.status, 206);
    await reply.arrayBuffer();
  }
  t.equal((await (await ask()).arrayBuffer()).byteLength, bytes.length);
  t.same(counted, [true, true, false, false, false]);
  // The file is gone: it is not answered from memory.
  await rm(path.join(path.dirname(await file('x', '')), 'territory/systems'), { recursive: true });
  await t.rejects(systems.bundle(bundle.sha256), { code: 'os-release-unknown' });
});

t.test('how a bundle ends is found, and a release that says otherwise is not taken in', async (t) => {
  const { systems, publisher, keys, file } = await desk(t);
  const { bytes, bundle } = streamedBundle('1.1.0');
  const whole = await file('whole', bytes);
  t.same(await bundleSignature(whole), bundle.signature);
  for (const other of ['', 'hsqs', `hsqs${'x'.repeat(100)}`])
    t.equal(await bundleSignature(await file('other', other)), undefined);
  t.equal(await bundleSignature(await file('cut', bytes.subarray(0, -1))), undefined);
  const signature = { sha256: '0'.repeat(64), size: 100 };
  const wrong = await file('wrong.jws', await publisher.sign(someRelease({ bundle: { ...bundle, signature } })));
  await t.rejects(systems.publish({ release: wrong, bundle: whole, keys }), { code: 'os-bundle-mismatch' });
  const right = await file('right.jws', await publisher.sign(someRelease({ bundle })));
  t.match(await systems.publish({ release: right, bundle: whole, keys }), { version: '1.1.0' });
});
