/**
 * One MQTT session over mutual TLS, from connect to close. A session is never revived: the next one is a new one with a
 * new session id, the newest certificate and its own birth.
 */
import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type ClientIdentity, judged, openTls, serverAt, type Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { Ack } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { Birth, Death } from '#contract/status.js';
import { buildTopic, parseTopic, subtree, type Topic } from '#contract/topics.js';

export interface Credentials {
  identity: ClientIdentity;
  /** Whom the broker's certificate has to come from. */
  trust: Trust;
}

export interface Session {
  /** Resolves with the broker's PUBACK; rejects when the session ends before it. */
  publish(topic: Topic, payload: string | Buffer, options?: { retain?: boolean; qos?: 0 | 1 }): Promise<void>;
  /** Says its birth again, as things are now. */
  bearAgain(): Promise<void>;
  /** Publishes the death and disconnects. */
  end(): Promise<void>;
  /** Resolves when the session is over, however it ended: by the broker's act, or because one side fell silent or stopped. */
  readonly closed: Promise<{ byBroker: boolean }>;
}

const connectMilliseconds = 20_000;

function refusalOf(error: unknown, url: string): Refusal {
  const code = (error as { code?: unknown }).code;
  const message = error instanceof Error ? error.message : String(error);
  // MQTT 3.1.1 section 3.2.2.3: return codes of a refused CONNECT.
  if (typeof code === 'number' && code >= 1 && code <= 5) return new Refusal('link-refused', message, { cause: error });
  if (typeof code === 'string' && /SSL|TLS/.test(code))
    return new Refusal('link-refused', `${url}: ${message}`, { cause: error });
  return new Refusal('link-unreachable', `${url}: ${message}`, { cause: error });
}

/**
 * TLS to a broker that our own path validation trusts: CONNECT is sent to no other.
 * @throws Refusal `server-untrusted`, `server-expired`, `server-revoked`; `link-refused`, `link-unreachable`
 */
async function openChecked(wish: {
  url: string;
  credentials: Credentials;
  at: Moment;
  signal: AbortSignal;
}): Promise<TLSSocket> {
  const { url, signal, at } = wish;
  const { identity, trust } = wish.credentials;
  const server = serverAt(new URL(url), 8883);
  const timeoutMilliseconds = connectMilliseconds;
  const socket = await openTls({ ...server, identity, signal, timeoutMilliseconds }).catch((error: unknown) => {
    throw refusalOf(error, url);
  });
  return judged(socket, { trust, host: server.host, at });
}

/** @throws Refusal `link-refused` or `link-unreachable`; `server-untrusted`, `server-expired`, `server-revoked` */
export async function openSession(wish: {
  profile: Profile;
  credentials: Credentials;
  keepaliveSeconds: number;
  /** By which the broker's certificate is judged. */
  at: Moment;
  birth: (session: string) => Birth;
  onAck: (ack: Ack) => void;
  /** A receipt for the ledger, as it came. */
  onReceipt?: (receipt: string) => void;
  /** News of members' standing, as it came. */
  onStanding?: (news: Buffer) => void;
  /** News of links and offers, as it came. */
  onLinks?: (news: Buffer) => void;
  /** A command, as it came, and the desired state. */
  onCommand?: (id: string, command: Buffer) => void;
  onDesired?: (state: Buffer) => void;
  /** What came for an app, as it came. */
  onApp?: (from: { app: string; name: string }, payload: Buffer) => void;
  signal: AbortSignal;
}): Promise<Session> {
  const { profile, credentials, birth, onAck, onReceipt, onStanding, onLinks, onApp, signal } = wish;
  const { box, broker } = profile;
  const id = randomBytes(8).toString('hex');
  const status = buildTopic({ box, direction: 'up', kind: 'status' });
  const death = (reason: Death['reason']): string =>
    JSON.stringify({ kind: 'death', session: id, reason } satisfies Death);

  const { default: mqtt } = await import('mqtt'); // not before: what is local answers first
  const socket = await openChecked({ url: broker.url, credentials, at: wish.at, signal });
  const client = new mqtt.MqttClient(() => socket, {
    protocolId: 'MQTT',
    clientId: box,
    username: box,
    clean: true,
    protocolVersion: broker.protocolVersion,
    keepalive: wish.keepaliveSeconds,
    connectTimeout: connectMilliseconds,
    reconnectPeriod: 0,
    writeCache: false, // a buffer for each of 65,536 numbers, to save a box that sends once in minutes nothing
    will: { topic: status, payload: Buffer.from(death('lost')), qos: 1, retain: true },
  });
  let lastError: unknown = new Error('the connection was closed');
  client.on('error', (error) => {
    lastError = error;
  });
  const unanswered = new Set<(error: Error) => void>();
  const abort = () => client.end(true);
  signal.addEventListener('abort', abort, { once: true });
  let ending = false;
  const closed = new Promise<void>((resolve) => client.once('close', resolve)).then(() => {
    const silent = lastError instanceof Error && /keepalive/i.test(lastError.message);
    signal.removeEventListener('abort', abort);
    client.end(true);
    for (const reject of unanswered) reject(new Error('the session ended before the acknowledgement'));
    return { byBroker: !silent && !ending && !signal.aborted };
  });

  client.on('message', (name, payload) => {
    const topic = parseTopic(name);
    if (topic?.box !== box || topic.direction !== 'down') return;
    if (topic.kind === 'receipt') return onReceipt?.(payload.toString('latin1'));
    if (topic.kind === 'standing') return onStanding?.(payload);
    if (topic.kind === 'links') return onLinks?.(payload);
    if (topic.kind === 'command') return wish.onCommand?.(topic.command, payload);
    if (topic.kind === 'desired') return wish.onDesired?.(payload);
    if (topic.kind === 'app') return onApp?.({ app: topic.app, name: topic.name }, payload);
    if (topic.kind !== 'ack') return;
    const ack = parseJson(Ack, payload);
    if (ack.ok) onAck(ack.value);
  });

  const publish = (name: string, payload: string | Buffer, retain: boolean, qos: 0 | 1 = 1): Promise<void> =>
    new Promise((resolve, reject) => {
      unanswered.add(reject);
      client.publish(name, payload, { qos, retain }, (error) => {
        unanswered.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });

  try {
    await Promise.race([
      new Promise<void>((resolve) => client.once('connect', () => resolve())),
      closed.then(() => Promise.reject(refusalOf(lastError, broker.url))),
    ]);
    const down = `${subtree(box, 'down')}/#`;
    const [granted] = await Promise.race([client.subscribeAsync(down, { qos: 1 }), closed.then((): [] => [])]);
    if (!granted || granted.qos > 1) throw new Refusal('link-refused', `cannot subscribe to ${down}`);
    await publish(status, JSON.stringify(birth(id)), true);
  } catch (error) {
    client.end(true);
    throw error instanceof Refusal ? error : refusalOf(lastError, broker.url);
  }

  return {
    closed,
    publish: (topic, payload, options) => publish(buildTopic(topic), payload, options?.retain ?? false, options?.qos),
    bearAgain: () => publish(status, JSON.stringify(birth(id)), true),
    async end() {
      ending = true;
      // Without an answer within a second the will says it: stopping must not wait for a provider.
      const timer = setTimeout(() => client.end(true), 1000);
      await publish(status, death('stopped'), true).catch(() => {});
      clearTimeout(timer);
      client.end();
      await closed;
    },
  };
}
