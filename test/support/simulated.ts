/** Simulated boxes of a provider's territory, let in by its own rooms while it does not run: EST has its own tests. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { countSequences } from '../../provisioning/fleet/counted.js';
import { openRooms } from '../../provisioning/rooms.js';
import type { Identity } from '../../provisioning/simulate/identities.js';
import { day, minute } from '../../provisioning/simulate/life.js';
import { createSimulation, type Simulation, type SimulationWish } from '../../provisioning/simulate/simulation.js';
import { judge, type Verdict } from '../../provisioning/simulate/verify.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
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
      ...{ intervalMilliseconds: minute, batch: 3, faults: {}, atOnce: 128, compact: true, tells: true, ...wish },
    },
    systemClock,
  );
}

/**
 * Counts every sequence in the store of a provider that does not run, level's or that of a database; of the last six days,
 * as older ones are thinned.
 */
export async function countStored(directory: string, { boxes }: Simulation, database?: string): Promise<Verdict> {
  const store = await openStore(directory);
  const fleet =
    database === undefined
      ? createLevelFleet({ store, clock: systemClock })
      : await openPostgresFleet({ url: database, territory: 'test', clock: systemClock });
  const since = Date.now() - 6 * day;
  const sum: Verdict = { expected: 0, stored: 0, missing: 0, doubled: 0 };
  try {
    for (const { id, book, life } of boxes) {
      const wish = { intervalMilliseconds: minute, since, clockOff: life.clockOff ?? 0 };
      const { expected, stored, missing, doubled } = judge(book, await countSequences(fleet, id, since), wish);
      sum.expected += expected;
      sum.stored += stored;
      sum.missing += missing;
      sum.doubled += doubled;
    }
  } finally {
    await fleet.close();
    await store.close();
  }
  return sum;
}
