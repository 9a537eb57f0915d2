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

/** What level is on Node: its own types leave out what a browser's database cannot do. */
interface Compacting {
  compactRange(start: string, end: string, options: { keyEncoding: 'utf8' }): Promise<void>;
}

type Sub<V> = AbstractSublevel<Database, string | Buffer | Uint8Array, string, V>;

export interface Store {
  readonly db: Database;
  /** Sealed, see storage/seal.ts: what is known of a value, and the value itself when it is small. */
  readonly values: Sub<Buffer>;
  /** Sealed: a large value. */
  readonly largeValues: Sub<Buffer>;
  /** Sealed: the names of the keys in their order, see storage/names.ts. */
  readonly names: Sub<Buffer>;
  /** As stores were before, in the clear: `{app}!{key}` to a large value, and to what is known of any; see storage/older.ts. */
  readonly plainLarge: Sub<Buffer>;
  readonly plainValues: Sub<Buffer>;
  /** Keyed by app id. */
  readonly apps: Sub<AppUsage>;
  /** Whatever is one value: the epoch, the last sequence. */
  readonly meta: Sub<unknown>;
  commit(operations: readonly Operation[]): Promise<void>;
  /** Takes what was deleted between two keys out of the table files, and gives its room back. */
  compact(sub: Sub<Buffer>, from: string, to: string): Promise<void>;
  close(): Promise<void>;
}

/** A release's store opens under the release before it: expand now, contract one release later. */
export const storeVersion = 1;

/** @throws Refusal as `openDatabase` */
export async function openStore(dataDir: string): Promise<Store> {
  const db = await openDatabase(path.join(dataDir, 'store'), storeVersion);
  const commits = createCommits(db);
  const json = { valueEncoding: 'json' } as const;
  const bytes = { valueEncoding: 'buffer' } as const;
  const values = db.sublevel<string, Buffer>('values', bytes);
  const largeValues = db.sublevel<string, Buffer>('values-large', bytes);
  const names = db.sublevel<string, Buffer>('names', bytes);
  await Promise.all([values.open(), largeValues.open(), names.open()]); // getSync waits for nothing
  return {
    db,
    values,
    largeValues,
    names,
    plainLarge: db.sublevel<string, Buffer>('storage', bytes),
    plainValues: db.sublevel<string, Buffer>('storage-meta', bytes),
    apps: db.sublevel<string, AppUsage>('apps', json),
    meta: db.sublevel<string, unknown>('meta', json),
    commit: (operations) => commits.commit(operations),
    async compact(sub, from, to) {
      const [start, end] = [sub.prefixKey(from, 'utf8', false), sub.prefixKey(to, 'utf8', false)];
      await (db as unknown as Compacting).compactRange(start, end, { keyEncoding: 'utf8' });
    },
    async close() {
      await commits.idle();
      await db.close();
    },
  };
}
