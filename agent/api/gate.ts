/**
 * What every request of an app passes before it is routed, at the cost of a few comparisons: so many at once on one
 * connection, a path and no whole address, and the app's share of the box.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { refuseSocket } from '#common/http-problems.js';
import { Refusal } from '#contract/problems.js';
import type { Caller } from './access.js';
import type { Tunnels } from './features.js';
import type { Shares } from './shares.js';

export interface Gate {
  request(caller: Caller): RequestListener;
  connect(caller: Caller): (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Requests sent ahead of their answers, on one connection (RFC 9112 section 9.3.2); a client with more is hostile. */
const mostPipelined = 64;
/** A refusal costs the box as much as an answer: an app that hammers waits for it. */
const refuseMilliseconds = 100;

/** A refused peer gets this long to read why. */
const lingerMilliseconds = 1000;

export function linger(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMilliseconds);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => {});
  socket.resume();
}

export function refuseAndLinger(refusal: Refusal, socket: Duplex): void {
  if (socket.destroyed) return;
  refuseSocket(refusal, socket);
  linger(socket);
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  const body = JSON.stringify(refusal.problem);
  const headers = { 'content-type': 'application/problem+json', 'content-length': Buffer.byteLength(body) };
  response.writeHead(refusal.status, { ...headers, ...refusal.headers }).end(body);
}

function later(response: ServerResponse, refusal: Refusal): void {
  const timer = setTimeout(() => refuse(response, refusal), refuseMilliseconds);
  response.once('close', () => clearTimeout(timer));
}

const rateLimited = (): Refusal => new Refusal('rate-limited', undefined, { headers: { 'retry-after': '1' } });

/** RFC 9112 section 3.2: one, and in HTTP/1.0 there may be none. Node sees to none of it, and takes the first of many. */
function hasHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0');
}

export function createGate({
  route,
  shares,
  tunnels,
}: {
  route: RequestListener;
  shares: Shares;
  tunnels: Tunnels | undefined;
}): Gate {
  const running = new WeakMap<Duplex, { requests: number }>();

  function count(socket: Duplex, response: ServerResponse): boolean {
    const connection = running.get(socket) ?? { requests: 0 };
    if (connection.requests >= mostPipelined) return false;
    if (connection.requests === 0) running.set(socket, connection);
    connection.requests += 1;
    response.once('close', () => {
      connection.requests -= 1;
    });
    return true;
  }

  return {
    request: (caller) => (request, response) => {
      const { socket, url = '' } = request;
      if (socket.destroyed) return;
      if (!count(socket, response)) return void socket.destroy();
      if (!hasHost(request)) return refuse(response, new Refusal('request-malformed', 'it names no host, or several'));
      // RFC 9112 section 3.2.2: what a proxy is sent. Here it would be taken for a call of this API.
      if (!url.startsWith('/')) return refuse(response, new Refusal('target-absolute'));
      if (!shares.take(caller.id)) return later(response, rateLimited());
      route(request, response);
    },
    connect: (caller) => (request, socket, head) => {
      socket.on('error', () => {});
      // Answers still to come would end up inside the tunnel.
      if ((running.get(socket)?.requests ?? 0) > 0) return void socket.destroy();
      if (!tunnels) return refuseAndLinger(new Refusal('upgrade-refused'), socket);
      if (!shares.take(caller.id)) return refuseAndLinger(rateLimited(), socket);
      tunnels.open({ caller, request, socket, head });
    },
  };
}
