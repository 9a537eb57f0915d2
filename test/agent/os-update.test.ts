/** Updates of the system: what the owner, the provider, the network and the new system itself have to say to one. */
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { Refusal } from '#contract/problems.js';
import type { OsHost } from '../../agent/host/slots.js';
import { passGate } from '../../agent/updates/gate.js';
import { createManualClock } from '../support/manual-clock.js';
import type { OsBox } from '../support/os-box.js';
import { someRelease, someSigner, type TestPublisher, testBundle } from '../support/os-release.js';
import { osTrial } from '../support/os-trial.js';
import { machineIn, twoSlots } from '../support/two-slots.js';

t.setTimeout(300_000);
const hour = 3_600_000;
const day = 24 * hour;

const whyOf = (box: OsBox) => box.updates.owner.view().next?.why ?? null;

t.test('a selected release is fetched, installed, tried and kept, and its floor is never gone below', async (t) => {
  const a = await osTrial(t);
  await a.open();
  await a.select('1.1.0');
  const box = await a.restarted();
  await box.until(({ last }) => last?.outcome === 'done');
  t.equal(a.runs(), '1.1.0');
  t.equal(box.updates.owner.view().before, '1.0.0');
  await a.select('1.0.5');
  await box.until(({ refused }) => refused?.code === 'os-release-older');
  await box.close();
  const again = await a.open();
  await again.updates.ask();
  await again.until(({ refused }) => refused?.code === 'os-release-older');
  t.equal(again.changes.list().length, 1);
});

t.test('what runs is known though the installer, at work again behind a cut, does not say it', async (t) => {
  const a = await osTrial(t);
  const machine = twoSlots(a.folder);
  const goOn = new AbortController();
  const begins = new EventEmitter();
  let isInstalling = false;
  const os: OsHost = {
    ...machine,
    async slots() {
      if (isInstalling) throw new Refusal('os-slots-unreadable', 'already processing a different method');
      return machine.slots();
    },
    async install(bundle, signal) {
      isInstalling = true;
      begins.emit('installation');
      if (!goOn.signal.aborted) await once(AbortSignal.any([goOn.signal, signal]), 'abort');
      isInstalling = false;
      signal.throwIfAborted();
      await machine.install(bundle, signal);
    },
  };
  const box = await a.open({ more: { os } });
  await Promise.all([once(begins, 'installation'), a.select('1.1.0')]);
  await box.close();
  const begun = once(begins, 'installation');
  const again = await a.open({ more: { os } });
  await begun;
  t.match(again.updates.reported(), { version: '1.0.0', slot: 'rootfs.0' });
  goOn.abort();
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
});

t.test('a download that is cut goes on where it was', async (t) => {
  const a = await osTrial(t);
  await a.open();
  a.catalogue.cutAt = 30_000;
  await a.select('1.1.0');
  const box = await a.restarted();
  t.same(a.asked, [0, 30_000]);
  await box.until(({ last }) => last?.outcome === 'done');
  t.same(await readdir(path.join(box.dataDir, 'os')), []);
});

t.test(
  'a catalogue that gives garbage is refused, is asked again an hour later, and nothing was installed',
  async (t) => {
    const a = await osTrial(t);
    const box = await a.open();
    const { bytes } = testBundle('1.1.0');
    const release = await a.publisher.sign(someRelease());
    a.catalogue.bytes = Buffer.alloc(bytes.length, 'no');
    a.catalogue.selection = { release, notBefore: null };
    await box.updates.ask();
    await box.until(({ last }) => last?.code === 'os-bundle-mismatch');
    await box.until(({ next }) => next?.why === 'failed-lately');
    t.equal(machineIn(a.folder).slots.B.version, null);
    // Shorter, and longer.
    a.catalogue.bytes = Buffer.concat([bytes, Buffer.from('more')]);
    a.clock.jump(hour);
    await box.until(
      ({ next, last }) =>
        next?.why === 'failed-lately' && last?.code === 'os-bundle-mismatch' && last.at > a.clock.now() - hour / 2,
    );
    a.catalogue.bytes = bytes;
    a.clock.jump(6 * hour);
    const after = await a.restarted();
    await after.until(({ last }) => last?.outcome === 'done');
  },
);

t.test('a bundle that the installer does not want is not tried again, unless its owner says so', async (t) => {
  const a = await osTrial(t);
  const { signer } = await someSigner();
  const box = await a.open();
  const bytes = Buffer.from('{"compatible":"webizen-other","version":"1.1.0","behaviour":{}}\n');
  const bundle = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
  a.catalogue.bytes = bytes;
  a.catalogue.selection = { release: await a.publisher.sign(someRelease({ bundle })), notBefore: null };
  await box.updates.ask();
  await box.until(({ last, refused }) => last?.outcome === 'failed' && refused?.code === 'os-failed-before');
  t.match(box.updates.owner.view().last, { code: 'os-bundle-refused' });
  a.clock.jump(30 * day);
  await box.updates.ask();
  t.equal(box.changes.list().length, 1);
  await box.updates.owner.now('1.1.0', signer);
  await box.until(() => box.changes.list().length === 2);
  await box.until(({ last, next }) => next === null && (last?.at ?? 0) > a.clock.now() - day);
});

