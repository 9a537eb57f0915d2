/** What a box says that no good box says. */
import type { ProblemTable } from './table.js';

export const hostileProblems = {
  'box-over-budget': [
    429,
    'a box sends more than it may have read and stored',
    'look at what it sends, and revoke it if it does not stop; what a good box has left over comes later',
  ],
  'sample-time': [
    400,
    'the time of a sample cannot be true: it is stored at the time that it came',
    "see to the box's clock; if the clock is right, the box lies",
  ],
} as const satisfies ProblemTable;
