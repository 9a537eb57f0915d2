// Made from docs/spec/openapi.json by `make spec`; do not edit.

export const apiVersion = '1.0';

export type AppEvent = {
  type: 'hello';
  at: number;
  online: boolean;
} | {
  type: 'connectivity';
  at: number;
  online: boolean;
} | {
  type: 'grants';
  at: number;
  grants: Capability[];
  given: Capability[];
  taken: Capability[];
} | {
  type: 'message';
  at: number;
  id: string;
  /** what it is about: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, none of these three at an end */
  name: string;
} | {
  type: 'message-dropped';
  at: number;
  id: string;
  /** what it is about: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, none of these three at an end */
  name: string;
  code: string;
} | {
  type: 'update-pending';
  at: number;
  version: string;
  /** begins: the app is stopped for it in so many seconds, unless it takes a lease before; lease: for the leases of the app, so many seconds at most as things are; owner: for the owner to say yes */
  waits: 'begins' | 'lease' | 'owner';
  /** null: nobody knows how long */
  seconds: number | null;
} | {
  type: 'low-space';
  at: number;
  /** box: the disk is down to the box's reserve, and writes are refused; quota: the app uses nine tenths of its own */
  of: 'box' | 'quota';
  /** false: it is over */
  low: boolean;
} | {
  type: 'shutdown';
  at: number;
};

export type Attestation = {
  /** a JWT (ES256, typ webizen-attestation+jwt) whose payload is AttestationClaims, signed with the key of the certificate that comes first in its x5c header; the territory publishes the root of that chain */
  token: string;
  expiresAt: number;
};

export type AttestationRequest = {
  /** who is to believe it, such as the address of your server: it refuses what was made for another */
  audience: string;
  /** of the server, so that it knows this one was made for it now */
  nonce?: string;
};

export type Box = {
  /** null until the box is enrolled */
  id: string | null;
  territory: {
    id: string;
    name: string;
    jurisdiction: string;
    law: string;
  } | null;
  /** whether the provider is connected now */
  online: boolean;
  agent: string;
  /** version of this API */
  api: string;
  time: number;
};

export type Capability = 'storage' | 'health.read' | 'identity.attest' | 'notify' | 'messages' | 'metering' | string;

export type Health = {
  /** null until the first sample is taken */
  latest: Sample | null;
};

export type Lease = {
  id: string;
  /** update: the update of the app itself, and its stop for one; reboot: a restart of the box */
  hold: 'update' | 'reboot';
  /** one line in words, which the owner reads, and the provider */
  reason: string;
  takenAt: number;
  until: number;
  /** what counts, where the clock of the box is set meanwhile */
  secondsLeft: number;
};

export type LeaseExtension = {
  /** from now on; it may end earlier: what waits, waits for 24 hours at most */
  seconds: number;
};

export type LeaseList = {
  leases: Lease[];
};

export type MessageCounts = {
  outgoing: {
    waiting: number;
    usedBytes: number;
    quotaBytes: number;
    /** given up since the app was installed, by the code of the reason */
    dropped: Record<string, number>;
  };
  incoming: {
    waiting: number;
    usedBytes: number;
    quotaBytes: number;
    /** not taken, or expired unread, by the code */
    dropped: Record<string, number>;
  };
};

export type NewLease = {
  /** update: the update of the app itself, and its stop for one; reboot: a restart of the box */
  hold: 'update' | 'reboot';
  /** one line in words, which the owner reads, and the provider */
  reason: string;
  /** from now on; it may end earlier: what waits, waits for 24 hours at most */
  seconds: number;
};

export type NewMessage = {
  /** what it is about: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, none of these three at an end */
  name: string;
  /** any JSON */
  body?: unknown;
  /** bytes, in base64; instead of body */
  bodyBase64?: string;
  contentType?: string;
  /** not delivered so long after it was sent, it is given up */
  lifeSeconds?: number;
};

export type NewNotification = {
  title: string;
  text: string;
  severity: 'info' | 'attention' | 'trouble';
  /** takes the place of the one with the same key that is still shown */
  key?: string;
};

export type NewUsage = {
  /** what is counted: page, message … */
  unit: string;
  /** a decimal number, such as 12.50 */
  quantity: string;
};

export type Notified = {
  id: string;
  at: number;
};

