/** One run of a program, in a process group of its own: ended whole and in good order, its output read to the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Clock } from '#common/clock.js';
import { type Leftovers, signalGroup } from './leftovers.js';
import type { OutputLog } from './output-log.js';

const drainMilliseconds = 1000;

export interface Launch {
  id: string;
  command: readonly string[];
  directory: string;
  environment: Record<string, string>;
}

export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Begun {
  pid: number;
  /** Resolves when the process, and what it left of its group, has ended, and what it printed is written. */
  ended: Promise<End>;
  /** Asked first, SIGTERM to the group where nothing else is said; SIGKILL after the grace. Resolves as `ended`. */
  end(graceMilliseconds: number, ask?: () => void): Promise<End>;
  /** The group. */
  kill(): void;
}

/** @throws Error when it cannot be started */
export async function begin({
  launch,
  leftovers,
  output,
  clock,
  onTold,
}: {
  launch: Launch;
  leftovers: Leftovers;
  output: OutputLog;
  clock: Clock;
  /** Given, the program has a descriptor 3 to tell us something on. */
  onTold?: (told: Readable) => void;
}): Promise<Begun> {
  const [file = '', ...parameters] = launch.command;
  const started: ChildProcess = spawn(file, parameters, {
    cwd: launch.directory,
    env: launch.environment,
    detached: true, // a process group of its own, to be ended whole
    stdio: ['ignore', 'pipe', 'pipe', ...(onTold ? (['pipe'] as const) : [])],
  });
  const { stdout, stderr } = started;
  const told = started.stdio[3] as Readable | undefined;
  if (started.pid === undefined || !stdout || !stderr) {
    const [error] = (await once(started, 'error')) as [Error];
    throw error;
  }
  const pid = started.pid;
  leftovers.record(launch.id, pid);
  started.on('error', () => {}); // a signal that could not be sent
  const exit = once(started, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const read = Promise.all([output.follow(stdout), output.follow(stderr)]);
  if (told) onTold?.(told);

  /** A process that left the group may hold the output open for ever: it is not waited for. */
  async function drained(): Promise<void> {
    const done = new AbortController();
    await Promise.race([read.finally(() => done.abort()), clock.sleep(drainMilliseconds, done.signal)]);
    done.abort();
    for (const stream of [stdout, stderr, told]) stream?.destroy();
  }

  async function over(): Promise<End> {
    const [code, signal] = await exit;
    signalGroup(pid, 'SIGKILL'); // children that it left behind hold its output open
    leftovers.forget(launch.id);
    await drained();
    return { code, signal };
  }
  const ended = over();

  const runs = (): boolean => started.exitCode === null && started.signalCode === null;
  const kill = (): void => {
    if (runs()) signalGroup(pid, 'SIGKILL');
  };

  return {
    pid,
    ended,
    kill,
    async end(graceMilliseconds, ask = () => void signalGroup(pid, 'SIGTERM')) {
      if (runs()) ask();
      const done = new AbortController();
      const late = clock.sleep(graceMilliseconds, done.signal).then(() => {
        if (!done.signal.aborted) kill();
      });
      await exit;
      done.abort();
      await late;
      return ended;
    },
  };
}
