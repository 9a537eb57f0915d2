/**
 * Bytes on the disk for each sample, as boxes send them: a batch of a quarter of an hour from each box in turn, its life
 * written with it; then what it comes to when it is rolled up, and what a chart of it takes. The reference of bytes is what
 * the same batches take on the wire; of a chart, that the database reads the same rows and nobody looks at them.
 * PostgreSQL is measured where Debian's is installed.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import type { Sample } from '#contract/health.js';
import { encodeBatch } from '#contract/health-codec.js';
import { ask, day, type Life, lifeOf, minute } from '../../provisioning/simulate/life.js';
import { measure } from '../../provisioning/simulate/measure.js';
import { chance } from '../../provisioning/simulate/random.js';
import { birthOf, conditionsAt, reportedOf } from '../../provisioning/simulate/tell.js';
import type { FleetStore, Keep, NewSample } from '../../provisioning/store/fleet.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import type { LifeRecord } from '../../provisioning/store/lives.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openStore } from '../../provisioning/store/store.js';
import { type TestPostgres, testPostgres } from '../support/postgres.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

const epoch = 'e0e0e0e0e0e0e0e0';
const batch = 15;
const boxesInRound = 50;
const nameOf = ({ index }: Life): string => `box-stored-${String(index).padStart(4, '0')}`;

async function bytesUnder(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += (await stat(path.join(entry.parentPath, entry.name))).size;
  return sum;
}

interface Written {
  samples: number;
  /** On the wire. */
  bytes: number;
  boxes: readonly string[];
  from: number;
  to: number;
}

