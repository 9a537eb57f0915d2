import { placesIn } from '../../provisioning/store/pack.js';
import { sampleKey, sampleRange } from '../../provisioning/store/samples.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import type { TestPostgres } from './postgres.js';

export interface Stored {
  epoch: string;
  sequence: number;
  at: number;
}

/** `{box}!{time}!{epoch}!{sequence}` of each sample that the store holds, of one box or of all; ascending. */
export async function sampleKeys(store: Store, box?: string): Promise<string[]> {
  const range = box === undefined ? {} : sampleRange(box, 0, Number.MAX_SAFE_INTEGER);
  const packs = await store.packs.iterator(range).all();
  const keys = packs.flatMap(([key, bytes]) =>
    placesIn(bytes).map(({ at, epoch, seq }) => sampleKey(key.split('!')[0] ?? '', at, epoch, seq)),
  );
  return [...keys, ...(await store.samples.keys(range).all())].sort();
}

/** What the store of a provider that does not run holds of each box, in the order of the box's clock. */
export async function storedSamples(directory: string): Promise<Map<string, Stored[]>> {
  const store = await openStore(directory);
  const boxes = new Map<string, Stored[]>();
  for (const key of await sampleKeys(store)) {
    const [box = '', at, epoch = '', sequence] = key.split('!');
    boxes.set(box, [...(boxes.get(box) ?? []), { epoch, sequence: Number(sequence), at: Number(at) }]);
  }
  await store.close();
  return boxes;
}

/** Each raw sample that a database holds, as `box epoch sequence`; each as often as it is there. */
export function storedRows(server: Pick<TestPostgres, 'ask'>, database: string): string[] {
  const lines = (statement: string) => server.ask(database, statement).split('\n').filter(Boolean);
  const packed = lines("SELECT box, encode(pack, 'hex') FROM sample_packs").flatMap((line) => {
    const [box, pack = ''] = line.split('|');
    return placesIn(Buffer.from(pack, 'hex')).map(({ epoch, seq }) => `${box} ${epoch} ${seq}`);
  });
  return [...packed, ...lines("SELECT concat_ws(' ', box, epoch, seq) FROM samples")];
}

/** 1 to n without a hole, a double or a swap; answers n. */
export function wholeUpTo(stored: readonly Stored[]): number {
  stored.forEach(({ sequence }, index) => {
    if (sequence !== index + 1) throw new Error(`place ${index + 1} holds sequence ${sequence}`);
  });
  return stored.length;
}
