/**
 * The apps' key-value storage: each app sees its own keys only, and what it stores is sealed under a key of its own.
 * Writing is in writer.ts, rows in vault.ts, keys in keys.ts.
 */
import type { Clock } from '#common/clock.js';
import { isDiskFull } from '#common/database.js';
import type { Files } from '#common/files.js';
import { maxKeyBytes, maxValueBytes } from '#contract/api.js';
import { etagOf } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { createFeed, type Watch } from './feed.js';
import { createKeys } from './keys.js';
import { sealOlder } from './older.js';
import { createRecent, type Value } from './recent.js';
import type { Head } from './record.js';
import { appsInPlain, appsSealed, clearRows, compactRows } from './rows.js';
import { createVaults } from './vault.js';
import { createWriter, placeOf, type Quota, type Write, type Written } from './writer.js';

export type { Write, Written } from './writer.js';

export interface Entry {
  key: string;
  etag: string;
  sizeBytes: number;
  contentType: string;
  modifiedAt: number;
}

/** All but `usedBytes` and `forget` throw `storage-key-missing` and `storage-key-damaged`, and readers `storage-damaged`. */
export interface Storage {
  /** @throws Refusal `key-invalid`, `key-not-found` */
  get(app: string, key: string): Value;
  /** @throws Refusal `key-invalid`, `key-not-found` */
  head(app: string, key: string): Entry;
  /** Ascending by the bytes of the key, those after `after` if given; `more` when there are others. */
  list(
    app: string,
    range: { prefix: string; after: string | undefined; limit: number },
  ): Promise<{ entries: Entry[]; more: boolean }>;
  /**
   * All of them or none. Resolves when they are on the disk.
   * @throws Refusal `key-invalid`, `body-too-large`, `precondition-failed`, `quota-exceeded`, `disk-full`, `unavailable`
   */
  write(app: Quota, writes: readonly Write[]): Promise<Written[]>;
  /** What is written from now on, or since a watch stood there; `listener` is told when there is something to take. */
  watch(app: string, wish: { prefix: string; since: string | undefined }, listener: () => void): Watch;
  /** Keys and values, as the app gave them. */
  usedBytes(app: string): number;
  /**
   * Everything that the app has stored, its key first: nothing of it can be read any more. What the app counted stays, so
   * that an ETag never comes back. Bears being cut and done again.
   */
  forget(app: string): Promise<void>;
  /** Takes no more writes, and resolves when those it took are answered. */
  stop(): Promise<void>;
}

/** Stays free for the agent itself: health reports, renewal, and deleting. */
export const storageReserveBytes = 64 * 1024 * 1024;
/** Of small values in memory, all apps together. */
const recentBytes = 1024 * 1024;
/** Head, database key and log entry of one value, roughly. */
const overheadBytes = 256;

/** JSON can spell half a character; UTF-8 cannot. */
const loneSurrogate = /\p{Surrogate}/u;

/** @throws Refusal `key-invalid` */
export function checkKey(key: string): void {
  // A string of n characters is at least n bytes and at most 3n.
  const fits =
    key.length > 0 && key.length <= maxKeyBytes && (key.length * 3 <= maxKeyBytes || bytesOf(key) <= maxKeyBytes);
  if (!fits || loneSurrogate.test(key)) throw new Refusal('key-invalid');
}
/** What held less than this is compacted once it is forgotten; more would keep the disk busy for minutes. */
const compactedBytes = 64 * 1024 * 1024;
const bytesOf = (text: string): number => Buffer.byteLength(text);

const asRefusal = (error: unknown, app: string): Refusal =>
  error instanceof Refusal ? error : new Refusal(isDiskFull(error) ? 'disk-full' : 'internal', app, { cause: error });

