/** Members, their credentials and standing, and what they publish. */
import type { ProblemTable } from './table.js';

export const membersProblems = {
  // The catalogue: what members publish and boxes fetch
  'blob-unknown': [404, 'these octets are not here', 'upload them, or fetch what a release that you may see names'],
  'blob-digest-wrong': [
    422,
    'the octets are not the ones that the digest names, and were discarded',
    'upload the file again from the start',
  ],
  'upload-offset-wrong': [
    409,
    'the upload does not go on from where it stopped',
    'go on from Upload-Offset, as HEAD tells it',
  ],
  'upload-malformed': [
    400,
    'Upload-Offset and Upload-Length do not say which octets these are',
    'send both as whole numbers, and no octet past Upload-Length',
  ],
  'upload-too-large': [413, 'the octets are more than an archive may hold', 'make the image smaller'],
  'upload-budget': [
    507,
    'the member keeps as much in the catalogue as the territory allows',
    'withdraw releases that nobody needs, finish or leave unfinished uploads for a day, or ask the operator',
  ],
  'range-invalid': [416, 'there is nothing in the range that was asked for', 'ask within the size that HEAD tells'],
  'publisher-wrong': [
    403,
    'the release names another member or another territory',
    'build and sign it as the member that publishes it',
  ],
  'blobs-missing': [409, 'the release names blobs that are not here', 'upload the blobs named in the detail'],
  'app-id-taken': [
    409,
    'the app id belongs to another member',
    'choose an id of your own, or ask the operator who may use it',
  ],
  'version-used': [409, 'this version of the app was published before', 'publish it under a higher version'],
  'version-older': [
    409,
    'a version as high as this one was published before in its channel',
    'publish it under a higher version',
  ],
  'release-ended': [
    409,
    'the release was withdrawn or stopped, and does not come back',
    'publish a new release under a higher version',
  ],
  'release-visibility': [
    409,
    'the release was published for others to see than these',
    'publish it as it was, or a new release under a higher version',
  ],
  'listing-unknown': [404, 'the catalogue lists no such app or release', 'compare its name with the catalogue'],

  // Members, their credentials and their standing
  'member-unknown': [404, 'this territory has no such member', 'list the members to see their ids'],
  'member-exists': [409, 'this territory has a member with this id', 'choose another id'],
  'member-key-taken': [
    409,
    'the key has been used by a member of this territory before',
    'make a new key and a new request',
  ],
  'member-request-malformed': [400, 'this is not a request to become a member', 'make it with webizen member request'],
  'member-request-forged': [
    403,
    "the request's signature does not verify with the key that it names",
    'make the request again, and do not alter it afterwards',
  ],
  'member-rotation-invalid': [
    403,
    "this is not a statement by which the member's current key names the next one",
    'sign it with the current key, for this member; if that key is lost, ask to be given a new one',
  ],
  'member-standing': [
    409,
    'the standing of the member does not allow this',
    'look at how the member stands, and do what goes before',
  ],
  'member-suspended': [
    403,
    'the member is suspended: nothing new of it is taken',
    'read the reason, and ask for the review that it names',
  ],
  'member-expelled': [
    403,
    'the member has been expelled',
    'read the reason, and ask for the review that the decision names',
  ],
  'member-level-low': [
    403,
    'the vetting level of the member does not allow what this asks for',
    'ask for less, or ask the territory for a higher level',
  ],
  'member-origin-unknown': [
    409,
    'it is not known yet where the territory can be reached, and credentials must say it',
    'start the provider once, or accept a directory that lists the territory',
  ],
  'panel-invalid': [
    400,
    'this cannot be a panel',
    'name officers with a key each, and no more of them to sign than there are',
  ],
  'panel-decides': [
    409,
    'the territory has a panel, and this needs its resolution',
    'draw it up with webizen officer resolve, have officers sign it, and carry it out with member resolve; until they meet a member can be suspended in a case that was opened (member suspend --interim-days --case)',
  ],
  'interim-used': [409, 'the member was suspended like this less than 90 days ago', 'have the panel decide'],
  'resolution-malformed': [
    400,
    'this is not a resolution',
    'draw it up with webizen officer resolve, and do not alter it afterwards',
  ],
  'resolution-foreign': [403, 'the resolution is of another territory', 'have it drawn up for this one'],
  'resolution-signatures': [
    403,
    'fewer officers have signed the resolution than the panel needs',
    'collect the signatures that are missing: each officer counts once, with the key that the panel names',
  ],
  'resolution-stale': [
    409,
    'the resolution was drawn up more than 90 days ago, or is of a time to come',
    'have it drawn up and signed anew',
  ],
  'resolution-used': [409, 'the resolution was carried out before', 'have a new one drawn up and signed'],
  'members-full': [507, 'the status lists have no place left', 'report it: the lists have to be made longer'],
  'member-ledger-damaged': [
    409,
    'the ledger of decisions about members does not hold together',
    'keep a copy of it, and compare it with earlier exports',
  ],
  'member-keys-invalid': [
    400,
    'this is not a file of the keys that a territory signs for its members with',
    'use members/keys.json of the territory, or what member keys prints',
  ],
  'credential-missing': [
    401,
    'no credential with a proof of its key was shown',
    'send Authorization: DPoP with the credential, and a DPoP proof for this very request',
  ],
  'credential-malformed': [401, 'this is not a credential of a member', 'use the one that the territory issued'],
  'credential-foreign': [
    401,
    'the credential is not of this territory',
    'use the one that this territory issued, or be admitted here',
  ],
  'credential-forged': [401, "the credential's signature does not verify", 'use the one that the territory issued'],
  'credential-early': [401, 'the credential is not valid yet', 'put the clock right, and fetch the credential again'],
  'credential-expired': [401, 'the credential has expired', 'fetch the newest one from the territory'],
  'credential-superseded': [
    401,
    'the credential is for a key that the member does not use any more',
    'fetch the newest one from the territory, and sign with its key',
  ],
  'proof-invalid': [
    401,
    'the proof is not one by the key of the credential for this request',
    'make a proof as RFC 9449 says, with method, address and hash of the credential',
  ],
  'proof-stale': [401, 'the proof was made at another time than now', 'put the clock right, and make a new proof'],
  'proof-replayed': [401, 'the proof has been used before', 'make a new proof for each request'],
} as const satisfies ProblemTable;
