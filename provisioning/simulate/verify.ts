/** Counts at the provider: every sequence that a box has taken must be stored, and once. */
import { type Kept, timeOf } from './book.js';

export interface Verdict {
  expected: number;
  stored: number;
  missing: number;
  doubled: number;
}

/** Sequences of one epoch that are stored, without a hole, and how many rows there are of them. */
export interface StoredRange {
  epoch: string;
  first: number;
  last: number;
  rows: number;
}

/** @param since by the box's clock: what is older the provider may have thinned, and is not expected */
export function judge(
  kept: Kept,
  ranges: readonly StoredRange[],
  wish: { intervalMilliseconds: number; since: number; clockOff: number },
): Verdict {
  const verdict: Verdict = { expected: 0, stored: 0, missing: 0, doubled: 0 };
  const own = ranges.filter(({ epoch }) => epoch === kept.epoch).sort((one, other) => one.first - other.first);
  for (const { first, last, rows } of own) verdict.doubled += rows - (last - first + 1);
  let at = 0;
  for (let seq = kept.legs[0]?.from ?? 1; seq <= kept.last; seq += 1) {
    if (timeOf(kept, seq, wish.intervalMilliseconds) + wish.clockOff < wish.since) continue;
    verdict.expected += 1;
    while (at < own.length && own[at]!.last < seq) at += 1;
    const range = own[at];
    if (range && range.first <= seq) verdict.stored += 1;
    else verdict.missing += 1;
  }
  return verdict;
}
