/** Watches one run of an app until it is ill: often until it is first well, then at its own interval. */
import type { Clock } from '#common/clock.js';
import { type HealthCheck, healthDefaults } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { Look } from './health-check.js';

const startingMilliseconds = 1000;

export interface Ready {
  /** Resolves when the app has said so, or the signal came. */
  said(signal: AbortSignal): Promise<boolean>;
}

async function within(
  clock: Clock,
  milliseconds: number,
  look: Look,
  signal: AbortSignal,
): Promise<string | undefined> {
  const late = new AbortController();
  const done = new AbortController();
  const end = () => late.abort();
  signal.addEventListener('abort', end);
  const timer = clock.sleep(milliseconds, done.signal).then(end);
  try {
    return await look(late.signal);
  } finally {
    done.abort();
    await timer;
    signal.removeEventListener('abort', end);
  }
}

async function waitForReady(
  ready: Ready,
  { clock, graceMilliseconds, signal }: { clock: Clock; graceMilliseconds: number; signal: AbortSignal },
): Promise<boolean> {
  const late = new AbortController();
  const end = () => late.abort();
  signal.addEventListener('abort', end);
  const done = new AbortController();
  const timer = clock.sleep(graceMilliseconds, done.signal).then(end);
  const said = await ready.said(late.signal);
  done.abort();
  await timer;
  signal.removeEventListener('abort', end);
  return said;
}

/** Resolves with why it is ill; undefined when the signal came first. */
export async function watchHealth({
  health,
  look,
  ready,
  clock,
  signal,
  onWell,
  onFailing,
}: {
  health: HealthCheck;
  /** Undefined where the kind is `ready`. */
  look: Look | undefined;
  ready: Ready;
  clock: Clock;
  signal: AbortSignal;
  onWell: () => void;
  /** It failed after it was well; not yet often enough to be ill. */
  onFailing: (refusal: Refusal) => void;
}): Promise<Refusal | undefined> {
  const graceSeconds = health.graceSeconds ?? healthDefaults.graceSeconds;
  const graceMilliseconds = graceSeconds * 1000;
  if (health.kind === 'ready' || !look) {
    if (await waitForReady(ready, { clock, graceMilliseconds, signal })) {
      onWell();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return undefined;
    }
    return signal.aborted
      ? undefined
      : new Refusal('app-unhealthy', `it did not say within ${graceSeconds} s that it is ready`);
  }

  const intervalMilliseconds = (health.intervalSeconds ?? healthDefaults.intervalSeconds) * 1000;
  const timeoutMilliseconds = (health.timeoutSeconds ?? healthDefaults.timeoutSeconds) * 1000;
  const allowed = health.failures ?? healthDefaults.failures;
  const startedAt = clock.now();
  let wasWell = false;
  let failures = 0;
  while (!signal.aborted) {
    const seen = await within(clock, timeoutMilliseconds, look, signal);
    if (signal.aborted) return undefined;
    if (seen === undefined) {
      wasWell = true;
      failures = 0;
      onWell();
    } else if (wasWell || clock.now() - startedAt >= graceMilliseconds) {
      failures += 1;
      const refusal = new Refusal('app-unhealthy', seen);
      if (failures >= allowed || !wasWell) return refusal;
      onFailing(refusal);
    }
    await clock.sleep(wasWell ? intervalMilliseconds : Math.min(startingMilliseconds, intervalMilliseconds), signal);
  }
  return undefined;
}
