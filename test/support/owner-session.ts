/** Requests to an owner's console as its own page would make them, and a box that is set up and signed in to. */
import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { passphrase, setupCode, type startOwnerConsole } from './owner-console.js';

export interface OwnerAsk {
  method?: string;
  body?: unknown;
  /** Sent as it is, with its content type in `headers`. */
  raw?: Uint8Array | string;
  headers?: OutgoingHttpHeaders;
  cookie?: string | undefined;
}

export interface OwnerAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  json: unknown;
  code: unknown;
  cookie: string | undefined;
}

export const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;

/** The request before its body, for what is sent in pieces. */
export function openRequest(port: number, path: string, { method = 'GET', headers, cookie }: OwnerAsk = {}) {
  const ours = {
    host: `127.0.0.1:${port}`,
    ...(method === 'GET' ? {} : { origin: `http://127.0.0.1:${port}` }),
    ...(cookie ? { cookie } : {}),
    ...headers,
  };
  return request({ host: '127.0.0.1', port, path, method, agent: false, headers: ours });
}

export async function answerOf(asked: ReturnType<typeof request>): Promise<OwnerAnswer> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const answer = await text(response);
  const json: unknown =
    /[/+]json/.test(response.headers['content-type'] ?? '') && answer ? JSON.parse(answer) : undefined;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: answer,
    json,
    code: member(json, 'code'),
    cookie: response.headers['set-cookie']?.[0]?.split(';')[0],
  };
}

export async function askOwner(port: number, path: string, wish: OwnerAsk = {}): Promise<OwnerAnswer> {
  const sent = wish.raw ?? (wish.body === undefined ? '' : JSON.stringify(wish.body));
  const headers = {
    ...(sent.length > 0 ? { 'content-type': 'application/json' } : {}),
    ...(wish.method && wish.method !== 'GET' ? { 'content-length': Buffer.byteLength(sent) } : {}),
    ...wish.headers,
  };
  const asked = openRequest(port, path, { ...wish, headers });
  asked.end(sent);
  return answerOf(asked);
}

/** Everything behind the setup: the owner's cookie. */
export async function setUpOwner({
  port,
  fed,
}: Pick<Awaited<ReturnType<typeof startOwnerConsole>>, 'port' | 'fed'>): Promise<string> {
  const post = (path: string, body?: unknown, cookie?: string, method = 'POST') =>
    askOwner(port, path, { method, body, cookie });
  const setup = await post('/v1/setup/session', { code: setupCode });
  const { cookie = '' } = await post('/v1/setup/owner', { passphrase }, setup.cookie);
  await post('/v1/recovery-code/saved', undefined, cookie);
  await post('/v1/jurisdiction', { jurisdiction: 'AU-NSW' }, cookie, 'PUT');
  fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
  fed.enrolled();
  await post('/v1/setup/done', undefined, cookie);
  return cookie;
}
