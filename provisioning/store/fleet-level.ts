/** The fleet's data in the provider's own level store, for one process. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { FleetEvent, StoredSample } from '#contract/operator.js';
import { type Buckets, rowsWithin, spanOf, unpackBuckets } from './bucket-pack.js';
import { hoursUntil, join, pointsOf, rawLimit, type Span } from './chart.js';
import { admissionOf, cutsOf, type FleetStore, type Keep, usualKeep } from './fleet.js';
import { sweepLevel } from './fleet-level-sweep.js';
import { bySequence, dayOf, packsOf, pick, placesIn } from './pack.js';
import type { Row } from './rollup.js';
import { packOperation, samplePlace, sampleRange, sampleTime } from './samples.js';
import type { Store } from './store.js';
import { createPicker } from './thin.js';

/** Those that are there, by their keys. */
const found = <V>(keys: readonly string[], values: readonly (V | undefined)[]): Map<string, V> =>
  new Map(keys.flatMap((key, index) => (values[index] === undefined ? [] : [[key, values[index]] as const])));

export function createLevelFleet({
  store,
  clock,
  keep = usualKeep,
}: {
  store: Store;
  clock: Pick<Clock, 'now'>;
  keep?: Keep;
}): FleetStore {
  const putEvent = (value: FleetEvent): Operation => ({
    type: 'put',
    sublevel: store.events,
    key: value.id,
    value,
  });

  /** As the release before wrote them. */
  async function oneByOne(box: string, { from, to }: Span, limit: number): Promise<StoredSample[]> {
    const picker = createPicker<string>(limit);
    for await (const key of store.samples.keys(sampleRange(box, from, to))) picker.add(key);
    const keys = picker.picked();
    const values = await store.samples.getMany(keys);
    // A sample may have been rolled up in between.
    return keys.flatMap((key, index) => (values[index] ? [{ at: sampleTime(key), values: values[index] }] : []));
  }

  async function raw(box: string, span: Span, limit: number): Promise<StoredSample[]> {
    const packs = await store.packs.values(sampleRange(box, dayOf(span.from), span.to)).all();
    return join(await oneByOne(box, span, limit), pick(packs, { ...span, limit }), limit);
  }

  async function coarse(box: string, { from, to }: Span, until: number): Promise<Row[]> {
    const read = async (kind: Buckets, first: number, last: number): Promise<Row[]> => {
      const rows: Row[] = [];
      const old = kind === 'minute' ? store.rollupMinutes : store.rollupHours;
      for await (const [key, bucket] of old.iterator(sampleRange(box, first, last)))
        rows.push({ at: sampleTime(key), bucket });
      const packed = await store[`${kind}Packs`].values(sampleRange(box, spanOf(kind, first), last)).all();
      return rowsWithin([rows, ...packed.map(unpackBuckets)], first, last);
    };
    const hours = await read('hour', from, Math.min(to, until - 1));
    return [...hours, ...(await read('minute', Math.max(from, until), to))];
  }

  return {
    kind: 'level',
    lives: async (boxes) => found(boxes, await store.lives.getMany([...boxes])),
    async commit({ samples, carried, lives, events }) {
      const operations = packsOf(samples, carried).map((pack) => packOperation(store, pack));
      for (const event of events) operations.push(putEvent(event));
      for (const [key, value] of lives) operations.push({ type: 'put', sublevel: store.lives, key, value });
      await store.commit(operations);
    },
    allLives: () => store.lives.iterator(),
    async samples(box, span) {
      const now = clock.now();
      const { raw: rawSince, minutes } = cutsOf(keep, now);
      const rows = await coarse(box, span, hoursUntil(span, minutes, now));
      const limit = rows.length === 0 ? span.limit : rawLimit(span, rawSince, now);
      return join(pointsOf(rows, Math.max(2, span.limit - limit)), await raw(box, span, limit), span.limit);
    },
    async *sequences(box) {
      const range = sampleRange(box, 0, Number.MAX_SAFE_INTEGER);
      const places = (await store.packs.values(range).all()).flatMap(placesIn);
      for await (const key of store.samples.keys(range)) places.push(samplePlace(key));
      yield* places.sort(bySequence);
    },

    record: (events) => store.commit(events.map(putEvent)),
    async eventTypes(since) {
      const counts = new Map<string, number>();
      for await (const { at, type } of store.events.values({ reverse: true })) {
        if (at < since) break;
        counts.set(type, (counts.get(type) ?? 0) + 1);
      }
      return counts;
    },
    async events({ limit, before, box, type }) {
      const wanted: FleetEvent[] = [];
      const range = before === undefined ? {} : { lt: before };
      if (box === undefined && type === undefined)
        return (await store.events.values({ reverse: true, limit, ...range }).all()).reverse();
      for await (const event of store.events.values({ reverse: true, ...range })) {
        if (wanted.length >= limit) break;
        if ((box === undefined || event.box === box) && (type === undefined || event.type === type)) wanted.push(event);
      }
      return wanted.reverse();
    },

    // The control plane's records lie in the same store.
    admit: async () => {},
    async admissions(boxes) {
      const records = found(boxes, await store.boxes.getMany([...boxes]));
      return new Map([...records].map(([box, record]) => [box, admissionOf(record)]));
    },
    onAdmission: () => () => {},
    allOffline: async () => {},
    sweep: (wanted, now, signal) => sweepLevel(store, wanted, now, signal),
    close: async () => {},
  };
}
