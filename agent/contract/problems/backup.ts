/** What stands between an owner and their backup. */
import type { ProblemTable } from './table.js';

export const backupProblems = {
  'backup-code-none': [409, 'this box has no backup code yet', 'make one first, and write it down'],
  'backup-code-invalid': [
    400,
    'this is not a backup code',
    'compare it with what you wrote down: 25 letters and digits in groups of five; one of them is wrong or missing',
  ],
  'backup-code-wrong': [
    403,
    'this code does not open this backup',
    'a backup is opened with the code that was valid when it was made; take that one, or another backup',
  ],
  'backup-not-own': [
    403,
    'this backup was not made by a box that has this code',
    'somebody may have put it there: take another one',
  ],
  'backup-none': [400, 'this file is not a backup of a Webizen box', 'choose the file that the box gave you'],
  'backup-broken': [
    400,
    'this backup is damaged or not whole',
    'take another copy of it, or an older one; nothing on the box has been changed',
  ],
  'backup-newer': [
    409,
    'this backup was made by a newer release than this box has',
    'update the system of this box first, then restore it',
  ],
  'backup-under-way': [409, 'a backup is being written or read already', 'wait until it has ended'],
  'backup-other-ledger': [
    409,
    'this backup is of another box, or of another past of this one, and this box has an owner',
    'reset this box first, then restore the backup in its setup: what is here now would be lost',
  ],
  'backup-not-found': [409, 'this is not the backup that was looked at', 'look at it once more, then restore it'],
  'backup-disk-gone': [409, 'this disk is not there', 'plug it in again, and wait until the page shows it'],
  'backup-disk-broken': [
    500,
    'the disk could not be written or read',
    'it may have been pulled out or be at its end; plug it in again, or take another one',
  ],
  'backup-disk-full': [507, 'the disk has no room for this backup', 'delete something from it, or take a larger one'],
  'restore-impossible': [
    500,
    'the box could not start with what was restored and went back to what it had',
    'try another backup; tell your provider what stands in the details',
  ],
} as const satisfies ProblemTable;
