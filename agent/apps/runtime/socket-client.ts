/** HTTP over a unix socket with its connections kept: what podman's REST API is asked with. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkSocketPath, isErrno } from '#common/files.js';
import { Refusal } from '#contract/problems.js';

export interface Answer {
  status: number;
  body: Buffer;
}

export interface Ask {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** An object is sent as JSON, a stream as a tar. */
  body?: object | Readable;
  signal?: AbortSignal | undefined;
  /** Where the answer is longer its end is kept and the beginning let go. */
  keepBytes?: number;
}

export interface SocketClient {
  /** @throws Refusal `runtime-unavailable` when nothing answers at the socket */
  ask(ask: Ask): Promise<Answer>;
  close(): void;
}

const defaultKeep = 16 * 1024 * 1024;

async function bodyOf(reply: IncomingMessage, keepBytes: number): Promise<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const part of reply as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.length;
    if (size > 2 * keepBytes) {
      parts = [Buffer.concat(parts).subarray(-keepBytes)];
      size = keepBytes;
    }
  }
  return Buffer.concat(parts).subarray(-keepBytes);
}

const isStream = (body: object | undefined): body is Readable => body instanceof Readable;

/** What went wrong did so on a connection that had been used before. */
class Stale extends Error {
  constructor(cause: Error) {
    super('stale connection', { cause });
  }
}

const gone = (error: unknown): boolean =>
  isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EACCES', 'ENOTSOCK');

export function createSocketClient(socketPath: string): SocketClient {
  checkSocketPath(socketPath);
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: 5000, maxFreeSockets: 4, timeout: 0 });

  /** The answer may come before all of the body is sent: an archive that the engine does not want. */
  function once({ method, path, body, signal, keepBytes = defaultKeep }: Ask, kept: Agent | false): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const json = body === undefined || isStream(body) ? undefined : JSON.stringify(body);
      const asked = request({
        socketPath,
        agent: kept,
        method,
        path,
        ...(signal ? { signal } : {}),
        headers: {
          host: 'podman',
          ...(isStream(body) ? { 'content-type': 'application/x-tar' } : {}),
          ...(json === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) }),
        },
      });
      asked.on('error', (error) => reject(asked.reusedSocket ? new Stale(error) : error));
      asked.once('response', (reply) => {
        bodyOf(reply, keepBytes).then((bytes) => resolve({ status: reply.statusCode ?? 0, body: bytes }), reject);
      });
      if (isStream(body)) pipeline(body, asked).catch(reject);
      else asked.end(json);
    });
  }

  return {
    async ask(ask) {
      try {
        return await once(ask, agent).catch((error: unknown) => {
          // A kept connection that the engine closed while it was idle says nothing about the engine.
          if (error instanceof Stale && !isStream(ask.body) && !ask.signal?.aborted) return once(ask, false);
          throw error;
        });
      } catch (error) {
        const cause = error instanceof Stale ? error.cause : error;
        if (gone(cause)) throw new Refusal('runtime-unavailable', undefined, { cause });
        throw cause;
      }
    },
    close: () => agent.destroy(),
  };
}