export type Problem = {
  /** urn:webizen:problem:{code} */
  type: string;
  /** what is wrong, in one sentence */
  title: string;
  status: number;
  /** stable; programs branch on this */
  code: string;
  /** what to do about it */
  remedy: string;
  /** what this occurrence adds */
  detail?: string;
};

export type QueuedMessage = {
  id: string;
  /** what it is about: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, none of these three at an end */
  name: string;
  counts: MessageCounts;
};

export type ReceivedMessage = {
  id: string;
  /** what it is about: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, none of these three at an end */
  name: string;
  /** when it was sent, by the clock of the sender */
  at: number;
  receivedAt: number;
  expiresAt: number;
  contentType: string;
  /** of a message whose content type is application/json */
  body?: unknown;
  /** of any other */
  bodyBase64?: string;
};

export type ReceivedMessages = {
  /** oldest first; each stays until it is deleted */
  messages: ReceivedMessage[];
  /** give it back for those that came later; null while there was none */
  cursor: string | null;
  counts: MessageCounts;
};

export type Sample = {
  seq: number;
  at: number;
  /** metric name to value; names and units as OpenTelemetry has them */
  values: Record<string, number>;
};

export type Self = {
  id: string;
  state: 'starting' | 'running' | 'backing-off' | 'stopped';
  /** null: the app is not an installed release */
  release: string | null;
  version: string | null;
  /** none: a plain child process, not sandboxed */
  sandbox: 'podman' | 'bubblewrap' | 'none';
  grants: Capability[];
  storage: {
    quotaBytes: number;
    /** keys and values */
    usedBytes: number;
  };
  restarts: number;
};

export type StorageBatch = {
  /** all are done, or none */
  operations: ({
    op: 'put';
    key: string;
    contentType?: string;
    /** the value as text, stored in UTF-8 */
    value?: string;
    /** the value as bytes, in base64; instead of value */
    valueBase64?: string;
    /** only if the stored value has this ETag; "*": only if there is one */
    ifMatch?: string;
    /** only if nothing is stored under the key */
    ifNoneMatch?: '*';
  } | {
    op: 'delete';
    key: string;
    /** only if the stored value has this ETag; "*": only if there is one */
    ifMatch?: string;
    /** only if nothing is stored under the key */
    ifNoneMatch?: '*';
  })[];
};

export type StorageBatchResult = {
  results: ({
    key: string;
    etag: string | null;
  })[];
};

export type StorageEntry = {
  key: string;
  sizeBytes: number;
  contentType: string;
  etag: string;
  modifiedAt: number;
};

export type StorageList = {
  entries: StorageEntry[];
  /** give it back for the next page; null at the end */
  cursor: string | null;
};

export type StorageWatchEvent = {
  type: 'ready';
} | {
  type: 'put';
  key: string;
  etag: string;
} | {
  type: 'delete';
  key: string;
} | {
  type: 'reset';
};

export type UsageEntries = {
  entries: UsageEntry[];
};

export type UsageEntry = {
  agreement: string;
  entry: number;
  at: number;
  /** what is counted: page, message … */
  unit: string;
  /** a decimal number, such as 12.50 */
  quantity: string;
  key: string;
  trial: boolean;
  previous: string | null;
  hash: string;
};

export type UsageView = {
  agreement: string;
  units: string[];
  period: string;
  entries: number;
  sums: {
    /** what is counted: page, message … */
    unit: string;
    quantity: string;
    trial: string;
  }[];
  cost: {
    amount: string;
    /** a currency of ISO 4217, such as EUR */
    currency: string;
  } | null;
  cap: string | null;
};

/** What a refusal of this API can be. */
export type ProblemCode =
  | 'attest-certificate'
  | 'attest-not-enrolled'
  | 'attest-time-unknown'
  | 'attest-unreleased'
  | 'body-invalid'
  | 'body-malformed'
  | 'body-timeout'
  | 'body-too-large'
  | 'cursor-invalid'
  | 'disk-full'
  | 'grant-missing'
  | 'headers-too-large'
  | 'idempotency-key-invalid'
  | 'idempotency-key-reused'
  | 'internal'
  | 'key-invalid'
  | 'key-not-found'
  | 'lease-late'
  | 'lease-unknown'
  | 'leases-too-many'
  | 'media-type-unsupported'
  | 'message-names-full'
  | 'message-unknown'
  | 'messages-unreleased'
  | 'messages-waits-too-many'
  | 'metering-capped'
  | 'metering-full'
  | 'metering-key-missing'
  | 'metering-not-agreed'
  | 'metering-quantity'
  | 'metering-unit'
  | 'notifications-too-many'
  | 'outbox-full'
  | 'precondition-failed'
  | 'quota-exceeded'
  | 'request-malformed'
  | 'runtime-failed'
  | 'runtime-unavailable'
  | 'storage-damaged'
  | 'storage-key-damaged'
  | 'storage-key-missing'
  | 'streams-too-many'
  | 'unavailable';

