/** What is stored of the boxes that have come in, and of the devices that they are. */
import type { Database } from '#common/commits.js';
import type { LeavePhase, LeaveReason } from '#contract/leave.js';
import type { AdmittedBy, FactoryIdentity, RevocationReason } from '#contract/operator.js';
import { sublevel } from './sublevel.js';

export interface CertificateRecord {
  /** Upper-case hex, as node:crypto prints it. */
  serial: string;
  notAfter: number;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  keyHash: string;
  /** DER in base64. */
  der: string;
}

/** Keyed by box id. What is optional is missing in the records of earlier releases. */
export interface BoxRecord {
  enrolledAt: number;
  /** Of the claim it came with; empty when it came otherwise. */
  claim: string;
  /** Missing: by claim. */
  admittedBy?: AdmittedBy;
  factory?: FactoryIdentity;
  certificate: CertificateRecord;
  /** Issued by a renewal and not yet seen in use; both are accepted until it is. */
  next?: CertificateRecord;
  /** Earlier ones that have not run out: they end with the box. */
  previous?: { serial: string; notAfter: number }[];
  revokedAt?: number;
  /** Missing: an operator revoked it. */
  revocation?: { reason: RevocationReason; text?: string; to?: string };
  leaving?: { phase: LeavePhase; reason: LeaveReason; to?: string; at: number; objection?: string };
  /** Until when what looked like a copy of it is settled. */
  settledAt?: number;
}

/** What is known of one device. Keyed by `{maker}!{serial}`. */
export interface FactoryRecord {
  /** The box that it is, or was last. */
  box: string;
  /** The box whose revocation bars it. */
  barred?: { box: string; at: number };
  /** Each voucher serves once: the key that it served. */
  voucherKeyHash?: string;
}

export const factoryKey = ({ maker, serial }: FactoryIdentity): string => `${maker}!${serial}`;

export const boxSublevels = (db: Database) => ({
  boxes: sublevel<BoxRecord>(db, 'boxes'),
  factories: sublevel<FactoryRecord>(db, 'factories'),
});

export type BoxStore = Readonly<ReturnType<typeof boxSublevels>>;