export async function createStorage({
  store,
  files,
  keysDirectory,
  clock,
  freeBytes,
  onRefused,
  reserveBytes = storageReserveBytes,
}: {
  store: Store;
  files: Files;
  /** Ours alone. */
  keysDirectory: string;
  clock: Clock;
  /** Of the disk that holds the store. */
  freeBytes: () => number;
  /** Told which apps cannot be served, and why. */
  onRefused: (refusal: Refusal) => void;
  reserveBytes?: number;
}): Promise<Storage> {
  const recent = createRecent<Value>({ budgetBytes: recentBytes, sizeOf: ({ value }) => value.length });
  const feed = createFeed();
  const keys = await createKeys({ directory: keysDirectory, files, apps: await appsSealed(store), onRefused });
  const vaults = createVaults({ keys, store });
  for (const app of await appsInPlain(store))
    try {
      await sealOlder(store, app, await vaults.make(app));
    } catch (error) {
      keys.bar(app, asRefusal(error, app));
    }
  const leaving = recent.forget;
  const writer = await createWriter({ store, vaults, clock, freeBytes, reserveBytes, leaving, landed: feed.tell });
  const forgetting = new Set<string>();
  let stopping = false;

  const entryOf = (key: string, { revision, sizeBytes, contentType, modifiedAt }: Head): Entry => ({
    key,
    sizeBytes,
    contentType,
    etag: etagOf(revision),
    modifiedAt,
  });

  async function list(
    app: string,
    { prefix, after, limit }: { prefix: string; after: string | undefined; limit: number },
  ): Promise<{ entries: Entry[]; more: boolean }> {
    const vault = vaults.of(app);
    if (!vault || loneSurrogate.test(prefix)) return { entries: [], more: false };
    const found = vault.names.range({ prefix, after, limit: limit + 1 });
    const names = found.slice(0, limit);
    // All of one moment: what a group on its way may have put on the disk already, and what it found there.
    const before = names.map((key) => writer.before(placeOf(app, key)));
    const snapshot = store.db.snapshot();
    try {
      const heads = await vault.heads(names, snapshot);
      const entries = names.map((key, at) => {
        const head = before[at] === undefined ? heads[at] : before[at];
        if (!head) throw new Refusal('storage-damaged', key);
        return entryOf(key, head);
      });
      return { entries, more: found.length > limit };
    } finally {
      await snapshot.close();
    }
  }

  return {
    get(app, key) {
      checkKey(key);
      const place = placeOf(app, key);
      const known = recent.get(place);
      if (known) return known;
      const found = vaults.of(app)?.get(key);
      if (!found) throw new Refusal('key-not-found');
      const { revision, contentType, modifiedAt, apart } = found.head;
      const value = { etag: etagOf(revision), contentType, modifiedAt, value: found.value };
      if (!apart && !writer.touches(place)) recent.keep(place, value);
      return value;
    },
    head(app, key) {
      checkKey(key);
      const head = vaults.of(app)?.head(key);
      if (!head) throw new Refusal('key-not-found');
      return entryOf(key, head);
    },
    list,
    async write(app, writes) {
      let bytes = 0;
      for (const write of writes) {
        checkKey(write.key);
        if (write.op !== 'put') continue;
        if (write.value.length > maxValueBytes) throw new Refusal('body-too-large', write.key);
        bytes += write.value.length + write.key.length + overheadBytes;
      }
      if (stopping || forgetting.has(app.id)) throw new Refusal('unavailable');
      if (bytes > 0 && !vaults.of(app.id)) {
        await vaults.make(app.id);
        if (stopping) throw new Refusal('unavailable');
      }
      return await writer.write(app, writes, bytes);
    },
    watch(app, wish, listener) {
      vaults.of(app);
      return feed.watch(app, wish, listener);
    },
    usedBytes: (app) => writer.usageOf(app).usedBytes,
    async forget(app) {
      const { usedBytes } = writer.usageOf(app);
      forgetting.add(app);
      try {
        // What was taken before has landed, or has failed: nothing is written behind our back.
        await writer.write({ id: app, quotaBytes: 0 }, [], 0).catch(() => {});
        await vaults.destroy(app);
        recent.forgetBelow(placeOf(app, ''));
        feed.forget(app);
        await clearRows(store, app);
        await writer.clear(app);
        vaults.release(app);
      } finally {
        forgetting.delete(app);
      }
      if (usedBytes < compactedBytes) await compactRows(store, app);
    },
    async stop() {
      stopping = true;
      await writer.idle();
    },
  };
}
