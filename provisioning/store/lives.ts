/** What is stored of what boxes say of themselves, and of what operators say of them. */
import type { Database } from '#common/commits.js';
import type { LostReason, Sample } from '#contract/health.js';
import type { LedgerHead } from '#contract/ledger.js';
import type { Birth, Reported } from '#contract/status.js';
import type { BoxRecord } from './boxes.js';
import { sublevel } from './sublevel.js';

/** Which sequences of one epoch are here: everything up to `contiguous`, and `above` it these ranges. */
export interface Track {
  contiguous: number;
  above: [number, number][];
  /** Sequences that the box has declared lost; they count as gaps for ever. */
  lost: number;
  /** Of those, how many for which reason, where the box gave one. */
  why?: Partial<Record<LostReason, number>>;
}

/** What the box has said of itself. Keyed by box id, written by ingest alone. */
export interface LifeRecord {
  lastSeen: number;
  tracks: Record<string, Track>;
  birth?: Birth;
  /** The session of its last death, as it was told. */
  ended?: string;
  /** Epochs of its births, the last one last. Missing: that of `birth` is the only one. */
  born?: string[];
  /** When its last birth came, by this clock. */
  bornAt?: number;
  /**
   * An epoch came back after another, by this clock: for the first time, the last time, when the birth that it followed
   * had come, and when it was last told.
   */
  cloned?: { since: number; at: number; after: number; toldAt: number };
  reported?: Reported;
  /** The highest that was seen of each of its ledgers, the newest ledger last. */
  ledgers?: LedgerHead[];
  /** How often it was written; PostgreSQL's store sees by it that nobody else did in between. */
  version?: number;
  /** Samples that were taken and are not stored here, as they were counted when this was written. */
  gaps?: number;
  /** Ids of its last events: one that is sent twice is told once. */
  recentEvents?: string[];
  health?: { at: number; values: Sample['values'] };
}

/** Both were here since it was last settled: the return of the one that stays is no news. */
export const isCloned = (
  { settledAt = 0 }: Pick<BoxRecord, 'settledAt'>,
  life: Pick<LifeRecord, 'cloned'> | undefined,
): boolean => (life?.cloned?.after ?? 0) > settledAt;

/** What the operator says of a box. Keyed by box id. */
export interface AboutRecord {
  /** Missing: that of its claim code. */
  label?: string;
  place?: string;
  at: number;
}

export const lifeSublevels = (db: Database) => ({
  lives: sublevel<LifeRecord>(db, 'lives'),
  abouts: sublevel<AboutRecord>(db, 'abouts'),
  /** By name: what to ask the fleet's table for. */
  savedFilters: sublevel<{ query: string; at: number }>(db, 'savedfilters'),
});

export type LifeStore = Readonly<ReturnType<typeof lifeSublevels>>;
