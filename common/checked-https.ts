/** One request over HTTPS whose server our own path validation has judged, its answer read as it comes. */
import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import { type ClientIdentity, judged, openTls, type Server, serverAt, type Trust } from './checked-tls.js';
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
    const socket = judged(await openTls({ ...server, identity, signal, timeoutMilliseconds }), {
      trust,
      host: server.host,
      at,
    });
    try {
      return await new Promise<CheckedAnswer>((resolve, reject) => {
        const call = request({
          createConnection: () => socket,
          method: content?.method ?? 'GET',
          path: `${url.pathname}${url.search}`,
          signal,
          headers: { Host: url.host, Connection: 'close', ...ofBody, ...wish.headers },
        });
        awaitAnswer(call, timeoutMilliseconds, {
          resolve(answer) {
            answer.body.once('close', () => socket.destroy());
            resolve(answer);
          },
          reject,
        });
        call.end(content?.bytes);
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  } catch (error) {
    throw unreachable(url, error);
  }
}

function awaitAnswer(
  call: ClientRequest,
  timeoutMilliseconds: number,
  { resolve, reject }: { resolve: (answer: CheckedAnswer) => void; reject: (error: unknown) => void },
): void {
  call.setTimeout(timeoutMilliseconds, () => call.destroy(new Error('no answer in time')));
  call.once('error', reject);
  call.once('close', () => reject(new Error('the answer ended early')));
  call.once('response', (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
}

function unreachable({ origin }: URL, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Refusal('est-unreachable', `${origin}: ${message}`, { cause: error });
}

export interface KeptConnections {
  /** @throws Refusal as `getChecked`, and those of `access` */
  get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<CheckedAnswer>;
  /** What is still being answered is cut. */
  close(): void;
}

/** For many small answers of one server: connections stay open between them, each judged before it is asked anything. */
export function keepConnections(wish: {
  /** Asked at each handshake. @throws Refusal */
  access: () => Promise<{ trust: Trust; identity?: ClientIdentity | undefined; at: Moment }>;
  /** At once. */
  most: number;
  timeoutMilliseconds: number;
}): KeptConnections {
  const { access, most, timeoutMilliseconds } = wish;
  const closing = new AbortController();
  async function open(server: Server): Promise<Duplex> {
    const { trust, identity, at } = await access();
    const socket = await openTls({ ...server, identity, signal: closing.signal, timeoutMilliseconds });
    return judged(socket, { trust, host: server.host, at });
  }
  const pool = Object.assign(new Agent({ keepAlive: true, maxSockets: most, maxFreeSockets: most }), {
    createConnection({ host, port }: Server, opened: (error: unknown, socket?: Duplex) => void): void {
      open({ host, port }).then((socket) => opened(null, socket), opened);
    },
  });
  return {
    async get(url, headers, signal) {
      const { host, port } = serverAt(url, 443);
      try {
        return await new Promise<CheckedAnswer>((resolve, reject) => {
          const told = { Host: url.host, ...headers };
          const place = `${url.pathname}${url.search}`;
          const call = request({ agent: pool, host, port, path: place, signal, headers: told });
          awaitAnswer(call, timeoutMilliseconds, { resolve, reject });
          call.end();
        });
      } catch (error) {
        throw unreachable(url, error);
      }
    },
    close() {
      closing.abort();
      pool.destroy();
    },
  };
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
