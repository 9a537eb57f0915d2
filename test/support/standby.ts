/** Two machines of one territory: directories of their own, one database, and processes that a test kills and stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { askCommand, command, type Finished, freePortBase, type TestProvider } from './provider.js';

export interface Serving {
  child: ChildProcess;
  portBase: number;
  /** Resolves with the line that begins so, said already or to come; rejects when the process ends before. */
  said(beginning: string): Promise<string>;
  /** Resolves with the exit code, and what stood on its stderr. */
  ended: Promise<{ code: number | null; stderr: string }>;
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** To its stdin. */
  tell(line: string): void;
}

export interface Place {
  directory: string;
  database: string;
  portBase: number;
  lease?: string;
  more?: string[];
  /** What is run instead of the built command. */
  program?: string;
}

export function serveOn(t: Test, { directory, database, portBase, lease = '2s', more = [], program }: Place): Serving {
  const args = ['serve', '--dir', directory, '--host', '127.0.0.1', '--port-base', String(portBase)];
  const child = spawn(
    process.execPath,
    [program ?? command('webizen-provider'), ...args, '--database', database, '--lease', lease, ...more],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  child.stdin?.on('error', () => {}); // it was killed
  const lines: string[] = [];
  const waiting: { beginning: string; resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    for (const one of waiting) if (line.startsWith(one.beginning)) one.resolve(line);
  });
  const ended = once(child, 'close').then(([code]) => {
    for (const { beginning, reject } of waiting) reject(new Error(`it ended before "${beginning}": ${stderr}`));
    return { code: code as number | null, stderr };
  });
  const kill = async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  return {
    ...{ child, portBase, ended, kill },
    said(beginning) {
      const found = lines.find((line) => line.startsWith(beginning));
      if (found !== undefined) return Promise.resolve(found);
      return new Promise((resolve, reject) => waiting.push({ beginning, resolve, reject }));
    },
    signal: (name) => void child.kill(name),
    tell: (line) => void child.stdin?.write(`${line}\n`),
  };
}

export interface Pair {
  /** Each a machine that serves, or stands by. */
  first: string;
  second: string;
  database: string;
  /** Of the first's; nothing is listening on the other. */
  otherPorts: number;
  ask(...args: string[]): Promise<Finished>;
}

/** The records of the territory are moved into the database, and its keys brought to a second machine. */
export async function pairOf(provider: TestProvider, database: string): Promise<Pair> {
  const first = provider.directory;
  const folder = path.dirname(first);
  const second = path.join(folder, 'second');
  const carried = path.join(folder, 'carried');
  const ask = (...args: string[]) => askCommand('webizen-provider', args);
  for (const args of [
    ['migrate-store', '--control', '--dir', first, '--to', database],
    ['standby', 'export', '--dir', first, '--out', carried],
    ['standby', 'import', '--dir', second, '--from', carried],
  ]) {
    const done = await ask(...args);
    if (done.status !== 0) throw new Error(`${args.join(' ')}: ${done.stderr}`);
  }
  return { first, second, database, otherPorts: await freePortBase(), ask };
}
