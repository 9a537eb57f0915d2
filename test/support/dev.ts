/** `webizen app dev` as a developer runs it: a process, what it prints, and what it leaves behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { ownFolder } from './folder.js';
import { command, type Finished } from './provider.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface Bench {
  folder: string;
  at(...names: string[]): string;
  /** To its end. */
  webizen(...args: string[]): Finished;
  /** `webizen app dev ARGS`. */
  dev(...args: string[]): Dev;
  /** The same behind a terminal, as util-linux's script makes one. */
  devAtTerminal(...args: string[]): Dev;
  /** Those that have its folder in their command line. */
  processes(): { pid: number; line: string }[];
  /** What of all its boxes still runs or lies about: processes, sockets, files of the time. */
  remains(): Promise<string[]>;
}

export interface Dev {
  child: ChildProcess;
  /** All that it has printed so far. */
  text(): string;
  /** The first line from `from` on that this matches, once it is there. Rejects when the program ends before. */
  line(pattern: RegExp, from?: number): Promise<string>;
  /** So many lines it has printed: where to look on from. */
  mark(): number;
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** No zombie: it waits for a parent that may never look. */
function isAlive(pid: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
  } catch {
    return false;
  }
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function follow(child: ChildProcess): Dev {
  const lines: string[] = [];
  const news = new EventEmitter().setMaxListeners(100);
  let rest = '';
  let text = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const parts = (rest + piece).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      news.emit('news');
    });
  const gone = once(child, 'close').then(() => {
    ended = true;
    news.emit('news');
  });
  return {
    child,
    text: () => text,
    mark: () => lines.length,
    line: (pattern, from = 0) =>
      new Promise((resolve, reject) => {
        const over = AbortSignal.timeout(60_000);
        const look = () => {
          const found = lines.slice(from).find((line) => pattern.test(line));
          if (found === undefined && !ended && !over.aborted) return;
          news.off('news', look);
          if (found === undefined) reject(new Error(`it has not said ${pattern}:\n${text.slice(-3000)}`));
          else resolve(found);
        };
        over.addEventListener('abort', look);
        news.on('news', look);
        look();
      }),
    async end(signal = 'SIGINT') {
      if (!ended) child.kill(signal);
      await gone;
      return child.exitCode;
    },
  };
}

export async function devBench(t: Teardown): Promise<Bench> {
  const folder = await ownFolder(t);
  const temporary = path.join(folder, 'tmp');
  await mkdir(temporary);
  const env = { PATH: process.env.PATH ?? '', HOME: folder, TMPDIR: temporary };
  const start = (program: string, args: string[], input: 'ignore' | 'pipe'): Dev => {
    const child = spawn(program, args, { cwd: folder, env, stdio: [input, 'pipe', 'pipe'] });
    const dev = follow(child);
    t.teardown(() => dev.end('SIGTERM'));
    return dev;
  };
  const processes = () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && isAlive(name))
      .map((pid) => ({ pid: Number(pid), line: commandLineOf(pid) }))
      .filter(({ line }) => line.includes(folder));
  return {
    folder,
    at: (...names) => path.join(folder, ...names),
    webizen(...args) {
      const all = [command('webizen'), ...args];
      const done = spawnSync(process.execPath, all, { cwd: folder, env, encoding: 'utf8', timeout: 120_000 });
      return { status: done.status, stdout: done.stdout, stderr: done.stderr };
    },
    dev: (...args) => start(process.execPath, [command('webizen'), 'app', 'dev', ...args], 'ignore'),
    devAtTerminal(...args) {
      const words = [process.execPath, command('webizen'), 'app', 'dev', ...args];
      return start('script', ['--quiet', '--flush', '--return', '--command', words.join(' '), '/dev/null'], 'pipe');
    },
    processes,
    remains: async () => [...processes().map(({ line }) => line), ...(await readdir(temporary))],
  };
}
