/** The fleet as a table: beside the level store, and later beside PostgreSQL, by one suite. */
import t from 'tap';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createFleetDesk } from '../../provisioning/fleet-wiring.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore } from '../../provisioning/store/store.js';
import { boxRecord, lifeRecord } from '../support/fleet-facts.js';
import { openPostgresRig } from '../support/fleet-stores.js';
import { tableSuite } from '../support/fleet-table.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { testPostgres } from '../support/postgres.js';

const noEndings = { revoke: async () => {}, reinstate: async () => {}, object: async () => {}, settle: async () => {} };

tableSuite(t, 'beside level', async (test) => {
  const folder = await ownFolder(test);
  const clock = createManualClock();
  const store = await openStore(folder);
  const fleet = createLevelFleet({ store, clock });
  const events = createEventLog({ store, fleet, clock });
  const here = new Set<string>();
  const desk = (online: (box: string) => boolean) =>
    createFleetDesk({ store, fleet, events, clock, online, endings: noEndings });
  const { table } = desk((box) => here.has(box));
  await table.start();
  const others: { stop(): Promise<void> }[] = [];
  return {
    table,
    clock,
    async write(key, { box, life, about }) {
      await store.commit([
        ...(box ? [{ type: 'put' as const, sublevel: store.boxes, key, value: box }] : []),
        ...(life ? [{ type: 'put' as const, sublevel: store.lives, key, value: life }] : []),
        ...(about ? [{ type: 'put' as const, sublevel: store.abouts, key, value: about }] : []),
      ]);
    },
    async claim(id, value) {
      await store.commit([{ type: 'put', sublevel: store.claims, key: id.padEnd(64, '0'), value }]);
    },
    async present(box, online) {
      if (online) here.add(box);
      else here.delete(box);
      events.announce({ type: online ? 'online' : 'offline', box, text: '' });
    },
    async record(event) {
      events.record(event);
      await events.recent(1);
    },
    async again() {
      const other = desk(() => false).table;
      others.push(other);
      return other;
    },
    async close() {
      await Promise.all([table, ...others].map((one) => one.stop()));
      await events.stop();
      await store.close();
    },
  };
});

t.test('where boxes’ lives are in PostgreSQL the table follows what is written there', async (t) => {
  const server = await testPostgres(t, { fsync: 'off' });
  const { store, fleet, clock } = await openPostgresRig(server)(t);
  const events = createEventLog({ store, fleet, clock });
  t.teardown(() => events.stop());
  const { table } = createFleetDesk({ store, fleet, events, clock, online: () => false, endings: noEndings });
  const [a, b] = ['box-aaaaaaaa', 'box-bbbbbbbb'] as const;
  for (const key of [a, b])
    await store.commit([{ type: 'put', sublevel: store.boxes, key, value: boxRecord(clock.now(), {}) }]);
  const write = (box: string, agent: string, version: number) =>
    fleet.commit({
      lives: new Map([[box, { ...lifeRecord(clock.now(), { agent }), version }]]),
      ...{ samples: [], events: [], online: new Map(), fences: [] },
    });
  await write(a, '0.9.0', 1);
  await table.start();
  t.teardown(() => table.stop());
  const agentOf = async (box: string) => (await table.query({ search: box })).boxes[0]?.agent;
  const counted = async (agent: string) => (await table.query({ agent: [agent] })).total;
  /** Time passes until this holds; the database answers in its own. */
  const until = async (holds: () => Promise<boolean>, step: number) => {
    while (!(await holds())) {
      clock.advance(step);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  t.equal(await counted('0.9.0'), 1, 'what was there is read at the start');
  await write(a, '0.10.0', 2);
  events.announce({ type: 'condition', box: a, text: 'news' });
  await until(async () => (await counted('0.10.0')) === 1, 1000);
  await write(b, '0.10.0', 1);
  await until(async () => (await counted('0.10.0')) === 2, 5000);
  t.pass('what nobody told of is seen within a minute or so');
  events.record({ type: 'enrolled', box: a, text: 'enrolled' });
  await events.recent(1);
  await until(async () => (await table.glance()).changes.types.some(({ type }) => type === 'enrolled'), 5000);

  await server.stop();
  for (let second = 0; second < 100; second += 1) clock.advance(1000);
  t.equal((await table.counts()).states.offline, 2, 'while the database is away, what is known stays');
  await server.start();
  const waiting = async () =>
    write(b, '0.11.0', 2).then(
      () => true,
      () => false,
    );
  await until(waiting, 1000);
  await until(async () => (await counted('0.11.0')) === 1, 5000);
  t.equal(await agentOf(b), '0.11.0');
});
