/** Keeps one app running as a child process: restarts it with growing pauses, ends it in good order. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '#common/clock.js';
import type { AppState } from '#contract/status.js';
import { type Leftovers, signalGroup } from './leftovers.js';
import type { OutputLog } from './output-log.js';

export interface Supervisor {
  start(): void;
  /** SIGTERM to the app's process group; SIGKILL to what is left of it after 10 s. */
  stop(): Promise<void>;
  state(): AppState;
  pid(): number | null;
  /** How often it was started again since the agent started. */
  restarts(): number;
}

const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 60_000;
/** Having run this long, it counts as well: the next pause is the first again. */
const wellMilliseconds = 60_000;
const graceMilliseconds = 10_000;
const drainMilliseconds = 1000;

export interface Launch {
  id: string;
  command: readonly string[];
  directory: string;
  environment: Record<string, string>;
}

export function createSupervisor({
  launch,
  clock,
  leftovers,
  output,
  onChange,
}: {
  launch: Launch;
  clock: Clock;
  leftovers: Leftovers;
  output: OutputLog;
  onChange: () => void;
}): Supervisor {
  let state: AppState = 'stopped';
  let restarts = 0;
  let child: ChildProcess | undefined;
  let stopping: AbortController | undefined;
  let running: Promise<void> | undefined;

  function become(next: AppState): void {
    state = next;
    onChange();
  }

  /** Resolves when the process, and what it left of its group, has ended. */
  async function runOnce(signal: AbortSignal): Promise<void> {
    const [file = '', ...parameters] = launch.command;
    become('starting');
    const started = spawn(file, parameters, {
      cwd: launch.directory,
      env: launch.environment,
      detached: true, // a process group of its own, to be ended whole
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = started;
    if (pid === undefined) {
      const [error] = (await once(started, 'error')) as [Error];
      await output.note(`webizen: cannot start: ${error.message}`);
      return;
    }
    leftovers.record(launch.id, pid);
    child = started;
    started.on('error', () => {}); // a signal that could not be sent
    become('running');
    const exit = once(started, 'exit');
    const read = Promise.all([output.follow(started.stdout), output.follow(started.stderr)]);
    const end = () => signalGroup(pid, 'SIGTERM');
    signal.addEventListener('abort', end);
    const done = new AbortController();
    const killed = killLater(pid, signal, done.signal);
    const [code, name] = (await exit) as [number | null, NodeJS.Signals | null];
    signal.removeEventListener('abort', end);
    done.abort();
    await killed;
    signalGroup(pid, 'SIGKILL'); // children that it left behind hold its output open
    child = undefined;
    leftovers.forget(launch.id);
    await drained(read, started);
    await output.note(`webizen: ended ${name ? `by ${name}` : `with code ${code}`}`);
  }

  /** A process that left the group may hold the output open for ever: it is not waited for. */
  async function drained(read: Promise<unknown>, started: ChildProcess): Promise<void> {
    const done = new AbortController();
    await Promise.race([read.finally(() => done.abort()), clock.sleep(drainMilliseconds, done.signal)]);
    done.abort();
    started.stdout?.destroy();
    started.stderr?.destroy();
  }

  async function killLater(pid: number, stop: AbortSignal, ended: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      ended.addEventListener('abort', () => resolve());
      // `stop` outlives many runs: the listener goes with this one.
      stop.addEventListener('abort', () => resolve(), { signal: ended });
    });
    if (ended.aborted) return;
    await clock.sleep(graceMilliseconds, ended);
    if (!ended.aborted) signalGroup(pid, 'SIGKILL');
  }

  async function run(signal: AbortSignal): Promise<void> {
    let pause = firstPauseMilliseconds;
    while (!signal.aborted) {
      const startedAt = clock.now();
      await runOnce(signal);
      if (signal.aborted) break;
      if (clock.now() - startedAt >= wellMilliseconds) pause = firstPauseMilliseconds;
      become('backing-off');
      await clock.sleep(pause, signal);
      pause = Math.min(2 * pause, longestPauseMilliseconds);
      if (!signal.aborted) restarts += 1;
    }
    become('stopped');
    await output.close();
  }

  return {
    start() {
      if (stopping) return;
      stopping = new AbortController();
      running = run(stopping.signal);
    },
    async stop() {
      stopping?.abort();
      await running;
      stopping = undefined;
    },
    state: () => state,
    pid: () => child?.pid ?? null,
    restarts: () => restarts,
  };
}
