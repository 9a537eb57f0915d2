/** Whether what boxes tell is in the level store, on its way to a database, or there. */
import { Refusal } from '#contract/problems.js';
import type { FleetMove } from '../store/moves.js';
import type { Store } from '../store/store.js';

export const moveState = async (store: Store): Promise<FleetMove['state'] | undefined> =>
  (await store.fleetMoves.get('state'))?.state;

export const mark = (store: Store, state: FleetMove['state'], at: number): Promise<void> =>
  store.commit([{ type: 'put', sublevel: store.fleetMoves, key: 'state', value: { state, at } }]);

/** @throws Refusal `store-moved`: what boxes tell is in a database, and level would begin where it was left */
export async function checkNotMoved(store: Store): Promise<void> {
  if ((await moveState(store)) === 'moved') throw new Refusal('store-moved');
}

/** Level goes on as if nothing had been meant. @throws Refusal `store-moved` */
export async function giveUpMove(store: Store): Promise<void> {
  await checkNotMoved(store);
  await store.commit([{ type: 'del', sublevel: store.fleetMoves, key: 'state' }]);
}
