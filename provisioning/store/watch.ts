/** What is stored of operators, their acts, and alerts. */
import type { AbstractSublevel } from 'abstract-level';
import type { Database } from '#common/commits.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { Role } from '#contract/operators.js';

/** Keyed by name. The first admin is none of them until it has been given a new secret. */
export interface OperatorRecord {
  role: Role;
  /** SHA-256 of the secret, hex: it has 256 random bits, so that nothing slower is needed. */
  hash: string;
  createdAt: number;
  secretAt: number;
}

type Sub<V> = AbstractSublevel<Database, string | Buffer | Uint8Array, string, V>;

export interface WatchStore {
  readonly operators: Sub<OperatorRecord>;
  /** `{index, 16 digits}`. Appended to, and never altered. */
  readonly audit: Sub<LedgerEntry>;
  /** The acts whose outcome is not known yet, by the same keys. */
  readonly auditOpen: Sub<true>;
}

export function watchSublevels(db: Database): WatchStore {
  const json = { valueEncoding: 'json' } as const;
  return {
    operators: db.sublevel<string, OperatorRecord>('operators', json),
    audit: db.sublevel<string, LedgerEntry>('audit', json),
    auditOpen: db.sublevel<string, true>('auditopen', json),
  };
}
