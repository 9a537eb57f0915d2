/** The provider beside a database: what boxes tell goes there, and with it which boxes there are. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { createMirror } from './fleet/mirror.js';
import { checkNotMoved, moveState } from './fleet/move-state.js';
import { createRetention } from './fleet/retention.js';
import type { Ground } from './ground.js';
import type { Rooms } from './rooms.js';
import type { FleetStore, Keep } from './store/fleet.js';
import type { Store } from './store/store.js';

export interface DatabaseConfig {
  /** `postgres://user:password@host:port/name` */
  url: string;
}

/** @throws Refusal as `openPostgresFleet` */
export const openDatabase =
  ({ url }: DatabaseConfig, keep: Keep | undefined, clock: Clock, fence?: number) =>
  async ({ store, territory }: { store: Store; territory: string }): Promise<FleetStore> => {
    // Loaded where there is one: most providers have none.
    const { openPostgresFleet } = await import('./store/postgres/fleet.js');
    const { settleMove } = await import('./fleet/moving.js');
    const fleet = await openPostgresFleet({ url, territory, clock, keep, fence });
    try {
      await settleMove({ store, fleet, clock });
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  };

/** While boxes are served from level. @throws Refusal as `openPostgresFleet` and `copyFleet` */
export async function copyToDatabase({ url }: DatabaseConfig, clock: Clock, rooms: Pick<Rooms, 'store' | 'territory'>) {
  const { store, territory } = rooms;
  const { openPostgresFleet } = await import('./store/postgres/fleet.js');
  const { copyFleet } = await import('./fleet/moving.js');
  await checkNotMoved(store);
  const fleet = await openPostgresFleet({ url, territory: territory.id, clock });
  try {
    return await copyFleet({ store, fleet, clock });
  } finally {
    await fleet.close();
  }
}

/** Answers the way to stop it. */
export function mirrorBoxes({
  rooms,
  clock,
  log,
}: {
  rooms: Pick<Rooms, 'store' | 'fleetStore' | 'events'>;
  clock: Clock;
  log: FastifyBaseLogger;
}): () => Promise<void> {
  const { store, fleetStore: fleet, events } = rooms;
  if (fleet.kind === 'level') return async () => {};
  const mirror = createMirror({ store, fleet, events, clock, log });
  void mirror.start();
  return mirror.stop;
}

/** Puts old samples together, except while they are on their way to a database as they are. */
export function startRetention(
  { clock, log, onStop }: Ground,
  {
    rooms,
    keep,
    database,
  }: {
    rooms: Pick<Rooms, 'store' | 'fleetStore' | 'territory'>;
    keep: Keep | undefined;
    database: DatabaseConfig | undefined;
  },
): { moveStore(url: string): Promise<unknown> } {
  const { store, fleetStore: fleet } = rooms;
  const isHeld = async (): Promise<boolean> => !database && (await moveState(store)) !== undefined;
  const retention = createRetention({ fleet, clock, keep, isHeld, log });
  retention.start();
  onStop(() => retention.stop());
  return {
    async moveStore(url) {
      await retention.hold();
      return copyToDatabase({ url }, clock, rooms);
    },
  };
}
