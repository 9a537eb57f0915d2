/** Updates of the operating system: releases, bundles, slots. */
import type { ProblemTable } from './table.js';

export const updatesProblems = {
  // A release, as it is read
  'os-release-malformed': [400, 'this is not a release of the operating system', 'fetch it again from its publisher'],
  'os-release-too-large': [413, 'the release is larger than 64 KiB', 'ask its publisher for shorter notes'],
  'os-release-foreign': [
    403,
    'the release is signed by a key that is not one of the publisher of this image',
    'nothing needs doing: it was not taken; the provider is to select a release of this image’s publisher',
  ],
  'os-release-forged': [
    403,
    'the signature of the release does not verify',
    'nothing needs doing: it was not taken; tell the provider',
  ],

  'os-keys-invalid': [
    400,
    'this is not a file of the publisher’s public keys',
    'use the keys.json that was made with the keys; an image brings it',
  ],

  // A release, as a box judges it
  'os-unsupported': [
    501,
    'this machine has no second system to update',
    'run the agent on an image of Webizen, or update the machine by its own means',
  ],
  'os-release-compatible': [
    409,
    'the release is for another kind of machine',
    'the provider is to select one for this kind',
  ],
  'os-release-older': [
    409,
    'the release is older than what this box has run, or not newer than what runs',
    'select a newer one: a system is never replaced by an older one, except to go back from one that failed',
  ],
  'os-release-step': [
    409,
    'what runs is too old for this release',
    'select a release in between first; the release says which is the oldest that it follows',
  ],
  'os-failed-before': [
    409,
    'this version was tried here and failed',
    'select a newer one; the owner can have it tried again',
  ],
  'os-not-selected': [
    404,
    'the catalogue has not selected this version for the box',
    'select it first, then ask the box to look',
  ],

  'os-release-unknown': [
    404,
    'there is no such release of the operating system here',
    'list the releases; publish it first',
  ],
  'os-not-scheduled': [409, 'the release is not scheduled', 'schedule it first'],

  // On its way
  'os-bundle-mismatch': [
    502,
    'what was fetched is not the bundle that the publisher signed',
    'it is fetched again; if it stays, the provider is to look at its catalogue',
  ],
  'os-bundle-refused': [
    403,
    'the installer does not trust the bundle, or it is for another kind of machine',
    'tell the provider and the publisher; nothing of it was installed',
  ],
  'os-install-failed': [
    500,
    'the new system could not be written',
    'see the detail: the card may be worn or damaged; what ran goes on running',
  ],
  'os-not-streamed': [
    502,
    'the bundle could not be installed while it was fetched',
    'nothing: it is fetched as a whole first, which needs room on the disk',
  ],
  'os-busy': [503, 'another installation is under way', 'nothing: it is tried again'],
  'os-slots-unreadable': [
    500,
    'the installer does not say which systems there are',
    'look whether the service rauc runs, and restart the box',
  ],
  'os-withdrawn': [409, 'the provider has taken the selection back', 'nothing: wait for what it selects next'],

  // How it came out
  'os-not-booted': [
    500,
    'the new system did not start, and the box went back to the one before',
    'the version is not tried again by itself; see the detail, and wait for a newer one',
  ],
  'os-unhealthy': [
    500,
    'the new system started, and something did not work on it, so the box went back to the one before',
    'see the detail; the version is not tried again by itself, wait for a newer one',
  ],
  'os-nothing-waits': [409, 'no update waits for a word of the owner', 'look at the page again'],
} as const satisfies ProblemTable;
