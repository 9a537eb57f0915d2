/**
 * The apps' key-value storage.
 *
 * One writer: all writes that wait are taken together, judged in order against what is stored plus what earlier writes
 * of the same group change, and go to the disk in one synced batch with the apps' counters. So a compare-and-set is
 * exact without locks, and a busy box shares its disk flushes. Whoever was answered is on the disk.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { maxKeyBytes, maxValueBytes } from '#contract/api.js';
import { allows, type Conditions, etagOf } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import type { AppUsage, Store } from '../store/store.js';
import { buildHead, type Head, parseHead, valueIn } from './record.js';

export type Write = Conditions & { key: string } & (
    | { op: 'put'; value: Buffer; contentType: string }
    | { op: 'delete' }
  );

/** `etag` is null after a delete; `existed`: whether something was stored under the key before. */
export interface Written {
  key: string;
  etag: string | null;
  existed: boolean;
}

export interface Entry {
  key: string;
  etag: string;
  sizeBytes: number;
  contentType: string;
  modifiedAt: number;
}

export interface Storage {
  /** @throws Refusal `key-invalid`, `key-not-found` */
  get(app: string, key: string): { etag: string; contentType: string; modifiedAt: number; value: Buffer };
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
  write(app: { id: string; quotaBytes: number }, writes: readonly Write[]): Promise<Written[]>;
  usedBytes(app: string): number;
  /** Takes no more writes, and resolves when those it took are answered. */
  stop(): Promise<void>;
}

interface Waiting {
  app: { id: string; quotaBytes: number };
  writes: readonly Write[];
  bytes: number;
  resolve: (written: Written[]) => void;
  reject: (error: unknown) => void;
}

const mostGroupWrites = 500;
const mostGroupBytes = 8 * 1024 * 1024;
/** Stays free for the agent itself: health reports, renewal, and deleting. */
const defaultReserveBytes = 64 * 1024 * 1024;
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
const bytesOf = (text: string): number => Buffer.byteLength(text);

