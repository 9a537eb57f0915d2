/**
 * How much one box may have read and stored: a box in hostile hands must not use up the disk, or the time, of the others.
 * Counted in values of samples, and in what costs about as much. A month of samples that waited fits into what may come
 * at once; what comes beyond it is not taken and not acknowledged, so that a good box sends it again later.
 */
import type { Clock } from '#common/clock.js';
import type { Said } from './read.js';

export interface Budget {
  /** Whether more of it is read now. */
  has(box: string): boolean;
  spend(box: string, cost: number): void;
}

/** 43,200 samples of 60 values are 2.6 million: a month, one each minute. */
const burst = 3_000_000;
/** A sample each second, as in a live view, is 60. */
const perSecond = 200;
const mostBoxes = 50_000;

export function createBudget({ clock }: { clock: Pick<Clock, 'now'> }): Budget {
  /** What has been spent and not been earned again; who is not in it owes nothing. */
  const spent = new Map<string, { debt: number; at: number }>();

  function debtOf(box: string): number {
    const before = spent.get(box);
    if (!before) return 0;
    // A clock that was set back gives nothing and takes nothing.
    const earned = (Math.max(0, clock.now() - before.at) / 1000) * perSecond;
    return Math.max(0, before.debt - earned);
  }

  return {
    has: (box) => debtOf(box) < burst,
    spend(box, cost) {
      const debt = debtOf(box) + cost;
      spent.delete(box); // who spent last stands last
      spent.set(box, { debt, at: clock.now() });
      const [oldest] = spent.keys();
      if (spent.size > mostBoxes && oldest !== undefined) spent.delete(oldest);
    },
  };
}

const bytesForOne = 40;
/** A range of what is lost is looked for among all that is here. */
const costOfRange = 20;
/** A good box has a payload refused once in months; to find out that it must be costs up to some milliseconds. */
const costOfRefusal = 5000;

/** What it costs to read and store this. */
export function costOf(said: Said, bytes: number): number {
  if (said.kind === 'refused') return costOfRefusal + bytes;
  if (said.kind !== 'health') return Math.ceil(bytes / bytesForOne);
  let values = (said.value.lost?.length ?? 0) * costOfRange;
  const { samples } = said.value;
  // To count them one by one they would have to be made.
  if (said.compact) return values + samples.length * (1 + said.compact.names);
  for (const sample of samples) {
    values += 1;
    for (const _name in sample.values) values += 1;
  }
  return values;
}
