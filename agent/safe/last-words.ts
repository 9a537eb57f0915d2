/**
 * What is known of how a start ended: what the agent itself could still say, and what systemd found (the unit's
 * ExecStopPost leaves $SERVICE_RESULT, systemd.exec(5)). Both lie in the runtime directory and are read once.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { StartEnd, StartFault } from '#contract/safe.js';

const wordsIn = (runtimeDir: string): string => path.join(runtimeDir, 'last-words');
const endedIn = (runtimeDir: string): string => path.join(runtimeDir, 'ended');

const ends: Readonly<Record<string, StartEnd>> = {
  'exit-code': 'error',
  watchdog: 'watchdog',
  'oom-kill': 'out-of-memory',
  signal: 'killed',
  'core-dump': 'killed',
  timeout: 'timeout',
  protocol: 'timeout',
};

/** At once and whatever happens: the process is about to end. */
export function sayLastWords(runtimeDir: string, error: unknown): void {
  const said = error instanceof Refusal ? `${error.code}: ${error.message}` : String(error);
  try {
    writeFileSync(wordsIn(runtimeDir), said.split('\n', 1)[0]?.slice(0, 300) ?? '', { mode: 0o600 });
  } catch {
    // there is no such directory yet, or no room in it: it ends without
  }
}

/** And forgets them: they are about the start before, if that did not last. */
export async function takeLastWords(files: Files, runtimeDir: string): Promise<Pick<StartFault, 'end' | 'error'>> {
  async function take(file: string): Promise<string> {
    try {
      const text = (await files.read(file))?.toString('utf8').trim() ?? '';
      if (text !== '') await files.remove(file);
      return text.replace(/\p{Cc}/gu, ' ').slice(0, 300);
    } catch {
      return '';
    }
  }
  const error = (await take(wordsIn(runtimeDir))) || null;
  const end = ends[await take(endedIn(runtimeDir))] ?? (error === null ? null : 'error');
  return { end, error };
}
