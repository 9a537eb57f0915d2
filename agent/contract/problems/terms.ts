/** Plans, agreements, and what is counted under them. */
import type { ProblemTable } from './table.js';

export const termsProblems = {
  'terms-not-agreed': [
    409,
    'the owner has agreed to none of the plans of this release',
    'choose a plan on the page of the app and agree to it; nothing is charged before the app is installed',
  ],
  'terms-ended': [
    409,
    'there is no agreement about this app any more, so it does not run and nothing is charged',
    'agree to one of its plans, or remove the app: its data are kept until then',
  ],
  'terms-changed': [
    409,
    'these are not the terms that were shown',
    'look at the app again: its terms have changed meanwhile',
  ],
  'plan-unknown': [404, 'the release has no such plan', 'choose one of the plans that it has'],
  'plan-not-for-class': [403, 'this plan is not for owners of this class', 'choose a plan for what you are'],
  'agreement-unknown': [404, 'there is no agreement about this app', 'list the apps to see those that have one'],
  'agreement-invalid': [
    422,
    'the agreement is not one that the owner of this box signed about a release as it was published',
    'the box keeps it; ask the provider, naming the agreement',
  ],
  'agreements-full': [
    409,
    'the box has told as many agreements as one box can have',
    'the box keeps what it has; ask the provider',
  ],
  'agreement-other': [
    409,
    'an agreement of this name is stored, and is another',
    'what is stored stays; ask the provider, naming the agreement',
  ],
} as const satisfies ProblemTable;
