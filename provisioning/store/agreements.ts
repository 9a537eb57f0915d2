/** What is stored of the agreements that boxes have told. */

import type { Database } from '#common/commits.js';
import type { Agreement, ToldAgreement } from '#contract/agreements.js';
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

export const agreementSublevels = (db: Database) => ({
  agreements: sublevel<AgreementRecord>(db, 'agreements'),
  /** `{box}!{agreement}` and `{member}!{agreement}`, each to when it came. */
  boxAgreements: sublevel<number>(db, 'boxAgreements'),
  memberAgreements: sublevel<number>(db, 'memberAgreements'),
});

export type AgreementStore = Readonly<ReturnType<typeof agreementSublevels>>;
