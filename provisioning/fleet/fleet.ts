/** What the console, the operator's API and the commands see of the boxes. */
import type { BoxDetail, BoxSummary, StoredSample } from '#contract/operator.js';

export interface Fleet {
  /** By id, from after the one named. */
  list(page: { after?: string | undefined; limit: number }): Promise<BoxSummary[]>;
  /** @throws Refusal `box-unknown` */
  show(box: string): Promise<BoxDetail>;
  /** Stored samples in `[from, to]`, oldest first, at most `limit`: evenly thinned when there are more. */
  health(box: string, range: { from: number; to: number; limit: number }): Promise<StoredSample[]>;
  /** New connections are refused from now on. @throws Refusal `box-unknown` */
  revoke(box: string): Promise<void>;
}
