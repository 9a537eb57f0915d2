/** Installed apps and what runs them. */
import type { ProblemTable } from './table.js';

export const appsProblems = {
  // Installed apps, their releases, and standing as a box sees it
  'app-unknown': [404, 'no app of this name is installed here', 'list the apps to see their names'],
  'app-bound-elsewhere': [
    409,
    'the app that is installed belongs to another maker, or its maker has lost its key',
    'ask its maker for a release with the key that the app is bound to; another app of the same name can be installed only after this one is removed',
  ],
  'release-other': [
    502,
    'the catalogue gave another release than the one that was asked for',
    'tell the provider; nothing of it has been installed',
  ],
  'release-member-other': [
    403,
    'the release does not belong to the member who signed it',
    'ask the maker to sign it with its own name',
  ],
  'release-withdrawn': [
    409,
    'this release was withdrawn and is not installed any more',
    'wait for a newer release, or ask the maker of the app',
  ],
  'release-not-newer': [
    409,
    'a release that is as new or newer is installed already',
    'install a newer release; an older one only after the app is removed',
  ],
  'api-too-old': [
    409,
    'the app needs a newer version of the standard API than this box offers',
    'update the box first',
  ],
  'grants-incomplete': [
    400,
    'the app cannot work without a permission that was not granted',
    'grant what is not marked as optional, or do not install the app',
  ],
  'grant-not-asked': [
    400,
    'a permission was granted that the app does not ask for',
    'grant only what the app asks for',
  ],
  'blob-mismatch': [
    502,
    'what was fetched is not what the maker signed',
    'try again; if it stays, tell the provider and the maker',
  ],
  'blob-damaged': [
    500,
    'what this box kept of the app is damaged',
    'install it again: what is damaged is fetched anew',
  ],
  'status-missing': [
    409,
    "nothing is known of how the app's maker stands with its territory",
    'connect the box, or use a file that carries the status along',
  ],
  'status-stale': [
    409,
    "it was last verified more than a week ago how the app's maker stands",
    'connect the box to its provider; what is installed runs on, and is updated',
  ],
  'status-old': [
    409,
    "it was last verified more than a month ago how the app's maker stands",
    'connect the box to its provider; what is installed runs on',
  ],
  'status-replayed': [
    409,
    'a status list is older than the one that this box has verified, and does not count',
    'nothing on the box; if it comes from the provider, tell the provider',
  ],
  'status-malformed': [502, 'this is not a status list that can be read', 'try again; if it stays, tell the provider'],
  'status-foreign': [502, 'the status list is not of that territory', 'tell the provider; the list before it counts'],
  'status-forged': [502, "the status list's signature does not verify", 'tell the provider; the list before it counts'],
  'register-malformed': [
    502,
    'this is no head of a register that can be read',
    'try again; if it stays, tell the provider',
  ],
  'register-foreign': [502, 'the head of the register is not of that territory', 'tell the provider'],
  'register-forged': [502, "the signature of the register's head does not verify", 'tell the provider'],
  'register-forked': [
    409,
    'the register does not hold what its territory signed before',
    'keep both signed heads: together they prove it; ask the provider, and show them to the alliance',
  ],
  'register-unproven': [
    503,
    'the territory cannot be asked whether its register still holds what it held',
    'connect the box to its provider; it asks again by itself',
  ],
  // Runtime
  'runtime-unavailable': [
    503,
    'the part of the box that runs apps cannot be reached',
    'apps that run go on; it is tried again by itself, and if it stays, start the box again',
  ],
  'runtime-failed': [
    500,
    'the part of the box that runs apps could not do what it was asked',
    'try again; if it stays, report the detail',
  ],
  'image-missing': [409, 'the image of the app is not on the box', 'install the app again'],
  'image-mismatch': [
    422,
    'the image that was loaded is not the one that was signed',
    'fetch the release again; if it stays, tell who publishes the app',
  ],
  'image-unusable': [422, 'the image of the app cannot be loaded', 'tell who publishes the app what the detail says'],
  'image-in-use': [409, 'an app still runs from this image', 'remove the app first'],
  'app-start-failed': [502, 'the app cannot be started', 'tell who publishes the app what the detail says'],
  'app-crashed': [502, 'the app ended by itself', 'look at what the app printed; it is started again by itself'],
  'app-out-of-memory': [
    502,
    'the app needed more memory than it may have, and was ended',
    'tell who publishes the app; it is started again by itself',
  ],
  'app-unhealthy': [
    502,
    'the app does not pass its health check',
    'look at what the app printed; it is started again by itself',
  ],
} as const satisfies ProblemTable;
