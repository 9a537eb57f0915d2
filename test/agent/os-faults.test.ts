/** What goes wrong around an update of the system: a box that works, at most one slot behind, and tells why. */
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { openDatabase } from '#common/database.js';
import type { Config } from '../../agent/config.js';
import { createLeft } from '../../agent/host/left.js';
import { createLocalHealth } from '../../agent/local-health.js';
import { openStore } from '../../agent/store/store.js';
import { ownFolder } from '../support/folder.js';
import { leftIn, type OsBox, quickGate } from '../support/os-box.js';
import { osTrial } from '../support/os-trial.js';
import { machineIn } from '../support/two-slots.js';

t.setTimeout(300_000);
const day = 86_400_000;

async function leftBehind(t: Test, box: OsBox, folder: string, wanted: { code: string; detail: RegExp }) {
  await box.until(({ last }) => last !== null);
  const { booted, slots } = machineIn(folder);
  t.same([booted, slots[booted].version], ['A', '1.0.0']);
  t.match(box.updates.reported(), { version: '1.0.0', last: { version: '1.1.0', outcome: 'rolled-back', ...wanted } });
  await box.updates.ask();
  await box.until(({ refused }) => refused?.code === 'os-failed-before');
  t.match(box.updates.reported().refused, { version: '1.1.0', code: 'os-failed-before' }, 'the provider is told');
  box.clock.jump(30 * day);
  await box.updates.ask();
  t.equal(box.changes.list().length, 1, 'it is not tried again by itself');
  const types = (await box.ledger.entries({ limit: 100 })).map(({ type }) => type);
  t.same(
    types.filter((type) => type.startsWith('os.')),
    ['os.rolled-back'],
    'it is told once',
  );
}

t.test('why the machine left the new system outlives it, and is told', async (t) => {
  const a = await osTrial(t);
  writeFileSync(leftIn(a.folder), '1.1.0\nthe last time that it was tried\n');
  await a.open();
  await a.select('1.1.0', { behaviour: { dead: true } });
  await a.wantsRestart();
  t.notOk(readdirSync(a.folder).includes('left'), 'what was said of an earlier try is forgotten');
  writeFileSync(leftIn(a.folder), '1.1.0\nthe agent ended 5 times (exit-code): store-newer\n');
  await leftBehind(t, await a.powered(), a.folder, { code: 'os-not-booted', detail: /ended 5 times .* store-newer/ });
});

t.test('a new system that cannot tell its own slots is given up, and is not tried again', async (t) => {
  const a = await osTrial(t);
  await a.open();
  await a.select('1.1.0', { behaviour: { isDeaf: true } });
  await a.wantsRestart();
  await a.powered();
  const back = await a.powered(3);
  await leftBehind(t, back, a.folder, { code: 'os-unsupported', detail: /./ });
});

t.test('a new system that cannot be kept is left when its time is over, and says what was in the way', async (t) => {
  const a = await osTrial(t);
  await a.open();
  await a.select('1.1.0', { behaviour: { cannotKeep: true } });
  await a.wantsRestart();
  let isTried = false;
  await a.powered(1, {
    at(name) {
      isTried ||= name === 'before good rootfs.1';
    },
    more: { monotonic: () => (isTried ? quickGate.limitMilliseconds : 0) },
  });
  await a.wantsRestart();
  const back = await a.powered();
  await leftBehind(t, back, a.folder, { code: 'os-unhealthy', detail: /cannot be kept .*read-only/ });
});

t.test('a bundle that has changed on the disk since it came says nothing of its release', async (t) => {
  const a = await osTrial(t);
  let isTorn = false;
  const at = (name: string): void => {
    if (name !== 'before install' || isTorn) return;
    isTorn = true;
    const home = path.join(a.folder, 'data', 'os');
    for (const file of readdirSync(home)) writeFileSync(path.join(home, file), 'torn', { flag: 'r+' });
  };
  const box = await a.open({ at });
  await a.select('1.1.0');
  await box.until(({ last }) => last?.code === 'os-bundle-mismatch');
  await box.until(({ next }) => next?.why === 'failed-lately');
  a.clock.jump(3_600_000);
  await a.wantsRestart();
  const after = await a.powered();
  await after.until(({ last }) => last?.outcome === 'done');
});

t.test('what a cut left of a download, and the disk has changed, is fetched anew at once', async (t) => {
  const a = await osTrial(t);
  const box = await a.open();
  a.catalogue.cutAt = 30_000;
  let isTorn = false;
  box.changes.on(() => {
    if (isTorn || a.asked.length === 0 || a.catalogue.cutAt !== undefined) return;
    const home = path.join(a.folder, 'data', 'os');
    for (const file of readdirSync(home).filter((name) => name.endsWith('.part'))) {
      isTorn = true;
      writeFileSync(path.join(home, file), 'torn', { flag: 'r+' });
    }
  });
  await a.select('1.1.0');
  await a.wantsRestart();
  t.same(a.asked, [0, 30_000, 0]);
  t.equal(box.updates.owner.view().last, null, 'nothing has failed');
  await (await a.powered()).until(({ last }) => last?.outcome === 'done');
});

t.test('of what ran before nothing is asked that somebody has stopped meanwhile', async (t) => {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  t.teardown(() => store.db.close());
  const health = createLocalHealth({
    config: { runtimeDir: folder } as Config,
    ...{ store, consolePort: () => undefined, isOnline: () => true },
    ...{ running: () => ['example.kept'], stopped: () => ['example.stopped'] },
  });
  const ran = (...apps: string[]) => health({ apps, isOnline: true }, new AbortController().signal);
  const words = /apps that ran before/;
  t.notMatch((await ran('example.kept', 'example.stopped')).join('; '), words);
  t.match(
    (await ran('example.stopped', 'example.ill', 'example.lost')).at(-1),
    /do not run: example\.ill, example\.lost$/,
  );
});

t.test('a store that the next release has written opens under this one, and keeps its number', async (t) => {
  const directory = path.join(await ownFolder(t), 'store');
  for (const version of [1, 2, 1, 2, 3]) {
    const db = await openDatabase(directory, version);
    await db.put(`written by ${version}`, true);
    await db.close();
  }
  await t.rejects(openDatabase(directory, 1), { code: 'store-newer' });
  const db = await openDatabase(directory, 2);
  t.equal(await db.get('version'), 3);
  t.equal(await db.get('written by 1'), true);
  await db.close();
});

t.test('whatever stands in the file, no other version is spoken of, and never more than a few words', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array(),
        fc.string().map((text) => Buffer.from(text)),
      ),
      async (bytes) => {
        const left = createLeft({ read: async () => Buffer.from(bytes), remove: async () => {} }, '/left');
        t.equal(await left.why('1.1.0'), undefined);
        const mine = Buffer.concat([Buffer.from('1.1.0\n'), bytes]);
        const its = createLeft({ read: async () => mine, remove: async () => {} }, '/left');
        const why = await its.why('1.1.0');
        if (why !== undefined && !/^[^\p{Cc}]{1,400}$/u.test(why)) t.fail(JSON.stringify(why));
      },
    ),
  );
  const broken = createLeft(
    {
      async read() {
        throw new Error('EIO');
      },
      remove: async () => {},
    },
    '/left',
  );
  t.equal(await broken.why('1.1.0'), undefined);
  t.equal(await createLeft(broken as never, undefined).why('1.1.0'), undefined);
});
