/**
 * The owner's backup: what stands in one, and how the owner's console shows and orders them.
 *
 * A backup is an age file (age-encryption.org/v1) to one X25519 recipient that is made of the owner's backup code. Inside
 * lies a tar of regular files, in this order: `webizen-backup.json`, `owner.json`, `keys/{app}.key`,
 * `rows/{concern}/{number}`, `blobs/{hex}`, `end.json`. The last holds a MAC over all before it, whose key is made of the
 * code too: whoever has only the recipient can write an age file, and not one that a box takes for its owner's.
 */
import { type Static, Type } from 'typebox';
import { AppId } from './api.js';
import { Told } from './changes.js';
import { Time } from './health.js';
import { LedgerHead } from './ledger.js';
import { OsWindow } from './os.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false } as const;

/** Each new one is read by the releases after it; an older release refuses it by its number. */
export const backupFormat = 1;

/** Concerns of the box's store that are the owner's, in the order in which they stand in a backup. */
export const ownersConcerns = [
  'apps',
  'values',
  'values-large',
  'names',
  'storage',
  'storage-meta',
  'ledger',
  'ledgerMeta',
  'grants',
  'installed',
  'notices',
  'notice-counts',
] as const;
export type OwnersConcern = (typeof ownersConcerns)[number];

export const BackupApp = Type.Object({
  id: AppId,
  name: Type.String({ maxLength: 200 }),
  version: Type.String({ maxLength: 64 }),
  /** `file`: what it is made of lies in the backup; else it is fetched again. */
  source: Type.Union([Type.Literal('catalogue'), Type.Literal('file')]),
  usedBytes: Type.Integer({ minimum: 0 }),
});
export type BackupApp = Static<typeof BackupApp>;

/** `webizen-backup.json`, the first file. */
export const BackupHead = Type.Object(
  {
    format: Type.String({ pattern: '^webizen-backup-[1-9][0-9]{0,5}$' }),
    id: Type.String({ pattern: '^[0-9a-f]{16}$', description: 'random, another one for each backup' }),
    at: Time,
    /** Of the box's store: an older release does not open it. */
    store: Type.Integer({ minimum: 1 }),
    agent: Type.String({ maxLength: 64 }),
    /** Which box it was made on: its name on the label, and what its provider called it. */
    box: Type.Object({
      name: Type.String({ maxLength: 64 }),
      id: NullOr(Type.String({ maxLength: 64 })),
      territory: NullOr(Type.String({ maxLength: 64 })),
    }),
    ledger: NullOr(LedgerHead),
    apps: Type.Array(BackupApp, { maxItems: 1000 }),
  },
  { $id: 'BackupHead', additionalProperties: true },
);
export type BackupHead = Static<typeof BackupHead>;

/** `end.json`, the last file. */
export const BackupEnd = Type.Object({
  files: Type.Integer({ minimum: 1 }),
  mac: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'HMAC-SHA256 over the SHA-256 of all bytes before' }),
});
export type BackupEnd = Static<typeof BackupEnd>;

export const largestBackup = 1024 ** 4;

/** What a box keeps of its owner's code: enough to write, not to read. */
export const BackupKeySet = Type.Object({
  recipient: Type.String({ pattern: '^age1[a-z0-9]{40,100}$' }),
  macKey: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});
export type BackupKeySet = Static<typeof BackupKeySet>;

/** What is in a backup that was read whole and found right. */
export const BackupFound = Type.Object({
  id: BackupHead.properties.id,
  at: Time,
  sizeBytes: Type.Integer({ minimum: 0 }),
  box: BackupHead.properties.box,
  apps: Type.Array(BackupApp),
  entries: Type.Integer({ minimum: 0, description: 'of the ledger' }),
  /** Whether restoring it takes the place of what is here, and what then becomes of the ledger. */
  ledger: Type.Union([Type.Literal('kept'), Type.Literal('replaced'), Type.Literal('other')]),
});
export type BackupFound = Static<typeof BackupFound>;