/** So many boxes for so many batches, all within the day before yesterday. */
async function write(fleet: FleetStore, boxes: number, batches: number): Promise<Written> {
  const began = Math.floor(Date.now() / day) * day - 2 * day;
  const lives = Array.from({ length: boxes }, (_, index) => lifeOf(1, index));
  const written: Written = { samples: 0, bytes: 0, boxes: lives.map(nameOf), from: began, to: began + day };
  for (let turn = 0; turn < batches; turn += 1)
    for (let first = 0; first < boxes; first += boxesInRound) {
      const samples: NewSample[] = [];
      const records = new Map<string, LifeRecord>();
      for (const life of lives.slice(first, first + boxesInRound)) {
        const box = nameOf(life);
        const sent: Sample[] = [];
        for (let place = 1; place <= batch; place += 1) {
          const seq = turn * batch + place;
          const at = began + (seq - 1) * minute + chance(life.seed, ask.jitter, life.index, seq) * 20;
          sent.push({ seq, at: Math.round(at), values: measure(life, at) });
        }
        written.bytes += encodeBatch({ epoch, samples: sent }).length;
        samples.push(...sent.map((sample): NewSample => ({ box, epoch, ...sample })));
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

const perSample = (name: string, bytes: number, { samples, bytes: sent }: Written, each = samples): Figure =>
  figure(name, 'bytes', { value: bytes / each, reference: sent / samples });

interface Table {
  name: string;
  heap: number;
  indexes: number;
  toast: number;
}

/** Of each table with all its parts. */
function tablesOf(postgres: TestPostgres): Table[] {
  const lines = postgres.ask(
    'bench',
    `SELECT regexp_replace(relname, '_([0-9]+|other)$', ''), sum(pg_relation_size(oid)), sum(pg_indexes_size(oid)),
     sum(CASE WHEN reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(reltoastrelid) END)
     FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 1`,
  );
  return lines.split('\n').map((line) => {
    const [name = '', ...sizes] = line.split('|');
    const [heap = 0, indexes = 0, toast = 0] = sizes.map(Number);
    return { name, heap, indexes, toast };
  });
}

const kept: Keep = { rawDays: 1, minutesDays: 90, hoursDays: 730, eventsDays: 90 };
const points = 300;

/** Milliseconds of a day's chart of each box, in turns with a bare read of the rows of that box. */
async function chart(fleet: FleetStore, { boxes, from, to }: Written, bare: (box: string) => Promise<unknown>) {
  const timed = (work: (box: string) => Promise<unknown>) => async (round: number) => {
    const began = performance.now();
    await work(boxes[round % boxes.length]!);
    return performance.now() - began;
  };
  return inTurns(
    Math.max(10, boxes.length),
    timed((box) => fleet.samples(box, { from, to, limit: points })),
    timed(bare),
  );
}

async function inPostgres(workshop: Workshop, boxes: number, batches: number, say: Conditions['say']) {
  const postgres = await testPostgres(workshop);
  const url = postgres.create('bench');
  const fleet = await openPostgresFleet({ url, territory: 'bench', clock: systemClock });
  const number = (statement: string) => Number(postgres.ask('bench', statement));
  const log = () => number("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn");
  const [empty, place] = [tablesOf(postgres), log()];
  const written = await write(fleet, boxes, batches);
  const logged = log() - place;

  /** Bytes that came, and a line that says where they lie. */
  function grown(before: readonly Table[], each: number, what: string): number {
    postgres.ask('bench', 'VACUUM');
    const were = new Map(before.map((table) => [table.name, table]));
    let sum = 0;
    const told = tablesOf(postgres).flatMap(({ name, heap, indexes, toast }) => {
      const was = were.get(name) ?? { heap: 0, indexes: 0, toast: 0 };
      const parts = [heap - was.heap, indexes - was.indexes, toast - was.toast];
      if (parts.every((part) => part <= 0)) return [];
      for (const part of parts) sum += part;
      const [rows, index, beside] = parts.map((part) => (part / each).toFixed(1));
      return [`${name} ${rows} + ${index} index + ${beside} beside it`];
    });
    say(`stored: bytes ${what}: ${told.join('; ')}`);
    return sum;
  }

  const figures = [
    perSample('stored.postgres', grown(empty, written.samples, 'a sample'), written),
    perSample('stored.log', logged, written),
  ];
  const rows = await fleet.sessions.ask<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '_[0-9]{8}$'",
  );
  const raw = rows.map(({ name }) => name).filter((name) => number(`SELECT count(*) FROM ${name}`) > 0);
  const bare = (box: string) => fleet.sessions.ask(`SELECT * FROM ${raw[0]} WHERE box = $1`, [box]);
  figures.push(figure('stored.chart', 'ms', await chart(fleet, written, bare)));

  // Parts are made and dropped by it: what is counted are those that hold something.
  const before = tablesOf(postgres);
  await fleet.sweep(kept, systemClock.now());
  const buckets = (written.samples * minute) / 300_000;
  grown(before, buckets, 'a bucket of five minutes, with its twelfth of an hour');
  for (const [name, each] of [
    ['minutes', buckets],
    ['hours', buckets / 12],
  ] as const) {
    const held = tablesOf(postgres).filter((table) => table.name.startsWith(name.slice(0, -1)));
    const were = before.filter((table) => table.name.startsWith(name.slice(0, -1)));
    const size = (tables: Table[]) => tables.reduce((sum, { heap, indexes, toast }) => sum + heap + indexes + toast, 0);
    figures.push(perSample(`stored.${name}`, size(held) - size(were), written, each));
  }
  await fleet.close();
  await postgres.stop();
  return figures;
}

export async function stored(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const [boxes, batches] = short ? [20, 10] : [100, 96];
  const directory = await workshop.folder();
  const store = await openStore(directory);
  const fleet = createLevelFleet({ store, clock: systemClock });
  const written = await write(fleet, boxes, batches);
  await store.close();
  say(`stored: ${written.samples} samples of ${boxes} boxes in batches of ${batch}`);
  const figures = [perSample('stored.level', await bytesUnder(directory), written)];
  if (existsSync('/usr/lib/postgresql')) figures.push(...(await inPostgres(workshop, boxes, batches, say)));
  return figures;
}
