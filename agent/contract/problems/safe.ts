/** Safe mode. */
import type { ProblemTable } from './table.js';

export const safeProblems = {
  'safe-mode': [
    503,
    'the box runs in safe mode, in which no app is started',
    'have the box try again as usual, on its first page; it also does so by itself',
  ],
  'not-in-safe-mode': [409, 'the box runs as usual', 'nothing needs doing'],
} as const satisfies ProblemTable;
