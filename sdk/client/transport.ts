/** HTTP over the app's socket: one call, one answer, or a WebizenError. */
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { errorOf, unreachable } from './errors.js';

export interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export interface Call {
  method: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Uint8Array;
  /** Statuses that are answers and not errors, beside 2xx. */
  accept?: readonly number[];
}

export interface Transport {
  /** @throws WebizenError */
  call(call: Call): Promise<Reply>;
  /** The answer as JSON. @throws WebizenError */
  json(call: Call): Promise<unknown>;
  /** An answer that goes on: resolves with its head. @throws WebizenError */
  stream(path: string, signal: AbortSignal, headers?: OutgoingHttpHeaders): Promise<IncomingMessage>;
  close(): void;
}

/** Longer than the box gives a request. */
const answerMilliseconds = 40_000;

async function bytesOf(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of reply) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const isFine = (status: number, accept: readonly number[] = []): boolean =>
  (status >= 200 && status < 300) || accept.includes(status);

export function createTransport(socket: string): Transport {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });

  function send({ method, path, headers = {}, body }: Call): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const message = request({ socketPath: socket, agent, method, path, headers }, (reply) => {
        const status = reply.statusCode ?? 0;
        bytesOf(reply).then((bytes) => resolve({ status, headers: reply.headers, body: bytes }), reject);
      });
      message.setTimeout(answerMilliseconds, () => message.destroy(new Error('no answer in time')));
      message.once('error', (error: NodeJS.ErrnoException) => {
        // The box closed a kept connection just as it was used again. Reading twice harms nobody.
        if (message.reusedSocket && error.code === 'ECONNRESET' && (method === 'GET' || method === 'HEAD'))
          send({ method, path, headers }).then(resolve, reject);
        else reject(error);
      });
      message.end(body);
    });
  }

  const call = async (one: Call): Promise<Reply> => {
    const reply = await send(one).catch((error: unknown) => {
      throw unreachable(socket, error);
    });
    if (!isFine(reply.status, one.accept)) throw errorOf(reply.status, reply.body.toString('utf8'));
    return reply;
  };

  return {
    call,
    json: async (one) => JSON.parse((await call(one)).body.toString('utf8')) as unknown,
    async stream(path, signal, headers = {}) {
      const reply = await new Promise<IncomingMessage>((resolve, reject) => {
        const message = request({ socketPath: socket, agent: false, path, signal, headers }, resolve);
        message.once('error', reject);
        message.end();
      }).catch((error: unknown) => {
        throw unreachable(socket, error);
      });
      const status = reply.statusCode ?? 0;
      if (!isFine(status)) throw errorOf(status, (await bytesOf(reply)).toString('utf8'));
      return reply;
    },
    close: () => agent.destroy(),
  };
}
