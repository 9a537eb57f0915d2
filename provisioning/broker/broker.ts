/**
 * The provider's own MQTT broker: aedes over mutual TLS behind a guard. It moves bytes and holds the rules of who may
 * say what; it keeps nothing. What a box says is handed to `receive` before it is acknowledged.
 */
import type { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { createServer, type TLSSocket } from 'node:tls';
import { Aedes, type Client, type PublishPacket } from 'aedes';
import type { FastifyBaseLogger } from 'fastify';
import packets from 'mqtt-packet';
import type { Clock } from '#common/clock.js';
import { listen } from '#common/listen.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { Fault } from './framing.js';
import { createGate, createSession, type Incoming, type Session, tellRefusal } from './gate.js';
import { Guard } from './guard.js';
import { defaultLimits, type Limits } from './limits.js';

export type Log = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error'>;

export interface Broker {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(host: string, port: number): Promise<number>;
  /** Ends every session. A broker that was stopped can be started again. */
  stop(): Promise<void>;
  /** To the box that the topic names, if it is connected; what is retained also when it subscribes later. */
  publish(topic: string, payload: string | Buffer, options?: { retain?: boolean; qos?: 0 | 1 }): void;
  /** Cuts the box's live session, if there is one. */
  disconnect(box: string): void;
  /** A new certificate, for connections from now on. */
  secure(tls: BrokerParts['tls']): void;
  isConnected(box: string): boolean;
  connected(): number;
}

export interface BrokerParts {
  /** PEM. `ca` is the only thing that is trusted. */
  tls: { key: string | Buffer; cert: string | Buffer; ca: string | Buffer | (string | Buffer)[] };
  /** Whose certificate it is, by the provider's own record. @throws Refusal */
  admit: (certificate: X509Certificate) => Promise<string>;
  /** Resolves when the message is stored; until then it is not acknowledged and its box not read from. */
  receive: (message: Incoming) => Promise<void>;
  /** The box has no session any more. */
  left?: (box: string) => void;
  events: EventLog;
  clock: Clock;
  log: Log;
  limits?: Partial<Limits>;
}

interface Running {
  stop(): Promise<void>;
  secure(tls: BrokerParts['tls']): void;
  publish(packet: PublishPacket): void;
}

// It would keep a buffer for each of 65,536 numbers, 6 MB, to save some nanoseconds for each packet.
packets.writeToStream.cacheNumbers = false;

const tickMilliseconds = 1000;
/** As long as a box waits: when the power comes back to a city, the last of its handshakes is late. */
const handshakeTimeout = 20_000;
const ignore = () => {};
/** What aedes says when a session ends for no fault in what the box said. */
const quietErrors = new Set([
  'connection closed',
  'keep alive timeout',
  'drain timeout',
  'connect did not arrive in time',
  'unacceptable protocol version',
  'broker closed',
]);

/**
 * A box may ask for no MQTT keep-alive. Longer than the quarter of an hour between two batches: each asking of the
 * kernel's costs about 100 bytes, and once a minute these would be more than all that a box says.
 */
const keepAliveMilliseconds = 20 * 60_000;

export function createBroker({ admit, receive, left, events, clock, log, ...parts }: BrokerParts): Broker {
  const limits: Limits = { ...defaultLimits, ...parts.limits };
  const sessions = new Map<string, Session>();
  let tls = parts.tls;
  let running: Running | undefined;

  async function run(host: string, port: number): Promise<[Running, number]> {
    const stopping = new AbortController();
    const guards = new Set<Guard>();
    const byConnection = new WeakMap<Duplex, Session>();
    const sessionOf = (client: Client): Session => {
      const session = byConnection.get(client.conn);
      if (!session) throw new Error('a client without a session');
      return session;
    };
    const tell = (session: Session, fault: Fault) => tellRefusal(events, session, fault);

    const { take, ...hooks } = createGate({
      ...{ admit, receive, events, log, limits, sessions, sessionOf, stopping: stopping.signal },
    });
    const aedes = new Aedes({
      connectTimeout: limits.firstPacketSeconds * 2000, // the guard's is the one that decides
      drainTimeout: 0, // the guard's cap on unsent bytes is the one that decides
      maxClientsIdLength: 40,
      ...hooks,
    });
    EventEmitter.prototype.on.call(aedes, 'error', (error) => log.error({ err: error }, 'the broker failed'));

    // One session a box. aedes also evicts by client id, but loses count when the old one is just closing.
    aedes.on('client', (client) => {
      const session = sessionOf(client);
      if (!session.box || session.guard.destroyed) return;
      const before = sessions.get(session.box);
      sessions.set(session.box, session);
      if (before && before !== session) before.guard.destroy();
    });

    aedes.on('clientReady', (client) => sessionOf(client).guard.open());

    const failed = (client: Client, error: Error & { code?: unknown }) => {
      const known = error instanceof Refusal || error.code !== undefined || quietErrors.has(error.message);
      if (known) return log.debug({ err: error, box: client.id }, 'a session ended');
      tell(sessionOf(client), { code: 'packet-malformed', detail: error.message });
    };
    aedes.on('clientError', failed);
    aedes.on('connectionError', failed);

    const server = createServer(
      { ...tls, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', handshakeTimeout },
      (socket) => accept(socket),
    );
    server.maxConnections = limits.connections;
    server.on('tlsClientError', (error) => log.debug({ err: error }, 'no TLS'));

    function accept(socket: TLSSocket): void {
      const certificate = socket.getPeerX509Certificate();
      const fault: Fault | undefined = !certificate
        ? { code: 'certificate-missing', detail: `from ${socket.remoteAddress}` }
        : !socket.authorized
          ? {
              code: 'certificate-foreign',
              detail: `${String(socket.authorizationError)}, from ${socket.remoteAddress}`,
            }
          : undefined;
      socket.on('error', ignore);
      if (!certificate || fault) {
        if (fault) events.refused(fault.code, { detail: fault.detail });
        return void socket.destroy();
      }
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMilliseconds);
      const guard = new Guard(socket, {
        limits,
        refuse: (why) => tell(session, why),
        take: (packet) => take(session, packet),
      });
      const session = createSession(guard, certificate);
      guards.add(guard);
      socket.once('close', () => guards.delete(guard));
      guard.on('error', ignore);
      guard.once('close', () => {
        const { box } = session;
        if (box === undefined || sessions.get(box) !== session) return;
        sessions.delete(box);
        left?.(box);
      });
      byConnection.set(guard, session);
      aedes.handle(guard);
    }

    async function tick(): Promise<void> {
      for (;;) {
        await clock.sleep(tickMilliseconds, stopping.signal);
        if (stopping.signal.aborted) return;
        for (const guard of guards) guard.tick();
      }
    }

    const itsPort = await listen(server, host, port);
    await aedes.listen();
    const ticking = tick();
    return [
      {
        publish: (packet) => aedes.publish(packet, ignore),
        secure: (now) => server.setSecureContext({ ...now, minVersion: 'TLSv1.2' }),
        async stop() {
          stopping.abort();
          const closed = new Promise((resolve) => server.close(resolve));
          await new Promise<void>((resolve) => aedes.close(resolve));
          for (const guard of guards) guard.destroy(new Refusal('unavailable'));
          await Promise.all([closed, ticking]);
        },
      },
      itsPort,
    ];
  }

  return {
    async start(host, port) {
      if (running) throw new Error('the broker is started already');
      const [started, itsPort] = await run(host, port);
      running = started;
      return itsPort;
    },
    async stop() {
      const before = running;
      running = undefined;
      await before?.stop();
    },
    publish(topic, payload, { retain = false, qos = 0 } = {}) {
      running?.publish({ cmd: 'publish', topic, payload, qos, retain, dup: false });
    },
    disconnect(box) {
      sessions.get(box)?.guard.destroy(new Refusal('unavailable', 'cut by the provider'));
    },
    secure(now) {
      tls = now;
      running?.secure(now);
    },
    isConnected: (box) => sessions.has(box),
    connected: () => sessions.size,
  };
}
