/** The fleet's data in the provider's own level store, for one process. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { FleetEvent, StoredSample } from '#contract/operator.js';
import { hoursUntil, join, pointsOf, rawLimit, type Span } from './chart.js';
import { admissionOf, cutsOf, type FleetStore, type Keep, usualKeep } from './fleet.js';
import { sweepLevel } from './fleet-level-sweep.js';
import { readEvents } from './level-events.js';
import type { Row } from './rollup.js';
import { sampleKey, sampleOperation, sampleRange, sampleTime } from './samples.js';
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

  async function raw(box: string, { from, to }: Span, limit: number): Promise<StoredSample[]> {
    const picker = createPicker<string>(limit);
    for await (const key of store.samples.keys(sampleRange(box, from, to))) picker.add(key);
    const keys = picker.picked();
    const values = await store.samples.getMany(keys);
    // A sample may have been rolled up in between.
    return keys.flatMap((key, index) => (values[index] ? [{ at: sampleTime(key), values: values[index] }] : []));
  }

  async function coarse(box: string, { from, to }: Span, until: number): Promise<Row[]> {
    const rows: Row[] = [];
    const read = async (sublevel: Store['rollupHours'], first: number, last: number) => {
      for await (const [key, bucket] of sublevel.iterator(sampleRange(box, first, last)))
        rows.push({ at: sampleTime(key), bucket });
    };
    await read(store.rollupHours, from, Math.min(to, until - 1));
    await read(store.rollupMinutes, Math.max(from, until), to);
    return rows;
  }

  return {
    kind: 'level',
    lives: async (boxes) => found(boxes, await store.lives.getMany([...boxes])),
    async commit({ samples, lives, events }) {
      const operations = samples.map(({ box, at, epoch, seq, values }) =>
        sampleOperation(store, sampleKey(box, at, epoch, seq), values),
      );
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
      for await (const key of store.samples.keys(sampleRange(box, 0, Number.MAX_SAFE_INTEGER))) {
        const [, at, epoch = '', seq] = key.split('!');
        yield { epoch, seq: Number(seq), at: Number(at) };
      }
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
    events: (query) => readEvents(store, query),

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
