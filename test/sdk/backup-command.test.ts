/** An owner's backup opened by `webizen backup`, and by the tools of others. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { verifyLedger } from '#contract/ledger-chain.js';
import { testBox } from '../support/box.js';
import { command } from '../support/provider.js';

t.test('with the code alone: whole or not, what is in it, its ledger, and the key for the age tool', async (t) => {
  const box = await testBox(t, {});
  const { owner, backup, storage, ledger } = (await box.start()).rooms();
  const { signer } = await owner.set({ passphrase: 'tram lantern quartz pillow' });
  await storage.write({ id: 'example.visits', quotaBytes: 1_000_000 }, [
    { op: 'put', key: 'name', value: Buffer.from('Jane'), contentType: 'text/plain' },
  ]);
  const { code } = await backup.newCode(signer);
  const pieces: Uint8Array[] = [];
  for await (const piece of (await backup.file(signer)).pieces) pieces.push(piece);
  const file = path.join(box.folder, 'backup.age');
  await writeFile(file, Buffer.concat(pieces));
  const webizen = (args: string[], given = code) =>
    spawnSync(process.execPath, [command('webizen'), 'backup', ...args], {
      encoding: 'utf8',
      env: { ...process.env, WEBIZEN_BACKUP_CODE: given },
    });

  const whole = webizen(['verify', file]);
  t.equal(whole.status, 0, whole.stderr);
  t.match(whole.stdout, /^OK: of webizen-/);
  const listed = JSON.parse(webizen(['list', file, '--json']).stdout) as object;
  t.match(listed, { keys: ['example.visits'], hasOwner: true, rows: { ledger: { count: ledger.head()?.length } } });
  t.match(webizen(['list', file]).stdout, /^key {6}example\.visits$/m);
  t.ok(verifyLedger(JSON.parse(webizen(['ledger', file]).stdout)).ok);
  t.match(webizen(['identity']).stdout, /^AGE-SECRET-KEY-1[A-Z0-9]{58}\n$/);

  const other = webizen(['verify', file], (await backup.newCode(signer)).code);
  t.equal(other.status, 1);
  t.match(other.stderr, /backup-code-wrong/);
  t.match(webizen(['verify', file], 'nonsense').stderr, /backup-code-invalid/);
  const short = path.join(box.folder, 'short.age');
  await writeFile(short, Buffer.concat(pieces).subarray(0, -1));
  t.match(webizen(['verify', short]).stderr, /backup-broken/);
  t.equal(webizen(['verify']).status, 2);
});
