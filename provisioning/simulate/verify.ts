/**
 * Counts at the provider: every sequence that a box has taken must be stored once. The provider is asked as an operator
 * asks it; a sample is known again by its time, of which there is one for each sequence.
 */
import type { StoredSample } from '#contract/operator.js';
import { type Kept, timeOf } from './book.js';

export interface Verdict {
  expected: number;
  stored: number;
  missing: number;
  doubled: number;
  /** Stored, and never taken by this box: from a run before whose end nobody knows, or from somebody else. */
  strange: number;
}

export interface Counted {
  id: string;
  kept: Kept;
  /** How far the box's clock is off, milliseconds. */
  off: number;
}

/** Asked at a time. Few enough that the provider thins nothing out. */
const mostAtOnce = 2000;

/**
 * @param since simulated; what is older is not asked for: the provider may have thinned it
 */
export async function verifyBox(
  { id, kept, off }: Counted,
  wish: {
    intervalMilliseconds: number;
    since: number;
    samples: (box: string, range: { from: number; to: number; limit: number }) => Promise<StoredSample[]>;
  },
): Promise<Verdict> {
  const { intervalMilliseconds, since, samples } = wish;
  const verdict: Verdict = { expected: 0, stored: 0, missing: 0, doubled: 0, strange: 0 };
  const first = kept.legs[0]?.from ?? 1;
  for (let from = first; from <= kept.last; from += mostAtOnce) {
    const to = Math.min(kept.last, from + mostAtOnce - 1);
    const times = new Map<number, number>();
    for (let seq = from; seq <= to; seq += 1) {
      const at = Math.round(timeOf(kept, seq, intervalMilliseconds) + off);
      if (at >= since) times.set(at, 0);
    }
    if (times.size === 0) continue;
    const asked = [...times.keys()];
    const range = { from: Math.min(...asked), to: Math.max(...asked), limit: mostAtOnce * 2 };
    for (const { at } of await samples(id, range)) {
      const before = times.get(at);
      if (before === undefined) verdict.strange += 1;
      else times.set(at, before + 1);
    }
    for (const count of times.values()) {
      verdict.expected += 1;
      if (count > 0) verdict.stored += 1;
      if (count === 0) verdict.missing += 1;
      if (count > 1) verdict.doubled += count - 1;
    }
  }
  return verdict;
}
