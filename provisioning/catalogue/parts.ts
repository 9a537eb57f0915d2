/** What the catalogue is handed of the rooms beside it. */
import type { Capability, CapabilityKind } from '#contract/capabilities.js';
import type { PublicJwk } from '#contract/directory.js';
import type { Standing, StatusLists } from '#contract/member.js';
import type { ResultCounts, RolloutView } from '#contract/rollout.js';
import type { AppSuccessions } from '#contract/succession.js';
import type { Listed } from './registry.js';

export interface Publisher {
  readonly id: string;
  readonly name: string;
  readonly standing: Standing;
  readonly level: number;
  readonly jwk: PublicJwk;
}

export interface MemberView {
  find(member: string): Publisher | undefined;
}

export interface CatalogueMembers extends MemberView {
  status(): Promise<StatusLists>;
  credentialOf(member: string): string;
  successionsOf(app: string): AppSuccessions | undefined;
  /** In good standing, and holding its key now. @throws Refusal `member-…`, `credential-…`, `proof-…` */
  authenticate(wish: { credential: string; proof: string; method: string; url: string }): Promise<Publisher>;
  mayAsk(member: string, capability: Capability): boolean;
  /** The vetting level from which on a member may ask for each kind; the highest for what it does not name. */
  policy(): { readonly [kind in CapabilityKind]?: number };
}

/** Releases that reach the boxes in waves. */
export interface CatalogueRollouts {
  /** Whether the box may have it now. */
  /** `named`: its maker offers it to this very box. */
  isOffered(listed: { id: string; app: string }, box: string, named: boolean): boolean;
  view(listed: Listed): RolloutView | undefined;
  counts(release: string): ResultCounts;
}
