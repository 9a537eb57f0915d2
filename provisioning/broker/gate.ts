/**
 * What aedes asks before it lets something happen: who may connect, publish, subscribe. Each no goes to the event log
 * with its code, since MQTT 3.1.1 cannot say why.
 */
import type { X509Certificate } from 'node:crypto';
import type { AedesOptions, Client, Subscription } from 'aedes';
import { Refusal } from '#contract/problems.js';
import type { Topic } from '#contract/topics.js';
import type { EventLog } from '../fleet/events.js';
import type { Fault, Publish } from './framing.js';
import type { Guard } from './guard.js';
import type { Limits } from './limits.js';
import { type Connect, createTopicMemory, judgeConnect, judgePublish, judgeSubscribe } from './rules.js';

export interface Incoming {
  box: string;
  topic: Topic;
  payload: Buffer;
  retain: boolean;
}

export interface Session {
  readonly guard: Guard;
  /** Until it is admitted: a thousand of them are megabytes. */
  certificate: X509Certificate | undefined;
  /** Who it is by its certificate, for the record only: `admit` decides. */
  readonly name: string | undefined;
  readonly filters: Set<string>;
  readonly parseTopic: (topic: string) => Topic | undefined;
  /** From the moment that it is admitted. */
  box?: string;
  connect?: Connect;
  /** A newer session of the same box has been let in: this one's will says nothing about the box. */
  replaced?: boolean;
}

export interface GateParts {
  admit: (certificate: X509Certificate) => Promise<string>;
  receive: (message: Incoming) => Promise<void>;
  events: EventLog;
  log: { error(details: object, text: string): void };
  limits: Limits;
  /** The live sessions, by box. */
  sessions: ReadonlyMap<string, Session>;
  sessionOf: (client: Client) => Session;
  stopping: AbortSignal;
}

type Hooks = 'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe';

export interface Gate extends Required<Pick<AedesOptions, Hooks>> {
  /** What the box publishes, past the broker. Resolves when it is stored. @throws Refusal where the session must end */
  take(session: Session, packet: Publish): Promise<void>;
}

export const createSession = (guard: Guard, certificate: X509Certificate): Session => ({
  guard,
  certificate,
  name: /^CN=(.*)$/m.exec(certificate.subject)?.[1],
  filters: new Set(),
  parseTopic: createTopicMemory(),
});

export const tellRefusal = (events: EventLog, session: Session, { code, detail }: Fault): void =>
  events.refused(code, { box: session.box ?? session.name, detail });

/** aedes sends it in the CONNACK: 5 is "not authorized", 2 "identifier rejected" (section 3.2.2.3). */
const connackError = (fault: Fault) =>
  Object.assign(new Refusal(fault.code, fault.detail), { returnCode: fault.code === 'client-id-taken' ? 2 : 5 });

export function createGate({ admit, receive, events, log, limits, sessions, sessionOf, stopping }: GateParts): Gate {
  const tell = (session: Session, fault: Fault) => tellRefusal(events, session, fault);

  async function authenticate(session: Session): Promise<Fault | undefined> {
    try {
      if (!session.certificate || !session.connect) throw new Error('authenticated twice, or before CONNECT');
      const box = await admit(session.certificate);
      session.box = box;
      session.certificate = undefined;
      const verdict = judgeConnect(box, session.connect);
      return verdict.ok ? undefined : verdict.fault;
    } catch (error) {
      if (error instanceof Refusal) return { code: error.code, detail: error.detail ?? error.message };
      log.error({ err: error }, 'cannot tell whether to admit a box');
      return { code: 'unavailable', detail: 'the certificate cannot be looked up' };
    }
  }

  function take(session: Session, { topic, payload, qos, retain }: Omit<Publish, 'messageId'>): Promise<void> {
    if (!session.box || session.replaced || stopping.aborted) return Promise.reject(new Refusal('unavailable'));
    const verdict = judgePublish(session.box, { topic, qos, retain }, session.parseTopic);
    if (verdict.ok) return receive({ box: session.box, topic: verdict.value, payload, retain });
    tell(session, verdict.fault);
    return Promise.reject(new Refusal(verdict.fault.code, verdict.fault.detail));
  }

  return {
    take,
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
      session.guard.keepAlive(packet.keepalive ?? 0);
      packet.keepalive = 0;
      done(null, true);
    },
    authenticate(client, _username, _password, done) {
      const session = sessionOf(client);
      void authenticate(session).then((fault) => {
        if (!fault) {
          const before = sessions.get(session.box ?? '');
          if (before && !session.guard.destroyed) before.replaced = true;
          return done(null, true);
        }
        tell(session, fault);
        done(connackError(fault), false);
      });
    },
    /** Of a box there is only its will: the rest goes past the broker. */
    authorizePublish(client, packet, done) {
      if (!client) return done(new Refusal('unavailable'));
      const { topic, payload, qos, retain } = packet;
      // Nobody reads `up/` here, so that the broker need not remember it.
      packet.retain = false;
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      take(sessionOf(client), { topic, payload: bytes, qos, retain }).then(
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
  };
}
