/**
 * Bytes on the disk for each sample; then what it comes to when it is rolled up, and what a chart of it takes. The
 * reference of bytes is what the same batches take on the wire; of a chart, that the database reads the same rows and
 * nobody looks at them. PostgreSQL is measured where Debian's is installed.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { day, lifeOf, minute } from '../../provisioning/simulate/life.js';
import { measure } from '../../provisioning/simulate/measure.js';
import { spanOf, spans } from '../../provisioning/store/bucket-pack.js';
import type { FleetStore, Keep } from '../../provisioning/store/fleet.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { mergeIntoBuckets } from '../../provisioning/store/postgres/buckets.js';
import { openPostgresFleet, type PostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { hoursMilliseconds, minutesMilliseconds, type Row, rollUpSamples } from '../../provisioning/store/rollup.js';
import { openStore } from '../../provisioning/store/store.js';
import { type TestPostgres, testPostgres } from '../support/postgres.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { batch, type Written, write } from './stored-write.js';
import { cpuMilliseconds, type Workshop } from './workshop.js';

async function bytesUnder(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += (await stat(path.join(entry.parentPath, entry.name))).size;
  return sum;
}

const perSample = (name: string, bytes: number, { samples, bytes: sent }: Written, each = samples): Figure =>
  figure(name, 'bytes', { value: bytes / each, reference: sent / samples });

/** Milliseconds of the server and of all that it has started, ended or not. */
async function cpuOf(postgres: TestPostgres): Promise<number> {
  const parent = Number((await readFile(path.join(postgres.folder, 'd/postmaster.pid'), 'utf8')).split('\n')[0]);
  let sum = (await cpuMilliseconds(parent)) + (await cpuMilliseconds(parent, 'children'));
  for (const entry of await readdir('/proc')) {
    const stat = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '') : '';
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent)
      sum += await cpuMilliseconds(Number(entry)).catch(() => 0);
  }
  return sum;
}

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

/** Milliseconds of CPU, ours and the database's, of a day's chart of each box, in turns with a bare read of its rows. */
async function chart(
  postgres: TestPostgres,
  fleet: FleetStore,
  { boxes, from, to }: Written,
  bare: (box: string) => Promise<unknown>,
) {
  const spent = (work: (box: string) => Promise<unknown>) => async () => {
    const [before, own] = [await cpuOf(postgres), process.cpuUsage()];
    for (const box of boxes) await work(box);
    const { user, system } = process.cpuUsage(own);
    return ((user + system) / 1000 + (await cpuOf(postgres)) - before) / boxes.length;
  };
  return inTurns(
    3,
    spent((box) => fleet.samples(box, { from, to, limit: points })),
    spent(bare),
  );
}

const hourBoxes = 8;

/** Ten days of hours, as they are once all of them have come. Answers how many there are. */
async function writeHours(fleet: PostgresFleet): Promise<number> {
  const from = spanOf('hour', systemClock.now() - 30 * day);
  const boxes = new Map<string, Row[]>();
  for (let index = 0; index < hourBoxes; index += 1) {
    const life = lifeOf(1, index);
    const samples = function* () {
      for (let at = from; at < from + spans.hour; at += minute) yield { at, values: measure(life, at) };
    };
    boxes.set(`box-hours-${index}`, rollUpSamples(samples(), hoursMilliseconds));
  }
  await fleet.sessions.transact((session) => mergeIntoBuckets(session, 'hour', boxes));
  return (hourBoxes * spans.hour) / hoursMilliseconds;
}

async function inPostgres(workshop: Workshop, boxes: number, batches: number, say: Conditions['say']) {
  const postgres = await testPostgres(workshop);
  const url = postgres.create('bench');
  const fleet = await openPostgresFleet({ url, territory: 'bench', clock: systemClock });
  const number = (statement: string) => Number(postgres.ask('bench', statement));
  const log = () => number("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn");
  const [empty, place, began] = [tablesOf(postgres), log(), await cpuOf(postgres)];
  const written = await write(fleet, boxes, batches);
  const logged = log() - place;
  const each = (microseconds: number) => (microseconds / written.samples).toFixed(1);
  const spent = (await cpuOf(postgres)) - began;
  say(`stored: CPU a sample, in µs: the store ${each(written.cpu)}, PostgreSQL ${each(spent * 1000)}`);

  /** Bytes that came, and a line that says where they lie. */
  function grown(): number {
    postgres.ask('bench', 'VACUUM');
    const were = new Map(empty.map((table) => [table.name, table]));
    let sum = 0;
    const told = tablesOf(postgres).flatMap(({ name, heap, indexes, toast }) => {
      const was = were.get(name) ?? { heap: 0, indexes: 0, toast: 0 };
      const parts = [heap - was.heap, indexes - was.indexes, toast - was.toast];
      if (parts.every((part) => part <= 0)) return [];
      for (const part of parts) sum += part;
      const [rows, index, beside] = parts.map((part) => (part / written.samples).toFixed(1));
      return [`${name} ${rows} + ${index} index + ${beside} beside it`];
    });
    say(`stored: bytes a sample: ${told.join('; ')}`);
    return sum;
  }

  const figures = [perSample('stored.postgres', grown(), written), perSample('stored.log', logged, written)];
  const rows = await fleet.sessions.ask<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '_[0-9]{8}$'",
  );
  const raw = rows.map(({ name }) => name).filter((name) => number(`SELECT count(*) FROM ${name}`) > 0);
  const bare = (box: string) => fleet.sessions.ask(`SELECT * FROM ${raw[0]} WHERE box = $1`, [box]);
  figures.push(figure('stored.chart', 'ms of CPU', await chart(postgres, fleet, written, bare)));

  const [before, was, own] = [tablesOf(postgres), await cpuOf(postgres), process.cpuUsage()];
  await fleet.sweep(kept, systemClock.now());
  const { user, system } = process.cpuUsage(own);
  const rolled = (await cpuOf(postgres)) - was;
  say(`stored: CPU of a sample that is put together, in µs: ${each(user + system)}, PostgreSQL ${each(rolled * 1000)}`);
  const buckets = (written.samples * minute) / minutesMilliseconds;
  const sizeOf = (tables: Table[], name: string) =>
    tables
      .filter((table) => table.name === name)
      .reduce((sum, { heap, indexes, toast }) => sum + heap + indexes + toast, 0);
  const size = (from: Table[], name: string) => sizeOf(tablesOf(postgres), name) - sizeOf(from, name);
  figures.push(perSample('stored.minutes', size(before, 'minute_packs'), written, buckets));
  const then = tablesOf(postgres);
  const hours = await writeHours(fleet);
  figures.push(perSample('stored.hours', size(then, 'hour_packs'), written, hours));
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
