/** Files that survive a pulled plug: written beside, synced, renamed, and the directory synced after them. */
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';

export interface Files {
  /** Undefined when there is no such file. */
  read(file: string): Promise<Buffer | undefined>;
  /** Whole or not at all, also across a power cut. */
  write(file: string, data: string | Uint8Array, mode?: number): Promise<void>;
  remove(file: string): Promise<void>;
  /** As `remove`, after what it holds has been overwritten: for keys. A flash disk may keep a copy all the same. */
  destroy(file: string): Promise<void>;
}

/** Onto the disk: what a file holds, or the names in a directory. */
export async function syncPath(place: string): Promise<void> {
  const handle = await open(place, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const files: Files = {
  async read(file) {
    try {
      return await readFile(file);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  },
  async write(file, data, mode = 0o600) {
    const beside = `${file}.new`;
    await rm(beside, { force: true }); // left by a cut; its mode may differ
    const handle = await open(beside, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    await syncPath(path.dirname(file));
  },
  async remove(file) {
    await rm(file, { force: true });
    await syncPath(path.dirname(file));
  },
  async destroy(file) {
    // Under its own name it is whole or not there, wherever a cut comes: what is half destroyed would be read as damaged.
    const gone = `${file}.gone`;
    try {
      await rename(file, gone);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    try {
      const handle = await open(gone, 'r+');
      try {
        const { size } = await handle.stat();
        await handle.write(Buffer.alloc(size), 0, size, 0);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      return;
    }
    await files.remove(gone);
  },
};

export const isErrno = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * Makes the directory (0700) or takes over one that is ours.
 * @throws Refusal `directory-owner` when it belongs to another user or others can read it, `disk-full`
 */
export async function ownDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (isErrno(error, 'ENOSPC')) throw new Refusal('disk-full', directory, { cause: error });
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR'))
      throw new Refusal('directory-owner', `cannot make ${directory}`, { cause: error });
    throw error;
  }
  const stat = await lstat(directory);
  if (!stat.isDirectory()) throw new Refusal('directory-owner', `${directory} is not a directory`);
  const user = process.getuid?.();
  if (user !== undefined && stat.uid !== user)
    throw new Refusal('directory-owner', `${directory} belongs to user ${stat.uid}, this program runs as user ${user}`);
  if ((stat.mode & 0o077) !== 0)
    throw new Refusal('directory-owner', `${directory} has mode ${(stat.mode & 0o777).toString(8)}, not 700`);
}

/** The kernel's `sun_path` holds 108 bytes with its closing zero (unix(7)). */
export const maxSocketPathBytes = 107;

export function checkSocketPath(socket: string): void {
  const bytes = Buffer.byteLength(socket);
  if (bytes > maxSocketPathBytes) throw new Refusal('socket-path-too-long', `${socket} is ${bytes} bytes long`);
}

/** Removes what a killed process left, so that the path can be bound again. */
export async function clearSocket(socket: string): Promise<void> {
  checkSocketPath(socket);
  await rm(socket, { force: true });
}
