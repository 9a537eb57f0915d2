/** What a refusal says of the release, and of trying it again. Pure. */
import type { OsOutcome } from '#contract/os-release.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';

/** Held up by the network, the disk or the moment: the step is tried again where it is. */
const passing = new Set<ProblemCode>([
  'internal',
  'unavailable',
  'est-unreachable',
  'est-protocol',
  'server-expired',
  'server-untrusted',
  'server-revoked',
  'time-outside-chain',
  'time-below-floor',
  'not-a-member',
  'too-many-requests',
  'disk-full',
  'os-busy',
  'os-slots-unreadable',
  'host-cannot-reboot',
]);
export const isFinal = ({ code }: Refusal): boolean => !passing.has(code);

/** A selection that was taken back, or gave way to a newer one, says nothing of it; nor does a way to fetch it that did not work. */
export const isFailure = (code: ProblemCode): boolean => code !== 'os-withdrawn' && code !== 'os-not-streamed';

/** What an installation that was streamed ended with; `fault`: what was wrong with the fetching. */
export function streamedFault(error: unknown, fault: Refusal | undefined): unknown {
  // A server that answers in no way that can be used may still give the whole.
  if (fault && fault.code !== 'est-protocol') return fault;
  if (!fault && error instanceof Refusal && passing.has(error.code)) return error;
  const detail = fault?.problem.detail ?? (error instanceof Error ? error.message : String(error));
  return new Refusal('os-not-streamed', detail, { cause: error });
}

const hour = 3_600_000;
/** After the first time, the second, and each later one. */
const pauses = [hour, 6 * hour, 24 * hour];
/** The release itself is to blame. */
const never = new Set<ProblemCode>([
  'os-unhealthy',
  'os-not-booted',
  'os-bundle-refused',
  'os-release-compatible',
  'os-release-older',
  'os-release-step',
]);
/** A card or a catalogue that fails so often will not do better, and each time costs the card. */
const seldom = new Set<ProblemCode>(['os-bundle-mismatch', 'os-install-failed']);

/** Milliseconds until it may be tried again by itself; null: not any more. */
export function againAfter(code: ProblemCode, times: number): number | null {
  if (never.has(code) || (seldom.has(code) && times > pauses.length)) return null;
  return pauses[Math.min(times, pauses.length) - 1] ?? null;
}

export const outcomeOf = (code: ProblemCode): OsOutcome['outcome'] =>
  code === 'os-not-booted' || code === 'os-unhealthy' ? 'rolled-back' : 'failed';
