/** Leases: what an app may hold, and what its owner says to that. */
import type { ProblemTable } from './table.js';

export const leaseProblems = {
  'lease-unknown': [
    404,
    'this app has no lease with this id, or not any more',
    'list the leases; if what it held still has to wait, take a new one',
  ],
  'leases-too-many': [
    409,
    'this app holds as many leases as one app may',
    'give up one that is no longer needed, or extend one',
  ],
  'lease-late': [
    409,
    'the app is being stopped or updated just now',
    'nothing: take leases while the app runs, before its update begins',
  ],
  'idempotency-key-invalid': [
    400,
    'the Idempotency-Key is empty, longer than 100 characters, or not ASCII',
    'send 1 to 100 visible ASCII characters, such as a random UUID',
  ],
  'idempotency-key-reused': [
    422,
    'the Idempotency-Key was sent before with another request',
    'make a new key for each new request; send the same one only to repeat a request',
  ],
  'update-not-held': [
    409,
    'no update of this app waits for the app',
    'look at the app again: the update may have gone ahead meanwhile',
  ],
} as const satisfies ProblemTable;
