/** The processes and folders of a benchmark: whatever it starts or makes here is gone when it ends, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface Program {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Why it ended, with the end of what it wrote to its standard error. */
  failure(): Error;
  /** With SIGTERM. Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface Workshop {
  folder(): Promise<string>;
  /** Node with these arguments. */
  start(args: readonly string[]): Program;
  /** As `start`; resolves when the program says `ready`, with the lines that it said until then. */
  serve(args: readonly string[]): Promise<Program & { said: string[] }>;
  /** As `start`; resolves at its end with its output. Another command than Node by `command`. */
  output(args: readonly string[], command?: string): Promise<string>;
  /** What else is to be done at the end, the last first. */
  teardown(work: () => unknown): void;
  close(): Promise<void>;
}

export const built = (file: string): string => path.resolve('build', file);

/** A part of the bench that runs in a process of its own. */
export const part = (name: string): string => built(`test/bench/parts/${name}.js`);

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The resident set of a process, in bytes (proc_pid_status(5)). */
export async function residentBytes(pid: number): Promise<number> {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  if (!found) throw new Error(`cannot read the memory of process ${pid}`);
  return Number(found[1]) * 1024;
}

/** CPU time of a process so far, user and system, in milliseconds: the kernel counts it in ticks of 10. */
export async function cpuMilliseconds(pid: number | 'self', whose: 'own' | 'children' = 'own'): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = whose === 'own' ? 11 : 13; // utime and stime, cutime and cstime (proc_pid_stat(5))
  return (fields[at]! + fields[at + 1]!) * 10;
}

const keptErrorBytes = 4000;

export function createWorkshop(): Workshop {
  const programs = new Set<Program>();
  const folders: string[] = [];
  const ends: (() => unknown)[] = [];
  process.once('exit', () => {
    for (const { child } of programs) child.kill('SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  function start(args: readonly string[], { command = process.execPath, talks = false } = {}) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', talks ? 'ipc' : 'ignore'] });
    let complaint = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-keptErrorBytes);
    });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.once('error', (error) => {
      complaint += error.message;
    });
    const program = {
      child,
      pid: child.pid ?? 0,
      ended,
      failure: () => new Error(`${command} ${args.join(' ')} ended with ${child.exitCode}: ${complaint}`),
      async stop() {
        child.kill('SIGTERM');
        await ended;
      },
    };
    programs.add(program);
    void ended.then(() => programs.delete(program));
    return program;
  }

  return {
    async folder() {
      const made = await mkdtemp(path.join(tmpdir(), 'wz-bench-'));
      folders.push(made);
      return made;
    },
    start(args) {
      const program = start(args);
      program.child.stdout!.resume();
      return program;
    },
    async serve(args) {
      const program = start(args, { talks: true });
      const said: string[] = [];
      for await (const line of createInterface({ input: program.child.stdout! })) {
        if (line === 'ready') {
          program.child.stdout!.resume();
          return { ...program, said };
        }
        said.push(line);
      }
      await program.ended;
      throw program.failure();
    },
    async output(args, command) {
      const program = start(args, command ? { command } : {});
      let text = '';
      program.child.stdout!.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      await program.ended;
      if (program.child.exitCode !== 0) throw program.failure();
      return text;
    },
    teardown: (work) => void ends.push(work),
    async close() {
      for (let end = ends.pop(); end; end = ends.pop()) await end();
      await Promise.all([...programs].map((program) => program.stop()));
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    },
  };
}

/** Asks a part of the bench by message and awaits its answer. */
export async function ask(program: Program, question: object): Promise<unknown> {
  const over = new AbortController(); // a part that is asked ten thousand times keeps no listener of each
  const { signal } = over;
  const answered = once(program.child, 'message', { signal });
  const ended = once(program.child, 'close', { signal }).then(() => Promise.reject(program.failure()));
  program.child.send(question);
  try {
    const [answer] = await Promise.race([answered, ended]);
    return answer;
  } finally {
    over.abort();
  }
}
