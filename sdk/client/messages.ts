import { type NewMessage, operations, type QueuedMessage, type ReceivedMessage, type ReceivedMessages } from './api.js';
import type { Transport } from './transport.js';

export interface SentMessage {
  /** What it is about, such as `visits.counted`. */
  name: string;
  /** Any JSON; or bytes. At most 64 KiB. */
  body: unknown;
  contentType?: string;
  /** Not delivered so long after it was sent, it is given up. */
  lifeSeconds?: number;
  /** Random: the same message under the same key is sent once, however often it is asked. */
  idempotencyKey?: string;
}

/** To and from the app's maker, which alone can read them. Needs the permission `messages`. */
export interface Messages {
  /** Answers when the box has it on its disk; it goes when the provider can be reached. */
  send(message: SentMessage): Promise<QueuedMessage>;
  /** What has come and is not acknowledged, oldest first; waits for one to come if asked to. */
  list(options?: { cursor?: string; limit?: number; waitSeconds?: number }): Promise<ReceivedMessages>;
  /** Each as it comes, until the signal aborts or the loop is left. One that is not acknowledged comes again next time. */
  receive(options?: { signal?: AbortSignal }): AsyncIterable<ReceivedMessage>;
  /** It is taken care of, and does not come again. */
  ack(id: string): Promise<void>;
}

const waitSeconds = 25;

export function createMessages(transport: Transport): Messages {
  async function list({ cursor, limit, waitSeconds }: Parameters<Messages['list']>[0] = {}): Promise<ReceivedMessages> {
    const query = new URLSearchParams({
      ...(cursor === undefined ? {} : { cursor }),
      ...(limit === undefined ? {} : { limit: String(limit) }),
      ...(waitSeconds === undefined ? {} : { waitSeconds: String(waitSeconds) }),
    });
    const { method, path } = operations.listMessages;
    return (await transport.json({ method, path: `${path}?${query.toString()}` })) as ReceivedMessages;
  }

  return {
    async send({ body, idempotencyKey, ...rest }) {
      const content = body instanceof Uint8Array ? { bodyBase64: Buffer.from(body).toString('base64') } : { body };
      const message: NewMessage = { ...rest, ...content };
      return (await transport.json({
        ...operations.postMessage,
        headers: {
          'content-type': 'application/json',
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: JSON.stringify(message),
      })) as QueuedMessage;
    },
    list,
    async *receive({ signal } = {}) {
      let cursor: string | undefined;
      while (!signal?.aborted) {
        const page = await list({ waitSeconds, ...(cursor === undefined ? {} : { cursor }) });
        for (const message of page.messages) {
          if (signal?.aborted) return;
          yield message;
        }
        cursor = page.cursor ?? cursor;
      }
    },
    async ack(id) {
      const { method, path } = operations.deleteMessage;
      await transport.call({ method, path: path.replace('{id}', id), accept: [404] });
    },
  };
}
