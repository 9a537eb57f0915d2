/**
 * A page of the fleet's table over a hundred thousand stored boxes, read from the store and all: how long it takes at
 * the 99th of a hundred questions, beside a bare filter and sort of the same boxes lying in an array.
 */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import type { FleetQuery } from '#contract/fleet.js';
import type { BoxSummary } from '#contract/operator.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createFleetDesk } from '../../provisioning/fleet-wiring.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore } from '../../provisioning/store/store.js';
import { fillFleet } from '../support/filled-fleet.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

const limit = 50;

/** What operators ask for: the worst, the oldest, one place, one model, a name, a condition. */
const questions: readonly FleetQuery[] = [
  { limit },
  { limit, care: ['trouble', 'attention'] },
  { limit, sort: 'lastSeen' },
  { limit, sort: 'id', reverse: true },
  { limit, sort: 'agent' },
  { limit, state: ['offline'], place: ['Shannon'] },
  { limit, model: ['Raspberry Pi 3 Model B Plus'], agent: ['0.9.0'], sort: 'lastSeen' },
  { limit, condition: ['hot', 'sd-wearing'], severity: ['attention'] },
  { limit, search: 'walker tasman' },
  { limit, search: 'tui-0543' },
];

const ranks = ['trouble', 'attention', 'good', 'none'];
const isIn = <T>(list: readonly T[] | undefined, value: T): boolean => list === undefined || list.includes(value);

function bare(boxes: readonly BoxSummary[], query: FleetQuery): BoxSummary[] {
  const words = (query.search ?? '').toLowerCase().split(' ').filter(Boolean);
  const { condition, severity } = query;
  const found = boxes.filter(
    (box) =>
      isIn(query.state, box.state) &&
      isIn(query.care, box.care?.level ?? 'none') &&
      isIn(query.agent, box.agent ?? '') &&
      isIn(query.model, box.model ?? '') &&
      isIn(query.place, box.place ?? '') &&
      (!condition || box.conditions?.some((one) => isIn(condition, one.kind) && isIn(severity, one.severity))) &&
      words.every((word) => `${box.id} ${box.label} ${box.place} ${box.serial}`.toLowerCase().includes(word)),
  );
  const key = (box: BoxSummary): string | number => {
    if (query.sort === 'lastSeen') return box.lastSeen ?? 0;
    if (query.sort === 'agent') return box.agent ?? '';
    return query.sort === 'id' ? '' : ranks.indexOf(box.care?.level ?? 'none');
  };
  const way = query.reverse ? -1 : 1;
  found.sort((a, b) => {
    const [m, n] = [key(a), key(b)];
    if (m !== n) return m < n ? -way : way;
    return a.id < b.id ? -way : way;
  });
  return found.slice(0, limit);
}

/** The time that 99 of a hundred answers keep, in milliseconds. */
async function slowest(rounds: number, ask: (query: FleetQuery) => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1)
    for (const question of questions) {
      const began = performance.now();
      await ask(question);
      times.push(performance.now() - began);
    }
  times.sort((a, b) => a - b);
  return times[Math.floor((times.length - 1) * 0.99)] ?? 0;
}

export async function fleet(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const count = short ? 5000 : 100_000;
  const folder = path.join(await workshop.folder(), 'fleet');
  await fillFleet(folder, count, Date.now());
  const store = await openStore(folder);
  const clock = systemClock;
  const events = createEventLog({ store, clock });
  const endings = { revoke: async () => {}, reinstate: async () => {}, object: async () => {}, settle: async () => {} };
  const parts = { store, events, clock, endings, online: (box: string) => Number(box.slice(4)) % 20 !== 0 };
  const before = process.memoryUsage().heapUsed;
  const { table, fleet: view } = createFleetDesk({ ...parts, fleet: createLevelFleet({ store, clock }) });
  const began = performance.now();
  await table.start();
  const started = performance.now() - began;
  global.gc?.();
  const each = (process.memoryUsage().heapUsed - before) / count;
  say(
    `an index of ${count} boxes is read in ${Math.round(started)} ms${global.gc ? `, ${Math.round(each)} B a box` : ''}`,
  );

  const boxes: BoxSummary[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const page = await view.list({ after, limit: 1000 });
    boxes.push(...page);
    after = page.at(-1)?.id;
    more = page.length === 1000;
  }
  const rounds = short ? 2 : 20;
  const ours = () => slowest(rounds, (query) => table.query(query));
  const theirs = () => slowest(rounds, (query) => bare(boxes, query));
  await slowest(2, (query) => table.query(query)); // both warm before the first count
  await slowest(2, (query) => bare(boxes, query));
  const pages = await inTurns(short ? 3 : 5, ours, theirs);
  const tally = () => {
    const counts = new Map<string, number>();
    for (const { agent, model, place, state } of boxes)
      for (const value of [agent, model, place, state]) counts.set(value ?? '', (counts.get(value ?? '') ?? 0) + 1);
    return counts;
  };
  const glances = await inTurns(
    short ? 3 : 5,
    () => slowest(rounds, () => table.glance()),
    () => slowest(rounds, tally),
  );
  table.stop();
  await events.stop();
  await store.close();
  return [figure('fleet.table', 'ms p99', pages), figure('fleet.glance', 'ms p99', glances)];
}
