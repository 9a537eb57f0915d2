/**
 * `make bench`: each figure beside its reference, measured in the same run. One JSON object a line goes to
 * build/bench.json; with SHORT=1 to build/bench-short.json, after a run that only shows that all can be measured.
 * The exit code says whether it could be measured, never whether it is good.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { admission } from './admission.js';
import { api } from './api.js';
import { appSockets } from './app-sockets.js';
import { apps } from './apps.js';
import { archive } from './archive.js';
import { backup } from './backup.js';
import type { Conditions, Figure } from './compare.js';
import { directory } from './directory.js';
import { est, estPostgres } from './est.js';
import { fleet } from './fleet.js';
import { fleetTable } from './fleet-table.js';
import { health } from './health.js';
import { ingest, ingestBatches, ingestPostgres } from './ingest.js';
import { install } from './install.js';
import { libraryCosts } from './libraries.js';
import { memory } from './memory.js';
import { messages } from './messages.js';
import { metering } from './metering.js';
import { path as pathCheck } from './path.js';
import { register } from './register.js';
import { renewal } from './renewal.js';
import { start } from './start.js';
import { stored } from './stored.js';
import { telling } from './telling.js';
import { openTerritory } from './territory.js';
import { week } from './week.js';
import { startWire } from './wire.js';
import { createWorkshop } from './workshop.js';

/** What we aim at: a ratio that is at least or at most so large, or the value itself. */
const aims: Record<string, { text: string; met: (figure: Figure) => boolean } | undefined> = {};
const least = (ratio: number) => ({ text: `≥ ${ratio}`, met: (figure: Figure) => figure.ratio >= ratio });
const most = (ratio: number) => ({ text: `≤ ${ratio}`, met: (figure: Figure) => figure.ratio <= ratio });
for (const name of ['api.get', 'storage.put', 'storage.get', 'ingest.core']) aims[name] = least(0.8);
for (const name of ['est.enrol', 'est.reenrol', 'est.idevid', 'est.renewal']) aims[name] = least(0.6);
aims['ingest.postgres.core'] = least(0.6);
aims['path.check'] = least(0.4);
aims['memory.idle'] = most(1.9);
aims['memory.worked'] = most(2.2);
aims.start = most(2);
aims['fleet.table'] = { text: '≤ 50 ms', met: (figure) => figure.value <= 50 };
aims['fleet.memory'] = most(1.6);
aims['wire.day'] = most(1);
aims['health.cpu'] = most(5);
aims['week.heap'] = most(1.05);
for (const name of ['week.resident', 'week.cpu']) aims[name] = most(1.1);
aims['week.open'] = most(1);

const say = (line: string) => console.log(line);
const cells = (row: readonly string[]) =>
  row.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(11))).join('  ');

function tell(figure: Figure): void {
  const { name, value, unit, reference, ratio } = figure;
  const aim = aims[name];
  const verdict = aim ? (aim.met(figure) ? 'met' : 'missed') : '-';
  say(`${cells([name, String(value), String(reference), ratio.toFixed(3), aim?.text ?? '-', verdict])}  ${unit}`);
}

const short = process.env.SHORT === '1';
const only = process.argv.slice(2);
const boxes = Number(process.env.BOXES ?? 1000);
const conditions: Conditions = { short, boxes, say: (line) => say(`  ${line}`) };
const workshop = createWorkshop();
const figures: Figure[] = [];
let failed = 0;

const wanted = (name: string) => only.length === 0 || only.includes(name);

async function measure(name: string, work: () => Promise<Figure[]>): Promise<void> {
  if (!wanted(name)) return;
  try {
    for (const figure of await work()) {
      figures.push(figure);
      tell(figure);
    }
  } catch (error) {
    failed += 1;
    console.error(`cannot measure ${name}:`, error);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void workshop.close().then(() => process.exit(1)));

try {
  say(cells(['name', 'value', 'reference', 'ratio', 'aim', 'verdict']));
  const wire = wanted('wire') ? await startWire(workshop, conditions) : undefined;
  await measure('api', () => api(workshop, conditions));
  await measure('sockets', () => appSockets(workshop, conditions));
  await measure('messages', () => messages(workshop, conditions));
  await measure('metering', () => metering(workshop, conditions));
  for (const name of ['leases', 'notify', 'events'] as const)
    await measure(name, () => telling(workshop, conditions, name));
  await measure('apps', () => apps(workshop, conditions));
  await measure('start', () => start(workshop, conditions));
  await measure('health', () => health(workshop, conditions));
  await measure('directory', () => directory(conditions));
  await measure('path', () => pathCheck(conditions));
  await measure('register', () => register(workshop, conditions));
  await measure('archive', () => archive(workshop, conditions));
  await measure('backup', () => backup(workshop, conditions));
  await measure('table', () => fleetTable(workshop, conditions));
  await measure('admission', () => admission(workshop, conditions));
  if (['est', 'renewal', 'ingest', 'ingest.batch', 'memory', 'fleet'].some(wanted)) {
    const territory = await openTerritory(workshop);
    await measure('est', () => est(workshop, territory, conditions));
    await measure('renewal', () => renewal(workshop, territory, conditions));
    await measure('ingest', () => ingest(workshop, territory, conditions));
    await measure('ingest.batch', () => ingestBatches(workshop, territory, conditions));
    await measure('memory', () => memory(workshop, territory, conditions));
    await measure('fleet', () => fleet(workshop, territory, conditions));
  }
  await measure('est.postgres', () => estPostgres(workshop, conditions));
  await measure('ingest.postgres', () => ingestPostgres(workshop, conditions));
  await measure('stored', () => stored(workshop, conditions));
  if (wire) await measure('wire', wire);
  await measure('week', () => week(workshop, conditions));
  await measure('install', () => install(workshop, conditions));
  if (wanted('libraries')) {
    const costs = await libraryCosts(workshop, short ? 1 : 5);
    say('\nresident MiB of a fresh Node after importing');
    for (const { name, residentMiB, costMiB } of costs)
      say(`${name.padEnd(34)}${residentMiB.toFixed(1).padStart(7)}${`+${costMiB.toFixed(1)}`.padStart(8)}`);
    await keep('bench-memory', costs);
  }
  await keep('bench', figures);
} finally {
  await workshop.close();
}
process.exitCode = failed > 0 ? 1 : 0;

/** A run of some benchmarks (`make bench ONLY="est ingest"`) is for the reader alone. */
async function keep(name: string, rows: readonly object[]): Promise<void> {
  if (only.length > 0) return;
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFile(path.join('build', `${name}${short ? '-short' : ''}.json`), text);
}
