/** Writes a backup: the files of the territory's directory, then one consistent view of the store. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '#common/clock.js';
import { isErrno } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { type Content, format } from './format.js';

export interface BackupResult {
  files: number;
  entries: number;
  sizeBytes: number;
}

/**
 * Made again where it is restored, or of this machine alone. Of the catalogue only the octets stay out, which are as
 * large as the disk: what was published stands in the store, and members upload what is missing again.
 */
const left = new Set(['store', 'tls', 'control.sock', 'restoring', 'catalogue', 'systems', 'diagnostics']);

async function* filesIn(directory: string, below = ''): AsyncGenerator<string> {
  for (const entry of await readdir(path.join(directory, below), { withFileTypes: true })) {
    const name = path.join(below, entry.name);
    if (left.has(name) || name.endsWith('.new')) continue;
    if (entry.isDirectory()) yield* filesIn(directory, name);
    else if (entry.isFile()) yield name;
  }
}

/** @throws Refusal `disk-full`, `arguments-invalid` when it cannot be written there */
export async function backUp({
  directory,
  territory,
  store,
  clock,
  file,
}: {
  directory: string;
  territory: string;
  store: Store;
  clock: Clock;
  file: string;
}): Promise<BackupResult> {
  const inside = path.relative(directory, file);
  if (!inside.startsWith('..')) throw new Refusal('arguments-invalid', '--out lies in the directory it is a backup of');
  const counts = { files: 0, entries: 0 };

  async function* contents(): AsyncGenerator<Content> {
    yield { format, territory, at: clock.now() };
    for await (const name of filesIn(directory)) {
      const place = path.join(directory, name);
      const { mode } = await stat(place);
      counts.files += 1;
      yield { file: name, mode: mode & 0o777, data: (await readFile(place)).toString('base64') };
    }
    // Of one moment, however long it takes: writes go on meanwhile.
    for await (const [key, value] of store.snapshot()) {
      counts.entries += 1;
      yield { key, value };
    }
  }

  async function* lines(): AsyncGenerator<string> {
    const hash = createHash('sha256');
    let count = 0;
    for await (const content of contents()) {
      const line = `${JSON.stringify(content)}\n`;
      hash.update(line);
      count += 1;
      yield line;
    }
    yield `${JSON.stringify({ lines: count, sha256: hash.digest('hex') })}\n`;
  }

  const beside = `${file}.new`;
  try {
    await rm(beside, { force: true });
    await pipeline(Readable.from(lines()), createGzip(), createWriteStream(beside, { flags: 'wx', mode: 0o600 }));
    const handle = await open(beside, 'r');
    await handle.sync().finally(() => handle.close());
    const { size } = await stat(beside);
    await rename(beside, file);
    return { ...counts, sizeBytes: size };
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    if (isErrno(error, 'ENOSPC')) throw new Refusal('disk-full', file, { cause: error });
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR', 'EROFS'))
      throw new Refusal('arguments-invalid', `cannot write ${file}`, { cause: error });
    throw error;
  }
}
