/**
 * Puts old samples together in a process of its own, to be killed: after so many commits it says so, and stands still.
 * Arguments: `level` and a directory or `postgres` and a URL, the moment, and after how many commits.
 */
import { systemClock } from '#common/clock.js';
import type { FleetStore, Keep } from '../../provisioning/store/fleet.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openSessions } from '../../provisioning/store/postgres/sessions.js';
import { sweepPostgres } from '../../provisioning/store/postgres/sweep.js';
import { openStore } from '../../provisioning/store/store.js';

const [kind = '', address = '', keepText = '{}', moment = '', after = ''] = process.argv.slice(2);
const keep: Keep = JSON.parse(keepText);
const now = Number(moment);
let left = Number(after);

/** Before the commit that is one too many: what is done is on the disk, and nothing more will be. */
async function stand(): Promise<void> {
  if (left-- > 0) return;
  console.log('stands');
  await new Promise(() => setInterval(() => {}, 1000));
}

async function level(): Promise<Pick<FleetStore, 'sweep'>> {
  const store = await openStore(address);
  const slow = {
    ...store,
    async commit(operations: Parameters<typeof store.commit>[0]) {
      await stand();
      await store.commit(operations);
    },
  };
  return createLevelFleet({ store: slow, clock: systemClock, keep });
}

function postgres(): Pick<FleetStore, 'sweep'> {
  const sessions = openSessions(address);
  const slow: typeof sessions = {
    ...sessions,
    async transact(work, begin) {
      await stand();
      return sessions.transact(work, begin);
    },
  };
  return { sweep: (wanted, at) => sweepPostgres(slow, wanted, at) };
}

const fleet = kind === 'level' ? await level() : postgres();
await fleet.sweep(keep, now);
console.log('done');
process.exit();
