/** Bodies of the standard API, the HTTP API that every box offers to every app. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Capability } from './capabilities.js';
import { Sample, Time } from './health.js';
import { Version } from './manifest.js';
import { MessageId, MessageName } from './messages.js';
import { ReleaseId } from './release.js';
import { AppState, Sandbox } from './status.js';

export const apiVersion = '1.0';

/** Longest storage key, in bytes of UTF-8. */
export const maxKeyBytes = 512;
/** Largest stored value, and largest body of a batch's JSON. */
export const maxValueBytes = 1024 * 1024;
export const maxBatchBytes = 2 * 1024 * 1024;

export const Box = Type.Object(
  {
    id: Type.Union([BoxId, Type.Null()], { description: 'null until the box is enrolled' }),
    territory: Type.Union([
      Type.Object({ id: Type.String(), name: Type.String(), jurisdiction: Type.String(), law: Type.String() }),
      Type.Null(),
    ]),
    online: Type.Boolean({ description: 'whether the provider is connected now' }),
    agent: Type.String(),
    api: Type.String({ description: 'version of this API' }),
    time: Time,
  },
  { $id: 'Box' },
);
export type Box = Static<typeof Box>;

/** Of what an app printed, its end: as much as its owner sees, and itself. */
export const logTailBytes = 128 * 1024;

export const AppId = Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{0,62}$' });

export const Self = Type.Object(
  {
    id: AppId,
    state: AppState,
    release: Type.Union([ReleaseId, Type.Null()], { description: 'null: the app is not an installed release' }),
    version: Type.Union([Version, Type.Null()]),
    sandbox: Sandbox,
    grants: Type.Array(Capability),
    storage: Type.Object({
      quotaBytes: Type.Integer({ minimum: 0 }),
      usedBytes: Type.Integer({ minimum: 0, description: 'keys and values' }),
    }),
    restarts: Type.Integer({ minimum: 0 }),
  },
  { $id: 'Self' },
);
export type Self = Static<typeof Self>;

export const Health = Type.Object(
  { latest: Type.Union([Sample, Type.Null()], { description: 'null until the first sample is taken' }) },
  { $id: 'Health' },
);
export type Health = Static<typeof Health>;

export const StorageEntry = Type.Object(
  {
    key: Type.String(),
    sizeBytes: Type.Integer({ minimum: 0 }),
    contentType: Type.String(),
    etag: Type.String(),
    modifiedAt: Time,
  },
  { $id: 'StorageEntry' },
);
export type StorageEntry = Static<typeof StorageEntry>;

export const StorageList = Type.Object(
  {
    entries: Type.Array(StorageEntry),
    cursor: Type.Union([Type.String(), Type.Null()], {
      description: 'give it back for the next page; null at the end',
    }),
  },
  { $id: 'StorageList' },
);
export type StorageList = Static<typeof StorageList>;

const key = Type.String({ minLength: 1, maxLength: maxKeyBytes });
const conditions = {
  ifMatch: Type.Optional(
    Type.String({ description: 'only if the stored value has this ETag; "*": only if there is one' }),
  ),
  ifNoneMatch: Type.Optional(Type.Literal('*', { description: 'only if nothing is stored under the key' })),
};
export const StorageOperation = Type.Union([
  Type.Object(
    {
      op: Type.Literal('put'),
      key,
      contentType: Type.Optional(Type.String({ maxLength: 200 })),
      value: Type.Optional(Type.String({ description: 'the value as text, stored in UTF-8' })),
      valueBase64: Type.Optional(Type.String({ description: 'the value as bytes, in base64; instead of value' })),
      ...conditions,
    },
    { additionalProperties: false },
  ),
  Type.Object({ op: Type.Literal('delete'), key, ...conditions }, { additionalProperties: false }),
]);
export type StorageOperation = Static<typeof StorageOperation>;

export const StorageBatch = Type.Object(
  { operations: Type.Array(StorageOperation, { minItems: 1, maxItems: 100, description: 'all are done, or none' }) },
  { $id: 'StorageBatch', additionalProperties: false },
);
export type StorageBatch = Static<typeof StorageBatch>;

export const StorageBatchResult = Type.Object(
  { results: Type.Array(Type.Object({ key: Type.String(), etag: Type.Union([Type.String(), Type.Null()]) })) },
  { $id: 'StorageBatchResult' },
);
export type StorageBatchResult = Static<typeof StorageBatchResult>;

/** The data of a server-sent event; `event:` carries the type, `id:` where to go on from by Last-Event-ID. */
export const StorageWatchEvent = Type.Union(
  [
    Type.Object(
      { type: Type.Literal('ready') },
      { description: 'the first event, unless it is a reset: whatever lands from here on is told' },
    ),
    Type.Object({ type: Type.Literal('put'), key: Type.String(), etag: Type.String() }),
    Type.Object({ type: Type.Literal('delete'), key: Type.String() }),
    Type.Object(
      { type: Type.Literal('reset') },
      { description: 'changes were missed: list again; whatever lands from here on is told' },
    ),
  ],
  { $id: 'StorageWatchEvent' },
);
export type StorageWatchEvent = Static<typeof StorageWatchEvent>;

