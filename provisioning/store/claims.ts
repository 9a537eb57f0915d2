/** What is stored of claim codes, and of who asked to come in without one. */
import type { Database } from '#common/commits.js';
import type { FactoryIdentity } from '#contract/operator.js';
import { sublevel } from './sublevel.js';

/** Keyed by the hash of its code; its id is the first 12 digits of that hash. */
export interface ClaimRecord {
  label: string;
  createdAt: number;
  expiresAt: number;
  revokedAt?: number;
  /** One claim, one key: the same key gets the same certificate again, another key is refused. */
  use?: { at: number; keyHash: string; box: string; certificate: string };
}

/** A box that asked to be admitted. Keyed by the hash of its key, so that asking again is the same request. */
export interface RequestRecord {
  firstAt: number;
  lastAt: number;
  address: string;
  /** SubjectPublicKeyInfo, DER in base64. */
  spki: string;
  factory?: FactoryIdentity;
  claimLabel?: string;
  decision?: { at: number } & ({ refused: string } | { box: string; certificate: string; notAfter: number });
}

export const claimSublevels = (db: Database) => ({
  claims: sublevel<ClaimRecord>(db, 'claims'),
  requests: sublevel<RequestRecord>(db, 'requests'),
});

export type ClaimStore = Readonly<ReturnType<typeof claimSublevels>>;
