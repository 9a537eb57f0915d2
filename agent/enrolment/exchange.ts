/** One HTTP exchange over a TLS connection that is open, and judged. */
import { request } from 'node:http';
import type { TLSSocket } from 'node:tls';

export interface Answer {
  status: number;
  /** Seconds; 0 when it says nothing. */
  retryAfter: number;
  /** What the server's clock said, milliseconds since 1970. */
  date: number | undefined;
  body: Buffer;
}

const maxBytes = 64 * 1024;

/** @throws Error of the network, when the answer is too large or does not come in time */
export function exchange(
  socket: TLSSocket,
  wish: {
    url: URL;
    headers: Record<string, string>;
    /** With its media type in `headers`. */
    body: string | undefined;
    signal: AbortSignal;
    timeoutMilliseconds: number;
  },
): Promise<Answer> {
  const { url, body, signal, timeoutMilliseconds } = wish;
  return new Promise<Answer>((resolve, reject) => {
    if (socket.destroyed) throw new Error('the connection was closed');
    const call = request({
      createConnection: () => socket,
      method: body === undefined ? 'GET' : 'POST',
      path: url.pathname,
      signal,
      headers: {
        Host: url.host,
        Connection: 'close',
        ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }),
        ...wish.headers,
      },
    });
    const timer = setTimeout(() => call.destroy(new Error('no answer in time')), timeoutMilliseconds);
    call.once('close', () => {
      clearTimeout(timer);
      reject(new Error('the answer ended early'));
    });
    call.once('error', reject);
    call.once('response', (reply) => {
      const chunks: Buffer[] = [];
      let size = 0;
      reply.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) reply.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      reply.once('error', reject);
      reply.once('end', () => {
        const date = Date.parse(reply.headers.date ?? '');
        resolve({
          status: reply.statusCode ?? 0,
          retryAfter: Number(reply.headers['retry-after']) || 0,
          date: Number.isNaN(date) ? undefined : date,
          body: Buffer.concat(chunks),
        });
      });
    });
    call.end(body);
  });
}
