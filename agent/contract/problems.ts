/**
 * One table of everything that can be refused, on either side: code, status, sentence, remedy.
 * A code never changes its meaning; a new refusal gets a new code.
 */
import { type Static, Type } from 'typebox';

const table = {
  // Any HTTP side
  'not-found': [404, 'there is nothing at this address', 'compare the path with the published specification'],
  'method-not-allowed': [405, 'this address does not take this method', 'use one of the methods in the Allow header'],
  'body-malformed': [400, 'the body is not well-formed JSON', 'send JSON as RFC 8259 defines it, in UTF-8'],
  'body-invalid': [
    400,
    'the request does not have the shape that the specification gives',
    'mend the fields that the detail names',
  ],
  'body-too-large': [413, 'the body is larger than this address takes', 'send a smaller body, or split it'],
  'body-timeout': [408, 'the request did not arrive in time', 'send the whole request within the stated time'],
  'headers-too-large': [431, 'the request headers are larger than the limit', 'send fewer or shorter headers'],
  'request-malformed': [400, 'the request is not well-formed HTTP', 'send HTTP/1.1 as RFC 9112 defines it'],
  'upgrade-refused': [400, 'this address does not change protocols', 'send plain HTTP/1.1 requests'],
  'media-type-unsupported': [
    415,
    'this address does not take that content type',
    'send the content type that the specification names',
  ],
  internal: [
    500,
    'something went wrong on this side',
    'try again; if it stays, report it with the time of the request',
  ],
  unavailable: [503, 'this part is starting or stopping', 'try again in a few seconds'],

  // Standard API
  'grant-missing': [
    403,
    'the owner has not granted this app the permission that this call needs',
    'ask the owner to grant the permission named in the detail',
  ],
  'quota-exceeded': [
    507,
    'the app would use more storage than its quota',
    'delete entries that are no longer needed, or ask the owner for a larger quota',
  ],
  'disk-full': [
    507,
    'the disk of this machine is too full to write safely',
    'free some space on the disk; everything stored so far is kept',
  ],
  'key-invalid': [
    400,
    'the storage key is empty, longer than 512 bytes, or not UTF-8',
    'use a key of 1 to 512 bytes of UTF-8, with a slash as %2F',
  ],
  'key-not-found': [404, 'nothing is stored under this key', 'store a value first, or list the keys with their prefix'],
  'precondition-failed': [
    412,
    'the stored value is not the one the condition names',
    'read the value again, decide again, and send its new ETag',
  ],
  'cursor-invalid': [400, 'the cursor is not one that this listing gave', 'start again without a cursor'],

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

  // The link (MQTT)
  'client-id-taken': [
    403,
    'the MQTT client id or user name is not the box id in the certificate',
    'use the common name of the certificate as client id and as user name',
  ],
  'publish-outside': [
    403,
    'a box publishes only under its own up/ topics',
    'publish under wz/1/{shard}/{box}/up/ with the topics of the contract',
  ],
  'retain-refused': [403, 'only status and reported may be retained', 'clear the retain flag'],
  'qos-refused': [403, 'QoS 2 is not offered', 'use QoS 1'],
  'subscribe-outside': [
    403,
    'a box subscribes only under its own down/ topics',
    'subscribe under wz/1/{shard}/{box}/down/',
  ],
  'packet-malformed': [
    400,
    'what came is not well-formed MQTT 3.1.1',
    'speak MQTT as OASIS mqtt-v3.1.1 defines it; check the client library',
  ],
  'mqtt-version': [
    400,
    'the broker does not speak this version of MQTT',
    'use the version that protocolVersion in the profile names',
  ],
  'packet-too-large': [413, 'an MQTT packet is larger than the broker takes', 'send smaller batches'],
  'packet-unfinished': [408, 'an MQTT packet did not arrive whole in time', 'send whole packets; check the line'],
  'packet-rate': [
    429,
    'more packets or bytes came than the broker takes from one box',
    'slow down; batch what can wait',
  ],
  'unread-backlog': [429, 'the box does not read what the broker sends', 'read what arrives, or subscribe to less'],
  'message-malformed': [
    400,
    'a message does not have the shape that the contract gives',
    'compare the payload with the published schema',
  ],
  'message-unexpected': [
    400,
    'this provider has no use for messages of this kind',
    'keep the message aside; send it when the provider asks for it',
  ],
  'publish-refused': [
    403,
    'the broker ended the session at this message, again and again',
    "see the provider's events for the reason; the message is kept aside and not sent again",
  ],
  'link-refused': [403, "the provider's broker refused this box", "see the provider's events for the reason"],
  'link-unreachable': [
    503,
    "the provider's broker cannot be reached",
    'nothing needs doing: reports are kept and sent later; check the network if it stays',
  ],

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

  // Programs
  'config-invalid': [400, 'the configuration is wrong', 'mend each field that is named'],
  'config-unreadable': [
    400,
    'the configuration file cannot be read',
    'check its path, its permissions, and that it is JSON',
  ],
  'arguments-invalid': [400, 'the command line is wrong', 'see --help'],
  'socket-path-too-long': [
    400,
    'the path of a socket is longer than the 107 bytes that the kernel takes',
    'choose a shorter directory',
  ],
  'port-in-use': [503, 'a port is in use by another program', 'stop the other program, or choose other ports'],
  'address-unavailable': [
    503,
    'the address to listen on is not one of this machine',
    'choose an address of this machine',
  ],
  'directory-owner': [
    403,
    'the data directory belongs to somebody else or is open to others',
    'run as its owner, or chown and chmod 700 it',
  ],
  'directory-in-use': [503, 'another process has the data directory open', 'stop the other process, or talk to it'],
  'directory-not-empty': [409, 'the directory holds something already', 'choose an empty directory'],
  'territory-missing': [404, 'there is no territory in this directory', 'run webizen-provider init first'],
  'store-damaged': [
    500,
    'the database cannot be opened',
    'keep a copy of the directory and report it; do not delete it',
  ],
  'store-newer': [409, 'the database was written by a newer version', 'run the newer version'],
  'not-running': [503, 'nothing is running in this directory', 'start it first'],
  unauthorized: [401, 'this needs the operator secret', 'send Authorization: Bearer with the secret, or sign in'],
  'secret-wrong': [
    401,
    'this is not the operator secret of this territory',
    'copy the secret again from where the territory keeps it, without spaces',
  ],
  'session-ended': [401, 'the session has ended', 'sign in again'],
  'origin-refused': [403, 'the request came from another site', 'use the console on its own address'],
  'too-many-attempts': [429, 'too many wrong attempts', 'wait for the time in Retry-After'],
  'too-many-streams': [503, 'too many event streams are open', 'close a console that nobody looks at, or poll'],
  'time-invalid': [
    400,
    'a time is not one, or the range ends before it starts',
    'give times in milliseconds since 1970 or in ISO 8601, from before to',
  ],
  'box-unknown': [404, 'this territory has no such box', 'list the boxes to see their ids'],
  'claim-id-unknown': [404, 'this territory has no such claim', 'list the claims to see their ids'],

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
} as const satisfies Record<string, readonly [status: number, title: string, remedy: string]>;

