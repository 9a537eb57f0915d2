/**
 * The link with a broker that is not ours. It is never trusted: whose message it is, its topic says and is parsed here
 * again; what the rule forbids is refused and counted here again; ingest drops what a revoked box says.
 *
 * The session is persistent, and a message is acknowledged once it is stored: what comes while the provider restarts
 * waits at the broker. What the broker loses all the same, the box's own protocol repairs (`down/ack`).
 */
import mqtt, { type MqttClient } from 'mqtt';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { parseTopic } from '#contract/topics.js';
import type { EventLog } from '../fleet/events.js';
import type { Log } from './broker.js';
import type { Incoming } from './gate.js';
import { everyUp, serviceName } from './names.js';
import { judgePublish } from './rules.js';

export interface OutsideBroker {
  /** Does not wait for the broker: it may come later than the provider. */
  start(): void;
  stop(): Promise<void>;
  /** Dropped while the broker is away: boxes are told again after their next message. */
  publish(topic: string, payload: string | Buffer, options?: { retain?: boolean; qos?: 0 | 1 }): void;
  reachable(): boolean;
  /** When the certificate that the broker shows ends, in milliseconds since 1970; unknown before the first session. */
  certificateEnd(): number | undefined;
}

export interface OutsideParts {
  url: string;
  protocolVersion: 4 | 5;
  /** Fresh for each session. */
  credentials: () => Promise<{ key: string; cert: string; ca: string[] }>;
  /** Resolves when the message is stored. */
  receive: (message: Incoming) => Promise<void>;
  events: EventLog;
  clock: Clock;
  log: Log;
}

const firstPause = 500;
const longestPause = 30_000;
const connectMilliseconds = 15_000;
/** What the broker keeps for a provider that is away, where it is told (MQTT 5). */
const sessionSeconds = 7 * 86_400;
const goodMilliseconds = 10_000;

export function createOutsideBroker({
  url,
  protocolVersion,
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

  /** Resolves when the broker may forget the message: it is stored, or it will never be taken. */
  async function take(name: string, payload: Buffer, retain: boolean): Promise<void> {
    const topic = parseTopic(name);
    const verdict = judgePublish(topic?.box ?? '', { topic: name, qos: 1, retain }, () => topic);
    if (verdict.ok) return receive({ box: verdict.value.box, topic: verdict.value, payload, retain });
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

  async function session(): Promise<void> {
    const { key, cert, ca } = await credentials();
    const client = mqtt.connect(url, {
      ...{ key, cert, ca, protocolVersion, clientId: serviceName, username: serviceName, clean: false },
      ...{ keepalive: 30, connectTimeout: connectMilliseconds, reconnectPeriod: 0, queueQoSZero: false },
      ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: 1000 } }),
    });
    let why = 'the connection was closed';
    client.on('error', (error) => {
      why = error.message;
    });
    client.handleMessage = (packet, done) => {
      const { topic, payload, retain } = packet;
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      take(topic, bytes, bytes.length > 0 && (retain ?? false)).then(
        () => done(),
        // Not acknowledged: it comes again with the next session.
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
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
      const [granted] = await Promise.race([
        // `rap`: what is retained as it is published must be seen as such, to be refused where it may not be.
        client.subscribeAsync(everyUp, { qos: 1, ...(protocolVersion === 5 && { rap: true }) }),
        closed.then(() => Promise.reject(new Error(why))),
      ]);
      if (granted?.qos !== 1) throw new Error(`the broker does not let ${serviceName} read ${everyUp}`);
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
