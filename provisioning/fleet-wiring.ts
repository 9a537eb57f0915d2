/** The fleet's view and its table, wired for both who use them: the server, and a command that runs without one. */
import type { Clock } from '#common/clock.js';
import { type Abouts, createAbouts } from './fleet/abouts.js';
import type { EventLog } from './fleet/events.js';
import type { Fleet } from './fleet/fleet.js';
import { createIndexTable, type IndexTable } from './fleet/index-table.js';
import { createSavedFilters, type SavedFilters } from './fleet/saved-filters.js';
import { createFleet, createPageReader, type FleetParts } from './fleet/view.js';
import type { Ground } from './ground.js';
import type { Rooms } from './rooms.js';
import type { FleetStore } from './store/fleet.js';
import type { Store } from './store/store.js';
import type { Traffic } from './traffic-wiring.js';

export interface FleetDesk {
  fleet: Fleet;
  abouts: Abouts;
  table: IndexTable;
  filters: SavedFilters;
}

export function createFleetDesk(parts: {
  store: Store;
  fleet: FleetStore;
  events: EventLog;
  clock: Clock;
  online: (box: string) => boolean;
  endings: FleetParts['endings'];
}): FleetDesk {
  const abouts = createAbouts(parts);
  const { store, fleet, events, clock, online } = parts;
  return {
    abouts,
    filters: createSavedFilters({ store, clock }),
    fleet: createFleet({ ...parts, abouts }),
    table: createIndexTable({
      ...{ store, fleet, events, clock, online },
      summaries: createPageReader({ store, fleet, online, abouts, clock }),
    }),
  };
}

export async function startFleetDesk(
  { clock, onStop }: Ground,
  {
    rooms: { store, fleetStore: fleet, events, boxes },
    traffic: { ingest, revoke },
  }: { rooms: Rooms; traffic: Pick<Traffic, 'ingest' | 'revoke'> },
): Promise<FleetDesk> {
  const desk = createFleetDesk({
    ...{ store, fleet, events, clock, online: ingest.online },
    endings: { ...boxes, revoke },
  });
  await desk.table.start();
  onStop(async () => desk.table.stop());
  return desk;
}
