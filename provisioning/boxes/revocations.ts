/** What a CRL must name of a box that ends: each of its certificates that has not run out. */
import type { Operation } from '#common/commits.js';
import type { RevocationReason } from '#contract/operator.js';
import type { BoxRecord } from '../store/boxes.js';
import type { Store } from '../store/store.js';

export interface Ending {
  reason: RevocationReason;
  text?: string;
  /** The box that took its place, or the territory it left for. */
  to?: string;
}

/** The box's end and the entries of its certificates, to be committed together. */
export function endOperations(
  store: Store,
  id: string,
  record: BoxRecord,
  { at, ...revocation }: Ending & { at: number },
): Operation[] {
  const { certificate, next, previous = [] } = record;
  const value: BoxRecord = { ...record, revokedAt: at, revocation };
  return [
    { type: 'put', sublevel: store.boxes, key: id, value },
    ...[certificate, ...(next ? [next] : []), ...previous]
      .filter(({ notAfter }) => notAfter > at)
      .map(
        ({ serial, notAfter }): Operation => ({
          type: 'put',
          sublevel: store.revocations,
          key: serial,
          value: { at, notAfter, reason: revocation.reason },
        }),
      ),
  ];
}
