/** Why samples are not here, by the boxes' own word. Pure. */
import type { LostReason } from '#contract/health.js';
import type { LifeRecord } from '../store/lives.js';

export type LostCounts = Partial<Record<LostReason, number>>;

const words: Record<LostReason, string> = {
  cut: 'lost to a power cut, at most',
  thinned: 'thinned out while it could not send',
  budget: 'given up for want of room',
  'dead-letter': 'refused',
  withheld: 'kept back by the owner',
};
const reasons = Object.keys(words) as LostReason[];

export function addLost(counts: LostCounts | undefined, reason: LostReason, count: number): LostCounts {
  return { ...counts, [reason]: Math.min((counts?.[reason] ?? 0) + count, Number.MAX_SAFE_INTEGER) };
}

/** Of all epochs that are followed. */
export function lostOf(life: LifeRecord | undefined): LostCounts {
  let counts: LostCounts = {};
  for (const { why = {} } of Object.values(life?.tracks ?? {}))
    for (const reason of reasons) if (why[reason]) counts = addLost(counts, reason, why[reason]);
  return counts;
}

/** What came to it, as the operator reads it: ` (9 lost to a power cut, at most)`; empty where no reason was given. */
export function describeLost(before: LostCounts, after: LostCounts): string {
  const parts = reasons.flatMap((reason) => {
    const count = (after[reason] ?? 0) - (before[reason] ?? 0);
    return count > 0 ? [`${count} ${words[reason]}`] : [];
  });
  return parts.length > 0 ? ` (${parts.join('; ')})` : '';
}
