/**
 * The timed gate behind a start of the new system: all that ran before must work, for a while on end, within so long after
 * the machine started. The machine's own time since its start counts, so that neither a clock that is put right nor an
 * agent that starts again and again moves the end.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';

/** What worked under the system before: of the rest nothing is asked. */
export interface Before {
  apps: readonly string[];
  isOnline: boolean;
}

/** In words what does not work, nothing where all does. Never rejects, and ends when the signal aborts. */
export type LocalHealth = (before: Before, signal: AbortSignal) => Promise<string[]>;

export interface GateLimits {
  /** Since the machine started. */
  limitMilliseconds: number;
  /** It works for so long on end. */
  settledMilliseconds: number;
  pauseMilliseconds: number;
}

export const usualGate: GateLimits = {
  limitMilliseconds: 15 * 60_000,
  settledMilliseconds: 30_000,
  pauseMilliseconds: 3000,
};

/** @param accept what is done once it has opened; where that fails, it is tried again. @throws Refusal `os-unhealthy` */
export async function passGate({
  before,
  health,
  clock,
  monotonic,
  limits,
  signal,
  accept,
}: {
  before: Before;
  health: LocalHealth;
  clock: Pick<Clock, 'sleep'>;
  monotonic: () => number;
  limits: GateLimits;
  signal: AbortSignal;
  accept: () => Promise<void>;
}): Promise<void> {
  let wellSince: number | undefined;
  let faults: string[] = ['it was not looked at in time'];
  while (monotonic() < limits.limitMilliseconds) {
    faults = await health(before, signal);
    signal.throwIfAborted();
    const now = monotonic();
    wellSince = faults.length > 0 ? undefined : (wellSince ?? now);
    if (wellSince !== undefined && now - wellSince >= limits.settledMilliseconds) {
      const fault = await accept().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      if (fault === undefined) return;
      signal.throwIfAborted();
      faults = [`it cannot be kept (${fault})`];
    }
    await clock.sleep(limits.pauseMilliseconds, signal);
    signal.throwIfAborted();
  }
  throw new Refusal(
    'os-unhealthy',
    (faults.length > 0 ? faults.join('; ') : 'it did not work for long enough').slice(0, 400),
  );
}
