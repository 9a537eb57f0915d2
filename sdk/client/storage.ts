import {
  operations,
  type StorageBatch,
  type StorageBatchResult,
  type StorageEntry,
  type StorageList,
  type StorageWatchEvent,
} from './api.js';
import { storageEvents } from './events.js';
import type { Transport } from './transport.js';

export interface StoredValue {
  value: Buffer;
  contentType: string;
  /** Names this very value: give it back as `ifMatch` to change it only if nobody else did. */
  etag: string;
  text(): string;
  json(): unknown;
}

export interface Conditions {
  /** Only if the stored value has this ETag, else `precondition-failed`. */
  ifMatch?: string;
  /** `*`: only if nothing is stored under the key. */
  ifNoneMatch?: '*';
}

export type StorageOperation = StorageBatch['operations'][number];

/** The app's own storage, quota-bound and durable: what was answered survives a power cut. Needs the permission `storage`. */
export interface Storage {
  /** Undefined when nothing is stored under the key. */
  get(key: string): Promise<StoredValue | undefined>;
  /** Answers the new ETag. Text is stored in UTF-8. */
  put(key: string, value: string | Uint8Array, options?: Conditions & { contentType?: string }): Promise<string>;
  /** Answers whether there was anything. */
  delete(key: string, conditions?: Conditions): Promise<boolean>;
  /** All keys with the prefix, ascending, page by page. */
  list(options?: { prefix?: string; pageSize?: number }): AsyncIterable<StorageEntry>;
  /** All of them in order, or none. */
  batch(operations: StorageOperation[]): Promise<StorageBatchResult['results']>;
  /**
   * What is written and deleted below the prefix from now on, by whichever part of the app. The first event is `ready`:
   * list then, and nothing is missed. After `reset` something was missed: list again. It goes on across restarts of the
   * box's software, until the signal aborts or the loop is left.
   */
  watch(options?: { prefix?: string; signal?: AbortSignal }): AsyncIterable<StorageWatchEvent>;
}

const pathOf = (key: string): string => operations.getValue.path.replace('{key}', () => encodeURIComponent(key));

const headersOf = ({ ifMatch, ifNoneMatch }: Conditions) => ({
  ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
  ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
});

export function createStorage(transport: Transport): Storage {
  return {
    async get(key) {
      const { status, headers, body } = await transport.call({ method: 'GET', path: pathOf(key), accept: [404] });
      if (status === 404) return undefined;
      return {
        value: body,
        contentType: headers['content-type'] ?? 'application/octet-stream',
        etag: headers.etag ?? '',
        text: () => body.toString('utf8'),
        json: () => JSON.parse(body.toString('utf8')) as unknown,
      };
    },
    async put(key, value, { contentType, ...conditions } = {}) {
      const type =
        contentType ?? (typeof value === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream');
      const { headers } = await transport.call({
        method: 'PUT',
        path: pathOf(key),
        headers: { 'content-type': type, 'content-length': Buffer.byteLength(value), ...headersOf(conditions) },
        body: value,
      });
      return headers.etag ?? '';
    },
    async delete(key, conditions = {}) {
      const headers = headersOf(conditions);
      const { status } = await transport.call({ method: 'DELETE', path: pathOf(key), headers, accept: [404] });
      return status !== 404;
    },
    async *list({ prefix = '', pageSize = 100 } = {}) {
      let cursor: string | null = null;
      do {
        const query = new URLSearchParams({ prefix, limit: String(pageSize), ...(cursor === null ? {} : { cursor }) });
        const path = `${operations.listValues.path}?${query.toString()}`;
        const page = (await transport.json({ method: 'GET', path })) as StorageList;
        yield* page.entries;
        cursor = page.cursor;
      } while (cursor !== null);
    },
    async batch(all) {
      const { method, path } = operations.batchValues;
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ operations: all } satisfies StorageBatch);
      return ((await transport.json({ method, path, headers, body })) as StorageBatchResult).results;
    },
    watch: ({ prefix = '', signal } = {}) => storageEvents(transport, { prefix, signal }),
  };
}
