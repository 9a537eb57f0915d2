/** What apps run in, behind the runner: podman's containers, or processes of a developer's machine. */
import type { Sandbox } from '#contract/installed.js';
import type { Refusal } from '#contract/problems.js';
import type { RunApp, Runner } from './runner.js';

/** What runs, and since when: a new start of the same container is another run. */
export interface Run {
  container: string;
  startedAt: string;
  /** Its first process, as this machine counts; absent where the engine does not tell. */
  pid?: number;
}

/** What a health check needs of the place that an app runs in. */
export interface Inside {
  /** Runs the command there and answers how it ended; null when the signal came first. */
  exec(command: readonly string[], signal: AbortSignal): Promise<number | null>;
  /** Where on this machine the app's run directory is; undefined when it is gone. What lies in it is the app's. */
  runDirectory(): Promise<string | undefined>;
}

export interface Engine extends Pick<Runner, 'load' | 'images' | 'unload' | 'leftovers' | 'logs'> {
  readonly sandbox: Sandbox;
  open(): Promise<void>;
  close(): void;
  /**
   * Makes, starts or adopts the one run of the app.
   * @throws Refusal why it cannot be started
   */
  obtain(app: RunApp): Promise<Run>;
  /** Resolves when it has ended; rejects where that cannot be known now, or the signal came. */
  ended(run: Run, signal: AbortSignal): Promise<void>;
  /** Why it ended. */
  causeOf(run: Run): Promise<Refusal>;
  inside(id: string, run: Run): Inside;
  /** SIGTERM, then SIGKILL. Nothing happens where it has ended. */
  stop(id: string): Promise<void>;
  /** What is left of it when it was stopped: its run directory, and what it printed. */
  remove(id: string): Promise<void>;
}
