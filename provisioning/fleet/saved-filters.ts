/** Filters of the fleet's table that operators keep under a name, shared by all of them. */
import type { Clock } from '#common/clock.js';
import { FleetQuery, mostSavedFilters, type SavedFilter } from '#contract/fleet.js';
import { buildFleetQuery, readFleetQuery } from '#contract/fleet-query.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';

export interface SavedFilters {
  /** By name. */
  list(): Promise<SavedFilter[]>;
  /** In the place of one that has the name. @throws Refusal `body-invalid`, `filters-full` */
  save(filter: SavedFilter): Promise<SavedFilter>;
  /** @throws Refusal `filter-unknown` */
  remove(name: string): Promise<void>;
}

export function createSavedFilters({
  store,
  clock,
}: {
  store: Pick<Store, 'savedFilters' | 'commit'>;
  clock: Pick<Clock, 'now'>;
}): SavedFilters {
  const { savedFilters: sublevel } = store;
  return {
    async list() {
      const all = await sublevel.iterator().all();
      return all.map(([name, { query }]) => ({ name, query }));
    },
    async save({ name, query: text }) {
      const parsed = check(FleetQuery, readFleetQuery(text));
      if (!parsed.ok) throw new Refusal('body-invalid', describeFaults(parsed.faults));
      const { cursor: _cursor, limit: _limit, ...rest } = parsed.value;
      const names = await sublevel.keys().all();
      if (names.length >= mostSavedFilters && !names.includes(name)) throw new Refusal('filters-full');
      const query = buildFleetQuery(rest);
      await store.commit([{ type: 'put', sublevel, key: name, value: { query, at: clock.now() } }]);
      return { name, query };
    },
    async remove(name) {
      if ((await sublevel.get(name)) === undefined) throw new Refusal('filter-unknown', name);
      await store.commit([{ type: 'del', sublevel, key: name }]);
    },
  };
}
