/**
 * What has been added to the outbox and not committed yet, in a file in memory (tmpfs): it outlives the agent, however
 * it ends, and ends with the machine. A card that is written once a batch interval lives longer than one that is written
 * each minute.
 *
 * The first line says in which boot it was begun: only in that boot all that was added stands in it.
 */
import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { isErrno } from '#common/files.js';
import { Epoch, Sample } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';

const Head = Type.Object({ boot: Type.String() });
export const Spooled = Type.Object({
  epoch: Epoch,
  sample: Sample,
  uncertain: Type.Optional(Type.Object({ boot: Type.String(), monotonic: Type.Number() })),
});
export type Spooled = Type.Static<typeof Spooled>;

export interface Spool {
  /** What the agent before left. `whole`: nothing that it added is missing. */
  left(): Promise<{ entries: Spooled[]; whole: boolean }>;
  /** Empty, of this boot; replaces what was left. */
  begin(): Promise<void>;
  append(entry: Spooled): Promise<void>;
  /** All of it is committed. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export function createSpool({ file, boot }: { file: string; boot: string }): Spool {
  const head = Buffer.from(`${JSON.stringify({ boot })}\n`);
  let handle: FileHandle | undefined;

  return {
    async left() {
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return { entries: [], whole: false };
        throw error;
      }
      const [first = '', ...lines] = text.split('\n').slice(0, -1); // a line that a kill cut has no end
      const begun = parseJson(Head, first);
      const entries: Spooled[] = [];
      for (const line of lines) {
        const entry = parseJson(Spooled, line);
        if (!entry.ok) break;
        entries.push(entry.value);
      }
      return { entries, whole: begun.ok && begun.value.boot === boot && entries.length === lines.length };
    },
    async begin() {
      const beside = `${file}.new`;
      await writeFile(beside, head, { mode: 0o600 });
      await rename(beside, file);
      handle = await open(file, 'a');
    },
    async append(entry) {
      if (!handle) throw new Error(`${file} has not begun`);
      await handle.appendFile(`${JSON.stringify(entry)}\n`);
    },
    async clear() {
      await handle?.truncate(head.length);
    },
    async close() {
      await handle?.close();
      handle = undefined;
    },
  };
}
