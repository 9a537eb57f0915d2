import type { ProblemTable } from './table.js';

/** The fleet's table and what operators keep of it. */
export const fleetProblems = {
  'filter-unknown': [404, 'no filter is saved under this name', 'list the saved filters to see their names'],
  'filters-full': [409, 'no more filters can be saved', 'delete a saved filter that nobody uses'],
} as const satisfies ProblemTable;
