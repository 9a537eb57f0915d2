/**
 * That an app said it is ready, kept for the agent that comes after this one: the app says it once. It holds for one run
 * of it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Run } from './engine.js';

export interface ReadyFiles {
  has(id: string, run: Run): boolean;
  add(id: string, run: Run): void;
  forget(id: string): void;
}

export function createReadyFiles({ directory }: { directory: string }): ReadyFiles {
  const fileOf = (id: string): string => path.join(directory, `${id}.ready`);
  const textOf = ({ container, startedAt }: Run): string => `${container} ${startedAt}\n`;
  return {
    has(id, run) {
      try {
        return readFileSync(fileOf(id), 'utf8') === textOf(run);
      } catch {
        return false;
      }
    },
    add: (id, run) => writeFileSync(fileOf(id), textOf(run), { mode: 0o600 }),
    forget: (id) => rmSync(fileOf(id), { force: true }),
  };
}
