/** Where what is stored came from, and where a part of it goes. */
import type { Database } from '#common/commits.js';
import { sublevel } from './sublevel.js';

/** From this store to PostgreSQL: `moving` since then, or `moved` then. */
export interface FleetMove {
  state: 'moving' | 'moved';
  at: number;
}

export const moveSublevels = (db: Database) => ({
  /** `last`: when this store was made from a backup, and of when that is. */
  restorations: sublevel<{ at: number; backupAt: number }>(db, 'restorations'),
  /** `state`: whether what boxes tell is on its way to a database, or there. */
  fleetMoves: sublevel<FleetMove>(db, 'fleetmoves'),
});

export type MoveStore = Readonly<ReturnType<typeof moveSublevels>>;
