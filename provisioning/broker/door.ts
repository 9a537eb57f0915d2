/**
 * Where boxes come in: TCP, whose handshakes wait for their turn, and TLS, which shows whose certificate it is. Whoever is
 * let through here is a box of this territory that does not come too often; whether it may speak is asked at its CONNECT.
 */
import type { X509Certificate } from 'node:crypto';
import { createServer as createTcpServer } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { Clock } from '#common/clock.js';
import { listen } from '#common/listen.js';
import type { EventLog } from '../fleet/events.js';
import type { Log } from './broker.js';
import type { Fault } from './framing.js';
import { createHandshakes, type HandshakeCounts } from './handshakes.js';
import type { Limits } from './limits.js';
import { createReturns } from './returns.js';

export interface Tls {
  /** PEM. `ca` is the only thing that is trusted. */
  key: string | Buffer;
  cert: string | Buffer;
  ca: string | Buffer | (string | Buffer)[];
}

export interface Comer {
  socket: TLSSocket;
  certificate: X509Certificate;
  /** Of the certificate's subject: the box id. */
  name: string | undefined;
  address: string | undefined;
}

export interface Door {
  /** Answers the port. @throws Refusal as `listen` */
  open(host: string, port: number): Promise<number>;
  /** A new certificate, for connections from now on. */
  secure(tls: Tls): void;
  /** Whoever came from there was let through and then refused. */
  wasted(address: string | undefined): void;
  counts(): HandshakeCounts;
  /** To be called once a second. */
  tick(): void;
  /** Takes no more. Resolves when every connection is gone, which is for others to do. */
  close(): Promise<void>;
}

/** From its turn on. */
const handshakeTimeout = 15_000;
const ignore = () => {};
const minVersion = 'TLSv1.2';

function faultOf(socket: TLSSocket, certificate: X509Certificate | undefined): Fault | undefined {
  const from = `from ${socket.remoteAddress}`;
  if (!certificate) return { code: 'certificate-missing', detail: from };
  if (socket.authorized) return undefined;
  return { code: 'certificate-foreign', detail: `${String(socket.authorizationError)}, ${from}` };
}

export function createDoor({
  tls,
  limits,
  events,
  clock,
  log,
  onCome,
}: {
  tls: Tls;
  limits: Limits;
  events: EventLog;
  clock: Clock;
  log: Log;
  onCome: (comer: Comer) => void;
}): Door {
  const { sessionBurst, sessionsPerMinute } = limits;
  const returns = createReturns({ clock, burst: sessionBurst, perMinute: sessionsPerMinute });
  const secured = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: false, minVersion, handshakeTimeout },
    accept,
  );
  secured.on('tlsClientError', (error) => log.debug({ err: error }, 'no TLS'));
  const handshakes = createHandshakes({
    begin: (socket) => secured.emit('connection', socket),
    slowedPerSecond: limits.slowedHandshakesPerSecond,
  });
  const front = createTcpServer({ pauseOnConnect: true }, handshakes.came);
  front.maxConnections = limits.connections;

  function accept(socket: TLSSocket): void {
    socket.on('error', ignore);
    const address = socket.remoteAddress;
    handshakes.done(address, socket.remotePort);
    const certificate = socket.getPeerX509Certificate();
    const fault = faultOf(socket, certificate);
    if (!certificate || fault) {
      handshakes.wasted(address);
      if (fault) events.refused(fault.code, { detail: fault.detail });
      return void socket.destroy();
    }
    const name = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
    if (returns.take(name ?? '', socket)) {
      onCome({ socket, certificate, name, address });
      return;
    }
    handshakes.wasted(address);
    const detail = `${name}: more than ${sessionBurst} sessions, or ${sessionsPerMinute} a minute, from ${address}`;
    events.refused('session-rate', { box: name, detail });
  }

  return {
    open: (host, port) => listen(front, host, port),
    secure: (now) => secured.setSecureContext({ ...now, minVersion }),
    wasted: handshakes.wasted,
    counts: handshakes.counts,
    tick() {
      handshakes.tick();
      returns.tick();
    },
    async close() {
      const closed = new Promise((resolve) => front.close(resolve));
      handshakes.stop();
      returns.stop();
      await closed;
    },
  };
}
