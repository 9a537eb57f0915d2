/** The fleet as a table and at a glance, and what the operator says of a box. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { BoxAbout, FilterName, FleetQuery, SavedFilter } from '#contract/fleet.js';
import { readFleetQuery } from '#contract/fleet-query.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Abouts } from '../fleet/abouts.js';
import type { Fleet } from '../fleet/fleet.js';
import type { SavedFilters } from '../fleet/saved-filters.js';
import type { FleetTable } from '../fleet/table.js';

export interface FleetRouteParts {
  fleet: Pick<Fleet, 'show'>;
  table: FleetTable;
  abouts: Pick<Abouts, 'set'>;
  filters: SavedFilters;
}

const OneBox = Type.Object({ id: Type.String({ maxLength: 100 }) });
const OneFilter = Type.Object({ name: FilterName });
const Wanted = Type.Object({ query: SavedFilter.properties.query }, { additionalProperties: false });
const reads = { consoleAccess: 'viewer' } as const;
const acts = (act: string) => ({ consoleAccess: 'operator', act, on: 'box' }) as const;

/** What follows the question mark: repeated names are lists, so it is read by the contract and not by Fastify. */
const queryOf = (url = ''): string => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');

export function declareFleetRoutes(plain: FastifyInstance, { fleet, table, abouts, filters }: FleetRouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/fleet', { config: reads }, async ({ raw }) => {
    const query = check(FleetQuery, readFleetQuery(queryOf(raw.url)));
    if (!query.ok) throw new Refusal('body-invalid', describeFaults(query.faults));
    return table.query(query.value);
  });
  app.get('/v1/fleet/glance', { config: reads }, async () => table.glance());
  app.put(
    '/v1/boxes/:id/about',
    { config: acts('box.about'), schema: { params: OneBox, body: BoxAbout } },
    async ({ params, body }) => {
      await abouts.set(params.id, body);
      return fleet.show(params.id);
    },
  );

  app.get('/v1/fleet/filters', { config: reads }, async () => filters.list());
  app.put(
    '/v1/fleet/filters/:name',
    { config: acts('filter.save'), schema: { params: OneFilter, body: Wanted } },
    async ({ params, body }) => filters.save({ ...params, ...body }),
  );
  app.delete(
    '/v1/fleet/filters/:name',
    { config: acts('filter.remove'), schema: { params: OneFilter } },
    async ({ params }, reply) => {
      await filters.remove(params.name);
      return reply.code(204).send();
    },
  );
}
