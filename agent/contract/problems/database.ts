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
    'what was stored here lies in a database since it was moved there',
    'serve with --database or --database-file and the address of that database; other commands ask the provider that serves',
  ],
  'store-moving': [
    409,
    'the records of this territory are on their way to a database',
    'say the same migrate-store --control again until it says that they are there',
  ],
  'control-lost': [
    503,
    'another process has taken over the records of this territory',
    'nothing needs doing: this one has written nothing since, and stands by when it is started again',
  ],
  'control-standby': [
    503,
    'this process stands by, and another one serves',
    'ask the one that serves; this one takes over when that is gone',
  ],
  'standby-outdated': [
    409,
    'this process may not take over: the keys and files of the territory have changed since they were brought here',
    'where the provider serves say webizen-provider standby export, and here webizen-provider standby import',
  ],
  'database-behind': [
    409,
    'the database has forgotten what was stored in it: it is an older copy of itself',
    'bring back the newest one; if that is lost, restore a backup of the territory and move it to an empty database',
  ],
  'shard-lost': [
    409,
    'another worker owns these boxes now',
    'nothing needs doing: what was not stored is sent again, to that worker',
  ],
} as const satisfies ProblemTable;
