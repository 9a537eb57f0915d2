/**
 * The apps' storage in a process that kills itself with SIGKILL before one effect: `node storage-child.js FOLDER ACTION CUT`.
 * Each write of a file and each commit is an event, counted from 1 once the storage is open; its name is printed, and before
 * the CUT-th it dies. What was acknowledged is printed too. `cutStorage` runs it once for each event.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { type Files, files } from '#common/files.js';
import { createStorage, type Storage } from '../../agent/storage/storage.js';
import { openStore, type Store } from '../../agent/store/store.js';
import { keysIn } from './stored-values.js';

const quota = { id: 'a', quotaBytes: 2 ** 30 };
const put = (key: string, value: Buffer) => ({ op: 'put' as const, key, value, contentType: 'text/plain' });

/** Of the action `writes`: what each key holds once it was written; every third goes again. */
export const fillOf = (n: number): Buffer => Buffer.alloc(n % 4 === 0 ? 5000 : 10, n);
export const isDeleted = (n: number): boolean => n % 3 === 0;
export const writeCount = 7;

const actions = {
  first: async (storage: Storage, say: (what: string) => void) => {
    await storage.write(quota, [put('k', Buffer.from('value'))]);
    say('k');
  },
  writes: async (storage: Storage, say: (what: string) => void) => {
    for (let n = 0; n < writeCount; n += 1) {
      await storage.write(quota, [put(`k${n}`, fillOf(n))]);
      say(`k${n}`);
      if (!isDeleted(n)) continue;
      await storage.write(quota, [{ op: 'delete', key: `k${n}` }]);
      say(`-k${n}`);
    }
  },
  forget: async (storage: Storage, say: (what: string) => void) => {
    await storage.forget('a');
    say('forgotten');
  },
};
export type Action = keyof typeof actions;

const said = 'acknowledged ';

async function run(folder: string, action: Action, cut: number): Promise<void> {
  let count = 0;
  let counting = false;
  const at = (name: string): void => {
    if (!counting) return;
    count += 1;
    writeSync(1, `${name}\n`);
    if (count === cut) process.kill(process.pid, 'SIGKILL');
  };
  const opened = await openStore(folder);
  const store: Store = {
    ...opened,
    async commit(operations) {
      at('before commit');
      await opened.commit(operations);
    },
    async compact(...range) {
      at('before compact');
      await opened.compact(...range);
    },
  };
  const counted: Files = {
    ...files,
    async write(...parameters) {
      at('before write');
      await files.write(...parameters);
    },
    async destroy(file) {
      at('before destroy');
      await files.destroy(file);
    },
  };
  const storage = await createStorage({
    ...{ store, files: counted, clock: systemClock, freeBytes: () => 2 ** 40, onRefused: () => {} },
    keysDirectory: keysIn(folder),
  });
  counting = true;
  await actions[action](storage, (what) => void writeSync(1, `${said}${what}\n`));
  process.exit(0);
}

/** What a cut process left, and what it had acknowledged. `at` names the event. */
export interface Left {
  folder: string;
  acknowledged: string[];
  at: string;
}

/** Runs the action over copies of a folder, cut before each event and once not at all; answers the events' names. */
export async function cutStorage(
  wish: { action: Action; from: string; place: string },
  check: (left: Left) => Promise<void>,
): Promise<string[]> {
  const child = path.resolve('build/test/support/storage-child.js');
  async function at(cut: number, name: string): Promise<string[]> {
    await cp(wish.from, wish.place, { recursive: true });
    const started = spawn(process.execPath, [child, wish.place, wish.action, String(cut)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    started.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await once(started, 'close');
    const lines = printed.split('\n').filter(Boolean);
    const acknowledged = lines.filter((line) => line.startsWith(said)).map((line) => line.slice(said.length));
    await check({ folder: wish.place, acknowledged, at: name });
    await rm(wish.place, { recursive: true });
    return lines.filter((line) => !line.startsWith(said));
  }
  const events = await at(0, 'uncut');
  for (const [index, name] of events.entries()) await at(index + 1, `cut ${name} (${index + 1})`);
  return events;
}

if (process.argv[1]?.endsWith('storage-child.js')) {
  const [folder = '', action = 'first', cut = '0'] = process.argv.slice(2);
  await run(folder, action as Action, Number(cut));
}
