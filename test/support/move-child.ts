/** Moves a fleet in a process of its own, to be killed. Arguments: the directory, the URL, and after how many commits. */
import { systemClock } from '#common/clock.js';
import { copyFleet } from '../../provisioning/fleet/moving.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openStore } from '../../provisioning/store/store.js';

const [directory = '', url = '', after = ''] = process.argv.slice(2);
let left = Number(after);
const store = await openStore(directory);
const fleet = await openPostgresFleet({ url, territory: 'test', clock: systemClock });
const sessions: typeof fleet.sessions = {
  ...fleet.sessions,
  async transact(work, begin) {
    const result = fleet.sessions.transact(async (session) => {
      const done = await work(session);
      if (left-- > 0) return done;
      console.log('stands'); // everything is written, and nothing committed
      return new Promise<never>(() => setInterval(() => {}, 1000));
    }, begin);
    return result;
  },
};
console.log(`done ${JSON.stringify(await copyFleet({ store, fleet: { ...fleet, sessions }, clock: systemClock }))}`);
process.exit();
