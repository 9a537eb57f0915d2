/** Two ledgers, one that the box has and one that comes back. Pure. */
import type { BackupFound } from '#contract/backup.js';
import type { LedgerEntry } from '#contract/ledger.js';

export interface LedgerSide {
  /** Its last entry; undefined where it is empty. */
  last: LedgerEntry | undefined;
  at(index: number): Promise<LedgerEntry | undefined>;
}

/**
 * A ledger never goes back. `kept`: the box has all that the backup has, and goes on from its own end. `replaced`: the
 * backup has all that the box has. `other`: neither holds the other.
 */
export async function judgeLedgers(here: LedgerSide, back: LedgerSide): Promise<BackupFound['ledger']> {
  if (!here.last) return 'replaced';
  if (!back.last) return 'kept';
  if (here.last.ledger !== back.last.ledger) return 'other';
  if ((await here.at(back.last.index))?.hash === back.last.hash) return 'kept';
  return (await back.at(here.last.index))?.hash === here.last.hash ? 'replaced' : 'other';
}
