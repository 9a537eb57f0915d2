/** What the commands `fleet …` ask for: answered by the running server, or by the command itself. */
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { FleetEventQuery } from '#contract/event-query.js';
import { BoxAbout, FilterName, FleetQuery, SavedFilter } from '#contract/fleet.js';
import { Time } from '#contract/health.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Abouts } from './abouts.js';
import type { EventLog } from './events.js';
import type { Fleet } from './fleet.js';
import type { SavedFilters } from './saved-filters.js';
import type { FleetTable } from './table.js';

export interface FleetOperationParts {
  fleet: Pick<Fleet, 'show' | 'health'>;
  events: Pick<EventLog, 'find'>;
  table: FleetTable;
  abouts: Pick<Abouts, 'set'>;
  filters: SavedFilters;
}

const OneBox = Type.Object({ box: Type.String() });
const SaidOfBox = Type.Object({ ...OneBox.properties, ...BoxAbout.properties }, { additionalProperties: false });
/** An answer must fit in one message of the control socket. */
export const mostHistory = 500;
const History = Type.Object({
  ...{ ...OneBox.properties, from: Time, to: Time },
  limit: Type.Integer({ minimum: 1, maximum: mostHistory }),
});
const OneFilter = Type.Object({ name: FilterName });

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

export function createFleetOperations({ fleet, events, table, abouts, filters }: FleetOperationParts): Handlers {
  return {
    'fleet.glance': () => table.glance(),
    'fleet.list': async (parameters) => table.query(wanted(check(FleetQuery, parameters))),
    'fleet.show': async (parameters) => fleet.show(wanted(check(OneBox, parameters)).box),
    async 'fleet.about'(parameters) {
      const { box, ...said } = wanted(check(SaidOfBox, parameters));
      await abouts.set(box, said);
      return fleet.show(box);
    },
    'fleet.events': async (parameters) => events.find(wanted(check(FleetEventQuery, parameters))),
    async 'fleet.history'(parameters) {
      const { box, ...range } = wanted(check(History, parameters));
      await fleet.show(box); // one that is not known has no history either, and is to be said so
      return fleet.health(box, range);
    },
    'fleet.filters': () => filters.list(),
    'fleet.save': async (parameters) => filters.save(wanted(check(SavedFilter, parameters))),
    async 'fleet.forget'(parameters) {
      await filters.remove(wanted(check(OneFilter, parameters)).name);
    },
  };
}