t.test('an older system under a newer name is refused, and nothing that happens later starts it', async (t) => {
  const a = await osTrial(t);
  const box = await a.open();
  const { bytes, bundle } = testBundle('0.9.0');
  a.catalogue.bytes = bytes;
  a.catalogue.selection = { release: await a.publisher.sign(someRelease({ bundle })), notBefore: null };
  await box.updates.ask();
  await box.until(({ last }) => last !== null);
  t.match(box.updates.owner.view().last, { outcome: 'failed', code: 'os-bundle-refused', detail: /it holds 0\.9\.0/ });
  const { order, slots } = machineIn(a.folder);
  t.same([order, slots.B.isGood], [['A', 'B'], false]);
});

t.test('a system that does not start is given up by the boot loader, and the owner is told', async (t) => {
  const a = await osTrial(t);
  await a.open();
  await a.select('1.1.0', { behaviour: { dead: true } });
  const box = await a.restarted();
  await box.until(({ last }) => last?.outcome === 'rolled-back');
  t.equal(a.runs(), '1.0.0');
  t.same(machineIn(a.folder).history, ['A 1.0.0', 'B 1.1.0', 'B 1.1.0', 'B 1.1.0', 'A 1.0.0']);
  t.match(box.updates.owner.view().last, { version: '1.1.0', from: '1.0.0', code: 'os-not-booted' });
  t.match(box.updates.reported(), { version: '1.0.0', last: { outcome: 'rolled-back' } });
  await a.select('1.2.0');
  const next = await a.restarted();
  await next.until(({ last }) => last?.outcome === 'done');
  t.equal(a.runs(), '1.2.0');
});

t.test('a system on which the agent works in safe mode only is left again', async (t) => {
  const a = await osTrial(t);
  await a.open();
  await a.select('1.1.0');
  await a.restarted({ more: { isSafeMode: () => true } });
  const box = await a.restarted();
  await box.until(({ last }) => last?.outcome === 'rolled-back');
  t.equal(a.runs(), '1.0.0');
  t.match(box.updates.owner.view().last, { version: '1.1.0', code: 'os-unhealthy', detail: /safe mode/ });
});

t.test('no room, heat and a weak supply are waited out', async (t) => {
  const a = await osTrial(t);
  let free = 0;
  const box = await a.open({ more: { freeBytes: () => free } });
  await a.select('1.1.0');
  await box.until(() => whyOf(box) === 'no-room');
  box.conditions.hot = true;
  box.updates.look();
  await box.until(() => whyOf(box) === 'too-hot');
  box.conditions.hot = false;
  box.conditions.weak = true;
  box.updates.look();
  await box.until(() => whyOf(box) === 'power-weak');
  free = 1e9;
  box.conditions.weak = false;
  box.updates.look();
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
});

t.test('a disk that fills up while it is fetched holds it up, and it goes on when there is room', async (t) => {
  const a = await osTrial(t);
  const box = await a.open({ more: { freeBytes: () => (a.asked.length === 1 ? 0 : 1e9) } });
  await a.select('1.1.0');
  const after = await a.restarted();
  t.ok(box.refused.some(({ code }) => code === 'disk-full'));
  await after.until(({ last }) => last?.outcome === 'done');
});

t.test('the owner’s hours, and an hour that the clock jumps over', async (t) => {
  const a = await osTrial(t);
  const { signer } = await someSigner();
  const box = await a.open();
  const minute = Math.floor((a.clock.now() % day) / 60_000);
  await box.updates.owner.set({ automatic: 'all', window: { from: (minute + 720) % 1440, minutes: 60 } }, signer);
  a.clock.know(false);
  await a.select('1.1.0');
  await box.until(() => whyOf(box) === 'time-unknown');
  a.clock.know(true);
  box.updates.look();
  await box.until(({ next }) => next?.why === 'window' && next.stage === 'ready');
  const { until } = box.updates.owner.view().next ?? {};
  t.ok(until && until > a.clock.now() + 11 * hour && until <= a.clock.now() + 12 * hour);
  a.clock.jump(3 * day + 12 * hour);
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
});

t.test('an owner who puts updates off, or wants to be asked, is waited for, and has the last word', async (t) => {
  const a = await osTrial(t);
  const { signer } = await someSigner();
  const box = await a.open();
  await box.updates.owner.set({ automatic: 'security', window: null }, signer);
  await a.select('1.1.0');
  await box.until(() => whyOf(box) === 'owner-asked');
  await box.updates.owner.hold(7, signer);
  await box.until(() => whyOf(box) === 'owner-hold');
  await a.select('1.1.1', { security: true });
  await box.until(({ next }) => next?.version === '1.1.1' && next.why === 'owner-hold');
  await t.rejects(box.updates.owner.now('1.1.0', signer), { code: 'os-nothing-waits' });
  await box.updates.owner.hold(0, signer);
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
  t.equal(a.runs(), '1.1.1');
  await after.updates.owner.set({ automatic: 'none', window: null }, signer);
  await a.select('1.2.0');
  await after.until(() => whyOf(after) === 'owner-asked');
  await after.updates.owner.now('1.2.0', signer);
  const last = await a.restarted();
  await last.until(({ last }) => last?.version === '1.2.0');
  const types = (await last.ledger.entries({ limit: 100 }))
    .map(({ type }) => type)
    .filter((one) => one.startsWith('os.'));
  t.same(types, ['os.settings', 'os.hold', 'os.hold', 'os.updated', 'os.settings', 'os.now', 'os.updated']);
});

