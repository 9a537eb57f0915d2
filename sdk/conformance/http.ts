/** One request on a connection of its own, and whatever comes back. */
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { Mismatch } from './outcome.js';

/** Where an implementation is: the socket of an app, or a host and a port. */
export type Place = { socketPath: string } | { host: string; port: number };

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  bytes: Buffer;
  text: string;
}

export interface Sent {
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
}

/** A box gives a request up after half a minute; one that does not answer for longer has broken its word. */
const answerMilliseconds = 40_000;

/** An address of HTTP without TLS, or the path of a socket; undefined for another scheme. */
export function placeOf(target: string): Place | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return { socketPath: target };
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url?.protocol !== 'http:' || url.pathname !== '/' || url.search !== '') return undefined;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

const broken = (error: Error): Mismatch => new Mismatch('a whole answer', `the connection broke: ${error.message}`);

async function read(reply: AsyncIterable<unknown>, head: Buffer = Buffer.alloc(0)): Promise<Buffer> {
  const chunks = [head];
  for await (const chunk of reply) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const answerOf = (reply: IncomingMessage, bytes: Buffer): Answer => ({
  status: reply.statusCode ?? 0,
  headers: reply.headers,
  bytes,
  text: bytes.toString('utf8'),
});

/** @throws Mismatch when no whole answer comes */
export function call(place: Place, method: string, path: string, { headers = {}, body }: Sent = {}): Promise<Answer> {
  // Kept alive, so that who refuses a body early reads the rest of it and does not cut us off in the middle.
  const agent = new Agent({ keepAlive: true });
  return new Promise<Answer>((resolve, reject) => {
    const message = request({ ...place, agent, method, path, headers });
    const fail = (error: Error): void => reject(broken(error));
    message.setTimeout(answerMilliseconds, () => message.destroy(new Error('no answer in time')));
    message.once('response', (reply) => {
      read(reply).then((bytes) => resolve(answerOf(reply, bytes)), fail);
    });
    // CONNECT has no body to wait for: what follows the head is a refusal, or the tunnel.
    message.once('connect', (reply, socket, head) => {
      if (reply.statusCode === 200) socket.destroy();
      const body = reply.statusCode === 200 ? Promise.resolve(Buffer.alloc(0)) : read(socket, head);
      body.then((bytes) => resolve(answerOf(reply, bytes)), fail);
    });
    message.on('error', fail);
    message.end(body);
  }).finally(() => agent.destroy());
}

/** The head and, as far as `enough` wants, the beginning of an answer that does not end. @throws Mismatch */
export function beginningOf(
  place: Place,
  path: string,
  enough: (text: string) => boolean,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const message = request({ ...place, agent: false, path, headers }, (reply) => {
      const chunks: Buffer[] = [];
      const finish = (): void => {
        clearTimeout(timer);
        resolve(answerOf(reply, Buffer.concat(chunks)));
        message.destroy();
      };
      reply.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (enough(Buffer.concat(chunks).toString('utf8'))) finish();
      });
      reply.once('end', finish);
    });
    const timer = setTimeout(() => message.destroy(new Error('no answer in time')), answerMilliseconds);
    message.on('error', (error) => {
      clearTimeout(timer);
      reject(broken(error));
    });
    message.end();
  });
}

/** A stream that is held open, or the whole answer that came in its place. @throws Mismatch */
export function openStream(place: Place, path: string): Promise<{ answer: Answer | undefined; close: () => void }> {
  return new Promise((resolve, reject) => {
    const message = request({ ...place, agent: false, path });
    const close = (): void => void message.destroy();
    message.setTimeout(answerMilliseconds, () => message.destroy(new Error('no answer in time')));
    message.once('response', (reply) => {
      message.setTimeout(0);
      if (reply.statusCode === 200) return resolve({ answer: undefined, close });
      read(reply).then((bytes) => resolve({ answer: answerOf(reply, bytes), close }), reject);
    });
    message.on('error', (error) => reject(broken(error)));
    message.end();
  });
}

/** What is no HTTP, as it stands; answers all that comes back until the other side closes. @throws Mismatch */
export function sendRaw(place: Place, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = 'socketPath' in place ? connect(place.socketPath) : connect(place.port, place.host);
    const chunks: Buffer[] = [];
    socket.setTimeout(answerMilliseconds, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error) => reject(broken(error)));
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
    socket.once('end', () => socket.end());
    socket.write(bytes);
  });
}