export type ProblemCode = keyof typeof table;
export const problemCodes = Object.keys(table) as ProblemCode[];

/** Problem details, RFC 9457, `application/problem+json`. `code` and `remedy` are ours and stable. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:webizen:problem:{code}' }),
    title: Type.String({ description: 'what is wrong, in one sentence' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.String({ description: 'stable; programs branch on this' }),
    remedy: Type.String({ description: 'what to do about it' }),
    detail: Type.Optional(Type.String({ description: 'what this occurrence adds' })),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

export const isProblemCode = (code: unknown): code is ProblemCode => typeof code === 'string' && code in table;

export function problem(code: ProblemCode, detail?: string): Problem {
  const [status, title, remedy] = table[code];
  return { type: `urn:webizen:problem:${code}`, title, status, code, remedy, ...(detail ? { detail } : {}) };
}

/** A refusal with a code from the table. Thrown wherever a caller or a person is to be told what to do. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  /** Extra response headers that the refusal needs, such as `WWW-Authenticate`. */
  readonly headers: Record<string, string>;

  constructor(code: ProblemCode, detail?: string, options: { cause?: unknown; headers?: Record<string, string> } = {}) {
    const [, title] = table[code];
    super(detail ? `${title}: ${detail}` : title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refusal';
    this.code = code;
    this.detail = detail;
    this.headers = options.headers ?? {};
  }

  get problem(): Problem {
    return problem(this.code, this.detail);
  }

  get status(): number {
    return table[this.code][0];
  }

  get remedy(): string {
    return table[this.code][2];
  }
}
