/** Calls of a territory over https, whose server shows a certificate under the root that the member was given. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';

export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the origin, with its query. */
  path: string;
  headers?: Record<string, string | number>;
  body?: string | (() => AsyncIterable<Uint8Array>);
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Https {
  readonly origin: string;
  /** Whatever the status. @throws Refusal `catalogue-unreachable` */
  call(wish: Call): Promise<Reply>;
  close(): void;
}

const timeoutMilliseconds = 30_000;
const longestReply = 8 * 1024 * 1024;

async function whole(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestReply) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @param wish.ca PEM: the territory's roots, and nobody else's. @throws Refusal `catalogue-unnamed` */
export function createHttps({ origin: given, ca }: { origin: string; ca: string }): Https {
  if (!URL.canParse(given) || new URL(given).protocol !== 'https:')
    throw new Refusal('catalogue-unnamed', `${given} is not an https:// address`);
  const { origin } = new URL(given);
  // A connection a call: one that was kept may be gone when the next call needs it, and a proof serves once. Sessions resume.
  const agent = new Agent({ ca, keepAlive: false, minVersion: 'TLSv1.2' });

  async function exchange({ method, path, headers = {}, body }: Call): Promise<Reply> {
    const length = typeof body === 'string' ? { 'content-length': Buffer.byteLength(body) } : {};
    const call = request(`${origin}${path}`, {
      agent,
      method,
      headers: { ...length, ...headers },
      timeout: timeoutMilliseconds,
    });
    call.once('timeout', () => call.destroy(new Error('no answer in time')));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      call.once('response', resolve);
      call.once('error', reject);
      call.once('close', () => reject(new Error('the connection was closed')));
    });
    // A server that refuses may answer, and close, before it has read the whole: its answer says more than the cut.
    const sent = typeof body === 'function' ? pipeline(body(), call) : void call.end(body);
    const [reply] = await Promise.all([answered, Promise.resolve(sent).catch(() => {})]);
    return { status: reply.statusCode ?? 0, headers: reply.headers, body: await whole(reply) };
  }

  return {
    origin,
    call: (wish) =>
      exchange(wish).catch((error: unknown) => {
        const said = error instanceof Error ? error.message : String(error);
        throw new Refusal('catalogue-unreachable', `${origin}: ${said}`, { cause: error });
      }),
    close: () => agent.destroy(),
  };
}

/** @throws Refusal as the other side said, or `catalogue-refused` */
export function refuseOf({ status, body }: Reply): never {
  const told = parseJson(Problem, body);
  if (told.ok && isProblemCode(told.value.code)) throw new Refusal(told.value.code, told.value.detail);
  const said = told.ok ? `${told.value.code}: ${told.value.title}; ${told.value.remedy}` : `status ${status}`;
  throw new Refusal('catalogue-refused', said);
}
