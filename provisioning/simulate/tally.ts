/** What a simulation counts while it runs. */

export interface Tally {
  /** Samples that went out for the first time, and again. */
  fresh: number;
  resent: number;
  batches: number;
  duplicated: number;
  reordered: number;
  /** Samples that the provider says it has. */
  covered: number;
  /** Waits for an acknowledgement that ended in vain. */
  unanswered: number;
  bytes: number;
  connections: number;
  /** From the call to the subscription, milliseconds, of the last 20,000 connections. */
  readonly waits: number[];
  /** Why connections failed or were lost, and what was refused, each with its count. */
  readonly reasons: Map<string, number>;
  /** Simulated time, milliseconds since 1970. */
  simulated(): number;
  sent(samples: number, again: boolean): void;
  connected(milliseconds: number): void;
  failed(why: string): void;
  lost(why: string): void;
  refused(code: string, detail?: string): void;
}

const mostWaits = 20_000;
const mostReasons = 100;

export function createTally(simulated: () => number): Tally {
  const reasons = new Map<string, number>();
  const count = (reason: string) => {
    if (reasons.has(reason) || reasons.size < mostReasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const tally: Tally = {
    ...{ fresh: 0, resent: 0, batches: 0, duplicated: 0, reordered: 0, covered: 0, unanswered: 0, bytes: 0 },
    ...{ connections: 0, waits: [], reasons, simulated },
    sent(samples, again) {
      tally.batches += 1;
      if (again) tally.resent += samples;
      else tally.fresh += samples;
    },
    connected(milliseconds) {
      tally.waits[tally.connections % mostWaits] = milliseconds;
      tally.connections += 1;
    },
    failed: (why) => count(`not connected: ${why}`),
    lost: (why) => count(`session lost: ${why}`),
    refused: (code, detail) => count(`refused: ${code}${detail ? `: ${detail}` : ''}`),
  };
  return tally;
}

/** The value below which so large a part of them lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
