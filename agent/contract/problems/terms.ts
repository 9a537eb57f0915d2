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
  'metering-not-agreed': [
    403,
    'the owner has agreed to no plan of this app under which something is counted',
    'count only under an agreement: GET /v1/metering says which holds',
  ],
  'metering-key-missing': [
    400,
    'what is counted needs a key by which it is known when it is sent again',
    'send an Idempotency-Key of its own with each thing that is counted, and the same one when it is sent again',
  ],
  'metering-unit': [
    422,
    'the plan that the owner agreed to has no price for this unit',
    'count in the units of the plan: GET /v1/metering has them',
  ],
  'metering-quantity': [422, 'nothing was used', 'count what is above zero'],
  'metering-capped': [
    403,
    'with this the month would cost more than the owner allows',
    'tell the owner, who may set a higher limit; next month it begins anew',
  ],
  'metering-full': [
    429,
    'as much is counted already as the box keeps before its provider has heard of it',
    'try again later: it goes on when the provider has the statement of the month, and five weeks have passed',
  ],
  'usage-invalid': [
    422,
    'this is not a statement that the box made about an agreement of its own, for a month that is over',
    'the box keeps it; ask the provider, naming the agreement and the month',
  ],
  'usage-other': [
    409,
    'another statement is stored in this place',
    'what is stored stays; ask the provider, naming the agreement and the month',
  ],
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
