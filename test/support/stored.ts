import { openStore } from '../../provisioning/store/store.js';

export interface Stored {
  epoch: string;
  sequence: number;
  at: number;
}

/** What the store of a provider that does not run holds of each box, in the order of the box's clock. */
export async function storedSamples(directory: string): Promise<Map<string, Stored[]>> {
  const store = await openStore(directory);
  const boxes = new Map<string, Stored[]>();
  for (const key of await store.samples.keys().all()) {
    const [box = '', at, epoch = '', sequence] = key.split('!');
    boxes.set(box, [...(boxes.get(box) ?? []), { epoch, sequence: Number(sequence), at: Number(at) }]);
  }
  await store.close();
  return boxes;
}

/** 1 to n without a hole, a double or a swap; answers n. */
export function wholeUpTo(stored: readonly Stored[]): number {
  stored.forEach(({ sequence }, index) => {
    if (sequence !== index + 1) throw new Error(`place ${index + 1} holds sequence ${sequence}`);
  });
  return stored.length;
}
