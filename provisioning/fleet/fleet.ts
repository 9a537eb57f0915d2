/** What the console, the operator's API and the commands see of the boxes. */
import type { BoxDetail, BoxSummary, NewRevocation, StoredSample } from '#contract/operator.js';

export interface Fleet {
  /** By id, from after the one named. */
  list(page: { after?: string | undefined; limit: number }): Promise<BoxSummary[]>;
  /** @throws Refusal `box-unknown` */
  show(box: string): Promise<BoxDetail>;
  /** Stored samples in `[from, to]`, oldest first, at most `limit`: evenly thinned when there are more. */
  health(box: string, range: { from: number; to: number; limit: number }): Promise<StoredSample[]>;
  /** Refused from now on; so is its device, unless told otherwise. @throws Refusal `box-unknown` */
  revoke(box: string, wish?: NewRevocation): Promise<void>;
  /** Lets the device of a revoked box enrol again. @throws Refusal `box-unknown`, `box-not-barred` */
  reinstate(box: string): Promise<void>;
  /** For the owner who has announced to leave. @throws Refusal `box-unknown`, `box-not-leaving` */
  object(box: string, reason: string): Promise<void>;
  /** What looked like two boxes has been seen to; it counts again when it happens again. @throws Refusal `box-unknown`, `box-not-cloned` */
  settle(box: string): Promise<void>;
}
