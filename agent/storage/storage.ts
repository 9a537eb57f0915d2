/** The apps' key-value storage: each app sees its own keys only. Writing is in writer.ts. */
import type { Clock } from '#common/clock.js';
import { maxKeyBytes, maxValueBytes } from '#contract/api.js';
import { etagOf } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { createRecent, type Value } from './recent.js';
import { type Head, parseHead, valueIn } from './record.js';
import { createWriter, type Quota, type Write, type Written } from './writer.js';

export type { Write, Written } from './writer.js';

export interface Entry {
  key: string;
  etag: string;
  sizeBytes: number;
  contentType: string;
  modifiedAt: number;
}

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
  usedBytes(app: string): number;
  /** Everything that the app has stored; what it counted stays, so that an ETag never comes back. Bears being cut and done again. */
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
/** Of what is forgotten in one write. */
const forgetPage = 500;
const bytesOf = (text: string): number => Buffer.byteLength(text);

export async function createStorage({
  store,
  clock,
  freeBytes,
  reserveBytes = storageReserveBytes,
}: {
  store: Store;
  clock: Clock;
  /** Of the disk that holds the store. */
  freeBytes: () => number;
  reserveBytes?: number;
}): Promise<Storage> {
  const recent = createRecent({ budgetBytes: recentBytes });
  const writer = await createWriter({ store, clock, freeBytes, reserveBytes, leaving: recent.forget });
  let stopping = false;

  function find(app: string, key: string): string {
    checkKey(key);
    return `${app}!${key}`;
  }

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
    const from = after === undefined ? { gte: `${app}!${prefix}` } : { gt: `${app}!${after}` };
    // `"` follows `!`: the end of this app's keys. Keys with the prefix lie side by side.
    const rows = await store.storageMeta.iterator({ ...from, lt: `${app}"`, limit: limit + 1 }).all();
    const start = app.length + 1;
    const entries = rows
      .filter(([place]) => place.startsWith(prefix, start))
      .map(([place, record]) => entryOf(place.slice(start), parseHead(record)));
    return { entries: entries.slice(0, limit), more: entries.length > limit };
  }

  return {
    get(app, key) {
      const place = find(app, key);
      const known = recent.get(place);
      if (known) return known;
      for (;;) {
        const meta = store.storageMeta.getSync(place);
        if (meta === undefined) throw new Refusal('key-not-found');
        const inline = parseHead(meta);
        // Between the two reads a group may have landed: a large value has its own head, and may be gone.
        const record = inline.apart ? store.storage.getSync(place) : meta;
        if (record === undefined) continue;
        const { revision, contentType, modifiedAt } = inline.apart ? parseHead(record) : inline;
        const value = { etag: etagOf(revision), contentType, modifiedAt, value: valueIn(record) };
        if (!inline.apart && !writer.touches(place)) recent.keep(place, value);
        return value;
      }
    },
    head(app, key) {
      const record = store.storageMeta.getSync(find(app, key));
      if (record === undefined) throw new Refusal('key-not-found');
      return entryOf(key, parseHead(record));
    },
    list,
    async write(app, writes) {
      if (stopping) throw new Refusal('unavailable');
      let bytes = 0;
      for (const write of writes) {
        checkKey(write.key);
        if (write.op !== 'put') continue;
        if (write.value.length > maxValueBytes) throw new Refusal('body-too-large', write.key);
        bytes += write.value.length + write.key.length + overheadBytes;
      }
      return await writer.write(app, writes, bytes);
    },
    usedBytes: (app) => writer.usageOf(app).usedBytes,
    async forget(app) {
      for (;;) {
        const { entries } = await list(app, { prefix: '', after: undefined, limit: forgetPage });
        if (entries.length === 0) return;
        const writes = entries.map(({ key }): Write => ({ op: 'delete', key }));
        await writer.write({ id: app, quotaBytes: 0 }, writes, 0);
      }
    },
    async stop() {
      stopping = true;
      await writer.idle();
    },
  };
}
