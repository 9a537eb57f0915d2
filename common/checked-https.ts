/** One request over HTTPS whose server our own path validation has judged, its answer read as it comes. */
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Readable } from 'node:stream';
import { Refusal } from '#contract/problems.js';
import { type ClientIdentity, judgeServer, openTls, serverAt, shownChain, type Trust } from './checked-tls.js';
import type { Moment } from './pki/path.js';

export interface CheckedAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Ends the connection with it. */
  body: Readable;
}

/** A GET, or a POST of what is to be told. @throws Refusal `est-unreachable`, `server-untrusted`, `server-expired`, `server-revoked` */
export async function askChecked(wish: {
  url: URL;
  trust: Trust;
  at: Moment;
  identity?: ClientIdentity | undefined;
  headers?: Record<string, string>;
  json?: string;
  signal: AbortSignal;
  /** For the handshake, for the answer to begin, and between two pieces of its body. */
  timeoutMilliseconds: number;
}): Promise<CheckedAnswer> {
  const { url, trust, at, identity, json, signal, timeoutMilliseconds } = wish;
  const ofBody =
    json === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(json)) };
  const server = serverAt(url, 443);
  try {
    const socket = await openTls({ ...server, identity, signal, timeoutMilliseconds });
    try {
      judgeServer({ chain: shownChain(socket), trust, host: server.host, at });
      return await new Promise<CheckedAnswer>((resolve, reject) => {
        const call = request({
          createConnection: () => socket,
          path: `${url.pathname}${url.search}`,
          signal,
          method: json === undefined ? 'GET' : 'POST',
          headers: { Host: url.host, Connection: 'close', ...ofBody, ...wish.headers },
        });
        call.setTimeout(timeoutMilliseconds, () => call.destroy(new Error('no answer in time')));
        call.once('error', reject);
        call.once('close', () => reject(new Error('the answer ended early')));
        call.once('response', (body) => {
          body.once('close', () => socket.destroy());
          resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
        });
        call.end(json);
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new Refusal('est-unreachable', `${url.origin}: ${message}`, { cause: error });
  }
}

/** The whole of a body that is small. @throws Error when it is larger, or ends early */
export async function bodyOf(body: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('not bytes');
    size += chunk.length;
    if (size > maxBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
