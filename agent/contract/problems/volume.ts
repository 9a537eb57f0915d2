/** What is refused about the volume that a box's data lie on. */
import type { ProblemTable } from './table.js';

export const volumeProblems = {
  'storage-key-gone': [
    404,
    'the storage key is not kept on this box',
    'look for the paper on which it was written down: it was kept only until then',
  ],
  'storage-key-malformed': [
    400,
    'this is not a storage key',
    'type all eight groups of eight letters, as they are written down',
  ],
  'storage-key-mistyped': [
    400,
    'this is not the end of the storage key',
    'compare it with what is written down, letter by letter, and correct that where it differs',
  ],
} as const satisfies ProblemTable;
