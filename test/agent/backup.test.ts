/** Backup and restore of whole agents over real stores; the apps that come back in podman are in test/journeys/backup.test.ts. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { keysOf, newBackupCode, recipientOf } from '#common/backup/code.js';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { type BackupView, usualBackupSettings } from '#contract/backup.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { Refusal } from '#contract/problems.js';
import type { Agent } from '../../agent/agent.js';
import { createBackup, type OwnerBackup } from '../../agent/backup/backup.js';
import { readFromDisk } from '../../agent/backup/read-back.js';
import { dueAt } from '../../agent/backup/weekly.js';
import type { OwnerSigner } from '../../agent/consent/ledger.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { openStore, storeVersion } from '../../agent/store/store.js';
import { type TestBox, testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const passphrase = 'tram lantern quartz pillow';
const app = { id: 'example.visits', quotaBytes: 50_000_000 };

/** A disk is a folder here. */
const host: Host = { ...realHost, isMountPoint: async (directory) => existsSync(directory) };

interface Owned {
  box: TestBox;
  disks: string;
  signer: OwnerSigner;
  code: string;
}
const rooms = (box: TestBox): ReturnType<Agent['rooms']> => box.agent!.rooms();

async function fresh(t: Test, machine: Host = host): Promise<{ box: TestBox; disks: string }> {
  const disks = path.join((await testBox(t, {})).folder, 'disks');
  await mkdir(path.join(disks, 'stick'), { recursive: true });
  const box = await testBox(t, { more: { backup: { disks }, owner: { host: '127.0.0.1', port: 0, mdns: false } } });
  await box.start(machine);
  return { box, disks };
}

const put = (box: TestBox, key: string, value: Buffer | string) =>
  rooms(box).storage.write(app, [{ op: 'put', key, value: Buffer.from(value), contentType: 'text/plain' }]);
const stored = (box: TestBox, key: string): string => rooms(box).storage.get(app.id, key).value.toString();

async function owned(t: Test, machine: Host = host): Promise<Owned> {
  const { box, disks } = await fresh(t, machine);
  const { signer } = await rooms(box).owner.set({ passphrase });
  await put(box, 'name', 'Jane');
  await put(box, 'large', Buffer.alloc(700_000, 'x'));
  await rooms(box).grants.set(app.id, { give: [{ capability: 'storage' }], take: [] }, signer);
  const { code } = await rooms(box).backup.newCode(signer);
  return { box, disks, signer, code };
}

