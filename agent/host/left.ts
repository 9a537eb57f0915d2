/**
 * Why a system was left before it had proved itself, as the machine has written it down: the version in the first line, the
 * reason behind it (image/overlay/usr/lib/webizen/trial). It outlives the restart; the agent of the other system tells it.
 */
import type { Files } from '#common/files.js';

export interface Left {
  /** Undefined where nothing is known of that version. Never rejects. */
  why(version: string): Promise<string | undefined>;
  /** What was written before says nothing of the next try. */
  forget(): Promise<void>;
}

const longest = 400;

/** @param file undefined on a machine that writes none */
export function createLeft(files: Pick<Files, 'read' | 'remove'>, file: string | undefined): Left {
  return {
    async why(version) {
      const read = file === undefined ? undefined : await files.read(file).catch(() => undefined);
      const [first, ...rest] = (read?.subarray(0, 4 * longest).toString('utf8') ?? '').split('\n');
      const why = rest
        .join(' ')
        .replace(/[\p{Cc}\ufffd]+/gu, ' ')
        .trim();
      return first === version && why ? why.slice(0, longest) : undefined;
    },
    async forget() {
      if (file !== undefined) await files.remove(file);
    },
  };
}
