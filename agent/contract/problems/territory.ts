/** What a territory refuses: claims, requests, certificates, admission, its CA and backups. */
import type { ProblemTable } from './table.js';

export const territoryProblems = {
  // Claims (RFC 7030 section 3.2.3)
  'claim-missing': [401, 'no claim code was given', 'send HTTP Basic with user "claim" and the code as password'],
  'claim-malformed': [
    401,
    'this is not a claim code: its length or its check character is wrong',
    'compare the code with the one that the provider gave, character by character',
  ],
  'claim-unknown': [
    401,
    'this territory has not given out this claim code',
    'ask the provider of this territory for a claim code',
  ],
  'claim-used': [401, 'this claim code has been used by another box', 'ask the provider for a new claim code'],
  'claim-expired': [401, 'this claim code has expired', 'ask the provider for a new claim code'],
  'claim-revoked': [401, 'the provider has revoked this claim code', 'ask the provider for a new claim code'],

  // Certificate signing requests (RFC 2986)
  'csr-malformed': [
    400,
    'the body is not a base64 PKCS#10 certificate request',
    'send application/pkcs10: the DER request in base64, without PEM armour',
  ],
  'csr-signature': [
    400,
    "the request's signature does not verify with its own key",
    'make the request again with the key it names, and do not alter it afterwards',
  ],
  'csr-weak-key': [
    400,
    'the key of the request is too weak or of an unsupported kind',
    'use ECDSA P-256 (or RSA of 2048 bits or more) with SHA-256 or better',
  ],
  'csr-ca': [
    400,
    'the request asks to be a certification authority',
    'leave basicConstraints out of the request, or set CA:FALSE',
  ],
  'csr-subject': [
    400,
    "the request's subject is not that of the certificate it renews",
    'renew with the subject of the current certificate, unchanged',
  ],
  'certificate-missing': [
    401,
    'no client certificate was presented',
    'connect with the certificate that this territory issued',
  ],
  'certificate-foreign': [
    401,
    'the client certificate was not issued to a box by this territory, or is not valid now',
    'connect with the certificate that this territory issued, or enrol with a claim code',
  ],
  'certificate-superseded': [
    401,
    'the client certificate is not the current one of its box',
    'connect with the newest certificate',
  ],
  'renewal-used': [
    409,
    'the box has been given a renewed certificate for another key, and has not used it yet',
    'use that certificate, or ask again with the key that it was given for',
  ],
  'box-revoked': [403, 'the provider has revoked this box', 'ask the provider why; a claim code enrols the box anew'],

  // Admission, renewal and leaving, at the provider
  'certificate-expired': [
    401,
    'the client certificate has expired',
    'renew it: an expired certificate serves for that, and for nothing else',
  ],
  'renewal-too-late': [
    401,
    'the certificate expired longer ago than this provider renews',
    'enrol the box anew, as a new one',
  ],
  'csr-channel': [
    400,
    'the request is bound to another connection than the one it came by',
    'put the channel binding of this very connection into challengePassword (RFC 7030 section 3.5), or leave it out',
  ],
  'admission-refused': [
    403,
    'the provider has refused to admit this box',
    'read the reason; ask the provider, or choose another territory',
  ],
  'admission-full': [
    503,
    'too many boxes wait to be admitted',
    'try again later, or ask the provider for a claim code',
  ],
  'admission-closed': [
    401,
    'this territory does not admit a box on what it showed',
    'ask the provider how it admits boxes; a claim code is the usual way',
  ],
  'claim-not-taken': [
    401,
    'this territory takes no claim codes',
    'ask the provider how it admits boxes, and ask again without a code',
  ],
  'factory-foreign': [
    401,
    'the factory identity is not of an accredited maker, or is not valid',
    "ask the box's maker, or enrol with a claim code",
  ],
  'factory-barred': [
    401,
    'the provider has barred this device: its box was revoked',
    'ask the provider; an operator can reinstate the device',
  ],
  'voucher-invalid': [
    401,
    'the voucher is not one for this device',
    'ask whoever sold the box for its voucher, or enrol with a claim code',
  ],
  'voucher-elsewhere': [
    401,
    'the voucher is for another territory',
    'enrol in the territory that it names, or with a claim code',
  ],
  'voucher-used': [
    401,
    'this device has been enrolled with its voucher already',
    'enrol with a claim code, or ask the provider to admit the box',
  ],
  'too-many-requests': [429, 'more requests come from this address than are taken', 'wait for the time in Retry-After'],
  'box-left': [403, 'the box has left this territory', 'enrol it anew to come back'],
  'box-not-leaving': [409, 'the box has not said that it leaves', 'an objection answers an announced departure'],
  'box-not-barred': [409, 'the factory identity of this box is not barred', 'nothing needs doing'],

  // A card that was copied
  'cloned-box': [
    409,
    'two machines report as one box: its card was copied',
    'ask the owner which one is theirs; revoke the box, reset both, let theirs enrol anew; or settle it once the copy is gone',
  ],
  'box-not-cloned': [409, 'nothing looks like a copy of this box', 'nothing needs doing'],

  // Requests for admission
  'request-unknown': [404, 'nobody asks for admission with this code or id', 'list the requests to see them'],
  'request-decided': [409, 'this request has been decided already', 'list the requests to see how'],

  // The territory's CA, its broker outside, its backups
  'root-key-missing': [
    409,
    "the root's key is not there",
    'fetch it from where it is kept and name its file with --root-key',
  ],
  'root-key-wrong': [409, 'this is not the key that belongs there', 'name the file of the key of the newest root'],
  'ca-rolled-lately': [
    409,
    'the newest certification authority is younger than a day',
    'a rollover that was cut has been completed; give --again for one more',
  ],
  'broker-unreachable': [
    503,
    'the broker cannot be reached',
    'look whether it runs and lets the provider in; boxes keep what they report until it does',
  ],
  'box-not-cut': [
    503,
    'the box is revoked, and its session at the broker may still be open',
    'mend what the detail names: the provider tries again; what the box says is dropped meanwhile',
  ],
  'crl-refused': [
    409,
    'the revocation list was not put in place',
    'mend what the detail names; the broker goes on with the list that it has',
  ],
  'backup-damaged': [409, 'this is not a whole backup', 'take another copy of it, or an older backup'],
} as const satisfies ProblemTable;
