/** Links between boxes and companies, what is offered over them, and managers. */
import type { ProblemTable } from './table.js';

export const linksProblems = {
  'link-code-malformed': [
    400,
    'this is not a whole link code',
    'compare it with the one that the owner reads on the page, character by character',
  ],
  'link-code-unknown': [
    404,
    'no box shows this link code now',
    'ask the owner for a new one: a code serves once, and for half an hour',
  ],
  'link-request-invalid': [
    403,
    'the request to be linked is not one by the member who sends it, for this code and made now',
    'make it with webizen link, and put the clock right',
  ],
  'link-exists': [
    409,
    'the box is linked to this member already, or the member has asked and waits for its owner',
    'use the link that there is',
  ],
  'link-unknown': [404, 'there is no such link', 'list the links to see those that there are'],
  'links-full': [409, 'the box has as many links as it can have', 'end one of them first'],
  'link-ask-unknown': [404, 'nobody asks to be linked any more', 'show the company a new code'],
  'offer-unknown': [404, 'this is not offered any more', 'look at what is offered now'],
  'offers-full': [
    409,
    'the member has offered as much over this link as an owner should have to read',
    'withdraw an offer, or wait a week',
  ],
  'offer-declined': [
    409,
    'the owner did not want this app',
    'talk to the owner; a newer version of it may be offered after a week',
  ],
  'offer-installed': [409, 'the box runs this version of the app, or a newer one', 'offer a newer version'],
  'manager-none': [403, 'this company is not manager of the box for what it wants to do', 'the owner decides'],
  'manager-end-past': [400, 'the end of the appointment is past', 'choose a later day'],
  'manager-too-long': [400, 'these are too many permissions for one appointment', 'choose fewer addresses'],
} as const satisfies ProblemTable;
