/** The https server under EST and profile: asks for a client certificate, and leaves the judging to the routes. */
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { refuseRaw } from '#common/http-problems.js';
import { listen } from '#common/listen.js';
import type { ServerTls } from '../ca/server-certificate.js';
import { createHandshakes } from './handshakes.js';
import { SpeltResponse } from './spelling.js';

/** A request has so long to arrive whole, and a handshake to end. */
const patienceMilliseconds = 10_000;

export interface EstServer {
  readonly server: Server;
  /** Answers the port. @throws Refusal as `listen` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
  /** A new certificate, for connections from now on. */
  secure(tls: ServerTls): void;
}

export function createEstServer(tls: ServerTls, handler: RequestListener, patience = patienceMilliseconds): EstServer {
  const server = createServer(
    {
      ...tls,
      requestCert: true,
      // Who enrols has no certificate yet, and who renews late has an expired one. See boxes.ts for what decides.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: patience,
      requestTimeout: patience,
      headersTimeout: patience,
      keepAliveTimeout: patience,
      connectionsCheckingInterval: Math.min(1000, patience),
      maxHeaderSize: 16_384,
      ServerResponse: SpeltResponse,
    },
    handler,
  );
  const sockets = new Set<Socket>();
  server.on('clientError', refuseRaw);
  const handshakes = createHandshakes();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    handshakes.began(socket);
  });
  server.on('secureConnection', (socket: TLSSocket) => handshakes.ended(socket.remoteAddress, socket.remotePort));
  return {
    server,
    start: (host, port) => listen(server, host, port),
    secure: (now) => server.setSecureContext({ ...now, minVersion: 'TLSv1.2' }),
    async stop() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // What is being answered has a moment to end; a handshake that never ends must not hold us up.
      const impatience = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, 1000);
      await closed;
      clearTimeout(impatience);
    },
  };
}
