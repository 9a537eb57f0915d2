/** What any HTTP side refuses, and what the standard API refuses of apps. */
import type { ProblemTable } from './table.js';

export const httpProblems = {
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

  // Grants, and what an app may use of the standard API at once
  'grant-end-past': [400, 'the permission would have ended before it began', 'choose an end that lies ahead, or none'],
  'rate-limited': [
    429,
    'this app asks more often than its share while other apps ask too',
    'wait as long as the Retry-After header says, and ask less often; batches do more in one request',
  ],
  'streams-too-many': [
    429,
    'this app holds as many event streams as one app may',
    'close a stream that is no longer read; one is enough for all events',
  ],
  // Connections to servers outside, by CONNECT (RFC 9110 section 9.3.6)
  'egress-target-invalid': [
    400,
    'CONNECT wants a host name and a port',
    'send CONNECT name:port, as in CONNECT api.example.com:443; ports are 1 to 65535',
  ],
  'egress-address': [
    400,
    'CONNECT to an address is not allowed, whatever was granted',
    'use the host name: permissions are given for names',
  ],
  'egress-unresolved': [
    502,
    'the host name leads nowhere just now',
    'check the name; when the box is offline, try again later',
  ],
  'egress-private': [
    403,
    'the host name leads into a private or reserved network, or to this box',
    'use a server on the public internet; apps do not reach what stands in the owner’s home',
  ],
  'egress-barred': [
    403,
    'the host name leads to a server of the network provider, which apps do not reach',
    'use the standard API for what concerns the box',
  ],
  'egress-unreachable': [502, 'the server does not take the connection', 'check host and port, and try again later'],
  'egress-too-many': [
    429,
    'this app, or all apps together, hold as many connections to servers outside as the box allows',
    'close connections that are not needed, and keep those that are for further requests',
  ],
  // What the box says of an app to others
  'attest-not-enrolled': [
    409,
    'this box belongs to no territory that could vouch for it',
    'try again once the owner has chosen a provider and the box is enrolled',
  ],
  'attest-time-unknown': [
    503,
    'this box does not know the time yet, so nothing that it signs could be dated',
    'try again when the box is online',
  ],
  'attest-certificate': [
    503,
    "the box's certificate is not valid just now",
    'try again when the box is online and has renewed it',
  ],
  'attest-unreleased': [
    409,
    'this app is no installed release, so there is nothing that could be vouched for',
    'publish the app and install the release',
  ],
  'notifications-too-many': [
    429,
    'this app has told the owner as much today as one app may',
    'wait as long as the Retry-After header says, and gather what is to be told',
  ],
  'target-absolute': [
    400,
    'the request names a whole address instead of a path: this is no proxy for plain HTTP',
    'send paths of the standard API; to reach a server outside, use CONNECT',
  ],
} as const satisfies ProblemTable;