export async function createStorage({
  store,
  clock,
  freeBytes,
  reserveBytes = defaultReserveBytes,
}: {
  store: Store;
  clock: Clock;
  /** Of the disk that holds the store. */
  freeBytes: () => number;
  reserveBytes?: number;
}): Promise<Storage> {
  const usages = new Map<string, AppUsage>(await store.apps.iterator().all());
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let stopping = false;

  const usageOf = (app: string): AppUsage => usages.get(app) ?? { revision: 0, usedBytes: 0 };

  function headOf(place: string): Head | undefined {
    const record = store.storageMeta.getSync(place);
    return record === undefined ? undefined : parseHead(record);
  }

  /** What one group changes, on top of what is stored. */
  interface Group {
    heads: Map<string, { head: Head | null; value: Buffer | null }>;
    usages: Map<string, AppUsage>;
    roomBytes: number;
  }

  /** Judges one request against the group so far and adds it to the group; adds nothing when it refuses. */
  function judge(group: Group, { app, writes, bytes }: Waiting): Written[] {
    const usage = { ...(group.usages.get(app.id) ?? usageOf(app.id)) };
    const before = usage.usedBytes;
    const heads: Group['heads'] = new Map();
    const now = clock.now();
    const written = writes.map((write): Written => {
      const { key } = write;
      const place = `${app.id}!${key}`;
      const planned = heads.get(place) ?? group.heads.get(place);
      const head = planned ? planned.head : (headOf(place) ?? null);
      if (!allows(write, head ? etagOf(head.revision) : undefined))
        throw new Refusal('precondition-failed', writes.length > 1 ? key : undefined);
      const existed = head !== null;
      if (head) usage.usedBytes -= bytesOf(key) + head.sizeBytes;
      if (write.op === 'delete') {
        heads.set(place, { head: null, value: null });
        return { key, etag: null, existed };
      }
      usage.usedBytes += bytesOf(key) + write.value.length;
      usage.revision += 1;
      const { contentType, value } = write;
      const next = { revision: usage.revision, modifiedAt: now, sizeBytes: value.length, contentType };
      heads.set(place, { head: next, value });
      return { key, etag: etagOf(usage.revision), existed };
    });
    // What makes the app's storage smaller is always taken, also when its quota was lowered.
    if (usage.usedBytes > app.quotaBytes && usage.usedBytes > before)
      throw new Refusal('quota-exceeded', `${usage.usedBytes} of ${app.quotaBytes} bytes`);
    if (bytes > 0 && bytes > group.roomBytes) throw new Refusal('disk-full');
    group.roomBytes -= bytes;
    for (const [place, change] of heads) group.heads.set(place, change);
    group.usages.set(app.id, usage);
    return written;
  }

  function operationsOf(group: Group): Operation[] {
    const operations: Operation[] = [];
    const { storage, storageMeta, apps } = store;
    for (const [place, { head, value }] of group.heads) {
      if (head && value) {
        const record = buildHead(head);
        operations.push(
          { type: 'put', sublevel: storageMeta, key: place, value: record },
          { type: 'put', sublevel: storage, key: place, value: Buffer.concat([record, value]) },
        );
      } else
        operations.push(
          { type: 'del', sublevel: storageMeta, key: place },
          { type: 'del', sublevel: storage, key: place },
        );
    }
    for (const [app, usage] of group.usages) operations.push({ type: 'put', sublevel: apps, key: app, value: usage });
    return operations;
  }

  function takeGroup(): Waiting[] {
    let count = 0;
    let bytes = 0;
    while (count < waiting.length && count < mostGroupWrites && bytes < mostGroupBytes)
      bytes += waiting[count++]!.bytes;
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  }

  async function run(): Promise<void> {
    // Let the requests of this turn of the event loop come in first: they share the first group.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const accepted: { entry: Waiting; written: Written[] }[] = [];
      const taken = takeGroup();
      try {
        const roomBytes = taken.some((entry) => entry.bytes > 0) ? freeBytes() - reserveBytes : 0;
        const group: Group = { heads: new Map(), usages: new Map(), roomBytes };
        for (const entry of taken) {
          try {
            accepted.push({ entry, written: judge(group, entry) });
          } catch (error) {
            entry.reject(error);
          }
        }
        await store.commit(operationsOf(group));
        for (const [app, usage] of group.usages) usages.set(app, usage);
        for (const { entry, written } of accepted) entry.resolve(written);
      } catch (error) {
        for (const entry of taken) entry.reject(error); // those already refused stay so
      }
    }
    running = undefined;
  }

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

  return {
    get(app, key) {
      const record = store.storage.getSync(find(app, key));
      if (record === undefined) throw new Refusal('key-not-found');
      const { revision, contentType, modifiedAt } = parseHead(record);
      return { etag: etagOf(revision), contentType, modifiedAt, value: valueIn(record) };
    },
    head(app, key) {
      const head = headOf(find(app, key));
      if (head === undefined) throw new Refusal('key-not-found');
      return entryOf(key, head);
    },
    async list(app, { prefix, after, limit }) {
      const from = after === undefined ? { gte: `${app}!${prefix}` } : { gt: `${app}!${after}` };
      // `"` follows `!`: the end of this app's keys. Keys with the prefix lie side by side.
      const rows = await store.storageMeta.iterator({ ...from, lt: `${app}"`, limit: limit + 1 }).all();
      const start = app.length + 1;
      const entries = rows
        .filter(([place]) => place.startsWith(prefix, start))
        .map(([place, record]) => entryOf(place.slice(start), parseHead(record)));
      return { entries: entries.slice(0, limit), more: entries.length > limit };
    },
    write(app, writes) {
      return new Promise((resolve, reject) => {
        if (stopping) throw new Refusal('unavailable');
        let bytes = 0;
        for (const write of writes) {
          checkKey(write.key);
          if (write.op !== 'put') continue;
          if (write.value.length > maxValueBytes) throw new Refusal('body-too-large', write.key);
          bytes += write.value.length + write.key.length + overheadBytes;
        }
        waiting.push({ app, writes, bytes, resolve, reject });
        running ??= run();
      });
    },
    usedBytes: (app) => usageOf(app).usedBytes,
    async stop() {
      stopping = true;
      await running;
    },
  };
}
