/** When what boxes tell goes from level to PostgreSQL, and from when on it is there. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { PostgresFleet } from '../store/postgres/fleet.js';
import type { Store } from '../store/store.js';
import { type Moved, moveFleet } from './move.js';
import { checkNotMoved, mark, moveState } from './move-state.js';

interface Both {
  store: Store;
  fleet: PostgresFleet;
  clock: Pick<Clock, 'now'>;
  signal?: AbortSignal | undefined;
}

async function begin({ store, fleet, clock }: Both): Promise<void> {
  if ((await moveState(store)) !== undefined) return;
  const there = await fleet.sessions.ask('SELECT FROM lives LIMIT 1');
  if (there.length > 0) throw new Refusal('database-used');
  await mark(store, 'moving', clock.now());
}

/**
 * Copies while boxes are served from level, which must roll nothing up from now on.
 * @throws Refusal `store-moved`, `database-used`
 */
export async function copyFleet(both: Both): Promise<Moved> {
  await checkNotMoved(both.store);
  await begin(both);
  return moveFleet(both);
}

/**
 * Before boxes are served from the database: what has come since the copy, or all of it.
 * @throws Refusal `database-used`
 */
export async function settleMove(both: Both): Promise<Moved | undefined> {
  const { store, fleet, clock } = both;
  const [territory] = await fleet.sessions.ask<{ moved: boolean }>('SELECT moved FROM territory');
  let moved: Moved | undefined;
  if (!territory?.moved) {
    await begin(both);
    moved = await moveFleet(both);
    await fleet.sessions.ask('UPDATE territory SET moved = true');
  }
  if ((await moveState(store)) !== 'moved') await mark(store, 'moved', clock.now());
  return moved;
}
