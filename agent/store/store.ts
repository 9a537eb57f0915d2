/**
 * The agent's one database: a sublevel a concern, and everything that must hold together in one synced batch.
 */
import path from 'node:path';
import type { AbstractSublevel } from 'abstract-level';
import { createCommits, type Database, type Operation } from '#common/commits.js';
import { openDatabase } from '#common/database.js';

/** Kept by `storage/` for each app, in the same batch as what it counts. */
export interface AppUsage {
  /** Counts each stored value of the app and never goes back: ETags are made of it. */
  revision: number;
  /** Keys and values. */
  usedBytes: number;
}

type Sub<V> = AbstractSublevel<Database, string | Buffer | Uint8Array, string, V>;

export interface Store {
  readonly db: Database;
  /** `{app}!{key}` to a large value, see storage/record.ts. */
  readonly storage: Sub<Buffer>;
  /** `{app}!{key}` to what is known of the value, and the value itself when it is small. */
  readonly storageMeta: Sub<Buffer>;
  /** Keyed by app id. */
  readonly apps: Sub<AppUsage>;
  /** Whatever is one value: the epoch, the last sequence. */
  readonly meta: Sub<unknown>;
  commit(operations: readonly Operation[]): Promise<void>;
  close(): Promise<void>;
}

/** A release's store opens under the release before it: expand now, contract one release later. */
const storeVersion = 1;

/** @throws Refusal as `openDatabase` */
export async function openStore(dataDir: string): Promise<Store> {
  const db = await openDatabase(path.join(dataDir, 'store'), storeVersion);
  const commits = createCommits(db);
  const json = { valueEncoding: 'json' } as const;
  const bytes = { valueEncoding: 'buffer' } as const;
  const storage = db.sublevel<string, Buffer>('storage', bytes);
  const storageMeta = db.sublevel<string, Buffer>('storage-meta', bytes);
  await Promise.all([storage.open(), storageMeta.open()]); // getSync waits for nothing
  return {
    db,
    storage,
    storageMeta,
    apps: db.sublevel<string, AppUsage>('apps', json),
    meta: db.sublevel<string, unknown>('meta', json),
    commit: (operations) => commits.commit(operations),
    async close() {
      await commits.idle();
      await db.close();
    },
  };
}
