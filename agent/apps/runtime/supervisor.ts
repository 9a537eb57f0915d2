/**
 * Keeps one app running: adopts the run that there is, starts it again with growing pauses where it ended or is ill. It
 * is left running when the agent ends.
 */
import type { Static } from 'typebox';
import type { Clock } from '#common/clock.js';
import type { Told } from '#contract/changes.js';
import { Refusal } from '#contract/problems.js';
import type { AppState } from '#contract/status.js';
import { told } from './causes.js';
import type { Engine, Run } from './engine.js';
import { createLook } from './health-check.js';
import { watchHealth } from './health-watch.js';
import { linkedTo } from './linked.js';
import type { RunApp } from './runner.js';

const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 60_000;
/** Having run this long, it counts as well: the next pause is the first again. */
const wellMilliseconds = 60_000;

export interface Supervised {
  readonly release: string;
  start(): void;
  /** Resolves once nobody watches any more; the app runs on. */
  leave(): Promise<void>;
  settled(signal: AbortSignal): Promise<void>;
  ready(): void;
  state(): AppState;
  health(): Static<typeof Told> | null;
  restarts(): number;
  pid(): number | null;
}

export function createSupervised({
  app,
  engine,
  ready,
  clock,
  onChange,
}: {
  app: RunApp;
  engine: Pick<Engine, 'obtain' | 'ended' | 'causeOf' | 'inside' | 'stop'>;
  /** That a run said it is ready, remembered across the agent's own restarts. */
  ready: { has(run: Run): boolean; add(run: Run): void };
  clock: Clock;
  onChange: () => void;
}): Supervised {
  const leaving = new AbortController();
  const waiters = new Set<() => void>();
  let state: AppState = 'stopped';
  let restarts = 0;
  let problem: Refusal | undefined;
  let wasWell = false;
  let run: Run | undefined;
  /** An app may be quicker than the engine's answer that it was started. */
  let saidEarly = false;
  let done: Promise<void> | undefined;

  function tell(next: AppState, fault: Refusal | undefined): void {
    const same = state === next && problem?.code === fault?.code && problem?.detail === fault?.detail;
    state = next;
    problem = fault;
    for (const waiter of [...waiters]) waiter();
    if (!same) onChange();
  }

  function well(): void {
    wasWell = true;
    tell('running', undefined);
  }

  /** Resolves when the condition holds or the signal came; looked at again whenever something was told. */
  function until(condition: () => boolean, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition() && !signal.aborted) return;
        waiters.delete(look);
        signal.removeEventListener('abort', look);
        resolve(condition());
      };
      waiters.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  /** An engine that cannot be asked says nothing about the app, which runs on without it. */
  async function ended(current: Run, signal: AbortSignal): Promise<undefined> {
    for (let pause = firstPauseMilliseconds; !signal.aborted; pause = Math.min(2 * pause, longestPauseMilliseconds)) {
      try {
        await engine.ended(current, signal);
        return;
      } catch {
        await clock.sleep(pause, signal);
      }
    }
  }

  /** Resolves with why this run came to its end; undefined when it was left. */
  async function runOnce(): Promise<Refusal | undefined> {
    saidEarly = false;
    const current = await engine.obtain(app);
    run = current;
    if (saidEarly) ready.add(current);
    const { health } = app.manifest;
    const watching = linkedTo(leaving.signal);
    const over = ended(current, watching.signal);
    const ill = watchHealth({
      health,
      look: health.kind === 'ready' ? undefined : createLook(health, engine.inside(app.id, current)),
      ready: (signal) => until(() => ready.has(current), signal),
      clock,
      signal: watching.signal,
      onWell: well,
      onFailing: (refusal) => tell('running', refusal),
    });
    const fault = await Promise.race([over, ill]);
    watching.abort();
    watching.release();
    await Promise.all([over, ill]);
    run = undefined;
    if (leaving.signal.aborted) return undefined;
    if (!fault) return engine.causeOf(current);
    await engine.stop(app.id);
    return fault;
  }

  async function supervise(): Promise<void> {
    let pause = firstPauseMilliseconds;
    while (!leaving.signal.aborted) {
      const startedAt = clock.now();
      tell('starting', problem);
      const fault = await runOnce().catch((error: unknown) =>
        error instanceof Refusal ? error : new Refusal('runtime-failed', String(error), { cause: error }),
      );
      if (leaving.signal.aborted) break;
      if (clock.now() - startedAt >= wellMilliseconds) pause = firstPauseMilliseconds;
      tell('backing-off', fault);
      await clock.sleep(pause, leaving.signal);
      pause = Math.min(2 * pause, longestPauseMilliseconds);
      if (!leaving.signal.aborted) restarts += 1;
    }
    // It runs on, so nothing is told; but whoever waits for it has waited enough.
    for (const waiter of [...waiters]) waiter();
  }

  return {
    release: app.release,
    start() {
      done ??= supervise();
    },
    async leave() {
      leaving.abort();
      await done;
    },
    async settled(signal) {
      const over = () => wasWell || state === 'backing-off' || leaving.signal.aborted || problem !== undefined;
      if (!(await until(over, signal))) signal.throwIfAborted();
      if (wasWell) return;
      throw problem ?? new Refusal('app-start-failed', 'it was stopped before its first health check');
    },
    ready() {
      if (run) ready.add(run);
      else saidEarly = true;
      for (const waiter of [...waiters]) waiter();
    },
    state: () => state,
    health: () => (problem ? told(problem) : null),
    restarts: () => restarts,
    pid: () => run?.pid ?? null,
  };
}
