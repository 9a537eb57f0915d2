/** A box whose clock is wrong: what it takes the time to be, and that it enrols, verifies, renews and reports all the same. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import path from 'node:path';
import t, { type Test } from 'tap';
import { sleepUntil, systemClock } from '#common/clock.js';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { files } from '#common/files.js';
import { certificatesFromPem, encodeBody } from '#common/pki/pem.js';
import { buildCertsOnly } from '#common/pki/pkcs7.js';
import { releasedAt } from '#common/version.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { createOutbox } from '../../agent/link/outbox.js';
import { createTrustedTime, type TrustedTime } from '../../agent/time/trusted-time.js';
import { killed, testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { command, testProvider } from '../support/provider.js';
import { clockAhead } from '../support/shifted.js';
import { storedSamples, wholeUpTo } from '../support/stored.js';

const hour = 3_600_000;
const day = 24 * hour;
const validity = { notBefore: releasedAt - day, notAfter: releasedAt + 825 * day };
const in2040 = Date.UTC(2040, 0, 1);

/** A machine whose monotonic clock the test moves; each boot starts it again. */
async function machine(t: Test) {
  const folder = await ownFolder(t);
  const file = path.join(folder, 'time.json');
  const written: string[] = [];
  const counting = {
    ...files,
    async write(name: string, data: string | Uint8Array) {
      written.push(String(data));
      await files.write(name, data);
    },
  };
  const clock = createManualClock(0);
  let booted = 0;
  let boot = 'boot-1';
  const open = (): Promise<TrustedTime> =>
    createTrustedTime({
      ...{ file, files: counting, clock, boot, releasedAt },
      monotonic: () => clock.now() - booted,
    });
  return {
    ...{ clock, file, written, open },
    /** Without power for a while; nobody counts how long. */
    reboot(name: string) {
      clock.advance(100 * day);
      booted = clock.now();
      boot = name;
      return open();
    },
  };
}

t.test('time starts at the release and goes on by the monotonic clock; a lesson makes it known', async (t) => {
  const { clock, open } = await machine(t);
  const time = await open();
  t.equal(time.now(), releasedAt);
  clock.advance(hour);
  t.equal(time.now(), releasedAt + hour);
  t.equal(time.source(), 'release');
  t.notOk(time.trusted());
  t.same(time.moment(), { atLeast: releasedAt + hour });
  t.same(time.stamp(), { at: releasedAt + hour, uncertain: { boot: 'boot-1', monotonic: hour } });

  t.equal(await time.learn({ date: releasedAt + 9 * day, validity }), 'learned');
  t.equal(time.source(), 'authenticated');
  clock.advance(hour);
  t.equal(time.moment(), releasedAt + 9 * day + hour);
  t.same(time.stamp(), { at: releasedAt + 9 * day + hour });
  t.same(time.bootTime(), { boot: 'boot-1', zero: releasedAt + 9 * day - hour });
  t.equal(await time.learn({ date: releasedAt + 9 * day + hour - 2000, validity }), 'confirmed', 'never back a little');
  t.equal(time.now(), releasedAt + 9 * day + hour);
});

t.test(
  'only authenticated time becomes the floor; it holds over a boot, and an agent started again knows the time',
  async (t) => {
    const box = await machine(t);
    const first = await box.open();
    t.equal(await first.learn({ date: in2040, validity }), 'outside-chain');
    t.same(box.written, [], 'a boot without the time leaves nothing behind');
    await first.learn({ date: releasedAt + 30 * day, validity });
    box.clock.advance(hour);
    const again = await box.open();
    t.equal(again.source(), 'authenticated');
    t.equal(again.now(), releasedAt + 30 * day + hour, 'nothing has stopped the monotonic clock');
    const later = await box.reboot('boot-2');
    t.equal(later.source(), 'floor');
    t.ok(later.now() >= releasedAt + 30 * day);
    t.notOk(later.trusted());
    t.equal(await later.learn({ date: releasedAt + 130 * day, validity }), 'learned');
    await writeFile(box.file, '{"at": "nonsense"');
    t.equal((await box.reboot('boot-3')).source(), 'release', 'a damaged file is none');
  },
);

t.test('a time below the floor is refused and kept as an offer, until somebody who may takes it', async (t) => {
  const box = await machine(t);
  const lied = await box.open();
  await lied.learn({ date: releasedAt + 800 * day, validity }); // one lying server, within its own chain
  const time = await box.reboot('boot-2');
  t.equal(time.offered(), undefined);
  t.notOk(await time.lower(), 'there is nothing to confirm yet');
  t.equal(await time.learn({ date: releasedAt + 9 * day, validity }), 'below-floor');
  t.equal(time.source(), 'floor');
  box.clock.advance(hour);
  t.equal(time.offered(), releasedAt + 9 * day + hour);
  t.ok(await time.lower());
  t.equal(time.now(), releasedAt + 9 * day + hour);
  t.equal(time.source(), 'authenticated');
  const after = await box.reboot('boot-3');
  t.ok(after.now() < releasedAt + 10 * day, 'and the floor is lowered with it');
  t.equal(await after.learn({ date: releasedAt - 2 * day, validity: { ...validity, notBefore: 0 } }), 'below-floor');
  t.notOk(await after.lower(), 'no one takes the box to before its own release');
  await after.forget();
  t.equal(after.source(), 'release', 'a reset forgets the floor');
  t.equal((await box.reboot('boot-4')).source(), 'release');
});