t.test('an app that must not be interrupted holds the restart, and not for ever against its owner', async (t) => {
  const a = await osTrial(t);
  const { signer } = await someSigner();
  const box = await a.open();
  const lease = { hold: 'reboot' as const, reason: 'it records', seconds: 3600 };
  await box.leases.leases.take('example.visits', lease);
  await a.select('1.1.0');
  await box.until(({ next }) => next?.why === 'apps');
  const [taken] = box.leases.leases.list('example.visits');
  await box.leases.leases.release('example.visits', taken?.id ?? '');
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
  await after.leases.leases.take('example.visits', lease);
  await a.select('1.2.0');
  await after.until(({ next }) => next?.why === 'apps');
  await after.updates.owner.now('1.2.0', signer);
  const last = await a.restarted();
  await last.until(({ last }) => last?.version === '1.2.0');
});

t.test(
  'what the provider takes back, or replaces, before the restart is not carried out, and has not failed',
  async (t) => {
    const a = await osTrial(t);
    const { signer } = await someSigner();
    const box = await a.open();
    const minute = Math.floor((a.clock.now() % day) / 60_000);
    await box.updates.owner.set({ automatic: 'all', window: { from: (minute + 720) % 1440, minutes: 60 } }, signer);
    await a.select('1.1.0');
    await box.until(({ next }) => next?.stage === 'ready' && next.why === 'window');
    a.catalogue.selection = undefined;
    await box.updates.ask();
    await box.until(({ next }) => next === null);
    await a.select('1.1.0');
    await box.until(({ next }) => next?.stage === 'ready' && next.why === 'window');
    await a.select('1.2.0');
    await box.until(({ next }) => next?.version === '1.2.0' && next.stage === 'ready' && next.why === 'window');
    t.equal(box.updates.owner.view().last, null);
    a.clock.jump(12 * hour);
    await a.restarted();
    t.equal(a.runs(), '1.2.0');
  },
);

t.test('keys that a rotation led to are kept, and those before are worth nothing any more', async (t) => {
  const a = await osTrial(t);
  const box = await a.open();
  const { publisher: second, statement } = await a.publisher.rotate();
  const of = async (publisher: TestPublisher, version: string, rotation?: string[]) => ({
    release: await publisher.sign(someRelease({ version, minimum: '2.0.0' }), { ...(rotation && { rotation }) }),
    notBefore: null,
  });
  a.catalogue.selection = await of(second, '3.0.0', [statement]);
  await box.updates.ask();
  await box.until(({ refused }) => refused?.code === 'os-release-step');
  a.catalogue.selection = await of(a.publisher, '3.1.0');
  await t.rejects(box.updates.ask(), { code: 'os-release-foreign' });
  await box.close();
  const again = await a.open();
  await t.rejects(again.updates.ask(), { code: 'os-release-foreign' });
  a.catalogue.selection = await of(second, '3.2.0');
  await again.updates.ask();
  await again.until(({ refused }) => refused?.version === '3.2.0');
});

t.test('the gate opens when all has worked for a while on end, and shuts by the machine’s own time', async (t) => {
  const limits = { limitMilliseconds: 100_000, settledMilliseconds: 30_000, pauseMilliseconds: 3000 };
  const before = { apps: ['one'], isOnline: true };
  const over = async (faultsAt: (now: number) => string[], startedAt = 0) => {
    const clock = createManualClock();
    const zero = clock.now() - startedAt;
    const monotonic = () => clock.now() - zero;
    const passed = passGate({
      ...{ before, clock, monotonic, limits },
      accept: async () => {},
      health: async (wanted) => {
        t.equal(wanted, before);
        return faultsAt(monotonic());
      },
      signal: new AbortController().signal,
    }).then(
      () => ({ at: monotonic(), why: null }),
      (error: unknown) => ({ at: monotonic(), why: error instanceof Refusal ? error.detail : error }),
    );
    let done = false;
    void passed.then(() => {
      done = true;
    });
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.pass(3000);
    }
    return passed;
  };
  t.match(await over(() => []), { why: null });
  t.match(await over((now) => (now < 50_000 ? ['the API does not answer'] : [])), { why: null });
  t.match(
    await over((now) => (now % 20_000 < 4000 ? ['an app does not run'] : [])),
    { why: /./ },
    'now and then is not enough',
  );
  t.match(await over(() => ['an app does not run', 'no network']), { why: 'an app does not run; no network' });
  t.match(
    await over(() => [], 200_000),
    { why: 'it was not looked at in time' },
    'an agent that starts late starts no new time',
  );
});
