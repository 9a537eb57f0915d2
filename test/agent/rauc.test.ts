/** Updates of the system with RAUC itself: what it says, what it refuses, and what is left when it dies. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createRauc } from '../../agent/host/rauc.js';
import { ownFolder } from '../support/folder.js';
import { jumpingClock, type OsBox, osBox, osCatalogue } from '../support/os-box.js';
import { someRelease, testPublisher } from '../support/os-release.js';
import { type BundleWish, testRauc } from '../support/rauc.js';
import { newMachine } from '../support/two-slots.js';

t.setTimeout(300_000);

async function trial(t: Test) {
  const rauc = await testRauc(t);
  const folder = path.join(await ownFolder(t), 'box');
  await mkdir(folder);
  newMachine(folder); // its start counts alone are looked at
  const publisher = await testPublisher();
  const catalogue = osCatalogue();
  const clock = jumpingClock();
  let restart = (): void => {};
  let restarts = new Promise<void>(() => {});
  let boots = 0;
  let box: OsBox | undefined;
  async function open(faults: string[] = []): Promise<OsBox> {
    restarts = new Promise((resolve) => {
      restart = resolve;
    });
    boots += 1;
    const limits = {
      limitMilliseconds: faults.length > 0 ? 1000 : 600_000,
      settledMilliseconds: 0,
      pauseMilliseconds: 50,
    };
    // From the first look on: a busy machine takes longer than the gate's second to come to it.
    let startedAt: number | undefined;
    const monotonic = (): number => {
      startedAt ??= Date.now();
      return Date.now() - startedAt;
    };
    box = await osBox({
      ...{ folder, clock, limits, keys: publisher.keys, source: catalogue.source, reboot: () => restart() },
      more: {
        os: rauc.os,
        boot: `boot-${boots}`,
        monotonic,
        health: async ({ apps }) => (apps.length > 0 ? faults : []),
      },
    });
    return box;
  }
  t.teardown(() => box?.close());
  return {
    ...{ rauc, open, clock },
    async select(version: string, { holds = version, ...wish }: BundleWish & { holds?: string } = {}) {
      const { bytes, bundle } = await rauc.bundle(holds, wish);
      catalogue.now.bytes = bytes;
      const release = await publisher.sign(someRelease({ version, bundle }));
      catalogue.now.selection = { release, notBefore: null };
      await box?.updates.ask();
    },
    async restarted(faults?: string[]): Promise<OsBox> {
      await restarts;
      await box?.close();
      await rauc.start();
      return open(faults);
    },
  };
}

t.test('udev leaves the devices of a streamed bundle alone until it is mounted, and no longer', async (t) => {
  const folder = await ownFolder(t);
  const log = path.join(folder, 'log');
  const [program, udevadm] = [path.join(folder, 'rauc'), path.join(folder, 'udevadm')];
  const script = (file: string, lines: string) => writeFile(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  await script(udevadm, `echo "udev $2" >> ${log}`);
  const rauc = createRauc({ program, udevadm, osRelease: async () => undefined });
  const said = async (): Promise<string[]> => (await readFile(log, 'utf8')).trim().split('\n');
  const signal = new AbortController().signal;

  await script(
    program,
    `echo begun >> ${log}; echo "40% Checking bundle done."; echo "40% Determining target install group"
while ! grep -q start-exec ${log}; do :; done; echo written >> ${log}`,
  );
  await rauc.install('http://127.0.0.1:1/it', signal);
  t.same(await said(), ['udev --stop-exec-queue', 'begun', 'udev --start-exec-queue', 'written']);
  await writeFile(log, '');
  await script(program, `echo begun >> ${log}; echo "LastError: Failed mounting bundle" ; exit 1`);
  await t.rejects(rauc.install('http://127.0.0.1:1/it', signal), { code: 'os-install-failed' });
  t.same(await said(), ['udev --stop-exec-queue', 'begun', 'udev --start-exec-queue']);
  await writeFile(log, '');
  await script(program, `echo begun >> ${log}`);
  await rauc.install('/data/it.raucb', signal);
  t.same(await said(), ['begun'], 'a file has no such device');
});

t.test('a bundle is installed, started and kept; the next one is ill, and is left again', async (t) => {
  const { rauc, open, select, restarted } = await trial(t);
  const box = await open();
  await box.until(() => box.good() > 0);
  t.match(await rauc.os.slots(), { booted: { name: 'rootfs.0', version: '1.0.0' }, primary: 'rootfs.0' });
  await select('1.1.0');
  const second = await restarted();
  t.equal(rauc.booted(), 'B');
  await second.until(({ last }) => last?.outcome === 'done');
  t.match(second.updates.owner.view(), { version: '1.1.0', slot: 'rootfs.1', before: null });
  t.equal(rauc.state('state.B'), 'good');
  await select('1.2.0');
  const third = await restarted(['the store takes nothing']);
  t.equal(rauc.booted(), 'A');
  const fourth = await (async () => {
    await third.until(({ next }) => next?.stage === 'going-back');
    return restarted();
  })();
  await fourth.until(({ last }) => last?.outcome === 'rolled-back');
  t.equal(rauc.booted(), 'B');
  t.same([rauc.state('state.A'), rauc.state('primary')], ['bad', 'B']);
  t.match(fourth.updates.owner.view().last, { code: 'os-unhealthy', detail: 'the store takes nothing' });
});

t.test('what RAUC does not trust, or is damaged, is refused for good, and nothing of it is started', async (t) => {
  const { rauc, open, select } = await trial(t);
  const box = await open();
  const before = rauc.slot('a');
  const faults: [string, string, BundleWish][] = [
    ['1.1.0', 'signed by a stranger', { signer: 'stranger' }],
    ['1.1.1', 'for another machine', { compatible: 'webizen-other' }],
    ['1.1.2', 'cut short', { damage: (bytes) => bytes.subarray(0, bytes.length / 2) }],
    ['1.1.3', 'one bit is another', { damage: (bytes) => Buffer.from(bytes.with(300, (bytes[300] ?? 0) ^ 1)) }],
    ['1.1.4', 'no bundle at all', { damage: () => Buffer.from('<html>Not found</html>'.repeat(100)) }],
  ];
  for (const [version, name, wish] of faults) {
    await select(version, wish);
    await box.until(({ last, refused }) => last?.version === version && refused?.code === 'os-failed-before');
    t.match(box.updates.owner.view().last, { outcome: 'failed', code: 'os-bundle-refused' }, name);
    t.equal((await rauc.os.slots()).primary, 'rootfs.0', name);
  }
  t.same(rauc.slot('a'), before);
});

t.test('an installer that dies half-way is asked again, and what runs stays the one that starts', async (t) => {
  const { rauc, open, select, restarted } = await trial(t);
  await open();
  await rauc.os.markGood('rootfs.0');
  await rauc.killNext();
  await select('1.1.0');
  const after = await restarted();
  t.ok(rauc.wasKilled());
  await after.until(({ last }) => last?.outcome === 'done');
  t.equal(rauc.booted(), 'B');
});

t.test('a bundle that holds another version than its release says is not started', async (t) => {
  const { rauc, open, select } = await trial(t);
  const box = await open();
  await select('1.1.0', { holds: '0.9.0' });
  await box.until(({ last }) => last?.outcome === 'failed');
  t.match(box.updates.owner.view().last, { code: 'os-bundle-refused', detail: 'it holds 0.9.0, not 1.1.0' });
  t.equal((await rauc.os.slots()).primary, 'rootfs.0');
});

t.test('without RAUC, or without its service, the box says so and goes on', async (t) => {
  const none = createRauc({ program: '/nowhere/rauc', osRelease: async () => undefined });
  await t.rejects(none.slots(), { code: 'os-unsupported' });
  const silent = createRauc({
    osRelease: async () => undefined,
    env: { PATH: String(process.env.PATH), DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nowhere/bus' },
  });
  await t.rejects(silent.slots(), { code: 'os-slots-unreadable' });
  const bundle = path.join(await ownFolder(t), 'bundle');
  await writeFile(bundle, 'nothing');
  await t.rejects(silent.install(bundle, new AbortController().signal), { code: 'os-slots-unreadable' });
});
