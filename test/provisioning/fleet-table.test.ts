/** The fleet as a table: beside the level store, and later beside PostgreSQL, by one suite. */
import t from 'tap';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createFleetDesk } from '../../provisioning/fleet-wiring.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore } from '../../provisioning/store/store.js';
import { tableSuite } from '../support/fleet-table.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

tableSuite(t, 'beside level', async (test) => {
  const folder = await ownFolder(test);
  const clock = createManualClock();
  const store = await openStore(folder);
  const fleet = createLevelFleet({ store, clock });
  const events = createEventLog({ store, fleet, clock });
  const endings = { revoke: async () => {}, reinstate: async () => {}, object: async () => {}, settle: async () => {} };
  const here = new Set<string>();
  const desk = (online: (box: string) => boolean) => createFleetDesk({ store, fleet, events, clock, online, endings });
  const { table } = desk((box) => here.has(box));
  await table.start();
  const others: { stop(): void }[] = [];
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
      table.stop();
      for (const other of others) other.stop();
      await events.stop();
      await store.close();
    },
  };
});
