/** The app's own key-value storage. Values are raw bytes, kept with their content type. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import {
  maxKeyBytes,
  maxValueBytes,
  StorageBatch,
  StorageBatchResult,
  StorageList,
  type StorageOperation,
  StorageWatchEvent,
} from '#contract/api.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import { namesEtag } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { StorageView, StorageWrite } from '../features.js';
import type { Watches } from '../watches.js';

const capability = 'storage';
const Key = Type.Object({ key: Type.String({ description: '1 to 512 bytes of UTF-8, with a slash as %2F' }) });
const ReadConditions = Type.Object({
  'if-none-match': Type.Optional(Type.String({ description: 'answers 304 while the value has this ETag' })),
});
const WriteConditions = Type.Object({
  'if-match': Type.Optional(Type.String({ description: 'only if the stored value has this ETag; *: if there is one' })),
  'if-none-match': Type.Optional(Type.String({ description: '*: only if nothing is stored under the key' })),
});
const ListQuery = Type.Object(
  {
    prefix: Type.Optional(Type.String({ maxLength: maxKeyBytes })),
    cursor: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  },
  { additionalProperties: false },
);

const WatchQuery = Type.Object(
  { prefix: Type.Optional(Type.String({ maxLength: maxKeyBytes })) },
  { additionalProperties: false },
);
const WatchHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'the id of the last event that was read: goes on behind it, or begins with a reset' }),
  ),
});

const Nothing = Type.Null({ description: 'no body' });
const Created = Type.Null({ description: 'nothing was stored under the key before; no body' });
const NotModified = Type.Null({ description: 'the caller has this value already; no body' });

const keyOf = (request: FastifyRequest): string => (request.params as Static<typeof Key>).key;
const conditionsOf = ({ headers }: FastifyRequest) => ({
  ifMatch: headers['if-match'],
  ifNoneMatch: headers['if-none-match'],
});

const contentTypePattern = /^[\x21-\x7e][\x20-\x7e]{0,199}$/;
function contentTypeOr(text: string | undefined, otherwise: string): string {
  if (text === undefined) return otherwise;
  if (!contentTypePattern.test(text))
    throw new Refusal('body-invalid', 'the content type is longer than 200 characters or not ASCII');
  return text;
}

const maxOnePieceBytes = 16 * 1024;
const octets = 'application/octet-stream';
const empty = Buffer.alloc(0);
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function writeOf(operation: StorageOperation): StorageWrite {
  const { key, ifMatch, ifNoneMatch } = operation;
  if (operation.op === 'delete') return { op: 'delete', key, ifMatch, ifNoneMatch };
  const { value, valueBase64 } = operation;
  if ((value === undefined) === (valueBase64 === undefined))
    throw new Refusal('body-invalid', `${key}: give either value or valueBase64`);
  if (valueBase64 !== undefined && !base64.test(valueBase64))
    throw new Refusal('body-invalid', `${key}: valueBase64 is not base64`);
  return {
    op: 'put',
    key,
    ifMatch,
    ifNoneMatch,
    value: value === undefined ? Buffer.from(valueBase64 ?? '', 'base64') : Buffer.from(value, 'utf8'),
    contentType: contentTypeOr(operation.contentType, value === undefined ? octets : 'text/plain; charset=utf-8'),
  };
}

const sealProblems = ['storage-key-missing', 'storage-key-damaged', 'storage-damaged'] as const;
const readProblems = ['key-invalid', 'key-not-found', ...sealProblems] as const;
const writeProblems = ['key-invalid', 'precondition-failed', 'disk-full', 'unavailable', ...sealProblems] as const;

export function storageRoutes(
  application: FastifyInstance,
  { callers, storage, watches }: { callers: Callers; storage: StorageView; watches: Watches },
): void {
  application.get(
    '/v1/storage/:key',
    {
      config: { capability, operationId: 'getValue', problems: readProblems, answerType: 'application/octet-stream' },
      schema: {
        summary: 'a stored value, with its content type and its ETag',
        params: Key,
        headers: ReadConditions,
        response: { 200: Type.Unsafe<Buffer>({ type: 'string', format: 'binary' }), 304: NotModified },
      },
    },
    (request, reply) => {
      const { etag, contentType, value } = storage.get(callers.of(request).id, keyOf(request));
      const known = request.headers['if-none-match'];
      if (known !== undefined && namesEtag(known, etag, true)) return reply.code(304).header('etag', etag).send();
      // Past Fastify, which has nothing to add to bytes; as a string, node:http sends a small body in one piece with its head.
      reply.hijack();
      reply.raw.writeHead(200, { etag, 'content-type': contentType, 'content-length': value.length });
      if (value.length <= maxOnePieceBytes) reply.raw.end(value.toString('latin1'), 'latin1');
      else reply.raw.end(value);
    },
  );

  application.head(
    '/v1/storage/:key',
    {
      config: { capability, operationId: 'headValue', problems: readProblems },
      schema: { summary: 'the size, content type and ETag of a stored value', params: Key, response: { 200: Nothing } },
    },
    (request, reply) => {
      const { etag, contentType, sizeBytes } = storage.head(callers.of(request).id, keyOf(request));
      return reply.headers({ etag, 'content-type': contentType, 'content-length': sizeBytes }).send();
    },
  );

  // A value of any type is taken as the bytes it is, JSON included: this address has a parser of its own.
  application.register((raw, _options, done) => {
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxValueBytes }, (_request, body, parsed) =>
      parsed(null, body),
    );
    raw.put(
      '/v1/storage/:key',
      {
        config: {
          capability,
          operationId: 'putValue',
          problems: [...writeProblems, 'body-too-large', 'body-timeout', 'quota-exceeded', 'body-invalid'],
          bodyType: 'application/octet-stream',
        },
        schema: {
          summary: 'store a value of up to 1 MiB with its Content-Type; the answer has its ETag and no body',
          params: Key,
          headers: WriteConditions,
          response: { 201: Created, 204: Nothing },
        },
      },
      async (request, reply) => {
        const value = Buffer.isBuffer(request.body) ? request.body : empty;
        const contentType = contentTypeOr(request.headers['content-type'], octets);
        const write = { op: 'put', key: keyOf(request), value, contentType, ...conditionsOf(request) } as const;
        const [written] = await storage.write(callers.of(request), [write]);
        return reply
          .code(written?.existed ? 204 : 201)
          .header('etag', written?.etag)
          .send();
      },
    );
    done();
  });

  application.delete(
    '/v1/storage/:key',
    {
      config: { capability, operationId: 'deleteValue', problems: [...writeProblems, 'key-not-found'] },
      schema: { summary: 'delete a stored value', params: Key, headers: WriteConditions, response: { 204: Nothing } },
    },
    async (request, reply) => {
      const key = keyOf(request);
      const [written] = await storage.write(callers.of(request), [{ op: 'delete', key, ...conditionsOf(request) }]);
      if (!written?.existed) throw new Refusal('key-not-found');
      return reply.code(204).send();
    },
  );

  application.get(
    '/v1/storage',
    {
      config: { capability, operationId: 'listValues', problems: ['body-invalid', 'cursor-invalid', ...sealProblems] },
      schema: {
        summary: 'the stored keys, ascending by their bytes, without the values',
        querystring: ListQuery,
        response: { 200: StorageList },
      },
    },
    async (request): Promise<StorageList> => {
      const { prefix = '', cursor, limit = 100 } = request.query as Static<typeof ListQuery>;
      const after = cursor === undefined ? undefined : parseCursor(prefix, cursor);
      if (cursor !== undefined && after === undefined) throw new Refusal('cursor-invalid');
      const { entries, more } = await storage.list(callers.of(request).id, { prefix, after, limit });
      const last = entries.at(-1);
      return { entries, cursor: more && last ? buildCursor(prefix, last.key) : null };
    },
  );

  application.get(
    '/v1/storage::watch',
    {
      config: {
        capability,
        operationId: 'watchValues',
        problems: ['body-invalid', 'streams-too-many', ...sealProblems],
        answerType: 'text/event-stream',
      },
      schema: {
        summary:
          'what is written and deleted below a prefix, as server-sent events; each has a StorageWatchEvent as its data',
        querystring: WatchQuery,
        headers: WatchHeaders,
        response: { 200: StorageWatchEvent },
      },
    },
    (request, reply) => {
      const { prefix = '' } = request.query as Static<typeof WatchQuery>;
      const since = request.headers['last-event-id'];
      const take = watches.open(callers.of(request), { prefix, since: typeof since === 'string' ? since : undefined });
      reply.hijack();
      take(reply.raw);
    },
  );

  application.post(
    '/v1/storage::batch',
    {
      config: {
        capability,
        operationId: 'batchValues',
        problems: [
          ...writeProblems,
          'body-malformed',
          'body-invalid',
          'body-too-large',
          'body-timeout',
          'media-type-unsupported',
          'quota-exceeded',
        ],
      },
      schema: {
        summary: 'many writes in order: all are done, or none',
        body: StorageBatch,
        response: { 200: StorageBatchResult },
      },
    },
    async (request): Promise<StorageBatchResult> => {
      const { operations } = request.body as StorageBatch;
      const written = await storage.write(callers.of(request), operations.map(writeOf));
      return { results: written.map(({ key, etag }) => ({ key, etag })) };
    },
  );
}
