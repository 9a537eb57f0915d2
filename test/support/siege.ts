/** Boxes that report all the while that somebody attacks: how they fare is what an attack is judged by. */
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { type ConnectedBox, health, type TestBox, type TestTerritory, up } from './territory.js';

export interface Neighbours {
  /** They report while the work goes on, and answer how long the slowest hundredth waited for the broker, in ms. */
  during(work: () => Promise<void>): Promise<number>;
  /** Every sample of theirs is stored, and once; none has lost its session. Answers how many there are. */
  unharmed(): Promise<number>;
}

interface Neighbour {
  box: TestBox;
  link: ConnectedBox;
  sequence: number;
}

export async function openNeighbours(territory: TestTerritory, count = 3): Promise<Neighbours> {
  const all: Neighbour[] = [];
  const fleet = createLevelFleet({ store: territory.store, clock: territory.clock });
  for (let number = 0; number < count; number += 1) {
    const box = await territory.box(`box-neighbour-${number}`);
    all.push({ box, link: await territory.connect(box), sequence: 0 });
  }

  async function report(one: Neighbour, waits: number[]): Promise<void> {
    one.sequence += 1;
    const began = performance.now();
    await one.link.client.publishAsync(up(one.box.id, 'health'), health(one.sequence, one.sequence), { qos: 1 });
    waits.push(performance.now() - began);
  }

  return {
    async during(work) {
      const waits: number[] = [];
      let isOver = false;
      const reporting = all.map(async (one) => {
        do await report(one, waits);
        while (!isOver);
        await report(one, waits); // and once more when all is over
      });
      try {
        await work();
      } finally {
        isOver = true;
      }
      await Promise.all(reporting);
      return waits.toSorted((one, other) => one - other)[Math.floor(waits.length * 0.99)] ?? 0;
    },
    async unharmed() {
      let sum = 0;
      for (const { box, link, sequence } of all) {
        await link.acked(({ contiguous }) => contiguous === sequence);
        if (!link.client.connected) throw new Error(`${box.id} has lost its session`);
        let expected = 0;
        for await (const { seq } of fleet.sequences(box.id)) {
          expected += 1;
          if (seq !== expected) throw new Error(`${box.id} has sequence ${seq} where ${expected} should be`);
        }
        if (expected !== sequence) throw new Error(`${box.id} has ${expected} of ${sequence}`);
        sum += expected;
      }
      return sum;
    },
  };
}