t.test('the floor is written rarely, and follows the time while it is known', async (t) => {
  const box = await machine(t);
  const time = await box.open();
  time.start();
  for (let lesson = 0; lesson < 100; lesson += 1) {
    box.clock.advance(60_000);
    await time.learn({ date: releasedAt + day + lesson * 61_000, validity });
  }
  t.equal(box.written.length, 1);
  for (let quarter = 1; quarter <= 4; quarter += 1) {
    await box.clock.sleeping();
    box.clock.advance(day / 4);
  }
  await box.clock.sleeping();
  t.equal(box.written.length, 5, 'four times a day');
  await time.stop();
  await time.stop();
  t.match(JSON.parse(box.written.at(-1) ?? ''), { boot: 'boot-1', at: time.now() });
});

t.test('who waits for a moment is woken when the time jumps past it', async (t) => {
  const box = await machine(t);
  const time = await box.open();
  const stopped = new AbortController();
  const renewal = sleepUntil(time, releasedAt + 20 * day);
  const never = sleepUntil(time, releasedAt + 800 * day, stopped.signal);
  await time.learn({ date: releasedAt + 25 * day, validity });
  await renewal;
  t.ok(time.now() >= releasedAt + 20 * day);
  stopped.abort();
  await never;
  const plain = createManualClock(0);
  const waiting = sleepUntil(plain, 10);
  plain.advance(10);
  await waiting;
});

t.test(
  'samples get their true time in one batch, those of earlier boots keep the earliest that they can have',
  async (t) => {
    const db = await openDatabase(await ownFolder(t), 1);
    t.teardown(() => db.close());
    const { commit } = createCommits(db);
    let commits = 0;
    const store = {
      db,
      commit(operations: Parameters<typeof commit>[0]) {
        commits += 1;
        return commit(operations);
      },
    };
    const outbox = await createOutbox({ store, budgetBytes: 1_000_000 });
    const values = {};
    const uncertain = (boot: string, monotonic: number) => ({ boot, monotonic });
    await outbox.add({ at: 100, values, uncertain: uncertain('old', 7) });
    for (const monotonic of [10, 20, 30]) await outbox.add({ at: 200, values, uncertain: uncertain('now', monotonic) });
    await outbox.add({ at: 5000, values });
    t.match(outbox.state(), { waiting: 5, uncertain: 4 });
    t.match((await createOutbox({ store, budgetBytes: 1_000_000 })).state(), { uncertain: 4 }, 'after a restart too');
    commits = 0;
    await outbox.correct({ boot: 'now', zero: 1000 });
    t.equal(commits, 1);
    t.same(
      (await outbox.read(1, 5, { count: 9, bytes: 9999 })).map(({ at }) => at),
      [100, 1010, 1020, 1030, 5000],
    );
    t.match(outbox.state(), { waiting: 5, uncertain: 0 });
    t.equal(
      (await outbox.add({ at: 200, values, uncertain: uncertain('now', 40) })).at,
      1040,
      'taken before, stored after',
    );
    t.equal(outbox.state().uncertain, 0);
  },
);

/** The built command with another system clock, for all that runs in it. */
function spawnAt(t: Test, configFile: string, then: number): ChildProcess {
  const child = spawn(
    process.execPath,
    ['--import', clockAhead(then - Date.now()), command('webizen-agent'), '--config', configFile],
    {
      stdio: 'ignore',
    },
  );
  t.teardown(() => killed(child));
  return child;
}

t.test('boxes that boot in 1970 and in 2040 enrol, renew and report with the right time', async (t) => {
  const provider = await testProvider(t, { leafLifetime: '15s' });
  await provider.start();
  const began = Date.now();
  const children = await Promise.all(
    [0, in2040].map(async (then) => {
      const claim = await provider.claim();
      const box = await testBox(t, { ...provider, claim: claim.code });
      const child = spawnAt(t, box.configFile, then);
      const enrolled = await provider.until(({ state }) => state === 'online').then(() => provider.claims());
      let id = enrolled.find((one) => one.id === claim.id)?.box;
      while (!id) {
        await systemClock.sleep(50);
        id = (await provider.claims()).find((one) => one.id === claim.id)?.box;
      }
      const before = await provider.until((one) => one.id === id);
      await provider.until((one) => one.id === id && one.certificate.serial !== before.certificate.serial);
      t.pass(`${new Date(then).getUTCFullYear()}: it has renewed its certificate, and uses the new one`);
      return child;
    }),
  );
  await Promise.all(children.map(killed));
  await provider.stop();
  const stored = [...(await storedSamples(provider.directory)).values()];
  t.equal(stored.length, 2);
  for (const samples of stored) {
    t.ok(wholeUpTo(samples) > 3);
    for (const { at } of samples) if (at < began - 2000 || at > Date.now() + 2000) t.fail(new Date(at).toISOString());
  }
});

