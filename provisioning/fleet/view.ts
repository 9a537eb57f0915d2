/** The boxes as the operator sees them: what was issued, what they said of themselves, whether they are here now. */
import type { BoxDetail, BoxState, BoxSummary } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { FleetStore } from '../store/fleet.js';
import { type BoxRecord, factoryKey, isCloned, type LifeRecord, type Store } from '../store/store.js';
import type { Fleet } from './fleet.js';
import { allGaps } from './life.js';
import { standingOf } from './standing.js';

export interface FleetParts {
  store: Store;
  fleet: Pick<FleetStore, 'lives' | 'samples'>;
  online: (box: string) => boolean;
  /** On the disk when they resolve. */
  endings: Pick<Fleet, 'revoke' | 'reinstate' | 'object' | 'settle'>;
}

export function createFleet({ store, fleet, online, endings }: FleetParts): Fleet {
  const stateOf = (id: string, box: BoxRecord, life: LifeRecord | undefined): BoxState => {
    if (box.revokedAt !== undefined) return box.revocation?.reason === 'left' ? 'left' : 'revoked';
    if (online(id)) return 'online';
    return life?.birth ? 'offline' : 'enrolled';
  };

  const clonedOf = (box: BoxRecord, life: LifeRecord | undefined): BoxSummary['cloned'] => {
    const { cloned } = life ?? {};
    if (!cloned || !isCloned(box, life)) return null;
    return { since: Math.max(cloned.since, box.settledAt ?? 0), at: cloned.at };
  };

  const summarise = (id: string, box: BoxRecord, life: LifeRecord | undefined): BoxSummary => ({
    id,
    state: stateOf(id, box, life),
    lastSeen: life?.lastSeen ?? null,
    enrolledAt: box.enrolledAt,
    certificate: { serial: box.certificate.serial, notAfter: box.certificate.notAfter },
    gaps: life ? allGaps(life) : 0,
    health: life?.health ?? null,
    cloned: clonedOf(box, life),
  });

  return {
    async list({ after, limit }) {
      const boxes = await store.boxes.iterator({ ...(after === undefined ? {} : { gt: after }), limit }).all();
      const lives = await fleet.lives(boxes.map(([id]) => id));
      return boxes.map(([id, box]) => summarise(id, box, lives.get(id)));
    },

    async show(id): Promise<BoxDetail> {
      const [box, lives, cut] = await Promise.all([store.boxes.get(id), fleet.lives([id]), store.cuts.get(id)]);
      if (!box) throw new Refusal('box-unknown', id);
      const life = lives.get(id);
      const device = box.factory && (await store.factories.get(factoryKey(box.factory)));
      return {
        ...summarise(id, box, life),
        birth: life?.birth ?? null,
        reported: life?.reported ?? null,
        revokedAt: box.revokedAt ?? null,
        standing: standingOf(box, device),
        cut: box.revokedAt === undefined ? null : cut?.state === 'cut' ? 'cut' : 'not-cut',
      };
    },

    health: fleet.samples,

    revoke: endings.revoke,
    reinstate: endings.reinstate,
    object: endings.object,
    settle: endings.settle,
  };
}
