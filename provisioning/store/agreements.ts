/** What is stored of the agreements that boxes have told. */

import type { Database } from '#common/commits.js';
import type { Agreement, ToldAgreement } from '#contract/agreements.js';
import type { UsageStatement } from '#contract/metering.js';
import { sublevel } from './sublevel.js';

/** Keyed by the id of the agreement. */
export interface AgreementRecord {
  agreement: Agreement;
  /** As the owner signed it, with its SHA-256. */
  jws: string;
  sha256: string;
  since: number | null;
  ended: ToldAgreement['ended'];
  receivedAt: number;
}

/** Keyed by `{agreement}!{number, 10 digits}`. */
export interface UsageRecord {
  statement: UsageStatement;
  /** As the box signed it; the SHA-256 is of what it says. */
  jws: string;
  sha256: string;
  receivedAt: number;
}

export const agreementSublevels = (db: Database) => ({
  agreements: sublevel<AgreementRecord>(db, 'agreements'),
  /** `{box}!{agreement}` and `{member}!{agreement}`, each to when it came. */
  boxAgreements: sublevel<number>(db, 'boxAgreements'),
  memberAgreements: sublevel<number>(db, 'memberAgreements'),
  usage: sublevel<UsageRecord>(db, 'usage'),
  /** `{member}!{agreement}!{number}` to its month, and of each agreement the key of the last. */
  memberUsage: sublevel<string>(db, 'memberUsage'),
  usageHeads: sublevel<string>(db, 'usageHeads'),
});

export type AgreementStore = Readonly<ReturnType<typeof agreementSublevels>>;
