/** Claim codes: what an operator hands out so that one box may enrol. */
import type { Claim, CreatedClaim, NewClaim } from '#contract/operator.js';

export interface Claims {
  /** The code is in the answer and nowhere else: the store keeps its hash. */
  create(wish: NewClaim): Promise<CreatedClaim>;
  list(): Promise<Claim[]>;
  /** A used claim can be revoked too: it ends the repeat of its certificate. @throws Refusal `claim-id-unknown` */
  revoke(id: string): Promise<void>;
}
