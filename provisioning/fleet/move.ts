/**
 * From level to PostgreSQL, box by box, as often as it takes: first while the provider serves its boxes, then once more
 * when it starts beside the database, for what has come in between. What is there already is known by the box's life,
 * which is written with it; so a move that is cut goes on from there, and none is lost or doubled.
 *
 * Nothing is rolled up in level from its beginning on: what is counted in a bucket must not come as a sample as well.
 */
import { mergeRows, unpackBuckets } from '../store/bucket-pack.js';
import type { NewSample } from '../store/fleet.js';
import type { LifeRecord } from '../store/lives.js';
import { unpack } from '../store/pack.js';
import { type Adopted, adopt } from '../store/postgres/adopt.js';
import type { PostgresFleet } from '../store/postgres/fleet.js';
import type { Row } from '../store/rollup.js';
import { samplePlace, sampleRange, sampleTime } from '../store/samples.js';
import type { Store } from '../store/store.js';
import { emptyTrack, has } from './track.js';

export interface Moved {
  boxes: number;
  /** Of boxes that were there already, as they are. */
  unchanged: number;
  samples: number;
}

/** A transaction's worth. */
const mostSamples = 5000;
const mostBoxes = 200;

/** Of a life that an earlier release wrote, which counted nothing, the first. */
const versionOf = ({ version = 0 }: LifeRecord): number => version + 1;

export async function moveFleet({
  store,
  fleet,
  signal,
}: {
  store: Store;
  fleet: PostgresFleet;
  signal?: AbortSignal | undefined;
}): Promise<Moved> {
  const moved: Moved = { boxes: 0, unchanged: 0, samples: 0 };

  /** Which samples of a box are there, as far as it must be known. */
  async function known(box: string, before: LifeRecord | undefined): Promise<(epoch: string, seq: number) => boolean> {
    if (!before) return () => false;
    let places: Set<string> | undefined;
    const all = async () => {
      const found = new Set<string>();
      for await (const { epoch, seq } of fleet.sequences(box)) found.add(`${epoch} ${seq}`);
      return found;
    };
    // Epochs are forgotten when there are many: then only a look at the samples themselves tells.
    const isForgetful = Object.keys(before.tracks).length >= forgetfulFrom;
    if (isForgetful) places = await all();
    return (epoch, seq) => (places ? places.has(`${epoch} ${seq}`) : has(before.tracks[epoch] ?? emptyTrack, seq));
  }

  async function read(box: string, before: LifeRecord | undefined): Promise<Adopted | undefined> {
    // Life and samples of one moment: messages go on coming.
    const snapshot = store.lives.snapshot();
    try {
      const life = await store.lives.get(box, { snapshot });
      if (!life || before?.version === versionOf(life)) return undefined;
      const isThere = await known(box, before);
      const samples: NewSample[] = [];
      const range = sampleRange(box, 0, Number.MAX_SAFE_INTEGER);
      for await (const bytes of store.packs.values({ ...range, snapshot })) {
        const { epoch, samples: packed } = unpack(bytes);
        for (const sample of packed) if (!isThere(epoch, sample.seq)) samples.push({ box, epoch, ...sample });
      }
      // As the release before wrote them.
      for await (const [key, values] of store.samples.iterator({ ...range, snapshot })) {
        const place = samplePlace(key);
        if (!isThere(place.epoch, place.seq)) samples.push({ box, ...place, values });
      }
      const buckets = async (packs: Store['hourPacks'], old: Store['rollupHours']): Promise<Row[]> => {
        if (before) return [];
        const packed = await packs.values({ ...range, snapshot }).all();
        const rows = await old.iterator({ ...range, snapshot }).all();
        return mergeRows([
          ...packed.map(unpackBuckets),
          rows.map(([key, bucket]) => ({ at: sampleTime(key), bucket })),
        ]);
      };
      return {
        ...{ box, samples, life: { ...life, version: versionOf(life) } },
        minutes: await buckets(store.minutePacks, store.rollupMinutes),
        hours: await buckets(store.hourPacks, store.rollupHours),
      };
    } finally {
      await snapshot.close();
    }
  }

  let group: Adopted[] = [];
  let size = 0;
  const flush = async () => {
    const taken = group;
    group = [];
    size = 0;
    await adopt(fleet.sessions, taken);
    moved.boxes += taken.length;
    moved.samples += taken.reduce((sum, { samples }) => sum + samples.length, 0);
  };
  for (let after = ''; !signal?.aborted; ) {
    const boxes = await store.lives.keys({ gt: after, limit: mostBoxes }).all();
    const there = await fleet.lives(boxes);
    for (const box of boxes) {
      if (signal?.aborted) break;
      const adopted = await read(box, there.get(box));
      if (!adopted) {
        moved.unchanged += 1;
        continue;
      }
      group.push(adopted);
      size += adopted.samples.length + adopted.minutes.length + adopted.hours.length;
      if (size >= mostSamples) await flush();
    }
    await flush();
    const last = boxes.at(-1);
    if (last === undefined) break;
    after = last;
  }
  return moved;
}

/** As many as are followed (life.ts). */
const forgetfulFrom = 8;
