/** What a box refuses or meets: enrolment, time, certificates, changes, owner and ledger. */
import type { ProblemTable } from './table.js';

export const boxProblems = {
  // Enrolment, as the box sees it
  'ca-mismatch': [
    495,
    "the provider's CA is not the one this box was told to trust",
    'compare caSha256 in the configuration with the fingerprint that the provider publishes',
  ],
  'est-unreachable': [
    503,
    "the provider's enrolment server cannot be reached",
    'check the address in territory.est and the network; the box keeps trying',
  ],
  'est-protocol': [
    502,
    "the provider's enrolment server did not answer as RFC 7030 says",
    'check the address in territory.est',
  ],
  'certificate-mismatch': [
    502,
    'the provider answered with a certificate that is not for this box',
    'check the address in territory.est; nothing was kept',
  ],
  'claim-file-missing': [
    400,
    'the box is not enrolled and has no claim code',
    'set claimCodeFile to a file that holds the claim code',
  ],

  // Path validation, revocation lists and the clock of the box
  'crl-malformed': [
    400,
    'this is not a certificate revocation list that can be read',
    'fetch the list again; if it stays, tell whoever publishes it',
  ],
  'server-untrusted': [
    502,
    'the server has no certificate of the chosen territory for this name and purpose',
    'compare the address with the one that the provider gave; nothing has been sent to this server',
  ],
  'server-expired': [
    502,
    "the server's certificate has expired or is not valid yet",
    'ask the provider to renew the certificate of its server; nothing has been sent to it',
  ],
  'server-revoked': [
    502,
    "the server's certificate has been revoked",
    'ask the provider which server is the right one; nothing has been sent to this one',
  ],
  'time-outside-chain': [
    502,
    "the provider's clock contradicts its own certificate, so its time is not believed",
    'ask the provider to set the clock of its server, or to renew its certificate',
  ],
  'time-below-floor': [
    409,
    'the provider gives a time before the last one that this box knew to be right',
    'compare the date with your own; confirm it on the box if the provider is right',
  ],
  // Changes, membership, owner and ledger
  'change-under-way': [
    409,
    'the box is in the middle of another change of this kind',
    'wait until it has ended, or take it back first',
  ],
  'change-unknown': [404, 'there is no such change', 'list the changes to see their ids'],
  'change-ended': [
    409,
    'this change has already ended',
    'look at what it did; begin another if it should be otherwise',
  ],
  'change-stuck': [
    409,
    'a newer version of this software began a change that this one does not know',
    'let the box update itself again; nothing of the change is touched until then',
  ],
  'change-past-return': [409, 'this change can no longer be taken back', 'let it end, then change again'],
  'change-deadline': [504, 'the change was not done in the time set for it, and was taken back', 'try again'],
  'territory-unknown': [
    404,
    'the directory of the alliance does not list this territory',
    'choose one of the territories that the directory lists',
  ],
  'territory-suspended': [
    409,
    'this territory takes no new boxes now',
    'choose another territory, or wait until it is accredited again',
  ],
  'foreign-not-accepted': [
    409,
    'this territory lies outside the jurisdiction that the owner stated',
    "say that another country's law is meant, or choose a territory of one's own",
  ],
  'already-member': [409, 'the box belongs to a territory already', 'move it to another territory instead'],
  'not-a-member': [409, 'the box belongs to no territory yet', 'elect a territory first'],
  'not-waiting': [409, 'nothing is under way that could be taken back', 'look at the state of the box'],
  'button-stuck': [
    500,
    'the file that asks for a reset cannot be removed from the boot partition, so the box was not reset',
    'make the boot partition writable, or reset the box by its command',
  ],
  'owner-set': [409, 'this box has an owner already', 'sign in with the passphrase'],
  'owner-unset': [409, 'this box has no owner yet', 'set it up first'],
  'passphrase-wrong': [401, 'this is not the passphrase', 'try again, or use the recovery code'],
  'passphrase-weak': [400, 'the passphrase is too short', 'use at least ten characters'],
  'replace-forbidden': [
    403,
    'the owner has forbidden to replace a forgotten passphrase',
    'use the recovery code, or reset the box',
  ],
  'file-unreadable': [400, 'the file cannot be read', 'check the path and the permissions of the file'],
  'ledger-missing': [404, 'nothing has been written about this box yet', 'start the agent first, or check dataDir'],
  'recovery-wrong': [401, 'this is not the recovery code', 'compare it with what was shown at setup'],

  // The clock, as its owner puts it right
  'time-not-offered': [
    409,
    'no server offers another time now',
    'look at the page again: the box may have learned the time meanwhile',
  ],
  'time-changed': [409, 'another time is offered now', 'look at the time that is shown now, and confirm that one'],
  // The ledger, and the provider's receipts for it
  'ledger-mismatch': [
    409,
    'the ledger of the box does not go on from what was seen of it',
    'ask the owner what happened to the box: entries were cut off or replaced, or its card is a copy; an export, checked with webizen ledger verify, says where',
  ],
  'receipt-invalid': [
    502,
    "the provider's receipt for the ledger cannot be used",
    'nothing on the box; the receipt before it is kept, and the provider is to be told when this goes on',
  ],
} as const satisfies ProblemTable;
