/**
 * A box's store written as a backup, and read whole as before a restore, into a store of its own. Against tar and openssl over
 * the same folder: the same bytes, in and out of a stream cipher, with nothing checked.
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { keysOf, newBackupCode, recipientOf } from '#common/backup/code.js';
import { unseal } from '#common/backup/sealed.js';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { takeSnapshot } from '../../agent/backup/snapshot.js';
import { stageBackup, stagePlaces } from '../../agent/backup/stage.js';
import { createStorage } from '../../agent/storage/storage.js';
import { openStore, storeVersion } from '../../agent/store/store.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

const run = promisify(execFile);
const valueBytes = 64 * 1024;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export async function backup(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const directory = await workshop.folder();
  const store = await openStore(directory);
  const places = { owner: path.join(directory, 'owner.json'), keys: path.join(directory, 'storage-keys') };
  const free = (): number => Number.MAX_SAFE_INTEGER;
  const storage = await createStorage({
    ...{ store, files, clock: systemClock, freeBytes: free, onRefused: () => {} },
    keysDirectory: places.keys,
  });
  const count = short ? 128 : 1536;
  for (let at = 0; at < count; at += 1)
    await storage.write({ id: 'example.bench', quotaBytes: 2 ** 30 }, [
      { op: 'put', key: `value-${at}`, value: randomBytes(valueBytes), contentType: 'application/octet-stream' },
    ]);
  await storage.stop();

  const code = newBackupCode();
  const { identity, macKey } = keysOf(code);
  const recipient = await recipientOf(identity);
  const file = path.join(directory, 'backup.age');
  let sizeBytes = 0;
  async function write(): Promise<void> {
    const snapshot = await takeSnapshot({
      ...{ db: store.db, storeVersion, files, places, clock: systemClock },
      apps: () => [],
      ledger: () => undefined,
      box: () => ({ name: 'webizen-7k3f', id: null, territory: null }),
    });
    const out = createWriteStream(file);
    await pipeline(snapshot.pieces({ recipient, macKey }), out);
    sizeBytes = out.bytesWritten;
  }
  const key = path.join(directory, 'key');
  await files.write(key, randomBytes(32).toString('hex'));
  const cipher = `openssl enc -chacha20 -pbkdf2 -iter 1 -pass file:${key}`;
  const bareFile = path.join(directory, 'bare');
  const bareWrite = () => run('sh', ['-c', `tar --create --directory ${directory} store | ${cipher} > ${bareFile}`]);
  const rounds = short ? 2 : 5;
  const written = await inTurns(
    rounds,
    () => timed(write),
    () => timed(bareWrite),
  );

  const staging = path.join(directory, 'other');
  async function read(): Promise<void> {
    await mkdir(staging, { recursive: true });
    await stageBackup(unseal(createReadStream(file, { highWaterMark: 256 * 1024 }), identity), {
      ...{ places: stagePlaces(staging), files, keys: { recipient, macKey }, storeVersion },
      ...{ freeBytes: free, sizeBytes: () => sizeBytes },
    });
    await rm(staging, { recursive: true });
  }
  async function bareRead(): Promise<void> {
    await mkdir(staging);
    await run('sh', ['-c', `${cipher} -d < ${bareFile} | tar --extract --directory ${staging}`]);
    await rm(staging, { recursive: true });
  }
  const restored = await inTurns(
    rounds,
    () => timed(read),
    () => timed(bareRead),
  );
  await store.close();
  const speed = (milliseconds: number): string => `${(sizeBytes / 1000 / milliseconds).toFixed(0)} MB/s`;
  say(
    `backup: ${(sizeBytes / 1e6).toFixed(0)} MB, written at ${speed(written.value)}, read at ${speed(restored.value)}`,
  );
  return [figure('backup.write', 'ms', written), figure('backup.read', 'ms', restored)];
}
