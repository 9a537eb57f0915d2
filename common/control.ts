/**
 * How a command talks to the running program that owns the directory: HTTP over a 0600 unix socket, one POST a call.
 * A level database belongs to one process, so a second one must ask the first.
 */
import { chmod } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { isProblemCode, Refusal } from '#contract/problems.js';
import { clearSocket, isErrno } from './files.js';
import { closeHttp } from './listen.js';

export type Handlers = Record<string, (parameters: unknown) => Promise<unknown>>;

const maxBytes = 1024 * 1024;
/** What our own program answers: a ledger of many years. */
const maxAnswerBytes = 256 * 1024 * 1024;

async function bodyOf(stream: AsyncIterable<Uint8Array>, most: number): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > most) throw new Refusal('body-too-large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return text ? JSON.parse(text) : undefined;
}

export async function serveControl(socket: string, handlers: Handlers): Promise<{ close(): Promise<void> }> {
  await clearSocket(socket);
  const server = createServer({ requestTimeout: 10_000 }, async (message, reply) => {
    let status = 200;
    let answer: unknown;
    try {
      const handler = Object.hasOwn(handlers, message.url?.slice(1) ?? '')
        ? handlers[message.url!.slice(1)]
        : undefined;
      if (message.method !== 'POST' || !handler) throw new Refusal('not-found');
      answer = (await handler(await bodyOf(message, maxBytes))) ?? null;
    } catch (error) {
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal('internal', error instanceof Error ? error.message : String(error));
      status = refusal.status;
      answer = refusal.problem;
    }
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  // The directory is 0700, so that nobody can connect between bind and chmod.
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  await chmod(socket, 0o600);
  return {
    close: () => closeHttp(server),
  };
}

/** @throws Refusal `not-running` when nobody listens, or the refusal that the other side answered */
export async function callControl(socket: string, name: string, parameters?: unknown): Promise<unknown> {
  const { status, body } = await new Promise<{ status: number; body: unknown }>((resolve, reject) => {
    const call = request({ socketPath: socket, path: `/${name}`, method: 'POST' }, (reply) => {
      bodyOf(reply, maxAnswerBytes).then((body) => resolve({ status: reply.statusCode ?? 0, body }), reject);
    });
    call.once('error', (error) =>
      reject(isErrno(error, 'ENOENT', 'ECONNREFUSED') ? new Refusal('not-running', socket, { cause: error }) : error),
    );
    call.end(parameters === undefined ? '' : JSON.stringify(parameters));
  });
  if (status === 200) return body;
  const { code, detail } = (body ?? {}) as { code?: unknown; detail?: unknown };
  throw new Refusal(isProblemCode(code) ? code : 'internal', typeof detail === 'string' ? detail : undefined);
}
