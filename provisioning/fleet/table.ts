/**
 * All boxes as a table: filtered, sorted, in pages, and counted. There are two that answer alike, held by one suite
 * (test/provisioning/fleet-table.test.ts): an index in memory beside the level store, and tables of PostgreSQL.
 */
import type { FleetCounts, FleetFilter, FleetGlance, FleetPage, FleetQuery } from '#contract/fleet.js';

export interface FleetTable {
  /**
   * One page. Keys are compared byte by byte; a cursor names the last box given and the key that it had, so a page
   * neither skips nor repeats a box that did not change.
   * @throws Refusal `cursor-invalid`: the cursor is of another filter or sort, or of nobody
   */
  query(query: FleetQuery): Promise<FleetPage>;
  glance(): Promise<FleetGlance>;
  /** For `/metrics`, which asks often. */
  counts(): Promise<FleetCounts>;
  /** Ids of the boxes that match, ascending: what is done to many is done to each of these. */
  ids(filter: FleetFilter): Promise<string[]>;
}
