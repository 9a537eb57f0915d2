/** One request over HTTPS whose server our own path validation has judged, its answer read as it comes. */
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Readable } from 'node:stream';
import { parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import { type ClientIdentity, judgeServer, openTls, serverAt, shownChain, type Trust } from './checked-tls.js';
import type { Moment } from './pki/path.js';

export interface CheckedAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Ends the connection with it. */
  body: Readable;
}

interface CheckedWish {
  url: URL;
  trust: Trust;
  at: Moment;
  identity?: ClientIdentity | undefined;
  headers?: Record<string, string>;
  signal: AbortSignal;
  /** For the handshake, for the answer to begin, and between two pieces of its body. */
  timeoutMilliseconds: number;
}

/** @throws Refusal `est-unreachable`, `server-untrusted`, `server-expired`, `server-revoked` */
export const getChecked = (wish: CheckedWish): Promise<CheckedAnswer> => send(wish);

interface Body {
  method: 'POST' | 'PUT';
  type: string;
  bytes: Uint8Array;
}

/** The same as a POST of this, as JSON. */
export const postChecked = (wish: CheckedWish & { json: unknown }): Promise<CheckedAnswer> =>
  send(wish, { method: 'POST', type: 'application/json', bytes: Buffer.from(JSON.stringify(wish.json)) });

/** The same as a PUT of these bytes. */
export const putChecked = (wish: CheckedWish & Pick<Body, 'type' | 'bytes'>): Promise<CheckedAnswer> =>
  send(wish, { method: 'PUT', type: wish.type, bytes: wish.bytes });

async function send(wish: CheckedWish, content?: Body): Promise<CheckedAnswer> {
  const { url, trust, at, identity, signal, timeoutMilliseconds } = wish;
  const server = serverAt(url, 443);
  const ofBody = content && { 'Content-Type': content.type, 'Content-Length': content.bytes.length };
  try {
    const socket = await openTls({ ...server, identity, signal, timeoutMilliseconds });
    try {
      judgeServer({ chain: shownChain(socket), trust, host: server.host, at });
      return await new Promise<CheckedAnswer>((resolve, reject) => {
        const call = request({
          createConnection: () => socket,
          method: content?.method ?? 'GET',
          path: `${url.pathname}${url.search}`,
          signal,
          headers: { Host: url.host, Connection: 'close', ...ofBody, ...wish.headers },
        });
        call.setTimeout(timeoutMilliseconds, () => call.destroy(new Error('no answer in time')));
        call.once('error', reject);
        call.once('close', () => reject(new Error('the answer ended early')));
        call.once('response', (body) => {
          body.once('close', () => socket.destroy());
          resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
        });
        call.end(content?.bytes);
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

/** What an answer that is no success says, as the territory's own server words it. */
export async function refusalOf({ status, body }: CheckedAnswer, who: string): Promise<Refusal> {
  const told = parseJson(Problem, await bodyOf(body, 64 * 1024));
  if (told.ok && isProblemCode(told.value.code)) return new Refusal(told.value.code, told.value.detail);
  return new Refusal(status >= 500 || status === 429 ? 'unavailable' : 'est-protocol', `${who}: ${status}`);
}

/** Of what went wrong while an answer was read. */
export const cutAnswer = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('est-unreachable', 'the answer was cut', { cause: error });
