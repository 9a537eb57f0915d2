/**
 * The link with a broker that is not ours. It is never trusted: whose message it is, its topic says and is parsed here
 * again; what the rule forbids is refused and counted here again; ingest drops what a revoked box says.
 *
 * A message is acknowledged once it is stored. So many as the broker lets be on their way at once are taken together;
 * the rest waits there, which is all the back-pressure there is. The provider's own session is persistent: what comes
 * while it restarts waits at the broker. What the broker loses all the same, the box's own protocol repairs (`down/ack`).
 */
import mqtt, { type MqttClient } from 'mqtt';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { parseTopic } from '#contract/topics.js';
import type { EventLog } from '../fleet/events.js';
import type { Log } from './broker.js';
import type { Incoming } from './gate.js';
import { createPubacks } from './pubacks.js';
import { judgePublish } from './rules.js';

export interface OutsideBroker {
  /** Does not wait for the broker: it may come later than the provider. */
  start(): void;
  stop(): Promise<void>;
  /** What is to be heard has changed. Resolves when the broker knows it, or with the session that knew it not. */
  follow(): Promise<void>;
  /** Dropped while the broker is away: boxes are told again after their next message. */
  publish(topic: string, payload: string | Buffer, options?: { retain?: boolean; qos?: 0 | 1 }): void;
  reachable(): boolean;
  /** When the certificate that the broker shows ends, in milliseconds since 1970; unknown before the first session. */
  certificateEnd(): number | undefined;
}

export interface OutsideParts {
  url: string;
  protocolVersion: 4 | 5;
  /** Client id and user name: that of the certificate. */
  name: string;
  /** What is to be heard now. */
  filters: () => readonly string[];
  /** What the broker may remember of an earlier session, and is not to be heard. */
  former?: readonly string[];
  /** Whether the broker keeps what comes while there is no session. */
  persistent: boolean;
  /** Fresh for each session. */
  credentials: () => Promise<{ key: string; cert: string; ca: string[] }>;
  /** Resolves when the message is stored. */
  receive: (message: Incoming) => Promise<void>;
  events: Pick<EventLog, 'record' | 'refused'>;
  clock: Clock;
  log: Log;
}

const firstPause = 500;
const longestPause = 30_000;
const connectMilliseconds = 15_000;
/** What the broker keeps for a provider that is away, where it is told (MQTT 5). */
const sessionSeconds = 7 * 86_400;
const goodMilliseconds = 10_000;
/** A filter each of one SUBSCRIBE; what is retained under them comes before the next. */
const filtersAtOnce = 64;
/** Where what one box says is judged by what it said before, one waits for the other. */
const together: ReadonlySet<string> = new Set(['health', 'status', 'event', 'reported']);

