/** What a back end remembers of messages: how far it has come in each stream, and what each box answers to. */
import { type Static, Type } from 'typebox';
import type { Files } from '#common/files.js';
import { PublicJwk } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export const Remembered = Type.Object(
  {
    /** `{box}/{app}/{name}/{stream}` to the last number that was taken care of. */
    streams: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
    /** `{box}/{app}` to the key that answers are encrypted to. */
    replies: Type.Record(Type.String(), PublicJwk),
  },
  { additionalProperties: true },
);
export type Remembered = Static<typeof Remembered>;

/** A database can take the place of the file: what `save` has resolved for must be there when it is read again. */
export interface Memory {
  load(): Promise<Remembered>;
  save(remembered: Remembered): Promise<void>;
}

export function memoryInFile(files: Files, file: string): Memory {
  return {
    async load() {
      const bytes = await files.read(file);
      if (!bytes) return { streams: {}, replies: {} };
      const read = parseJson(Remembered, bytes);
      if (!read.ok) throw new Refusal('file-unreadable', `${file}: ${describeFaults(read.faults)}`);
      return read.value;
    },
    save: (remembered) => files.write(file, `${JSON.stringify(remembered)}\n`, 0o600),
  };
}
