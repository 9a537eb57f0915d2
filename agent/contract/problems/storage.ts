/** What stands between an app and what it has stored. */
import type { ProblemTable } from './table.js';

export const storageProblems = {
  'storage-key-missing': [
    500,
    'the key that the data of this app is encrypted with is not there',
    'put its file back from where it is kept, and restart the box; or remove the app: without the key nobody can read its data',
  ],
  'storage-key-damaged': [
    500,
    'the file with the key that the data of this app is encrypted with is damaged',
    'put the file back from where it is kept, and restart the box; or remove the app: without the key nobody can read its data',
  ],
  'storage-damaged': [
    500,
    'something that this app has stored cannot be decrypted: it was altered or damaged on the disk',
    'the other values can still be read; have the disk checked, and remove the app to begin anew',
  ],
} as const satisfies ProblemTable;
