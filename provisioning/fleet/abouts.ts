/** What the operator says of boxes: whose they are, and where they stand. */
import type { Clock } from '#common/clock.js';
import type { BoxAbout } from '#contract/fleet.js';
import { Refusal } from '#contract/problems.js';
import type { BoxRecord } from '../store/boxes.js';
import type { AboutRecord } from '../store/lives.js';
import type { Store } from '../store/store.js';
import type { About } from './row.js';

export interface Abouts {
  /** Of these boxes, in their order. Whose label was never said has that of its claim code. */
  of(boxes: readonly (readonly [id: string, box: Pick<BoxRecord, 'claim'>])[]): Promise<About[]>;
  /** @throws Refusal `box-unknown` */
  set(box: string, said: BoxAbout): Promise<void>;
}

const trimmed = (text: string | undefined): string | undefined => text?.trim().replace(/\s+/g, ' ') || undefined;

function said(record: AboutRecord | undefined, { label, place }: BoxAbout, at: number): AboutRecord {
  const [newLabel, newPlace] = [
    label === undefined ? record?.label : trimmed(label ?? undefined),
    place === undefined ? record?.place : trimmed(place ?? undefined),
  ];
  return { at, ...(newLabel !== undefined && { label: newLabel }), ...(newPlace !== undefined && { place: newPlace }) };
}

export function createAbouts({ store, clock }: { store: Store; clock: Pick<Clock, 'now'> }): Abouts {
  /** A claim's id is how its key begins. */
  async function claimLabel(claim: string): Promise<string | undefined> {
    if (claim === '') return undefined;
    const [record] = await store.claims.values({ gte: claim, lt: `${claim}g`, limit: 1 }).all();
    return record?.label || undefined;
  }

  return {
    async of(boxes) {
      const records = await store.abouts.getMany(boxes.map(([id]) => id));
      return Promise.all(
        boxes.map(async ([, { claim }], index) => ({
          label: records[index]?.label ?? (await claimLabel(claim)),
          place: records[index]?.place,
        })),
      );
    },
    async set(box, wish) {
      const [record, known] = await Promise.all([store.abouts.get(box), store.boxes.get(box)]);
      if (!known) throw new Refusal('box-unknown', box);
      await store.commit([{ type: 'put', sublevel: store.abouts, key: box, value: said(record, wish, clock.now()) }]);
    },
  };
}
