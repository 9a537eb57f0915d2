/**
 * A file as its disk gives it. What was just written lies in the kernel's cache, and read in the usual way it comes from
 * there: a disk that keeps nothing would pass. open(2), O_DIRECT.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isErrno } from '#common/files.js';

/** Of the memory of WebAssembly, which begins at a page as O_DIRECT wants it; a Buffer does not. */
const [pageBytes, pages] = [64 * 1024, 4];

/** Past the cache where the filesystem can (tmpfs need not). */
const opened = (file: string): Promise<FileHandle> =>
  open(file, constants.O_RDONLY | constants.O_DIRECT).catch((error: unknown) => {
    if (isErrno(error, 'EINVAL', 'EOPNOTSUPP')) return open(file, 'r');
    throw error;
  });

/** The pieces share their memory: each is there until the next is asked for. */
export async function* readFromDisk(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await opened(file);
  try {
    const { size } = await handle.stat();
    const memory = new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
    for (let at = 0; at < size; ) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(memory, 0, pages * pageBytes, at);
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
