/**
 * The provider's own MQTT broker: aedes over mutual TLS behind a guard. It moves bytes and holds the rules of who may
 * say what; it keeps nothing. What a box says is handed to `receive` before it is acknowledged.
 */
import type { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { createServer, type TLSSocket } from 'node:tls';
import { Aedes, type Client, type PublishPacket, type Subscription } from 'aedes';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { listen } from '#common/listen.js';
import { Refusal } from '#contract/problems.js';
import type { Topic } from '#contract/topics.js';
import type { EventLog } from '../fleet/events.js';
import type { Fault } from './framing.js';
import { Guard } from './guard.js';
import { defaultLimits, type Limits } from './limits.js';
import { type Connect, createTopicMemory, judgeConnect, judgePublish, judgeSubscribe } from './rules.js';

export type Log = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error'>;

export interface Incoming {
  box: string;
  topic: Topic;
  payload: Buffer;
  retain: boolean;
}

export interface Broker {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(host: string, port: number): Promise<number>;
  /** Ends every session. A broker that was stopped can be started again. */
  stop(): Promise<void>;
  /** To the box that the topic names, if it is connected; what is retained also when it subscribes later. */
  publish(topic: string, payload: string | Buffer, options?: { retain?: boolean; qos?: 0 | 1 }): void;
  /** Cuts the box's live session, if there is one. */
  disconnect(box: string): void;
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

interface Session {
  readonly guard: Guard;
  readonly certificate: X509Certificate;
  readonly filters: Set<string>;
  readonly parseTopic: (topic: string) => Topic | undefined;
  box?: string;
  connect?: Connect;
  /** A newer session of the same box has been let in: this one's will says nothing about the box. */
  replaced?: boolean;
}

interface Running {
  stop(): Promise<void>;
  publish(packet: PublishPacket): void;
}

const tickMilliseconds = 1000;
/** aedes sends it in the CONNACK: 5 is "not authorized", 2 "identifier rejected" (section 3.2.2.3). */
const connackError = (fault: Fault) =>
  Object.assign(new Refusal(fault.code, fault.detail), { returnCode: fault.code === 'client-id-taken' ? 2 : 5 });
const ignore = () => {};
/** Who it is by a certificate that this territory issued, for the record only: `admit` decides. */
const nameIn = ({ subject }: X509Certificate): string | undefined => /^CN=(.*)$/m.exec(subject)?.[1];

export function createBroker({ tls, admit, receive, left, events, clock, log, ...parts }: BrokerParts): Broker {
  const limits: Limits = { ...defaultLimits, ...parts.limits };
  const sessions = new Map<string, Session>();
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
    const tell = (session: Session, fault: Fault) =>
      events.refused(fault.code, { box: session.box ?? nameIn(session.certificate), detail: fault.detail });

    async function authenticate(session: Session): Promise<Fault | undefined> {
      try {
        const box = await admit(session.certificate);
        session.box = box;
        if (!session.connect) throw new Error('authenticated before CONNECT');
        const verdict = judgeConnect(box, session.connect);
        return verdict.ok ? undefined : verdict.fault;
      } catch (error) {
        if (error instanceof Refusal) return { code: error.code, detail: error.detail ?? error.message };
        log.error({ err: error }, 'cannot tell whether to admit a box');
        return { code: 'unavailable', detail: 'the certificate cannot be looked up' };
      }
    }

    const aedes = new Aedes({
      connectTimeout: limits.firstPacketSeconds * 2000, // the guard's is the one that decides
      drainTimeout: 0, // the guard's cap on unsent bytes is the one that decides
      maxClientsIdLength: 40,
      preConnect(client, packet, done) {
        const session = sessionOf(client);
        const { clientId, username, will, protocolVersion } = packet;
        session.connect = {
          clientId: clientId ?? '',
          username: username === undefined ? undefined : String(username),
          protocolVersion: protocolVersion ?? 4,
          will: will && { topic: will.topic, qos: will.qos ?? 0, retain: will.retain ?? false },
        };
        if (protocolVersion !== 3 && protocolVersion !== 4)
          tell(session, { code: 'mqtt-version', detail: `version ${protocolVersion}` });
        // The store of record is the provider's, never a queue in the broker.
        packet.clean = true;
        done(null, true);
      },
      authenticate(client, _username, _password, done) {
        const session = sessionOf(client);
        void authenticate(session).then((fault) => {
          if (!fault) {
            const before = sessions.get(session.box ?? '');
            if (before) before.replaced = true;
            return done(null, true);
          }
          tell(session, fault);
          done(connackError(fault), false);
        });
      },
      authorizePublish(client, packet, done) {
        const session = client && sessionOf(client);
        if (!session?.box || session.replaced || stopping.signal.aborted) return done(new Refusal('unavailable'));
        const { topic, payload, qos, retain } = packet;
        const verdict = judgePublish(session.box, { topic, qos, retain }, session.parseTopic);
        if (!verdict.ok) {
          tell(session, verdict.fault);
          return done(new Refusal(verdict.fault.code, verdict.fault.detail));
        }
        // Nobody reads `up/` here, so that the broker need not remember it.
        packet.retain = false;
        const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
        receive({ box: session.box, topic: verdict.value, payload: bytes, retain }).then(
          () => done(null),
          (error) => done(error instanceof Error ? error : new Error(String(error))),
        );
      },
      authorizeSubscribe(client, subscription: Subscription, done) {
        const session = sessionOf(client);
        const verdict = judgeSubscribe(session.box ?? '', subscription);
        const fault: Fault | undefined = !verdict.ok
          ? verdict.fault
          : session.filters.add(subscription.topic).size > limits.filters
            ? { code: 'subscribe-outside', detail: `more than ${limits.filters} filters` }
            : undefined;
        if (!fault) return done(null, subscription);
        if (verdict.ok) session.filters.delete(subscription.topic);
        tell(session, fault);
        done(null, null); // 0x80 in the SUBACK; the session goes on
      },
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

    const failed = (client: Client, error: Error & { code?: unknown }) => {
      const known = error instanceof Refusal || error.code !== undefined || quietErrors.has(error.message);
      if (known) return log.debug({ err: error, box: client.id }, 'a session ended');
      tell(sessionOf(client), { code: 'packet-malformed', detail: error.message });
    };
    aedes.on('clientError', failed);
    aedes.on('connectionError', failed);

    const server = createServer(
      { ...tls, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 },
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
      socket.setKeepAlive(true, 60_000); // a box may ask for no MQTT keep-alive
      const guard = new Guard(socket, limits, (why) => tell(session, why));
      const session: Session = { guard, certificate, filters: new Set(), parseTopic: createTopicMemory() };
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
    isConnected: (box) => sessions.has(box),
    connected: () => sessions.size,
  };
}

/** What aedes says when a session ends for no fault in what the box said. */
const quietErrors = new Set([
  'connection closed',
  'keep alive timeout',
  'drain timeout',
  'connect did not arrive in time',
  'unacceptable protocol version',
  'broker closed',
]);
