/** Which territory the box belongs to: elected at run time, left again, and never without a valid identity between. */
import type { Election, Membership } from '#contract/membership.js';
import type { OwnerSigner } from '../consent/ledger.js';

export interface Memberships {
  view(): Membership;
  /**
   * The owner's choice, for a box that belongs to no territory, or to one that a voucher chose: the same one is confirmed
   * at once (answers null), another one is a transfer. Answers the id of the change.
   * @throws Refusal `territory-unknown`, `territory-suspended`, `foreign-not-accepted`, `claim-malformed`,
   *   `already-member`, `change-under-way`
   */
  elect(election: Election, signer: OwnerSigner): Promise<string | null>;
  /** To another territory: the old one stays until the new one has proved itself. @throws Refusal as `elect`, `not-a-member` */
  transfer(election: Election, signer: OwnerSigner): Promise<string>;
  /** Takes back the enrolment or transfer that is under way. @throws Refusal `not-waiting`, `change-past-return` */
  abandon(signer: OwnerSigner): Promise<void>;
  /** Told whenever `view` answers otherwise. Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

/** Reset and hand-over: resolves when it is certain to happen; the agent ends behind it and starts as a new box. */
export type Reset = (wish: { kind: 'reset' | 'hand-over'; signer?: OwnerSigner }) => Promise<void>;