export function createOutsideBroker({
  url,
  protocolVersion,
  name,
  filters,
  former = [],
  persistent,
  credentials,
  receive,
  events,
  clock,
  log,
}: OutsideParts): OutsideBroker {
  const stopping = new AbortController();
  let current: MqttClient | undefined;
  let running: Promise<void> | undefined;
  let told: 'nothing' | 'reachable' | 'unreachable' = 'nothing';
  let certificateEnd: number | undefined;
  let heard = new Set<string>();
  let following: Promise<void> = Promise.resolve();
  let inTurn: Promise<unknown> = Promise.resolve();

  /** Resolves when the broker may forget the message: it is stored, or it will never be taken. */
  async function take(name: string, payload: Buffer, retain: boolean): Promise<void> {
    const topic = parseTopic(name);
    const verdict = judgePublish(topic?.box ?? '', { topic: name, qos: 1, retain }, () => topic);
    if (verdict.ok) {
      const message = { box: verdict.value.box, topic: verdict.value, payload, retain };
      if (together.has(verdict.value.kind)) return receive(message);
      const mine = inTurn.then(() => receive(message));
      inTurn = mine.catch(() => {});
      return mine;
    }
    const { code, detail } = verdict.fault;
    events.refused(code, { box: topic?.box, detail: `let through by the broker: ${detail}` });
    // What is retained against the rule would come with each session again.
    if (retain && topic?.direction === 'up') current?.publish(name, '', { retain: true, qos: 1 });
  }

  function tell(now: 'reachable' | 'unreachable', detail: string): void {
    if (told === now) return;
    if (now === 'unreachable') events.refused('broker-unreachable', { detail });
    else if (told === 'unreachable') events.record({ type: 'broker', text: `the broker ${url} is reached again` });
    told = now;
  }

  /** Brings the session to what is to be heard. A session that ends in between begins with it. */
  async function reconcile(client: MqttClient): Promise<void> {
    const wanted = new Set(filters());
    const gone = [...heard].filter((filter) => !wanted.has(filter));
    const fresh = [...wanted].filter((filter) => !heard.has(filter));
    if (gone.length > 0) await client.unsubscribeAsync(gone);
    for (const filter of gone) heard.delete(filter);
    while (fresh.length > 0) {
      const some = fresh.splice(0, filtersAtOnce);
      // `rap`: what is retained as it is published must be seen as such, to be refused where it may not be.
      const granted = await client.subscribeAsync(some, { qos: 1, ...(protocolVersion === 5 && { rap: true }) });
      if (granted.length < some.length || granted.some(({ qos }) => qos !== 1))
        throw new Error(`the broker does not let ${name} read ${some[0]}`);
      for (const filter of some) heard.add(filter);
    }
  }

  async function session(): Promise<void> {
    const { key, cert, ca } = await credentials();
    const client = mqtt.connect(url, {
      ...{ key, cert, ca, protocolVersion, clientId: name, username: name, clean: !persistent },
      ...{ keepalive: 30, connectTimeout: connectMilliseconds, reconnectPeriod: 0, queueQoSZero: false },
      ...(protocolVersion === 5 && {
        properties: { sessionExpiryInterval: persistent ? sessionSeconds : 0, receiveMaximum: 1000 },
      }),
    });
    let why = 'the connection was closed';
    client.on('error', (error) => {
      why = error.message;
    });
    const pubacks = createPubacks(client);
    client.handleMessage = (packet, done) => {
      const { topic, payload, retain } = packet;
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      const taken = take(topic, bytes, bytes.length > 0 && (retain ?? false));
      pubacks.when(packet, taken, done, (error) => {
        // Not acknowledged: it comes again with the next session.
        why = error instanceof Error ? error.message : String(error);
        client.end(true);
      });
    };
    const abort = () => client.end(true);
    stopping.signal.addEventListener('abort', abort, { once: true });
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    try {
      await Promise.race([
        new Promise<void>((resolve) => client.once('connect', () => resolve())),
        closed.then(() => Promise.reject(new Error(why))),
      ]);
      const { stream } = client;
      if ('getPeerX509Certificate' in stream && typeof stream.getPeerX509Certificate === 'function')
        certificateEnd = Date.parse(stream.getPeerX509Certificate()?.validTo);
      current = client;
      heard = new Set(former);
      following = reconcile(client);
      await Promise.race([following, closed.then(() => Promise.reject(new Error(why)))]);
      tell('reachable', url);
      await closed;
    } finally {
      current = undefined;
      client.end(true);
      stopping.signal.removeEventListener('abort', abort);
    }
    throw new Error(why);
  }

  async function run(): Promise<void> {
    let pause = firstPause;
    while (!stopping.signal.aborted) {
      const began = clock.now();
      try {
        await session();
      } catch (error) {
        if (stopping.signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        log.warn({ err: error }, 'no session with the broker');
        tell('unreachable', `${url}: ${message}`);
      }
      if (clock.now() - began > goodMilliseconds) pause = firstPause;
      await clock.sleep(pause * (0.5 + Math.random() / 2), stopping.signal);
      pause = Math.min(pause * 2, longestPause);
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    async follow() {
      const client = current;
      if (!client) return;
      following = following
        .then(() => (current === client ? reconcile(client) : undefined))
        .catch((error: unknown) => {
          if (current !== client) return;
          log.warn({ err: error }, 'cannot change what is heard');
          client.end(true); // the next session begins with it
        });
      await following;
    },
    publish(topic, payload, { retain = false, qos = 0 } = {}) {
      current?.publish(topic, payload, { retain, qos }, (error) => {
        if (error) log.debug({ err: error }, 'not published');
      });
    },
    reachable: () => told === 'reachable' && current !== undefined,
    certificateEnd: () => certificateEnd,
  };
}

/** @throws Refusal `arguments-invalid` */
export function checkBrokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain =
    url && url.username === '' && url.password === '' && ['', '/'].includes(url.pathname) && url.search === '';
  if (url?.protocol !== 'mqtts:' || !plain || url.hostname === '')
    throw new Refusal('arguments-invalid', '--broker is an address such as mqtts://broker.example:8883');
  return `mqtts://${url.hostname}:${url.port || '8883'}`;
}
