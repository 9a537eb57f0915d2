/** Messages to the back end of the app's maker, and from it. */
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import {
  longestWaitSeconds,
  MessageId,
  mostInPage,
  NewMessage,
  QueuedMessage,
  ReceivedMessages,
} from '#contract/messages.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { Features, MessagesView } from '../features.js';
import { IdempotencyKey, idempotencyKeyOf } from '../idempotency.js';

const capability = 'messages';
const ListQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: mostInPage, default: 20 })),
    waitSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: longestWaitSeconds,
        default: 0,
        description: 'where there is none yet, how long to wait for one',
      }),
    ),
  },
  { additionalProperties: false },
);
const OneMessage = Type.Object({ id: MessageId });
const Repeatable = IdempotencyKey('the same request again under the same one within a day is the same message');

export function messageRoutes(
  application: FastifyInstance,
  { callers, features }: { callers: Callers; features: Pick<Features, 'messages'> },
): void {
  function room(): MessagesView {
    if (!features.messages) throw new Refusal('unavailable');
    return features.messages;
  }

  application.post(
    '/v1/messages',
    {
      config: {
        capability,
        operationId: 'postMessage',
        problems: [
          'body-malformed',
          'body-invalid',
          'body-too-large',
          'body-timeout',
          'media-type-unsupported',
          'unavailable',
          'messages-unreleased',
          'outbox-full',
          'message-names-full',
          'idempotency-key-invalid',
          'idempotency-key-reused',
          'disk-full',
        ],
      },
      schema: {
        summary:
          "send up to 64 KiB to the app's maker, encrypted to it alone; answered when it is on the disk of the box",
        headers: Repeatable,
        body: NewMessage,
        response: { 202: QueuedMessage },
      },
    },
    async (request, reply): Promise<QueuedMessage> => {
      const queued = await room().send(callers.of(request).id, request.body as NewMessage, idempotencyKeyOf(request));
      reply.code(202);
      return queued;
    },
  );

  application.get(
    '/v1/messages',
    {
      config: {
        capability,
        operationId: 'listMessages',
        problems: ['body-invalid', 'cursor-invalid', 'messages-waits-too-many', 'unavailable'],
      },
      schema: {
        summary: "what the app's maker has sent to it on this box, oldest first",
        querystring: ListQuery,
        response: { 200: ReceivedMessages },
      },
    },
    async (request, reply): Promise<ReceivedMessages> => {
      const { cursor, limit = 20, waitSeconds = 0 } = request.query as Static<typeof ListQuery>;
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      return room().list(callers.of(request).id, { cursor, limit, waitSeconds, signal: gone.signal });
    },
  );

  application.delete(
    '/v1/messages/:id',
    {
      config: { capability, operationId: 'deleteMessage', problems: ['message-unknown', 'unavailable'] },
      schema: {
        summary: 'the app has taken care of a message, which is not given again',
        params: OneMessage,
        response: { 204: Type.Null({ description: 'no body' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof OneMessage>;
      if (!check(MessageId, id).ok) throw new Refusal('message-unknown');
      await room().remove(callers.of(request).id, id);
      return reply.code(204).send();
    },
  );
}
