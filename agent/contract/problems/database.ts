/** What the database of the fleet refuses, at a provider who has one. */
import type { ProblemTable } from './table.js';

export const databaseProblems = {
  'database-address': [
    400,
    'this is not the address of a PostgreSQL database',
    'give postgres://user:password@host:port/name, or a file that holds that line',
  ],
  'database-unreachable': [
    503,
    'the database cannot be reached',
    'look whether it runs and takes connections from here; boxes keep what they report until it does',
  ],
  'database-denied': [
    403,
    'the database does not let this user in',
    'compare the user, the password and the name in the address with what the database knows',
  ],
  'database-newer': [
    409,
    'a newer release has changed the tables of this database',
    'run that release or a newer one; this one leaves the tables alone',
  ],
  'database-elsewhere': [
    409,
    'this database belongs to another territory',
    'name a database of its own for each territory',
  ],
  'database-used': [
    409,
    'this database holds what boxes told already',
    'name an empty database: what is in this one cannot be told from what would be moved there',
  ],
  'store-moved': [
    409,
    'what boxes tell lies in a database since it was moved there',
    'serve with --database or --database-file and the address of that database',
  ],
  'shard-lost': [
    409,
    'another worker owns these boxes now',
    'nothing needs doing: what was not stored is sent again, to that worker',
  ],
} as const satisfies ProblemTable;
