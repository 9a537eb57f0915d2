/** What is stored of certificates that count no more, and of the sessions that were to end with them. */
import type { Database } from '#common/commits.js';
import type { RevocationReason } from '#contract/operator.js';
import { sublevel } from './sublevel.js';

/** One certificate that a CRL must name. Keyed by its serial. */
export interface RevocationRecord {
  at: number;
  notAfter: number;
  reason: RevocationReason;
}

/** Whether a revoked box's session at the broker is over. Keyed by box id. */
export interface CutRecord {
  at: number;
  state: 'pending' | 'cut';
  detail?: string;
}

export const revocationSublevels = (db: Database) => ({
  revocations: sublevel<RevocationRecord>(db, 'revocations'),
  /** `last`: the newest CRL's. */
  crls: sublevel<{ number: number; thisUpdate: number }>(db, 'crls'),
  cuts: sublevel<CutRecord>(db, 'cuts'),
});

export type RevocationStore = Readonly<ReturnType<typeof revocationSublevels>>;
