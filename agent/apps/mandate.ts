/** What the owner lets the maker of an app decide: asked of whoever knows, at each act. */
import type { Capability } from '#contract/capabilities.js';
import type { Decision, LedgerFacts } from '../consent/ledger.js';
import type { Verified } from './offers.js';

export interface Mandate {
  /** Between box and maker. */
  link: string;
  /** What is granted, exactly. */
  grants: readonly Capability[];
  /** Whether it is in force now. */
  holds(): boolean;
  /** The act, for the ledger. @throws Refusal `manager-none` when the mandate has ended meanwhile */
  decision(facts: LedgerFacts): Decision;
}

export interface Mandates {
  /** Undefined where this release waits for the owner. */
  of(verified: Pick<Verified, 'release' | 'held' | 'judged'>): Promise<Mandate | undefined>;
}

export const noMandates: Mandates = { of: async () => undefined };
