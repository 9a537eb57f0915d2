/** How far each box's ledger has been seen to reach. Pure: a head that goes back or forks is named and not kept. */
import type { LedgerHead } from '#contract/ledger.js';

export interface HeadVerdict {
  /** What is known after it, the newest ledger last. */
  heads: readonly LedgerHead[];
  /** The head goes on from what was known: it deserves a receipt. */
  good: LedgerHead | undefined;
  /** Why it does not, in words. */
  mismatch?: string;
}

/** A ledger that was given up is still known when a box comes back with it, shortened. */
const mostLedgers = 4;

const named = ({ ledger }: LedgerHead): string => `ledger ${ledger.slice(0, 8)}`;
const sameAs =
  (one: LedgerHead) =>
  ({ ledger }: LedgerHead): boolean =>
    ledger === one.ledger;

/**
 * @param known of the box so far
 * @param said in its birth; a box that has no entry yet says nothing
 */
export function judgeHead(known: readonly LedgerHead[], said: LedgerHead | undefined): HeadVerdict {
  const bad = (mismatch: string): HeadVerdict => ({ heads: known, good: undefined, mismatch });
  const last = known.at(-1);
  if (!said) return last ? bad(`it shows none, ${named(last)} had ${last.length} entries`) : { heads: [], good: said };
  const before = known.find(sameAs(said));
  if (before && said.length < before.length)
    return bad(`${named(said)} has ${said.length} entries, and had ${before.length}`);
  // What lies below a longer head cannot be seen from here: the receipt shows it where the export is checked.
  if (before && said.length === before.length && said.hash !== before.hash)
    return bad(`entry ${said.length - 1} of ${named(said)} is another than before`);
  const { ledger, length, hash } = said;
  const others = known.filter((one) => !sameAs(said)(one));
  return { heads: [...others, { ledger, length, hash }].slice(-mostLedgers), good: said };
}
