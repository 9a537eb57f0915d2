/** How a box came and how it goes, as the operator reads it. Pure. */
import type { BoxStanding } from '#contract/operator.js';
import type { BoxRecord, FactoryRecord } from '../store/boxes.js';

export function standingOf(box: BoxRecord, device: FactoryRecord | undefined): BoxStanding {
  const { admittedBy = 'claim', factory, leaving, revokedAt, revocation } = box;
  return {
    admittedBy,
    factory: factory ? { ...factory, barred: device?.barred !== undefined } : null,
    leaving: leaving ? { ...leaving, to: leaving.to ?? null, objection: leaving.objection ?? null } : null,
    revocation:
      revokedAt === undefined
        ? null
        : {
            at: revokedAt,
            reason: revocation?.reason ?? 'revoked',
            text: revocation?.text ?? null,
            to: revocation?.to ?? null,
          },
  };
}