export const BackupSettings = Type.Object(
  {
    /** To a disk that is there, once a week. */
    weekly: Type.Boolean(),
    /** When it may begin; null: at any hour. */
    window: NullOr(OsWindow),
    /** How many of this box stay on a disk. */
    keep: Type.Integer({ minimum: 1, maximum: 100 }),
  },
  closed,
);
export type BackupSettings = Static<typeof BackupSettings>;
export const usualBackupSettings: BackupSettings = { weekly: true, window: null, keep: 5 };

export const BackupLast = Type.Object({
  id: BackupHead.properties.id,
  at: Time,
  to: Type.Union([Type.Literal('disk'), Type.Literal('file')]),
  place: Type.String({ maxLength: 200 }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  /** `written`: nothing more is known; `read-back`: the disk has what was written; `opened`: opened with the code and read whole. */
  verified: Type.Union([Type.Literal('written'), Type.Literal('read-back'), Type.Literal('opened')]),
});
export type BackupLast = Static<typeof BackupLast>;

export const BackupDisk = Type.Object({
  id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }),
  totalBytes: Type.Integer({ minimum: 0 }),
  freeBytes: Type.Integer({ minimum: 0 }),
  backups: Type.Array(
    Type.Object({
      file: Type.String(),
      at: NullOr(Time),
      sizeBytes: Type.Integer({ minimum: 0 }),
      own: Type.Boolean(),
    }),
  ),
});
export type BackupDisk = Static<typeof BackupDisk>;

export const BackupJob = Type.Object({
  kind: Type.Union([Type.Literal('file'), Type.Literal('disk'), Type.Literal('read')]),
  stage: Type.Union([
    Type.Literal('writing'),
    Type.Literal('reading-back'),
    Type.Literal('reading'),
    Type.Literal('done'),
    Type.Literal('failed'),
  ]),
  doneBytes: Type.Integer({ minimum: 0 }),
  /** About so many; null where that is not known. */
  totalBytes: NullOr(Type.Integer({ minimum: 0 })),
  problem: NullOr(Told),
});
export type BackupJob = Static<typeof BackupJob>;

/** `GET /v1/backup` of the owner's console. */
export const BackupView = Type.Object(
  {
    /** When the code was made; null: there is none yet. */
    codeAt: NullOr(Time),
    estimateBytes: Type.Integer({ minimum: 0 }),
    last: NullOr(BackupLast),
    /** Why the weekly one did not come about. */
    failed: NullOr(Type.Object({ at: Time, problem: Told })),
    settings: BackupSettings,
    /** Null where this box looks for no disks. */
    disks: NullOr(Type.Array(BackupDisk)),
    job: NullOr(BackupJob),
    found: NullOr(BackupFound),
    /** This box was restored, and its owner has not looked at what came back yet. */
    restored: NullOr(Type.Object({ at: Time, backupAt: Time, box: Type.String() })),
  },
  { $id: 'BackupView' },
);
export type BackupView = Static<typeof BackupView>;

/** Of every page. `version`: another one whenever `BackupView` may be new. */
export const BackupGlance = Type.Object({
  version: Type.Integer(),
  lastAt: NullOr(Time),
  failed: Type.Boolean(),
  restored: Type.Boolean(),
});
export type BackupGlance = Static<typeof BackupGlance>;

export const BackupCode = Type.Object({ code: Type.String({ maxLength: 200 }) }, closed);
export const ToDisk = Type.Object({ disk: BackupDisk.properties.id }, closed);
export const FromDisk = Type.Object(
  {
    disk: BackupDisk.properties.id,
    file: Type.String({ pattern: '^[A-Za-z0-9._-]{1,200}$' }),
    code: Type.String({ maxLength: 200 }),
  },
  closed,
);
export const Restore = Type.Object({ id: BackupHead.properties.id, word: Type.String({ maxLength: 40 }) }, closed);
/** The header beside a file that is sent. */
export const backupCodeHeader = 'webizen-backup-code';
