/** Writes a backup: the files of the territory's directory, then one consistent view of the store. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '#common/clock.js';
import { isErrno } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { filesIn } from './files.js';
import { type Content, format, type standbyFormat } from './format.js';

export interface BackupResult {
  files: number;
  entries: number;
  sizeBytes: number;
}

/** @throws Refusal `disk-full`, `arguments-invalid` when it cannot be written there */
export async function backUp({
  directory,
  territory,
  store,
  clock,
  file,
  kind = format,
}: {
  directory: string;
  territory: string;
  store: Pick<Store, 'snapshot'>;
  clock: Clock;
  file: string;
  kind?: typeof format | typeof standbyFormat;
}): Promise<BackupResult> {
  const inside = path.relative(directory, file);
  if (!inside.startsWith('..')) throw new Refusal('arguments-invalid', '--out lies in the directory it is a backup of');
  const counts = { files: 0, entries: 0 };

  async function* contents(): AsyncGenerator<Content> {
    yield { format: kind, territory, at: clock.now() };
    for await (const name of filesIn(directory)) {
      const place = path.join(directory, name);
      const { mode } = await stat(place);
      counts.files += 1;
      yield { file: name, mode: mode & 0o777, data: (await readFile(place)).toString('base64') };
    }
    // Of one moment, however long it takes: writes go on meanwhile.
    for await (const [key, value] of store.snapshot()) {
      counts.entries += 1;
      yield isUtf8(value) ? { key, value: value.toString('utf8') } : { key, base64: value.toString('base64') };
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
