/** Watches one run of an app until it is ill: often until it is first well, then at its own interval. */
import { once } from 'node:events';
import type { Clock } from '#common/clock.js';
import { type HealthCheck, healthDefaults } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { Look, Seen } from './health-check.js';
import { linkedTo } from './linked.js';

const startingMilliseconds = 1000;

export interface Watch {
  health: HealthCheck;
  /** Undefined where the kind is `ready`. */
  look: Look | undefined;
  /** Resolves when the app has said that it is ready, or the signal came; answers whether it has. */
  ready: (signal: AbortSignal) => Promise<boolean>;
  clock: Clock;
  signal: AbortSignal;
  onWell: () => void;
  /** It failed after it was well; not yet often enough to be ill. */
  onFailing: (refusal: Refusal) => void;
}

/** The signal comes after so many milliseconds at the latest. */
async function within<T>(
  { clock, signal }: Watch,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = linkedTo(signal);
  const done = new AbortController();
  const timer = clock.sleep(milliseconds, done.signal).then(late.abort);
  try {
    return await work(late.signal);
  } finally {
    done.abort();
    await timer;
    late.release();
  }
}

async function watchReady(watch: Watch, graceSeconds: number): Promise<Refusal | undefined> {
  const { signal } = watch;
  if (await within(watch, graceSeconds * 1000, watch.ready)) {
    watch.onWell();
    if (!signal.aborted) await once(signal, 'abort');
  }
  return signal.aborted
    ? undefined
    : new Refusal('app-unhealthy', `it did not say within ${graceSeconds} s that it is ready`);
}

/** Resolves with why it is ill; undefined when the signal came first. */
export async function watchHealth(watch: Watch): Promise<Refusal | undefined> {
  const { health, look, clock, signal } = watch;
  const graceSeconds = health.graceSeconds ?? healthDefaults.graceSeconds;
  if (health.kind === 'ready' || !look) return watchReady(watch, graceSeconds);

  const intervalMilliseconds = (health.intervalSeconds ?? healthDefaults.intervalSeconds) * 1000;
  const timeoutMilliseconds = (health.timeoutSeconds ?? healthDefaults.timeoutSeconds) * 1000;
  const allowed = health.failures ?? healthDefaults.failures;
  const startedAt = clock.now();
  let wasWell = false;
  let failures = 0;
  while (!signal.aborted) {
    const seen: Seen = await within(watch, timeoutMilliseconds, look);
    if (signal.aborted) break;
    if (seen === 'well') {
      wasWell = true;
      failures = 0;
      watch.onWell();
    } else if (seen !== 'unknown' && (wasWell || clock.now() - startedAt >= graceSeconds * 1000)) {
      failures += 1;
      const refusal = new Refusal('app-unhealthy', seen.why);
      // Before it was ever well the grace is what it may fail for.
      if (failures >= allowed || !wasWell) return refusal;
      watch.onFailing(refusal);
    }
    await clock.sleep(wasWell ? intervalMilliseconds : Math.min(startingMilliseconds, intervalMilliseconds), signal);
  }
  return undefined;
}
