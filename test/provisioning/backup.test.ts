/** Backup and restore: what comes back, what never goes back, and what a cut in the middle leaves. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { crlFromPem } from '#common/pki/crl.js';
import { openStore } from '../../provisioning/store/store.js';
import { testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { askCommand, command, testProvider } from '../support/provider.js';
import { randomFrom, seed } from '../support/random.js';

const random = randomFrom(seed);
t.comment(`SEED=${seed}`);
const ask = (...args: string[]) => askCommand('webizen-provider', args);
const numberIn = async (directory: string) =>
  crlFromPem(await readFile(path.join(directory, 'ca/crl.pem'), 'utf8')).number;

t.test(
  'a provider restored from a backup knows its boxes again, those since the backup too, and goes back in nothing',
  async (t) => {
    const provider = await testProvider(t, { leafLifetime: '20s' });
    const { directory } = provider;
    await provider.start();
    const enrol = async () => {
      const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
      await box.start();
      const { box: id } = await box.until(({ health }) => health.acknowledged > 0);
      return Object.assign(box, { id });
    };
    const early = await enrol();
    const stolen = await enrol();
    const open = await provider.claim();

    const file = path.join(path.dirname(directory), 'backup');
    const made = await ask('backup', '--dir', directory, '--out', file);
    t.equal(made.status, 0, made.stderr);
    t.match(made.stdout, /not encrypted/);
    t.equal((await stat(file)).mode & 0o777, 0o600);

    const late = await enrol();
    await provider.api(`/v1/boxes/${stolen.id}/revoke`, { method: 'POST', body: {} });
    const serial = early.agent?.status().certificate?.serial;
    await early.until(({ certificate, link }) => link.online && certificate?.serial !== serial);
    await provider.stop();
    const before = await numberIn(directory);
    await rename(directory, `${directory}.lost`);

    const list = path.join(`${directory}.lost`, 'ca/crl.pem');
    const restored = await ask('restore', '--from', file, '--dir', directory, '--crl', list);
    t.equal(restored.status, 0, restored.stderr);
    t.equal((await ask('restore', '--from', file, '--dir', directory)).status, 1, 'never over one that is there');
    await provider.start();
    t.ok((await numberIn(directory)) > before, 'the number of the revocation list does not go back');
    for (const box of [early, late]) {
      const reached = box.agent?.status().health.lastSequence ?? 0;
      await box.until(({ health, link }) => link.online && health.acknowledged > reached);
      await provider.happened(({ type, box: id }) => type === 'readmitted' && id === box.id);
    }
    t.match(
      await provider.api(`/v1/boxes/${stolen.id}`),
      { state: 'revoked' },
      'what the newest list names stays revoked',
    );
    t.notOk(stolen.agent?.status().link.online);
    t.match(
      (await provider.claims()).find(({ id }) => id === open.id),
      { state: 'revoked' },
    );
    const again = early.agent?.status().certificate?.serial;
    await early.until(({ certificate, link }) => link.online && certificate?.serial !== again);
    t.pass('and it renews');
  },
);

t.test('what is damaged is refused before anything is written', async (t) => {
  const provider = await testProvider(t);
  const folder = await ownFolder(t);
  const [file, cut, changed] = ['whole', 'cut', 'changed'].map((name) => path.join(folder, name));
  t.equal((await ask('backup', '--dir', provider.directory, '--out', file!)).status, 0, 'offline too');
  await copyFile(file!, cut!);
  await truncate(cut!, (await stat(cut!)).size - 20);
  const bytes = await readFile(file!);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(changed!, bytes);
  for (const from of [cut!, changed!]) {
    const directory = path.join(folder, 'new');
    const { stderr, status } = await ask('restore', '--from', from, '--dir', directory);
    t.match(stderr, /backup-damaged/);
    t.not(status, 0);
    await t.rejects(stat(directory), 'nothing was made');
  }
  const inside = await ask('backup', '--dir', provider.directory, '--out', path.join(provider.directory, 'b'));
  t.match(inside.stderr, /arguments-invalid/);
});

t.test('killed at any moment, a backup is whole or absent, and a restore can be repeated', async (t) => {
  const provider = await testProvider(t);
  const store = await openStore(provider.directory);
  const value = randomBytes(40);
  for (let part = 0; part < 20; part += 1)
    await store.commit(
      Array.from({ length: 2000 }, (_, index) => ({
        ...{ type: 'put' as const, sublevel: store.packs, value },
        key: `box-0!${String(part * 2000 + index).padStart(16, '0')}!e!1`,
      })),
    );
  await store.close();
  const folder = await ownFolder(t);
  const file = path.join(folder, 'backup');
  const directory = path.join(folder, 'new');
  const killedAfter = async (milliseconds: number, ...args: string[]) => {
    const child = spawn(process.execPath, [command('webizen-provider'), ...args], { stdio: 'ignore' });
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    await once(child, 'exit');
    clearTimeout(timer);
  };
  for (let count = 0; count < 6; count += 1) {
    await killedAfter(120 + random() * 500, 'backup', '--dir', provider.directory, '--out', file);
    const names = await readdir(folder);
    if (!names.includes('backup')) continue;
    const checked = await ask('restore', '--from', file, '--dir', path.join(folder, 'check'));
    t.equal(checked.status, 0, checked.stderr);
    await rm(path.join(folder, 'check'), { recursive: true });
    await rm(file);
  }
  t.equal((await ask('backup', '--dir', provider.directory, '--out', file)).status, 0);
  for (let count = 0; count < 6; count += 1) {
    await killedAfter(150 + random() * 600, 'restore', '--from', file, '--dir', directory);
    const names = await readdir(directory).catch((): string[] => []);
    if (names.includes('territory.json') && !names.includes('restoring')) await rm(directory, { recursive: true });
    else if (names.length > 0)
      t.not((await ask('box', 'list', '--dir', directory)).status, 0, 'half of one does not serve');
  }
  const done = await ask('restore', '--from', file, '--dir', directory);
  t.equal(done.status, 0, done.stderr);
  const back = await openStore(directory);
  t.equal((await back.packs.keys().all()).length, 40_000);
  t.ok((await back.packs.get(`box-0!${'0'.repeat(16)}!e!1`))?.equals(value), 'bytes as they were');
  await back.close();
});
