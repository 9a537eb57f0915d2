/**
 * Bytes on the disk for each sample, as boxes send them: a batch of a quarter of an hour from each box in turn, its life
 * written with it. The reference is the text of the values alone. PostgreSQL is measured where Debian's is installed.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { lifeOf, minute } from '../../provisioning/simulate/life.js';
import { measure } from '../../provisioning/simulate/measure.js';
import { birthOf, conditionsAt, reportedOf } from '../../provisioning/simulate/tell.js';
import type { FleetStore, NewSample } from '../../provisioning/store/fleet.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import type { LifeRecord } from '../../provisioning/store/lives.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openStore } from '../../provisioning/store/store.js';
import { testPostgres } from '../support/postgres.js';
import { type Conditions, type Figure, figure } from './compare.js';
import type { Workshop } from './workshop.js';

const epoch = 'e0e0e0e0e0e0e0e0';
const batch = 15;
const boxesInRound = 50;

async function bytesUnder(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += (await stat(path.join(entry.parentPath, entry.name))).size;
  return sum;
}

interface Written {
  samples: number;
  /** Of the values, as text. */
  bytes: number;
}

/** So many boxes for so many batches, up to now. */
async function write(fleet: FleetStore, boxes: number, batches: number): Promise<Written> {
  const written: Written = { samples: 0, bytes: 0 };
  const began = Math.floor(Date.now() / minute) * minute - batches * batch * minute;
  const lives = Array.from({ length: boxes }, (_, index) => lifeOf(1, index));
  for (let turn = 0; turn < batches; turn += 1)
    for (let first = 0; first < boxes; first += boxesInRound) {
      const samples: NewSample[] = [];
      const records = new Map<string, LifeRecord>();
      for (const life of lives.slice(first, first + boxesInRound)) {
        const box = `box-stored-${String(life.index).padStart(4, '0')}`;
        for (let place = 1; place <= batch; place += 1) {
          const seq = turn * batch + place;
          const at = began + seq * minute;
          const values = measure(life, at);
          written.bytes += JSON.stringify(values).length;
          samples.push({ box, epoch, seq, at, values });
        }
        const last = samples.at(-1)!;
        const told = { session: epoch, epoch, lastSequence: 0, at: began };
        records.set(box, {
          ...{
            lastSeen: last.at,
            tracks: { [epoch]: { contiguous: last.seq, above: [], lost: 0 } },
            version: turn + 1,
          },
          ...{ birth: birthOf(life, told), health: { at: last.at, values: last.values } },
          reported: reportedOf(life, began, conditionsAt(life, began)),
        });
      }
      await fleet.commit({ samples, lives: records, events: [], online: new Map(), fences: [] });
      written.samples += samples.length;
    }
  return written;
}

const perSample = (name: string, bytes: number, written: Written): Figure =>
  figure(name, 'bytes/sample', { value: bytes / written.samples, reference: written.bytes / written.samples });

export async function stored(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const [boxes, batches] = short ? [20, 10] : [100, 96];
  const directory = await workshop.folder();
  const store = await openStore(directory);
  const written = await write(createLevelFleet({ store, clock: systemClock }), boxes, batches);
  await store.close();
  const figures = [perSample('stored.level', await bytesUnder(directory), written)];
  if (!existsSync('/usr/lib/postgresql')) return figures;

  const postgres = await testPostgres(workshop);
  const fleet = await openPostgresFleet({ url: postgres.create('bench'), territory: 'bench', clock: systemClock });
  const ask = (statement: string) => Number(postgres.ask('bench', statement));
  const log = () => ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn");
  const [size, place] = [ask("SELECT pg_database_size('bench')"), log()];
  const same = await write(fleet, boxes, batches);
  const logged = (log() - place) / same.samples;
  await fleet.close();
  postgres.ask('bench', 'VACUUM');
  figures.push(perSample('stored.postgres', ask("SELECT pg_database_size('bench')") - size, same));
  say(`stored: ${same.samples} samples of ${boxes} boxes; PostgreSQL wrote ${logged.toFixed(0)} bytes of log for each`);
  await postgres.stop();
  return figures;
}