export const operations = {
  /** facts about the box and its territory */
  getBox: { method: 'GET', path: '/v1/box', capability: null },
  /** the calling app: its grants, its limits, how it is run */
  getSelf: { method: 'GET', path: '/v1/self', capability: null },
  /** the calling app is up; what its health check of the kind "ready" waits for */
  putReady: { method: 'PUT', path: '/v1/self/ready', capability: null },
  /** the newest health sample of the box */
  getHealth: { method: 'GET', path: '/v1/health', capability: 'health.read' },
  /** a stored value, with its content type and its ETag */
  getValue: { method: 'GET', path: '/v1/storage/{key}', capability: 'storage' },
  /** the size, content type and ETag of a stored value */
  headValue: { method: 'HEAD', path: '/v1/storage/{key}', capability: 'storage' },
  /** delete a stored value */
  deleteValue: { method: 'DELETE', path: '/v1/storage/{key}', capability: 'storage' },
  /** store a value of up to 1 MiB with its Content-Type; the answer has its ETag and no body */
  putValue: { method: 'PUT', path: '/v1/storage/{key}', capability: 'storage' },
  /** the stored keys, ascending by their bytes, without the values */
  listValues: { method: 'GET', path: '/v1/storage', capability: 'storage' },
  /** what is written and deleted below a prefix, as server-sent events; each has a StorageWatchEvent as its data */
  watchValues: { method: 'GET', path: '/v1/storage:watch', capability: 'storage' },
  /** many writes in order: all are done, or none */
  batchValues: { method: 'POST', path: '/v1/storage:batch', capability: 'storage' },
  /** what happens on the box, as server-sent events; each has an AppEvent as its data */
  getEvents: { method: 'GET', path: '/v1/events', capability: null },
  /** a signed statement, good for five minutes, of which release of which app asks, on which box */
  postAttestation: { method: 'POST', path: '/v1/identity/attestations', capability: 'identity.attest' },
  /** tell the owner something in the console; with the key of one that is still shown, in its place */
  postNotification: { method: 'POST', path: '/v1/notifications', capability: 'notify' },
  /** send up to 64 KiB to the app's maker, encrypted to it alone; answered when it is on the disk of the box */
  postMessage: { method: 'POST', path: '/v1/messages', capability: 'messages' },
  /** what the app's maker has sent to it on this box, oldest first */
  listMessages: { method: 'GET', path: '/v1/messages', capability: 'messages' },
  /** the app has taken care of a message, which is not given again */
  deleteMessage: { method: 'DELETE', path: '/v1/messages/{id}', capability: 'messages' },
  /** the end of what the calling app printed, 128 KiB at most: as much as its owner sees */
  getLogs: { method: 'GET', path: '/v1/self/logs', capability: null },
  /** hold the own update, or a restart of the box, for a stated reason and time */
  postLease: { method: 'POST', path: '/v1/leases', capability: null },
  /** what the calling app holds */
  listLeases: { method: 'GET', path: '/v1/leases', capability: null },
  /** hold it for so long from now on */
  putLease: { method: 'PUT', path: '/v1/leases/{id}', capability: null },
  /** hold it no longer */
  deleteLease: { method: 'DELETE', path: '/v1/leases/{id}', capability: null },
  /** count what was used, in a unit of the plan that the owner agreed to; also without a network */
  postUsage: { method: 'POST', path: '/v1/metering', capability: 'metering' },
  /** the agreement that holds, what this month has come to, and the limit that the owner has set */
  getUsage: { method: 'GET', path: '/v1/metering', capability: 'metering' },
  /** what was counted, one by one, as it hangs together: for the maker, who has it from nobody else */
  listUsage: { method: 'GET', path: '/v1/metering/entries', capability: 'metering' },
  /** this specification */
  getOpenapi: { method: 'GET', path: '/v1/openapi.json', capability: null },
} as const;
