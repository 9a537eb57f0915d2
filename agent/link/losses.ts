/** Why sequences are not held any more, so that no gap is without a reason. Pure. */
import type { LostRange, LostReason, Range } from '#contract/health.js';
import type { Thinned } from './thinning.js';

export type NamedLoss = [first: number, last: number, reason: LostReason];

export interface Losses {
  /** Everything up to here is the provider's: what is not held is no loss. */
  acknowledged: number;
  thinned: Thinned;
  /** What was lost otherwise. */
  named: readonly NamedLoss[];
}

/** Older ones are still counted, and go without their reason. */
const mostNamed = 100;

export const remember = (named: readonly NamedLoss[] = [], loss: NamedLoss, acknowledged: number): NamedLoss[] =>
  [...named, loss].filter(([, last]) => last > acknowledged).slice(-mostNamed);

/** A range that is not held, in parts that have one reason each. */
export function explain([from, to]: Range, { acknowledged, thinned, named }: Losses): LostRange[] {
  const parts: LostRange[] = [];
  for (let first = from; first <= to; ) {
    const own = named.find(([begin, end]) => begin <= first && first <= end);
    const ends = [
      ...[acknowledged, thinned.none, thinned.fifth].filter((end) => end >= first),
      ...named.map(([begin]) => begin - 1).filter((end) => end >= first),
    ];
    const last = own ? Math.min(own[1], to) : Math.min(to, ...ends);
    const reason = own?.[2] ?? reasonOf(first, { acknowledged, thinned });
    parts.push(reason ? [first, last, reason] : [first, last]);
    first = last + 1;
  }
  return parts;
}

function reasonOf(sequence: number, { acknowledged, thinned }: Omit<Losses, 'named'>): LostReason | undefined {
  if (sequence <= acknowledged) return undefined;
  if (sequence <= thinned.none) return 'budget';
  return sequence <= thinned.fifth ? 'thinned' : undefined;
}
