/** The fleet as a table: beside the level store and beside PostgreSQL, by one suite. */
import t, { type Test } from 'tap';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createFleetDesk } from '../../provisioning/fleet-wiring.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import type { LifeRecord } from '../../provisioning/store/lives.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openStore } from '../../provisioning/store/store.js';
import { type TableSubject, tableSuite } from '../support/fleet-table.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { testPostgres } from '../support/postgres.js';

const server = await testPostgres(t, { fsync: 'off' });
const url = server.create('table');

async function open(test: Pick<Test, 'teardown'>, kind: 'level' | 'postgres'): Promise<TableSubject> {
  const folder = await ownFolder(test);
  const clock = createManualClock();
  const store = await openStore(folder);
  const shared = kind === 'postgres' ? await openPostgresFleet({ url, territory: 'test', clock }) : undefined;
  await shared?.sessions.ask('TRUNCATE lives, events');
  const fleet = shared ?? createLevelFleet({ store, clock });
  const events = createEventLog({ store, fleet, clock });
  const endings = { revoke: async () => {}, reinstate: async () => {}, object: async () => {}, settle: async () => {} };
  const here = new Set<string>();
  const desk = (online: (box: string) => boolean) => createFleetDesk({ store, fleet, events, clock, online, endings });
  const { table } = desk((box) => here.has(box));
  await table.start();
  const others: { stop(): void }[] = [];
  const writeLife = async (box: string, life: LifeRecord) => {
    const version = ((await fleet.lives([box])).get(box)?.version ?? 0) + 1;
    const lives = new Map([[box, { ...life, version }]]);
    await fleet.commit({ lives, samples: [], events: [], online: new Map(), fences: [] });
    await table.refresh();
  };
  return {
    table,
    clock,
    async write(key, { box, life, about }) {
      await store.commit([
        ...(box ? [{ type: 'put' as const, sublevel: store.boxes, key, value: box }] : []),
        ...(about ? [{ type: 'put' as const, sublevel: store.abouts, key, value: about }] : []),
      ]);
      if (life) await writeLife(key, life);
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
      table.stop();
      for (const other of others) other.stop();
      await events.stop();
      await fleet.close();
      await store.close();
    },
  };
}

tableSuite(t, 'beside level', (test) => open(test, 'level'));
tableSuite(t, 'beside PostgreSQL', (test) => open(test, 'postgres'));
