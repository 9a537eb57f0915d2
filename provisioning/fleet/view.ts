/** The boxes as the operator sees them: what was issued, what they said of themselves, whether they are here now. */
import type { BoxDetail, BoxState, BoxSummary } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import {
  type BoxRecord,
  factoryKey,
  isCloned,
  type LifeRecord,
  type Store,
  sampleRange,
  sampleTime,
} from '../store/store.js';
import type { Fleet } from './fleet.js';
import { allGaps } from './life.js';
import { standingOf } from './standing.js';
import { createPicker } from './thin.js';

export interface FleetParts {
  store: Store;
  online: (box: string) => boolean;
  /** On the disk when they resolve. */
  endings: Pick<Fleet, 'revoke' | 'reinstate' | 'object' | 'settle'>;
}

export function createFleet({ store, online, endings }: FleetParts): Fleet {
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
      const lives = await store.lives.getMany(boxes.map(([id]) => id));
      return boxes.map(([id, box], index) => summarise(id, box, lives[index]));
    },

    async show(id): Promise<BoxDetail> {
      const [box, life, cut] = await Promise.all([store.boxes.get(id), store.lives.get(id), store.cuts.get(id)]);
      if (!box) throw new Refusal('box-unknown', id);
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

    async health(id, { from, to, limit }) {
      const picker = createPicker<string>(limit);
      for await (const key of store.samples.keys(sampleRange(id, from, to))) picker.add(key);
      const keys = picker.picked();
      const values = await store.samples.getMany(keys);
      // A sample may have been cleared by its age in between.
      return keys.flatMap((key, index) => (values[index] ? [{ at: sampleTime(key), values: values[index] }] : []));
    },

    revoke: endings.revoke,
    reinstate: endings.reinstate,
    object: endings.object,
    settle: endings.settle,
  };
}