/** This machine as though it had been booted: its clock says 1970. */
function booted(boot: string): Host {
  const began = realHost.monotonic();
  return {
    ...realHost,
    clock: { ...systemClock, now: () => realHost.monotonic() - began },
    monotonic: () => realHost.monotonic() - began,
    kernel: async (file) => (file.endsWith('boot_id') ? boot : realHost.kernel(file)),
  };
}

t.test('a box that lay in a drawer takes samples without the time, and sends them with the right one', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  const began = Date.now();
  await box.start(booted('00000001'));
  await box.until(({ health }) => health.acknowledged > 0);
  await box.stop();
  await provider.stop();
  const floorFile = path.join(box.dataDir, 'time.json');
  const kept = JSON.parse(await readFile(floorFile, 'utf8')) as { at: number };
  const floor = kept.at - 2 * day; // as though it had lain there for two days
  await writeFile(floorFile, JSON.stringify({ ...kept, at: floor }));

  const host = booted('00000002');
  await box.start(host);
  const alone = await box.until(({ health }) => health.waiting >= 2);
  t.equal(alone.time.source, 'floor');
  t.ok((alone.health.latest?.at ?? 0) < began - day, 'the samples have a time that is too early');
  await box.stop();
  await box.start(host); // the agent alone is started again: the samples are still of this boot
  await box.until(({ health }) => health.waiting >= 4);
  await provider.start();
  const { health, box: id } = await box.until(({ time, health, link }) => {
    return time.source === 'authenticated' && link.online && health.waiting === 0 && health.acknowledged >= 5;
  });
  const detail = await provider.api<{ birth: { time: string } }>(`/v1/boxes/${id}`);
  t.equal(detail.birth.time, 'authenticated');
  const known = box.agent?.status().time.now ?? 0;
  await box.stop();
  await provider.stop();
  const [stored = []] = (await storedSamples(provider.directory)).values();
  t.ok(wholeUpTo(stored) >= health.acknowledged, 'all of them, in their order');
  for (const { at } of stored) if (at < began - 2000 || at > Date.now() + 2000) t.fail(new Date(at).toISOString());

  await box.start(booted('00000003'));
  const status = await box.until(() => true);
  t.equal(status.time.source, 'floor');
  t.ok(status.time.now >= known, 'after a restart in 1970 the floor holds');
});

t.test(
  'a server that says 2040 outside its own chain does not move the box, and an honest one is believed',
  async (t) => {
    const provider = await testProvider(t);
    await provider.start();
    const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
    await provider.stop();
    const text = (name: string) => readFile(path.join(provider.directory, name), 'utf8');
    const shown = certificatesFromPem((await text('ca/issuing.crt')) + (await text('ca/root.crt')));
    const liar = createServer(
      { key: await text('tls/server.key'), cert: (await text('tls/server.crt')) + (await text('ca/issuing.crt')) },
      (_request, reply) =>
        reply
          .writeHead(200, { Date: new Date(in2040).toUTCString() })
          .end(encodeBody(buildCertsOnly(shown.map(({ raw }) => raw)))),
    );
    liar.listen(Number(new URL(provider.est).port), '127.0.0.1');
    await once(liar, 'listening');
    await box.start(booted('00000001'));
    const lied = await box.until(({ refusals }) => refusals.some(({ code }) => code === 'time-outside-chain'));
    t.match(lied, { state: 'enrolling', time: { source: 'release', offered: null } });
    t.ok(lied.time.now < releasedAt + day);
    await new Promise((resolve) => liar.close(resolve));
    await provider.start();
    const { time } = await box.until(({ link }) => link.online);
    t.equal(time.source, 'authenticated');
    t.ok(Math.abs(time.now - Date.now()) < 5000);
  },
);

t.test('a box that was once moved far ahead spends no claim: it says so, and a reset brings it back', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const claim = await provider.claim();
  const box = await testBox(t, { ...provider, claim: claim.code });
  await mkdir(box.dataDir, { mode: 0o700 });
  const floorFile = path.join(box.dataDir, 'time.json');
  await writeFile(floorFile, JSON.stringify({ at: Date.now() + 400 * day, boot: '00000001', monotonic: 0 }));
  await box.start(booted('00000002'));
  const told = await box.until(({ refusals }) => refusals.some(({ code }) => code === 'time-below-floor'));
  t.match(told, { state: 'enrolling', time: { source: 'floor' } });
  t.ok(Math.abs((told.time.offered ?? 0) - Date.now()) < 5000, 'the right time is kept as an offer');
  t.match(await provider.claims(), [{ id: claim.id, state: 'open' }]);
  await box.stop();
  await rm(floorFile);
  await box.start(booted('00000003'));
  await box.until(({ link, time }) => link.online && time.source === 'authenticated');
});
