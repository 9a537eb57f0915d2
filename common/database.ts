/** Opens the one level database of a process, and says plainly why it cannot. */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Level } from 'level';
import { Refusal } from '#contract/problems.js';
import type { Database } from './commits.js';
import { isErrno, syncPath } from './files.js';

const codesOf = (error: unknown): string => {
  const codes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause)
    codes.push((at as NodeJS.ErrnoException).code ?? '', at.message);
  return codes.join(' ');
};

/** Of a store whose records lie elsewhere now: no release opens it as its own. */
export const movedVersion = 1_000_000;

/**
 * LevelDB does not sync the first description of a new database (`DBImpl::NewDB`), and cannot open what a cut leaves of it. So
 * it is made beside, and has its name once all of it is on the disk.
 */
async function begin(directory: string): Promise<void> {
  const isThere = await stat(directory).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (isThere) return;
  const beside = `${directory}.new`;
  const made = new Level<string, unknown>(beside);
  await made.open().catch(async (error: unknown) => {
    if (codesOf(error).includes('LEVEL_LOCKED')) throw error; // another process is at it
    await rm(beside, { recursive: true, force: true }); // left by a cut
    await made.open();
  });
  await made.close();
  for (const name of await readdir(beside)) await syncPath(path.join(beside, name));
  await syncPath(beside);
  await rename(beside, directory);
  await syncPath(path.dirname(directory));
}

/** @throws Refusal `directory-in-use` when another process has it open, `disk-full`, `store-damaged` */
export async function openLevel<L extends Database>(db: L, directory: string): Promise<L> {
  try {
    await db.open();
    return db;
  } catch (error) {
    throw whyNot(error, directory);
  }
}

function whyNot(error: unknown, directory: string): Refusal {
  const codes = codesOf(error);
  if (codes.includes('LEVEL_LOCKED')) return new Refusal('directory-in-use', directory, { cause: error });
  if (isErrno(error, 'ENOSPC') || /ENOSPC|No space left/i.test(codes))
    return new Refusal('disk-full', directory, { cause: error });
  return new Refusal('store-damaged', directory, { cause: error });
}

/**
 * What the release after this one has written is opened too, and keeps its number: a new system that does not prove itself
 * leaves the box to the one before it (expand now, contract one release later).
 *
 * @throws Refusal as `openLevel`; `store-newer` when it was written by a release later than that, `store-moved`
 */
export async function openDatabase(directory: string, version: number): Promise<Database> {
  await begin(directory).catch((error: unknown) => {
    throw whyNot(error, directory);
  });
  // Not before: it begins to open itself.
  const db: Database = await openLevel(new Level<string, unknown>(directory, { valueEncoding: 'json' }), directory);
  const found = await db.get('version');
  if (typeof found === 'number' && found > version + 1) {
    await db.close();
    if (found === movedVersion) throw new Refusal('store-moved', directory);
    throw new Refusal('store-newer', `version ${found} in ${directory}; this program knows ${version}`);
  }
  if (found !== version && found !== version + 1) await db.put('version', version, { sync: true } as object);
  return db;
}

/** Makes the index anew from the tables that can be read; nobody may have it open. What cannot be read is left out. */
export const mendDatabase = (directory: string): Promise<void> =>
  (Level as unknown as { repair(location: string): Promise<void> }).repair(directory);

/** Whether a failed write was for want of space. */
export const isDiskFull = (error: unknown): boolean =>
  /ENOSPC|EDQUOT|No space left|quota exceeded/i.test(codesOf(error));
