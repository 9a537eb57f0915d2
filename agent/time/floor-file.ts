/** The last time that was authenticated, in a file of its own: it is needed before the store, and outlives it. */
import { type Static, Type } from 'typebox';
import type { Files } from '#common/files.js';
import { Time } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';

export const KeptTime = Type.Object({
  at: Time,
  /** In which boot, and where its monotonic clock stood, in milliseconds. */
  boot: Type.String({ minLength: 1, maxLength: 64 }),
  monotonic: Type.Number({ minimum: 0 }),
});
export type KeptTime = Static<typeof KeptTime>;

export type FloorFile = Pick<Files, 'read' | 'write' | 'remove'>;

export function floorFile(files: FloorFile, file: string) {
  let turn: Promise<unknown> = Promise.resolve();
  /** One write at a time: they share the name of the file that is written beside. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }
  return {
    /** Undefined when there is none, or when a hand has damaged it: then the release is the floor. */
    async read(): Promise<KeptTime | undefined> {
      const bytes = await files.read(file);
      const parsed = bytes && parseJson(KeptTime, bytes);
      return parsed?.ok ? parsed.value : undefined;
    },
    write: (kept: KeptTime): Promise<void> => inTurn(() => files.write(file, JSON.stringify(kept), 0o600)),
    remove: (): Promise<void> => inTurn(() => files.remove(file)),
  };
}
