/** Whose an app id is, and apps that pass from one member to another. */
import type { ProblemTable } from './table.js';

export const successionsProblems = {
  'app-id-unproven': [
    409,
    'the territory wants proof that the domain of the app id is yours',
    'prove it with webizen app claim, or ask the operator to keep the id for you',
  ],
  'domain-public': [
    409,
    'names below this one are given to everybody, so it is nobody’s own',
    'claim the domain that you have registered below it',
  ],
  'domain-unasked': [
    502,
    'the name servers of the domain could not be asked',
    'see to it that they answer, and claim it again',
  ],
  'app-id-other': [409, 'the app id does not belong to that member', 'look at whose it is with app list'],
  'succession-empty': [
    409,
    'the member has no app that could pass to another',
    'look at whose apps are whose with app list',
  ],
  'succession-too-many': [
    409,
    'these are more apps or former keys than one statement holds',
    'name some of the apps, and the rest in the next statement',
  ],
  'succession-unknown': [404, 'this app has not passed to another member', 'compare its name with the catalogue'],
  'succession-malformed': [
    502,
    'this is no statement that passes an app on',
    'tell the provider; the app stays as it is',
  ],
  'succession-foreign': [
    403,
    "the statement that passes the app on is not by the territory that vouched for the app's maker",
    'tell the provider; the app stays as it is',
  ],
  'succession-forged': [
    403,
    'the signature of the statement that passes the app on does not verify',
    'tell the provider; the app stays as it is',
  ],
  'succession-replayed': [
    409,
    'the statement that passes the app on is older than one that this box has seen',
    'tell the provider; the newer one counts',
  ],
  'succession-undecided': [
    409,
    'the app is to pass to another maker, and its owner has not said yes to that',
    "read about it on the app's page, and decide there",
  ],
  'succession-other': [
    409,
    'the app is not to pass to another maker any more, or to another one than was shown',
    'look at the page of the app again',
  ],
} as const satisfies ProblemTable;
