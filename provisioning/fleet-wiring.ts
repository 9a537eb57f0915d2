/** The fleet's view and its table, wired for both who use them: the server, and a command that runs without one. */
import type { Clock } from '#common/clock.js';
import { type Abouts, createAbouts } from './fleet/abouts.js';
import type { EventLog } from './fleet/events.js';
import type { Fleet } from './fleet/fleet.js';
import { createIndexTable, type IndexTable } from './fleet/index-table.js';
import { createSavedFilters, type SavedFilters } from './fleet/saved-filters.js';
import { createFleet, createPageReader, type FleetParts } from './fleet/view.js';
import type { FleetStore } from './store/fleet.js';
import type { Store } from './store/store.js';

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
