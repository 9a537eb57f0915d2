/**
 * What an app prints, in a file that cannot fill the disk: at 1 MiB it becomes `{file}.1`, in place of the one before.
 * The app is read only as fast as the disk takes it.
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { isErrno } from '#common/files.js';

export const maxLogBytes = 1024 * 1024;

/** The last bytes of it, from the beginning of a line where there is one; empty where nothing was printed. */
export async function endOf(file: string, tailBytes: number): Promise<string> {
  const read = (one: string): Promise<Buffer> =>
    readFile(one).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
      throw error;
    });
  const now = await read(file);
  const all = now.length < tailBytes ? Buffer.concat([await read(`${file}.1`), now]) : now;
  if (all.length <= tailBytes) return all.toString('utf8');
  const tail = all.subarray(all.length - tailBytes);
  return tail.subarray(tail.indexOf('\n') + 1).toString('utf8');
}

export interface OutputLog {
  /** Resolves when the stream has ended and is written. */
  follow(stream: Readable): Promise<void>;
  /** A line of the agent's own. */
  note(line: string): Promise<void>;
  close(): Promise<void>;
}

export function createOutputLog({
  file,
  maxBytes = maxLogBytes,
  onChunk = () => {},
  onError,
}: {
  file: string;
  maxBytes?: number;
  /** What was printed, as it comes. */
  onChunk?: (chunk: Buffer) => void;
  /** The disk is full, most likely: the app runs on without its log. */
  onError: (error: unknown) => void;
}): OutputLog {
  let handle: FileHandle | undefined;
  let size = 0;
  let last: Promise<void> = Promise.resolve();

  async function append(chunk: Buffer): Promise<void> {
    if (!handle) {
      handle = await open(file, 'a', 0o600);
      size = (await handle.stat()).size;
    }
    if (size > 0 && size + chunk.length > maxBytes) {
      await handle.close();
      handle = undefined;
      await rename(file, `${file}.1`);
      handle = await open(file, 'a', 0o600);
      size = 0;
    }
    await handle.appendFile(chunk);
    size += chunk.length;
  }

  /** Writers take turns: stdout and stderr share the file. */
  const write = (chunk: Buffer): Promise<void> => {
    last = last.then(() => append(chunk)).catch(onError);
    return last;
  };

  return {
    async follow(stream) {
      try {
        for await (const chunk of stream) {
          const bytes = Buffer.from(chunk as Uint8Array);
          onChunk(bytes);
          await write(bytes);
        }
      } catch (error) {
        onError(error);
      }
    },
    note: (line) => write(Buffer.from(`${line}\n`)),
    async close() {
      await last;
      await handle?.close();
      handle = undefined;
    },
  };
}
