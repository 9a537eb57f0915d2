/**
 * What a machine that stands by must have of the territory: its keys, certificates and names, and no records, which are
 * in the database. Again over what was brought before: what is there no more goes here too.
 */
import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { movedVersion, openDatabase } from '#common/database.js';
import { type Files, ownDirectory } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { type BackupResult, backUp } from './backup.js';
import { filesIn } from './files.js';
import { type Content, readBackup, standbyFormat } from './format.js';

async function* nothing(): AsyncGenerator<[string, Buffer]> {}

/** @throws Refusal as `backUp` */
export const exportStandby = (parts: {
  directory: string;
  territory: string;
  clock: Clock;
  file: string;
}): Promise<BackupResult> => backUp({ ...parts, store: { snapshot: nothing }, kind: standbyFormat });

/** No release takes this directory for one that holds the records. @throws Refusal `directory-not-empty` */
async function bar(directory: string): Promise<void> {
  const place = path.join(directory, 'store');
  const store = await openDatabase(place, movedVersion);
  try {
    for await (const key of store.keys({ limit: 2 }))
      if (key !== 'version') throw new Refusal('directory-not-empty', `${place} has records`);
  } finally {
    await store.close();
  }
}

/**
 * @throws Refusal `backup-damaged`; `directory-not-empty` where another territory is, or this one with its records;
 *   `directory-owner`
 */
export async function importStandby({
  from,
  directory,
  there,
  files,
}: {
  from: string;
  directory: string;
  /** Whose directory it is already. */
  there: string | undefined;
  files: Files;
}): Promise<{ territory: string; files: number }> {
  let head: Extract<Content, { format: string }> | undefined;
  for await (const content of readBackup(from)) if ('format' in content) head = content;
  if (head?.format !== standbyFormat) throw new Refusal('backup-damaged', `${from}: standby export did not make it`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await ownDirectory(directory);
  if (there !== undefined && there !== head.territory)
    throw new Refusal('directory-not-empty', `territory ${there} is there`);
  await bar(directory);
  const written = new Set<string>();
  let territory: Extract<Content, { file: string }> | undefined;
  const write = async ({ file, data, mode }: Extract<Content, { file: string }>) => {
    const place = path.join(directory, file);
    await mkdir(path.dirname(place), { recursive: true, mode: 0o700 });
    await files.write(place, Buffer.from(data, 'base64'), mode);
    await chmod(place, mode); // the umask had its say
    written.add(file);
  };
  for await (const content of readBackup(from))
    if ('file' in content) {
      if (content.file === 'territory.json') territory = content;
      else await write(content);
    }
  if (!territory) throw new Refusal('backup-damaged', `${from}: territory.json is not in it`);
  await write(territory);
  for await (const name of filesIn(directory)) if (!written.has(name)) await files.destroy(path.join(directory, name));
  return { territory: head.territory, files: written.size };
}
