/**
 * What aedes asks before it lets something happen: who may connect, publish, subscribe. Each no goes to the event log
 * with its code, since MQTT 3.1.1 cannot say why.
 */
import type { X509Certificate } from 'node:crypto';
import type { AedesOptions, Client, Subscription } from 'aedes';
import { Refusal } from '#contract/problems.js';
import type { Topic } from '#contract/topics.js';
import type { EventLog } from '../fleet/events.js';
import type { Fault } from './framing.js';
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
  readonly certificate: X509Certificate;
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

export const createSession = (guard: Guard, certificate: X509Certificate): Session => ({
  guard,
  certificate,
  filters: new Set(),
  parseTopic: createTopicMemory(),
});

/** Who it is by a certificate that this territory issued, for the record only: `admit` decides. */
const nameIn = ({ subject }: X509Certificate): string | undefined => /^CN=(.*)$/m.exec(subject)?.[1];

export const tellRefusal = (events: EventLog, session: Session, { code, detail }: Fault): void =>
  events.refused(code, { box: session.box ?? nameIn(session.certificate), detail });

/** aedes sends it in the CONNACK: 5 is "not authorized", 2 "identifier rejected" (section 3.2.2.3). */
const connackError = (fault: Fault) =>
  Object.assign(new Refusal(fault.code, fault.detail), { returnCode: fault.code === 'client-id-taken' ? 2 : 5 });

export function createGate({
  admit,
  receive,
  events,
  log,
  limits,
  sessions,
  sessionOf,
  stopping,
}: GateParts): Required<Pick<AedesOptions, Hooks>> {
  const tell = (session: Session, fault: Fault) => tellRefusal(events, session, fault);

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

  return {
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
          if (before && !session.guard.destroyed) before.replaced = true;
          return done(null, true);
        }
        tell(session, fault);
        done(connackError(fault), false);
      });
    },
    authorizePublish(client, packet, done) {
      const session = client && sessionOf(client);
      if (!session?.box || session.replaced || stopping.aborted) return done(new Refusal('unavailable'));
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
  };
}
