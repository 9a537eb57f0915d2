/** Simulated boxes of a provider's territory, let in by its own rooms while it does not run: EST has its own tests. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { openRooms } from '../../provisioning/rooms.js';
import type { Identity } from '../../provisioning/simulate/identities.js';
import { createSimulation, type Simulation, type SimulationWish } from '../../provisioning/simulate/simulation.js';
import { openStore } from '../../provisioning/store/store.js';

const atOnce = 50;

export async function enterBoxes(directory: string, count: number): Promise<Identity[]> {
  const rooms = await openRooms({ directory, files, clock: systemClock });
  const entered: Identity[] = [];
  async function enter(): Promise<void> {
    const key = newPrivateKey();
    const csr = parseCsr(await makeCsr({ commonName: 'new-box', signer: signerOf(key) }));
    const { box, certificate } = await rooms.boxes.enter(csr, { admittedBy: 'claim', how: 'by a test' });
    const cert = certificateToPem(Buffer.from(certificate.der, 'base64'));
    entered.push({ id: box, key: keyToPem(key), cert });
  }
  try {
    while (entered.length < count)
      await Promise.all(Array.from({ length: Math.min(atOnce, count - entered.length) }, enter));
  } finally {
    await rooms.close();
  }
  return entered;
}

/** A simulation before this territory's broker; a minute of theirs is three seconds. */
export async function simulationOf(
  directory: string,
  broker: string,
  identities: readonly Identity[],
  wish: Partial<SimulationWish> = {},
): Promise<Simulation> {
  const root = await readFile(path.join(directory, 'ca/root.crt'), 'utf8');
  const { hostname, port } = new URL(broker);
  return createSimulation(
    {
      ...{ identities, root, broker: { host: hostname, port: Number(port) }, seed: 1, lasts: 600_000, speed: 20 },
      ...{ intervalMilliseconds: 60_000, batch: 3, faults: {}, atOnce: 128, ...wish },
    },
    systemClock,
  );
}

export interface Count {
  /** Sequences that the boxes have taken. */
  taken: number;
  /** Of them, how many are stored. */
  stored: number;
  /** Stored more than once, or never taken. */
  surplus: number;
}

/** Counts every sequence in the store of a provider that does not run. */
export async function countStored(directory: string, { boxes }: Simulation): Promise<Count> {
  const store = await openStore(directory);
  const count: Count = { taken: 0, stored: 0, surplus: 0 };
  try {
    for (const { id, book } of boxes) {
      const seen = new Set<number>();
      let keys = 0;
      for (const key of await store.samples.keys({ gte: `${id}!`, lt: `${id}"` }).all()) {
        const [, , epoch, sequence] = key.split('!');
        keys += 1;
        const number = Number(sequence);
        if (epoch === book.epoch && number >= 1 && number <= book.last) seen.add(number);
      }
      count.taken += book.last;
      count.stored += seen.size;
      count.surplus += keys - seen.size;
    }
  } finally {
    await store.close();
  }
  return count;
}