/** The data of a server-sent event; `event:` carries the type. */
export const AppEvent = Type.Union(
  [
    Type.Object({ type: Type.Literal('hello'), at: Time, online: Type.Boolean() }),
    Type.Object({ type: Type.Literal('connectivity'), at: Time, online: Type.Boolean() }),
    Type.Object(
      {
        type: Type.Literal('grants'),
        at: Time,
        grants: Type.Array(Capability),
        given: Type.Array(Capability),
        taken: Type.Array(Capability),
      },
      { description: 'what the app may do has changed; grants: all that it may do now' },
    ),
    Type.Object(
      { type: Type.Literal('message'), at: Time, id: MessageId, name: MessageName },
      { description: 'a message has come for the app, to be listed and deleted' },
    ),
    Type.Object(
      { type: Type.Literal('message-dropped'), at: Time, id: MessageId, name: MessageName, code: Type.String() },
      { description: 'a message of the app, or one for it, was given up; the code says why' },
    ),
    Type.Object(
      {
        type: Type.Literal('update-pending'),
        at: Time,
        version: Version,
        waits: Type.Union([Type.Literal('begins'), Type.Literal('lease'), Type.Literal('owner')], {
          description:
            'begins: the app is stopped for it in so many seconds, unless it takes a lease before; lease: for the leases of the app, so many seconds at most as things are; owner: for the owner to say yes',
        }),
        seconds: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
          description: 'null: nobody knows how long',
        }),
      },
      { description: 'a newer release of the app is to take its place' },
    ),
    Type.Object(
      {
        type: Type.Literal('low-space'),
        at: Time,
        of: Type.Union([Type.Literal('box'), Type.Literal('quota')], {
          description:
            "box: the disk is down to the box's reserve, and writes are refused; quota: the app uses nine tenths of its own",
        }),
        low: Type.Boolean({ description: 'false: it is over' }),
      },
      { description: 'room to store is short, or is again enough' },
    ),
    Type.Object({ type: Type.Literal('shutdown'), at: Time }),
  ],
  { $id: 'AppEvent' },
);
export type AppEvent = Static<typeof AppEvent>;

export const AttestationRequest = Type.Object(
  {
    audience: Type.String({
      minLength: 1,
      maxLength: 500,
      description: 'who is to believe it, such as the address of your server: it refuses what was made for another',
    }),
    nonce: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'of the server, so that it knows this one was made for it now',
      }),
    ),
  },
  { $id: 'AttestationRequest', additionalProperties: false },
);
export type AttestationRequest = Static<typeof AttestationRequest>;

/** The `typ` of its header (RFC 8725 section 3.11). */
export const attestationType = 'webizen-attestation+jwt';

/** The payload of the JWT. Times are seconds, as RFC 7519 has them. */
export const AttestationClaims = Type.Object(
  {
    iss: Type.String({ description: 'urn:webizen:box:{box}' }),
    sub: Type.String({ description: 'the app' }),
    aud: Type.String(),
    iat: Type.Integer(),
    exp: Type.Integer(),
    jti: Type.String(),
    nonce: Type.Optional(Type.String()),
    app: AppId,
    release: ReleaseId,
    version: Version,
    box: BoxId,
    territory: Type.String(),
  },
  { $id: 'AttestationClaims' },
);
export type AttestationClaims = Static<typeof AttestationClaims>;

export const Attestation = Type.Object(
  {
    token: Type.String({
      description:
        'a JWT (ES256, typ webizen-attestation+jwt) whose payload is AttestationClaims, signed with the key of the certificate that comes first in its x5c header; the territory publishes the root of that chain',
    }),
    expiresAt: Time,
  },
  { $id: 'Attestation' },
);
export type Attestation = Static<typeof Attestation>;

const line = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });

export const NewNotification = Type.Object(
  {
    title: line(100),
    text: Type.String({ minLength: 1, maxLength: 1000 }),
    severity: Type.Union([Type.Literal('info'), Type.Literal('attention'), Type.Literal('trouble')]),
    key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'takes the place of the one with the same key that is still shown',
      }),
    ),
  },
  { $id: 'NewNotification', additionalProperties: false },
);
export type NewNotification = Static<typeof NewNotification>;

/** What an app tells the owner, as the console shows it until it is dismissed. */
export const Notification = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    app: AppId,
    at: Time,
    title: Type.String(),
    text: Type.String(),
    severity: NewNotification.properties.severity,
    key: Type.Union([Type.String(), Type.Null()]),
  },
  { $id: 'Notification' },
);
export type Notification = Static<typeof Notification>;

export const Notified = Type.Object({ id: Type.String(), at: Time }, { $id: 'Notified' });
export type Notified = Static<typeof Notified>;
