import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { killed } from '../support/box.js';
import { ownFolder } from '../support/folder.js';

const child = path.resolve('build/test/support/destroy-child.js');

t.test('killed at any moment while a file is destroyed, it is whole under its name or not there', async (t) => {
  const folder = await ownFolder(t);
  const file = path.join(folder, 'key.pem');
  for (let round = 0; round < 25; round += 1) {
    const running = spawn(process.execPath, [child, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(running.stdout, 'data');
    await systemClock.sleep(Math.random() * 30); // any moment will do
    await killed(running);
    const left = await files.read(file);
    t.ok(left === undefined || left.equals(Buffer.from('a'.repeat(100_000))), `round ${round}`);
  }
});

t.test('a destroyed file is gone, and so is what an earlier try left of it; what is not there bears it', async (t) => {
  const folder = await ownFolder(t);
  const file = path.join(folder, 'key.pem');
  await files.destroy(file);
  await files.write(file, 'secret');
  await files.destroy(file);
  await files.write(`${file}.gone`, 'left by a cut');
  await files.destroy(file);
  t.same(await readdir(folder), []);
  await t.rejects(readFile(file), { code: 'ENOENT' });
});
