/** From level to PostgreSQL: however often it is cut, and whatever comes in between, each sample is there once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { checkNotMoved, giveUpMove } from '../../provisioning/fleet/move-state.js';
import { copyFleet, settleMove } from '../../provisioning/fleet/moving.js';
import { unpackBuckets } from '../../provisioning/store/bucket-pack.js';
import { dayOf } from '../../provisioning/store/pack.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openLevelRig, openPostgresRig } from '../support/fleet-stores.js';
import { testPostgres } from '../support/postgres.js';
import { sampleKeys } from '../support/stored.js';
import { birth, epoch2, health, quietLog } from '../support/territory.js';

const server = await testPostgres(t, { fsync: 'off' });
const boxes = Array.from({ length: 12 }, (_, index) => `box-move-${String(index).padStart(6, '0')}`);
const day = 86_400_000;
const keep = { rawDays: 7, minutesDays: 90, hoursDays: 730, eventsDays: 90 };

async function moveUntil(directory: string, url: string, commits: number): Promise<string> {
  const program = path.join(import.meta.dirname, '../support/move-child.js');
  const child = spawn(process.execPath, [program, directory, url, String(commits)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  child.kill('SIGKILL');
  await exit;
  return line;
}

t.test('a move that is killed at each step, with boxes that go on reporting, loses and doubles nothing', async (t) => {
  const rig = await openLevelRig(t, keep);
  const url = server.create('move');
  const { clock } = rig;
  const sent = new Map<string, number>();
  async function report(count: number): Promise<void> {
    const events = createEventLog({ store: rig.store, fleet: rig.fleet, clock });
    const ingest = createIngest({ ...{ fleet: rig.fleet, events, clock, log: quietLog }, publish: () => {} });
    await Promise.all(
      boxes.map(async (box, index) => {
        const first = (sent.get(box) ?? 0) + 1;
        const last = first + count * 10 + index;
        const topic = (kind: 'health' | 'status') => ({ box, direction: 'up', kind }) as const;
        const say = (kind: 'health' | 'status', text: string) =>
          ingest.receive({ box, topic: topic(kind), payload: Buffer.from(text) });
        await say('status', birth('1'.repeat(16), last));
        await say('health', health(first, last));
        await say('health', health(first, last, epoch2));
        sent.set(box, last);
      }),
    );
    await ingest.stop();
    await events.stop();
  }
  await report(30);
  // They are of two days of 2023: the first of them is rolled up before the move begins.
  clock.advance(dayOf(1_700_000_000_000) + 8 * day - clock.now());
  await rig.fleet.sweep(keep, clock.now());
  const before = await sampleKeys(rig.store);
  t.ok(before.length > 0 && (await rig.store.hourPacks.keys().all()).length > 0, 'some are rolled up, some are not');
  const rolledUp = new Map<string, number>();
  for (const box of boxes)
    rolledUp.set(box, (sent.get(box) ?? 0) * 2 - before.filter((key) => key.startsWith(`${box}!`)).length);

  let line = '';
  for (let commits = 4; !line.startsWith('done'); commits += 1) {
    line = await rig.whileClosed(() => moveUntil(rig.address, url, commits));
    if (commits % 2 === 0) await report(1);
    if (commits > 60) throw new Error('it never comes to an end');
  }
  await report(2);
  const fleet = await openPostgresFleet({ url, territory: 'test', clock, keep });
  t.teardown(() => fleet.close());
  await checkNotMoved(rig.store);
  const last = await settleMove({ store: rig.store, fleet, clock });
  t.equal(last?.boxes, boxes.length, 'what came after the copy');
  await t.rejects(checkNotMoved(rig.store), { code: 'store-moved' });
  await t.rejects(copyFleet({ store: rig.store, fleet, clock }), { code: 'store-moved' });
  await t.rejects(giveUpMove(rig.store), { code: 'store-moved' });
  t.equal(await settleMove({ store: rig.store, fleet, clock }), undefined, 'once');

  for (const box of boxes) {
    const found: string[] = [];
    for await (const { epoch, seq } of fleet.sequences(box)) found.push(`${epoch} ${seq}`);
    t.equal(new Set(found).size, found.length, `${box}: none is doubled`);
    t.equal(found.length, (sent.get(box) ?? 0) * 2 - (rolledUp.get(box) ?? 0), `${box}: none is lost`);
    const [old, now] = [(await rig.fleet.lives([box])).get(box), (await fleet.lives([box])).get(box)];
    const { version: _old, ...was } = old ?? {};
    const { version: _now, ...is } = now ?? {};
    t.strictSame(is, was);
  }
  for (const kind of ['minute', 'hour'] as const) {
    const there = server.ask('move', `SELECT box, encode(pack, 'hex') FROM ${kind}_packs ORDER BY box, at`).split('\n');
    const here = await rig.store[`${kind}Packs`].iterator().all();
    t.strictSame(
      there.map((line) => unpackBuckets(Buffer.from(line.split('|')[1] ?? '', 'hex'))),
      here.map(([, pack]) => unpackBuckets(pack)),
      `each ${kind} as it was`,
    );
  }

  const events = createEventLog({ store: rig.store, fleet, clock });
  const ingest = createIngest({ ...{ fleet, events, clock, log: quietLog }, publish: () => {} });
  const box = boxes[0]!;
  const next = (sent.get(box) ?? 0) + 1;
  const topic = { box, direction: 'up', kind: 'health' } as const;
  await ingest.receive({ box, topic, payload: Buffer.from(health(next - 5, next)) });
  t.match((await fleet.lives([box])).get(box)?.tracks, { e0e0e0e0e0e0e0e0: { contiguous: next } }, 'and it goes on');
  await ingest.stop();
  await events.stop();
});

t.test('a move that was given up leaves level as it is; a database that was used is not moved into', async (t) => {
  const rig = await openLevelRig(t);
  const used = await openPostgresRig(server)(t);
  const fleet = used.fleet as Awaited<ReturnType<typeof openPostgresFleet>>;
  await copyFleet({ store: rig.store, fleet, clock: rig.clock });
  await giveUpMove(rig.store);
  await checkNotMoved(rig.store);
  await fleet.commit({
    ...{ samples: [], events: [], online: new Map(), fences: [] },
    lives: new Map([['box-aaaaaaaa', { lastSeen: 1, tracks: {}, version: 1 }]]),
  });
  await t.rejects(copyFleet({ store: rig.store, fleet, clock: rig.clock }), { code: 'database-used' });
  await t.rejects(settleMove({ store: rig.store, fleet, clock: rig.clock }), { code: 'database-used' });
});
