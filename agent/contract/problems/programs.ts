/** Command lines, and what tries an implementation of the standard API. */
import type { ProblemTable } from './table.js';

export const programsProblems = {
  // Programs
  'config-invalid': [400, 'the configuration is wrong', 'mend each field that is named'],
  'config-unreadable': [
    400,
    'the configuration file cannot be read',
    'check its path, its permissions, and that it is JSON',
  ],
  'arguments-invalid': [400, 'the command line is wrong', 'see --help'],
  // What tries an implementation of the standard API
  'conformance-unreachable': [
    503,
    'nothing answers there as a box does',
    'name the socket of an app that runs, or the address of an implementation, and be allowed to open it',
  ],
  'socket-path-too-long': [
    400,
    'the path of a socket is longer than the 107 bytes that the kernel takes',
    'choose a shorter directory',
  ],
  'port-in-use': [503, 'a port is in use by another program', 'stop the other program, or choose other ports'],
  'address-unavailable': [
    503,
    'the address to listen on is not one of this machine',
    'choose an address of this machine',
  ],
  'directory-owner': [
    403,
    'the data directory belongs to somebody else or is open to others',
    'run as its owner, or chown and chmod 700 it',
  ],
  'directory-in-use': [503, 'another process has the data directory open', 'stop the other process, or talk to it'],
  'directory-not-empty': [409, 'the directory holds something already', 'choose an empty directory'],
  'territory-missing': [404, 'there is no territory in this directory', 'run webizen-provider init first'],
  'store-damaged': [
    500,
    'the database cannot be opened',
    'keep a copy of the directory and report it; do not delete it',
  ],
  'store-newer': [409, 'the database was written by a newer version', 'run the newer version'],
  'not-running': [503, 'nothing is running in this directory', 'start it first'],
  unauthorized: [401, 'this needs the operator secret', 'send Authorization: Bearer with the secret, or sign in'],
  'secret-wrong': [
    401,
    'this is not the operator secret of this territory',
    'copy the secret again from where the territory keeps it, without spaces',
  ],
  'session-ended': [401, 'the session has ended', 'sign in again'],
  'origin-refused': [403, 'the request came from another site', 'use the console on its own address'],
  'too-many-attempts': [429, 'too many wrong attempts', 'wait for the time in Retry-After'],
  'too-many-streams': [503, 'too many event streams are open', 'close a console that nobody looks at, or poll'],
  'time-invalid': [
    400,
    'a time is not one, or the range ends before it starts',
    'give times in milliseconds since 1970 or in ISO 8601, from before to',
  ],
} as const satisfies ProblemTable;
