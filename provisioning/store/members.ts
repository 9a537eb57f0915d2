/** What is stored of members, of the decisions about them, and of the apps that they passed on. */
import type { Database } from '#common/commits.js';
import type { Case, CaseStep, DocumentKind } from '#contract/cases.js';
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { AppIdPolicy, LevelPolicy, MemberRecord } from '#contract/member-register.js';
import type { Panel, PanelName } from '#contract/resolution.js';
import type { Succession } from '#contract/succession.js';
import { sublevel } from './sublevel.js';

/** The newest status lists of members, as compact JWS. */
export interface StatusListsRecord {
  sequence: number;
  /** Milliseconds since 1970; 0 has them made again. */
  madeAt: number;
  origin: string;
  suspension: string;
  revocation: string;
  /** The register's head of that moment, a compact JWS. Missing in those from before there was one. */
  register?: string;
}

/** Of the ledger of decisions: in the order of the entries. */
export const entryKey = (index: number): string => String(index).padStart(12, '0');

/** An app passed to another member. Keyed by its serial, 16 digits. */
export interface SuccessionRecord {
  succession: Succession;
  /** The same, signed by the key that the territory signs with now. */
  jws: string;
}

/** What a case has come to, and how. */
export interface CaseRecord {
  case: Case;
  /** Oldest first. */
  steps: CaseStep[];
  /** When the member first read the notice by its key. */
  readAt?: number;
}

/** Which key the territory signs for its members with, and those before it, newest first. */
export interface SigningRecord {
  kid: string;
  /** Until when what each has signed is believed. */
  former: { jwk: PublicJwk; at: number; until: number }[];
}

/** `all`: what the territory has set for its members. */
export interface MemberSettings {
  policy?: LevelPolicy;
  /** Whose a new app id is. Missing: `first`. */
  appIds?: AppIdPolicy;
  /** Missing: the first key signs still. */
  signing?: SigningRecord;
  /** Who decides about members, and who reviews it. Without a standing panel the operators do. */
  panels?: Partial<Record<PanelName, Panel>>;
  /** Where it was reached last. */
  origin?: string;
}

export const memberSublevels = (db: Database) => ({
  members: sublevel<MemberRecord>(db, 'members'),
  /** Decisions about members. `entryKey`. */
  memberLedger: sublevel<LedgerEntry>(db, 'memberLedger'),
  /** The tree over that ledger (common/merkle). `{level, 2 digits}/{place, 12 digits}`: a hash in hex. */
  registerNodes: sublevel<string>(db, 'registerNodes'),
  /** `last` */
  memberLists: sublevel<StatusListsRecord>(db, 'memberLists'),
  memberSettings: sublevel<MemberSettings>(db, 'memberSettings'),
  /** Those that have served: `{id}`, with when they were drawn up. */
  resolutions: sublevel<number>(db, 'resolutions'),
  cases: sublevel<CaseRecord>(db, 'cases'),
  /** As they were signed: `{case}!{sha256}`. */
  caseDocuments: sublevel<{ kind: DocumentKind; jws: string }>(db, 'caseDocuments'),
  successions: sublevel<SuccessionRecord>(db, 'successions'),
});

export type MemberStore = Readonly<ReturnType<typeof memberSublevels>>;
