/** What the owner's console refuses. */
import type { ProblemTable } from './table.js';

export const ownerProblems = {
  // The owner's console
  'host-refused': [
    421,
    'this box does not go by the name in the address',
    'open the box by the name on its label, such as http://webizen-7k3f.local, or by its numeric address',
  ],
  'https-required': [
    403,
    'the owner of this box wants it opened over https only',
    'open the https address of the box; its certificate can be downloaded here',
  ],
  'https-first': [
    409,
    'this can be turned on only from a page that was opened over https',
    'install the certificate of the box, open its https address, sign in there, and turn it on there',
  ],
  'setup-code-wrong': [
    401,
    'this is not the code on the label of this box',
    'compare it with the label, character by character',
  ],
  'setup-session-missing': [
    401,
    'the code on the label has not been entered here',
    'enter the code on the label of the box first',
  ],
  'setup-unfinished': [409, 'the setup is not at this point yet', 'go on with the setup where it was left'],
  'sign-in-needed': [401, 'nobody is signed in here', 'sign in with the passphrase'],
  'forgotten-file-missing': [
    403,
    'the file webizen-forgot-passphrase is not on the boot partition of the card',
    'put the card into a computer, make an empty file of that name beside the others, and start the box with it',
  ],
  'word-missing': [400, 'the word that confirms this was not typed', 'type the word that the page names'],

  'box-unknown': [404, 'this territory has no such box', 'list the boxes to see their ids'],
  'claim-id-unknown': [404, 'this territory has no such claim', 'list the claims to see their ids'],

  // Apps, at the owner's console
  'app-not-installed': [404, 'this app is not on the box', 'look at the list of apps; it may have been removed'],
  'permission-not-asked': [
    400,
    'the app does not ask for this permission',
    'give only what the app asks for: it could not use anything else',
  ],
  'date-past': [400, 'the date on which a permission ends is past', 'choose a later date, or give it for always'],
  'upload-broken': [400, 'the file did not arrive whole', 'send the file again'],
  'upload-under-way': [409, 'a file is being sent already', 'wait until it has arrived, or stop it where it was begun'],
} as const satisfies ProblemTable;
