/** The boxes as the operator sees them: what was issued, what they said of themselves, whether they are here now. */
import type { Clock } from '#common/clock.js';
import type { BoxDetail, BoxSummary } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { type BoxRecord, factoryKey } from '../store/boxes.js';
import type { FleetStore } from '../store/fleet.js';
import type { Store } from '../store/store.js';
import type { Abouts } from './abouts.js';
import type { Fleet } from './fleet.js';
import { lostOf } from './lost.js';
import { summaryOf } from './row.js';
import { standingOf } from './standing.js';

export interface SummaryParts {
  store: Store;
  fleet: Pick<FleetStore, 'lives' | 'samples'>;
  online: (box: string) => boolean;
  abouts: Abouts;
  clock: Pick<Clock, 'now'>;
}

export interface FleetParts extends SummaryParts {
  /** On the disk when they resolve. */
  endings: Pick<Fleet, 'revoke' | 'reinstate' | 'object' | 'settle'>;
}

type Entry = [id: string, box: BoxRecord];

/** Of boxes that have just been read, in their order. */
function createSummaries({ fleet, online, abouts, clock }: SummaryParts) {
  return async (entries: readonly Entry[]): Promise<BoxSummary[]> => {
    const ids = entries.map(([id]) => id);
    const [lives, said] = await Promise.all([fleet.lives(ids), abouts.of(entries)]);
    return entries.map(([id, box], index) =>
      summaryOf({ id, box, life: lives.get(id), about: said[index] ?? {}, online: online(id) }, clock.now()),
    );
  };
}

/** What a table shows of the boxes of a page. One that is not there any more is left out. */
export function createPageReader(parts: SummaryParts): (ids: readonly string[]) => Promise<BoxSummary[]> {
  const summaries = createSummaries(parts);
  return async (ids) => {
    const boxes = await parts.store.boxes.getMany([...ids]);
    return summaries(ids.flatMap((id, index): Entry[] => (boxes[index] ? [[id, boxes[index]]] : [])));
  };
}

export function createFleet({ endings, ...parts }: FleetParts): Fleet {
  const { store, fleet } = parts;
  const summaries = createSummaries(parts);

  return {
    async list({ after, limit }) {
      const boxes = await store.boxes.iterator({ ...(after === undefined ? {} : { gt: after }), limit }).all();
      return summaries(boxes);
    },

    async show(id): Promise<BoxDetail> {
      const [box, lives, cut] = await Promise.all([store.boxes.get(id), fleet.lives([id]), store.cuts.get(id)]);
      if (!box) throw new Refusal('box-unknown', id);
      const life = lives.get(id);
      const [summary] = await summaries([[id, box]]);
      const device = box.factory && (await store.factories.get(factoryKey(box.factory)));
      return {
        ...summary!,
        birth: life?.birth ?? null,
        reported: life?.reported ?? null,
        revokedAt: box.revokedAt ?? null,
        standing: standingOf(box, device),
        lost: lostOf(life),
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
