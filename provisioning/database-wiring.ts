/** The provider beside a database: what boxes tell goes there, and with it which boxes there are. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { createMirror } from './fleet/mirror.js';
import type { Rooms } from './rooms.js';
import type { FleetStore, Keep } from './store/fleet.js';

export interface DatabaseConfig {
  /** `postgres://user:password@host:port/name` */
  url: string;
}

/** @throws Refusal as `openPostgresFleet` */
export const openDatabase =
  ({ url }: DatabaseConfig, keep: Keep | undefined, clock: Clock) =>
  async ({ territory }: { territory: string }): Promise<FleetStore> => {
    // Loaded where there is one: most providers have none.
    const { openPostgresFleet } = await import('./store/postgres/fleet.js');
    return openPostgresFleet({ url, territory, clock, keep });
  };

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