async function fileOf(box: TestBox, signer: OwnerSigner): Promise<Buffer> {
  const { pieces } = await rooms(box).backup.file(signer);
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
const look = (box: TestBox, bytes: Uint8Array, code: string) =>
  rooms(box).backup.look(cut(bytes), { code, sizeBytes: bytes.length });

/** Resolves once another agent has started in its place. */
async function restored(box: TestBox, work: () => Promise<void>): Promise<void> {
  const before = box.agent;
  await work();
  while (box.agent === before || !isUp(box)) await systemClock.sleep(20); // a look, not an event
}
function isUp(box: TestBox): boolean {
  try {
    return box.agent!.status() !== undefined && !existsSync(path.join(box.dataDir, 'restore.json'));
  } catch {
    return false;
  }
}
const entriesOf = async (box: TestBox, type: string) =>
  (await rooms(box).ledger.export()).entries.filter((entry) => entry.type === type);
const isRight = async (box: TestBox) => verifyLedger(await rooms(box).ledger.export()).ok;

t.test(
  'restored on a new box: data, permissions, ledger and owner are there, and nothing of the old box itself',
  async (t) => {
    const first = await owned(t);
    const bytes = await fileOf(first.box, first.signer);
    const head = rooms(first.box).ledger.head();
    t.notOk(bytes.includes('Jane') || bytes.includes('owner.json'), 'nothing of it can be read');
    const { box } = await fresh(t);
    await rooms(box).ledger.append({ by: 'box', type: 'other-machine' });
    const own = rooms(box).ledger.head();
    const { epoch } = box.agent!.status().health;
    const found = await look(box, bytes, first.code.toLowerCase());
    t.match(found, { ledger: 'other', entries: head?.length, sizeBytes: bytes.length, box: { id: null } });
    await restored(box, () => rooms(box).backup.restore(found.id));
    t.equal(stored(box, 'name'), 'Jane');
    t.equal(stored(box, 'large').length, 700_000);
    t.ok(rooms(box).grants.allows(app.id, 'storage'));
    const signer = await rooms(box).owner.unlock(passphrase);
    t.ok(await isRight(box), 'the chain goes on');
    const [entry] = await entriesOf(box, 'restored');
    t.match(entry, {
      index: head?.length,
      ledger: head?.ledger,
      facts: { backup: found.id, madeAt: found.at, dropped: `${own?.ledger}:1:${own?.hash}` },
    });
    t.equal(box.agent!.status().health.epoch, epoch, 'what it tells its provider goes on as its own');
    t.notOk(existsSync(path.join(box.dataDir, 'restoring')), 'nothing is left beside');
    t.match(await rooms(box).backup.view(), { restored: { backupAt: found.at }, codeAt: Number });
    t.ok((await fileOf(box, signer)).length > 700_000, 'and the same code serves for its own backups');
    await put(box, 'more', 'goes on');
    t.equal(stored(first.box, 'name'), 'Jane', 'the first box is as it was');
  },
);

t.test('restored on the same box: the ledger keeps all, and says what came back and what went', async (t) => {
  const { box, signer, code } = await owned(t);
  const bytes = await fileOf(box, signer);
  await put(box, 'name', 'John');
  await put(box, 'late', 'gone with it');
  await rooms(box).grants.set(app.id, { give: [{ capability: 'health.read' }], take: ['storage'] }, signer);
  await rooms(box).owner.changePassphrase({ old: passphrase, passphrase: 'another passphrase' });
  const before = (await rooms(box).ledger.export()).entries;
  const found = await look(box, bytes, code);
  t.equal(found.ledger, 'kept');
  t.equal(stored(box, 'name'), 'John', 'looking changes nothing');
  await t.rejects(rooms(box).backup.restore('0000000000000000', signer), { code: 'backup-not-found' });
  await restored(box, () => rooms(box).backup.restore(found.id, signer));
  t.equal(stored(box, 'name'), 'Jane');
  t.throws(() => stored(box, 'late'), { code: 'key-not-found' });
  t.ok(rooms(box).grants.allows(app.id, 'storage'));
  t.notOk(rooms(box).grants.allows(app.id, 'health.read'));
  await rooms(box).owner.unlock('another passphrase'); // the owner's own word is not taken back
  const after = (await rooms(box).ledger.export()).entries;
  t.same(after.slice(0, before.length), before, 'nothing of the ledger is lost');
  t.ok(await isRight(box));
  t.match(after.slice(before.length), [
    { type: 'restore-asked', by: 'owner', signature: String },
    { type: 'restored' },
    { type: 'grant.given', facts: { capability: 'storage', how: 'restored' } },
    { type: 'grant.taken', facts: { capability: 'health.read', how: 'restored' } },
  ]);
});

t.test('a box that has an owner takes no other past than its own', async (t) => {
  const [one, other] = [await owned(t), await owned(t)];
  const found = await look(other.box, await fileOf(one.box, one.signer), one.code);
  t.equal(found.ledger, 'other');
  await t.rejects(rooms(other.box).backup.restore(found.id, other.signer), { code: 'backup-other-ledger' });
  t.equal(stored(other.box, 'name'), 'Jane');
});

t.test('a wrong code and a damaged file change nothing, and leave nothing behind', async (t) => {
  const { box, signer, code } = await owned(t);
  const bytes = await fileOf(box, signer);
  const other = await rooms(box).backup.newCode(signer);
  await t.rejects(look(box, bytes, other.code), { code: 'backup-code-wrong' });
  await t.rejects(look(box, bytes, 'nonsense'), { code: 'backup-code-invalid' });
  for (const length of [bytes.length - 1, 400_000, 10])
    await t.rejects(look(box, bytes.subarray(0, length), code), { code: /^backup-(broken|none)$/ });
  const altered = Buffer.from(bytes);
  altered[500_000] = (altered[500_000] ?? 0) ^ 1;
  await t.rejects(look(box, altered, code), { code: 'backup-broken' });
  t.match((await rooms(box).backup.view()).job, { stage: 'failed', problem: { code: 'backup-broken' } });
  t.notOk(existsSync(path.join(box.dataDir, 'restoring')));
  t.equal(stored(box, 'name'), 'Jane');
  const found = await look(box, bytes, code);
  await box.stop();
  await box.start(host);
  t.notOk(existsSync(path.join(box.dataDir, 'restoring')), 'what was only looked at goes with the next start');
  await t.rejects(rooms(box).backup.restore(found.id, signer), { code: 'backup-not-found' });
});

t.test('apps go on writing while a backup of one moment is made, and one is made at a time', async (t) => {
  const { box, signer, code } = await owned(t);
  const { pieces } = await rooms(box).backup.file(signer);
  await t.rejects(rooms(box).backup.file(signer), { code: 'backup-under-way' });
  const all: Uint8Array[] = [];
  let count = 0;
  for await (const piece of pieces) {
    all.push(piece);
    await put(box, 'name', `later ${count++}`);
    await put(box, `new-${count}`, 'x');
  }
  const found = await look(box, Buffer.concat(all), code);
  await restored(box, () => rooms(box).backup.restore(found.id, signer));
  t.equal(stored(box, 'name'), 'Jane');
  t.throws(() => stored(box, 'new-1'), { code: 'key-not-found' });
});

t.test('whoever stops taking it halfway has no backup, and the box says so', async (t) => {
  const { box, signer } = await owned(t);
  const { pieces } = await rooms(box).backup.file(signer);
  for await (const piece of pieces) if (piece.length > 0) break;
  t.match(await rooms(box).backup.view(), { last: null, job: { stage: 'failed' } });
  t.ok((await fileOf(box, signer)).length > 0, 'and the next one is made');
  t.match((await rooms(box).backup.view()).last, { to: 'file', verified: 'written' });
});

t.test('whoever goes before the first byte is sent holds up nothing', async (t) => {
  const { box, signer } = await owned(t);
  const { pieces } = await rooms(box).backup.file(signer);
  const sent = Readable.from(pieces, { objectMode: false });
  sent.destroy();
  await once(sent, 'close');
  t.match(await rooms(box).backup.view(), { last: null, job: { stage: 'failed', problem: { code: 'upload-broken' } } });
  t.ok((await fileOf(box, signer)).length > 0, 'and the next one is made');
  t.match((await rooms(box).backup.view()).last, { to: 'file' });
});

t.test('while a restore is asked for nothing takes the place of what was looked at', async (t) => {
  const { box, signer, code } = await owned(t);
  const bytes = await fileOf(box, signer);
  const found = await look(box, bytes, code);
  await put(box, 'name', 'John');
  const { backup } = rooms(box);
  await restored(box, async () => {
    const asked = backup.restore(found.id, signer);
    await t.rejects(look(box, bytes, code), { code: 'backup-under-way' });
    await t.rejects(backup.restore(found.id, signer), { code: 'backup-under-way' });
    await t.rejects(backup.forget(), { code: 'backup-under-way' });
    await asked;
    await t.rejects(backup.forget(), { code: 'backup-under-way' }, 'nor until the next start');
  });
  t.equal(stored(box, 'name'), 'Jane');
});

t.test('what was looked at goes whole before anything else is looked at', async (t) => {
  const { box, signer, code } = await owned(t);
  const bytes = await fileOf(box, signer);
  await look(box, bytes, code);
  const { backup } = rooms(box);
  const going = backup.forget();
  await t.rejects(look(box, bytes, code), { code: 'backup-under-way' });
  await going;
  t.notOk(existsSync(path.join(box.dataDir, 'restoring')));
  t.match(await look(box, bytes, code), { ledger: 'kept' });
});

/** Resolves with the view once its job has ended. */
async function ended(backup: Pick<OwnerBackup, 'view' | 'onChange'>, how = /done|failed/): Promise<BackupView> {
  for (;;) {
    let endListening = (): void => {};
    const changed = new Promise<void>((resolve) => {
      endListening = backup.onChange(resolve);
    });
    try {
      const view = await backup.view();
      if (view.job && how.test(view.job.stage)) return view;
      await changed;
    } finally {
      endListening();
    }
  }
}
const settled = (box: TestBox): Promise<BackupView> => ended(rooms(box).backup);

t.test('to a disk: read back, named when it is whole, opened with the code, and the oldest go', async (t) => {
  const { box, disks, signer, code } = await owned(t);
  const { backup } = rooms(box);
  await t.rejects(backup.toDisk('other', signer), { code: 'backup-disk-gone' });
  await mkdir(path.join(disks, 'stick/webizen-backup'));
  const others = path.join(disks, 'stick/webizen-backup/webizen-aaaa-00000000-20200101T000000Z.age');
  await writeFile(others, 'of another box');
  await backup.set({ weekly: false, window: null, keep: 2 }, signer);
  for (let made = 0; made < 3; made += 1) {
    const before = (await backup.view()).last?.at ?? 0;
    while (rooms(box).clock.now() - before < 1000) await systemClock.sleep(50); // names tell seconds
    await backup.toDisk('stick', signer);
    t.match(await settled(box), { job: { kind: 'disk', stage: 'done' }, last: { to: 'disk', verified: 'read-back' } });
  }
  const view = await backup.view();
  t.same(
    view.disks?.[0]?.backups.map(({ own }) => own),
    [true, true, false],
    'two of its own, and what is not its own stays',
  );
  const names = await readdir(path.join(disks, 'stick/webizen-backup'));
  t.notOk(names.some((name) => name.endsWith('.part')));
  await backup.lookOnDisk({ disk: 'stick', file: view.disks?.[0]?.backups[0]?.file ?? '', code });
  t.match(await settled(box), { found: { ledger: 'kept' }, last: { verified: 'opened' } });
  t.equal(await readFile(others, 'utf8'), 'of another box');
});

t.test('what was written is read back from the disk, not from what the kernel still has of it', async (t) => {
  const { box, disks, signer } = await owned(t);
  const probe = path.join(disks, 'probe');
  await writeFile(probe, randomBytes(1_000_000), { flush: true });
  const read = async (): Promise<number> =>
    Number(/^read_bytes: (\d+)/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
  const first = await read();
  for await (const piece of readFromDisk(probe, new AbortController().signal)) t.ok(piece.length > 0);
  if ((await read()) === first) return t.comment('this folder lies in memory: nothing to be seen');
  const before = await read();
  await rooms(box).backup.toDisk('stick', signer);
  const { last } = await settled(box);
  t.ok((await read()) - before >= (last?.sizeBytes ?? Number.NaN));
});

t.test('what was just written stays, also where others bear a later time', async (t) => {
  const { box, disks, signer } = await owned(t);
  const { backup } = rooms(box);
  const folder = path.join(disks, 'stick/webizen-backup');
  await backup.set({ weekly: false, window: null, keep: 1 }, signer);
  await backup.toDisk('stick', signer);
  await settled(box);
  const [first = ''] = await readdir(folder);
  // Of a time when its clock was wrong.
  await rename(path.join(folder, first), path.join(folder, first.replace(/\d{8}T/, '20990101T')));
  await backup.toDisk('stick', signer);
  const { last } = await settled(box);
  t.same(
    (await readdir(folder)).map((name) => `stick/${name}`),
    [last?.place],
  );
});

t.test('a backup that was made counts, also where the oldest could not be removed', async (t) => {
  let folder = '';
  const isFree = async (): Promise<boolean> =>
    !(await readdir(folder).catch(() => [''])).some((one) => one.endsWith('.age'));
  const { box, disks, signer } = await owned(t, { ...host, isMountPoint: isFree }); // pulled out once it has its name
  folder = path.join(disks, 'stick/webizen-backup');
  await rooms(box).backup.toDisk('stick', signer);
  t.match(await settled(box), { job: { stage: 'done' }, last: { to: 'disk', verified: 'read-back' }, failed: null });
  t.match(
    box.agent!.status().refusals.map(({ code }) => code),
    ['backup-disk-gone'],
  );
});

t.test('a disk that is pulled out in the middle holds no backup, and the page says why', async (t) => {
  let isThere = true;
  const { box, disks, signer } = await owned(t, { ...host, isMountPoint: async (one) => isThere && existsSync(one) });
  const { backup } = rooms(box);
  backup.onChange(() => {
    isThere = false;
  });
  await backup.toDisk('stick', signer);
  await mkdir(path.join(disks, 'stick/webizen-backup'), { recursive: true });
  const view = await settled(box);
  t.match(view, {
    job: { stage: 'failed', problem: { code: 'backup-disk-gone' } },
    last: null,
    failed: { problem: { code: 'backup-disk-gone' } },
  });
  t.same(await readdir(path.join(disks, 'stick/webizen-backup')), []);
});

t.test('a full disk of the box refuses what is read, and nothing is left of it', async (t) => {
  const { box, signer, code } = await owned(t);
  const bytes = await fileOf(box, signer);
  const full = await fresh(t, { ...host, freeBytes: () => 64 * 1024 * 1024 });
  await t.rejects(look(full.box, bytes, code), { code: 'disk-full' });
  t.notOk(existsSync(path.join(full.box.dataDir, 'restoring')));
  t.ok(await isRight(box));
});

t.test('one each week to the disk that has them, within the hours that the owner chose', async (t) => {
  const day = 86_400_000;
  const settings = { weekly: true, window: null, keep: 5 };
  const at = Date.UTC(2026, 10, 2, 3, 0);
  t.ok(dueAt({ now: at, settings, lastAt: null }), 'the first one at once');
  t.notOk(dueAt({ now: at, settings: { ...settings, weekly: false }, lastAt: null }));
  t.notOk(dueAt({ now: at, settings, lastAt: at - 6 * day }));
  t.ok(dueAt({ now: at, settings, lastAt: at - 7 * day }));
  const night = { ...settings, window: { from: 23 * 60, minutes: 240 } };
  t.notOk(dueAt({ now: at, settings: night, lastAt: at - 7 * day }), 'three is past the window');
  t.ok(dueAt({ now: at - 3_600_000, settings: night, lastAt: at - 7 * day }), 'past midnight too');
  t.ok(dueAt({ now: at, settings: night, lastAt: at - 10 * day }), 'a box that is off at night makes one all the same');
  t.ok(dueAt({ now: at, settings, lastAt: at + 30 * day }), 'a clock that went back does not put it off');

  const clock = createManualClock(at);
  const { box, disks, signer } = await owned(t, { ...host, clock });
  const made = async (): Promise<string[]> =>
    (await readdir(path.join(disks, 'stick/webizen-backup')).catch(() => [])).filter((name) => name.endsWith('.age'));
  const { backup } = rooms(box);
  await clock.pass(61_000);
  await settled(box);
  t.equal((await made()).length, 1);
  await backup.set({ weekly: false, window: null, keep: 5 }, signer);
});

t.test('a full box that cannot keep that a backup was made does not write another each minute', async (t) => {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  t.teardown(() => store.close());
  const clock = createManualClock();
  const { identity, macKey } = keysOf(newBackupCode());
  const keys = { recipient: await recipientOf(identity), macKey, at: clock.now() };
  let writes = 0;
  const refused: string[] = [];
  const never = async (): Promise<never> => t.fail('nobody asks for it') as never;
  const backup = createBackup({
    ...{ dataDir: folder, files, clock, db: store.db, storeVersion },
    places: { owner: path.join(folder, 'owner.json'), keys: path.join(folder, 'storage-keys') },
    apps: () => [],
    ledger: () => undefined,
    box: () => ({ name: 'webizen-7k3f', id: null, territory: null }),
    book: {
      now: () => ({ settings: usualBackupSettings, keys }),
      async set() {
        throw new Refusal('disk-full');
      },
    },
    disks: {
      list: async () => [{ id: 'stick', totalBytes: 1, freeBytes: 1, backups: [] }],
      async write() {
        writes += 1;
        return 1;
      },
      ...{ prune: never, read: never, onChange: () => () => {} },
    },
    restoring: { ask: never, isAskedFor: never, perform: never, settle: never },
    freeBytes: () => 0,
    isOwned: () => true,
    busyWith: () => undefined,
    ...{ judge: never, append: never },
    onRefused: ({ code }) => void refused.push(code),
  });
  t.teardown(() => backup.stop());
  backup.start();
  for (let minute = 0; minute < 10; minute += 1) {
    await clock.sleeping();
    await clock.pass(60_000);
    await ended(backup, /failed/);
  }
  t.equal(writes, 1);
  t.same(refused, ['disk-full']);
});
