/** Keeps one app running as a child process: restarts it with growing pauses, ends it in good order. */
import type { Clock } from '#common/clock.js';
import type { AppState } from '#contract/status.js';
import type { Leftovers } from './leftovers.js';
import type { OutputLog } from './output-log.js';
import { type Begun, begin, type Launch } from './process.js';

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
  let begun: Begun | undefined;
  let stopping: AbortController | undefined;
  let running: Promise<void> | undefined;

  function become(next: AppState): void {
    state = next;
    onChange();
  }

  /** Resolves when the process, and what it left of its group, has ended. */
  async function runOnce(signal: AbortSignal): Promise<void> {
    become('starting');
    let current: Begun;
    try {
      current = await begin({ launch, leftovers, output, clock });
    } catch (error) {
      await output.note(`webizen: cannot start: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    begun = current;
    become('running');
    const end = () => void current.end(graceMilliseconds);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const { code, signal: name } = await current.ended;
    signal.removeEventListener('abort', end);
    begun = undefined;
    await output.note(`webizen: ended ${name ? `by ${name}` : `with code ${code}`}`);
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
    pid: () => begun?.pid ?? null,
    restarts: () => restarts,
  };
}
