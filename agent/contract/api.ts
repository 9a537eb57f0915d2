/** Bodies of the standard API, the HTTP API that every box offers to every app. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Capability } from './capabilities.js';
import { Sample, Time } from './health.js';
import { Version } from './manifest.js';
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
    Type.Object({ type: Type.Literal('shutdown'), at: Time }),
  ],
  { $id: 'AppEvent' },
);
export type AppEvent = Static<typeof AppEvent>;
