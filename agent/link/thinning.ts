/**
 * What the outbox gives up when it is full, and in which order. Pure arithmetic over sequences.
 *
 * The newest day stays whole. Before it, the oldest first, every fifth sample is kept; if that is not enough, of those
 * every sixtieth, one an hour at the usual interval; and only then samples are given up, the oldest first.
 */

export interface Thinned {
  /** Up to here every fifth is kept. */
  fifth: number;
  /** Up to here every sixtieth. */
  sixtieth: number;
  /** Up to here none. */
  none: number;
}

export interface Step {
  from: number;
  /** Included. */
  to: number;
  /** Which ones stay. */
  every: 5 | 60 | 'none';
}

export const notThinned: Thinned = { fifth: 0, sixtieth: 0, none: 0 };

const whole = 1440;
/** So many sequences at a time. */
const stride = 600;

/** Undefined: nothing is left to be given up. */
export function nextStep(
  thinned: Thinned,
  { acknowledged, last }: { acknowledged: number; last: number },
): Step | undefined {
  const behind = (done: number, end: number, every: Step['every']): Step | undefined => {
    const from = Math.max(done, thinned.none, acknowledged) + 1;
    const to = Math.min(from + stride - 1, end);
    return from <= to ? { from, to, every } : undefined;
  };
  return (
    behind(thinned.fifth, last - whole, 5) ?? behind(thinned.sixtieth, thinned.fifth, 60) ?? behind(0, last, 'none')
  );
}

export const stays = (sequence: number, { every }: Step): boolean => every !== 'none' && sequence % every === 0;

/** After the step was done up to and including a sequence. */
export function after(thinned: Thinned, { every }: Step, to: number): Thinned {
  if (every === 5) return { ...thinned, fifth: to };
  return every === 60 ? { ...thinned, sixtieth: to } : { ...thinned, none: to };
}
