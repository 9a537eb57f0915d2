/** SIGKILL before each step of restoring a backup, and of writing one to a disk. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { verifyLedger } from '#contract/ledger-chain.js';
import type { Agent } from '../../agent/agent.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { type TestBox, testBox } from '../support/box.js';

const child = path.resolve('build/test/support/backup-child.js');
const app = { id: 'example.visits', quotaBytes: 1_000_000 };
const host: Host = { ...realHost, isMountPoint: async (directory) => existsSync(directory) };
const rooms = (box: TestBox): ReturnType<Agent['rooms']> => box.agent!.rooms();

function cutAt(box: TestBox, step: number, what: 'start' | 'disk'): { steps: string[]; isCut: boolean } {
  const { signal, stdout, stderr, status } = spawnSync(process.execPath, [child, box.configFile, String(step), what], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (signal !== 'SIGKILL' && status !== 0) throw new Error(`the box ended with ${status}: ${stderr}`);
  return { steps: stdout.split('\n').filter(Boolean), isCut: signal === 'SIGKILL' };
}

async function put(box: TestBox, value: string): Promise<void> {
  await rooms(box).storage.write(app, [
    { op: 'put', key: 'name', value: Buffer.from(value), contentType: 'text/plain' },
  ]);
}

async function prepared(t: Test) {
  const box = await testBox(t, {});
  box.config.backup = { disks: path.join(box.folder, 'disks') };
  await writeFile(box.configFile, JSON.stringify(box.config));
  await mkdir(path.join(box.folder, 'disks/stick'), { recursive: true });
  await box.start(host);
  const { owner, backup } = rooms(box);
  const { signer } = await owner.set({ passphrase: 'tram lantern quartz pillow' });
  await put(box, 'Jane');
  const { code } = await backup.newCode(signer);
  return { box, signer, code };
}

async function fileOf(
  box: TestBox,
  signer: Parameters<ReturnType<typeof rooms>['backup']['file']>[0],
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await rooms(box).backup.file(signer)).pieces) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What was read is to be restored, and the box is off before it begins. */
async function asked(box: TestBox, id: string): Promise<void> {
  await rooms(box).restoring.ask({ id, at: Date.now(), takesOwner: false });
  await box.stop();
}

/** Each in a nightly run; here those that move something, and every third of the others. */
const isTried = (name: string, index: number): boolean =>
  Number(process.env.KILLS ?? 20) > 20 || /rename|commit/.test(name) || index % 3 === 0;

t.test('killed before any step of restoring, the box has all of it or goes on to have it', async (t) => {
  const { box, signer, code } = await prepared(t);
  const bytes = await fileOf(box, signer);
  await put(box, 'John');
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const { id } = await rooms(box).backup.look(source(), { code, sizeBytes: bytes.length });
  await asked(box, id);
  const template = path.join(box.folder, 'template');
  const marker = await readFile(path.join(box.dataDir, 'restore.json'), 'utf8').catch(() => '');
  t.match(marker, /"phase":"chosen"/);
  await cp(box.dataDir, template, { recursive: true });
  const reset = async (): Promise<void> => {
    await rm(box.dataDir, { recursive: true, force: true });
    await cp(template, box.dataDir, { recursive: true });
  };

  const { steps } = cutAt(box, 0, 'start');
  t.comment(steps.join('\n'));
  for (const name of [
    /rename data\/store$/,
    /rename data\/storage-keys$/,
    /rename data\/restoring\/store$/,
    /commit data\/restoring\/store/,
  ])
    t.ok(
      steps.some((step) => name.test(step)),
      `${name} is a step`,
    );
  let cuts = 0;
  for (const [index, name] of steps.entries()) {
    if (!isTried(name, index)) continue;
    await reset();
    if (cutAt(box, index + 1, 'start').isCut) cuts += 1;
    await box.start(host);
    const { storage, ledger } = rooms(box);
    t.equal(storage.get(app.id, 'name').value.toString(), 'Jane', name);
    const exported = await ledger.export();
    t.ok(verifyLedger(exported).ok);
    t.equal(exported.entries.filter(({ type }) => type === 'restored').length, 1, 'and it is said once');
    t.notOk(existsSync(path.join(box.dataDir, 'restoring')) || existsSync(path.join(box.dataDir, 'restore.json')));
    await box.stop();
  }
  t.ok(cuts > 5, `${cuts} cuts`);
});

t.test('where what came back does not open, the box goes back to what it had, and says so', async (t) => {
  const { box, signer, code } = await prepared(t);
  const bytes = await fileOf(box, signer);
  await put(box, 'John');
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const { id } = await rooms(box).backup.look(source(), { code, sizeBytes: bytes.length });
  await asked(box, id);
  t.ok(existsSync(path.join(box.dataDir, 'restore.json')));
  /** After the switch the disk has lost the table that says where all is. */
  const damaged: Host = {
    ...host,
    files: {
      ...host.files,
      async write(file, data, mode) {
        await host.files.write(file, data, mode);
        if (file.endsWith('restore.json') && String(data).includes('"phase":"switched"'))
          await rm(path.join(box.dataDir, 'store/CURRENT'), { force: true }).then(() =>
            writeFile(path.join(box.dataDir, 'store/CURRENT'), 'MANIFEST-999999\n'),
          );
      },
    },
  };
  for (let start = 0; start < 3; start += 1) await t.rejects(box.start(damaged), { code: 'store-damaged' });
  await box.start(host);
  t.equal(rooms(box).storage.get(app.id, 'name').value.toString(), 'John');
  t.ok(verifyLedger(await rooms(box).ledger.export()).ok);
  t.match((await rooms(box).ledger.export()).entries.at(-1), { type: 'restore-undone' });
  t.match(
    box.agent!.status().refusals.map((one) => one.code),
    ['restore-impossible'],
  );
  t.notOk(existsSync(path.join(box.dataDir, 'restoring')));
});

t.test('killed before any step of writing to a disk, what bears a backup’s name there is whole', async (t) => {
  const { box, code } = await prepared(t);
  await box.stop();
  const { steps } = cutAt(box, 0, 'disk');
  t.comment(steps.join('\n'));
  t.ok(steps.some((name) => /rename disks/.test(name)));
  const folder = path.join(box.folder, 'disks/stick/webizen-backup');
  for (const [index, name] of steps.entries()) {
    if (!isTried(name, index)) continue;
    await rm(folder, { recursive: true, force: true });
    cutAt(box, index + 1, 'disk');
    const left = (await readdir(folder).catch(() => [])).filter((one) => one.endsWith('.age'));
    t.ok(left.length <= 1, name);
    for (const file of left) {
      const read = spawnSync(
        process.execPath,
        [path.resolve('build/bin/webizen.js'), 'backup', 'verify', path.join(folder, file)],
        {
          encoding: 'utf8',
          env: { ...process.env, WEBIZEN_BACKUP_CODE: code },
        },
      );
      t.equal(read.status, 0, read.stderr);
    }
  }
  cutAt(box, 0, 'disk');
  const names = await readdir(folder);
  t.ok(names.length > 0 && names.every((one) => one.endsWith('.age')), 'the next one takes away what a cut has left');
});
