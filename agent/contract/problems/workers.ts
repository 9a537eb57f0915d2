/** What stands in the way of a provider in several processes. */
import type { ProblemTable } from './table.js';

export const workersProblems = {
  'worker-missing': [
    404,
    'this folder is not that of a worker',
    'make it where the territory is: webizen-provider worker add; then copy it here',
  ],
  'worker-replaced': [
    409,
    'another process goes by the name of this worker',
    'give each worker a folder of its own: webizen-provider worker add with another number',
  ],
  'roles-apart': [
    422,
    'these roles cannot be parted or joined so',
    'est, api and console are one process, with --broker and --database postgres: where ingest is left to workers; a worker has --role ingest alone',
  ],
} as const satisfies ProblemTable;
