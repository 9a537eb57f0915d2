/** The broker as the provider uses it, whichever it is: its own, or one outside with a helper beside it. */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { certificateToPem } from '#common/pki/pem.js';
import { buildTopic, parseTopic } from '#contract/topics.js';
import { createBroker, type Log } from './broker/broker.js';
import { createCuts, noHelper } from './broker/cuts.js';
import { createDelivery } from './broker/delivery.js';
import type { Incoming } from './broker/gate.js';
import type { HandshakeCounts } from './broker/handshakes.js';
import { everyUp, serviceName, upBesideWorkers } from './broker/names.js';
import { createOutsideBroker } from './broker/outside.js';
import { probe } from './broker/probe.js';
import type { Ca } from './ca/ca.js';
import type { Crl } from './ca/crl.js';
import type { ServerTls } from './ca/server-certificate.js';
import type { EventLog } from './fleet/events.js';
import type { Store } from './store/store.js';

export interface OutsideConfig {
  /** `mqtts://host:port` */
  url: string;
  protocolVersion: 4 | 5;
  /** `https://host:port` of the helper beside it. */
  helper?: string | undefined;
}

export interface BrokerSide {
  /** Answers the port of the provider's own broker. @throws Refusal `port-in-use`, `address-unavailable` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
  publish(topic: string, payload: string, options?: { retain?: boolean }): void;
  /** Before a box is revoked. */
  intend(box: string): Promise<void>;
  /** After it: resolves when its session is over, or when that is taking too long and has been told. */
  end(box: string): Promise<void>;
  secure(tls: ServerTls): void;
  /** Undefined where it is the provider's own. */
  reachable(): boolean | undefined;
  certificateEnd(): number | undefined;
  /** Undefined where the broker is outside. */
  handshakes(): HandshakeCounts | undefined;
}

export interface BrokerSideParts {
  tls: ServerTls;
  ca: Ca;
  crl: Crl;
  store: Store;
  admit: (certificate: X509Certificate) => Promise<string>;
  receive: (message: Incoming) => Promise<void>;
  left: (box: string) => void;
  events: EventLog;
  clock: Clock;
  log: Log;
  maxPacketBytes: number;
  /** Whether workers hear what boxes report: what is left is heard here. */
  besideWorkers?: boolean;
}

/** An acknowledgement that gets lost is asked for again by what it did not cover; it is not worth one of its own. */
export const qosOf = (topic: string): 0 | 1 => (parseTopic(topic)?.kind === 'ack' ? 0 : 1);

export function createOwnBroker({ store, maxPacketBytes, ...parts }: BrokerSideParts): BrokerSide {
  const { clock } = parts;
  const broker = createBroker({ ...parts, limits: { maxPacketBytes } });
  return {
    start: broker.start,
    stop: broker.stop,
    publish: (topic, payload, options) => broker.publish(topic, payload, { ...options, qos: qosOf(topic) }),
    intend: async () => {},
    async end(box) {
      broker.disconnect(box);
      await store.commit([{ type: 'put', sublevel: store.cuts, key: box, value: { at: clock.now(), state: 'cut' } }]);
    },
    secure: broker.secure,
    reachable: () => undefined,
    certificateEnd: () => undefined,
    handshakes: broker.handshakes,
  };
}

/** A certificate for one connection: that it is short-lived stands in for its revocation. */
const passSeconds = 3600;
const takeOverSeconds = 300;

export function createBrokerOutside(
  { url, protocolVersion, helper }: OutsideConfig,
  parts: BrokerSideParts,
): BrokerSide {
  const { ca, crl, store, receive, left, besideWorkers = false, events, clock, log } = parts;
  const credentials = async () => ({ ...(await ca.issuePass(serviceName, passSeconds)), ca: [...ca.trusted] });
  const broker = createOutsideBroker({
    ...{ url, protocolVersion, name: serviceName, persistent: true },
    filters: () => (besideWorkers ? upBesideWorkers : [everyUp]),
    // The session outlasts a start with other roles, and with it what it heard.
    former: besideWorkers ? [everyUp] : upBesideWorkers,
    ...{ credentials, receive, events, clock, log },
  });
  const authorities = () => ca.authorities.map(({ raw }) => certificateToPem(raw)).join('');
  const delivery =
    helper === undefined
      ? undefined
      : createDelivery({ url: helper, credentials, authorities, pass: ca.issuePass, crl, store, events, clock, log });

  async function evict(box: string): Promise<void> {
    const refused = await probe(url, await ca.issuePass(box, takeOverSeconds), [...ca.trusted], box);
    if (refused !== undefined) throw new Error(`its session cannot be taken over: ${refused}`);
    // What the broker retains of it would be told again at each start.
    for (const kind of ['status', 'reported'] as const)
      broker.publish(buildTopic({ box, direction: 'up', kind }), '', { retain: true, qos: 1 });
    left(box);
  }
  async function bar(): Promise<void> {
    if (!delivery) return noHelper();
    await crl.changed();
    await delivery.deliver();
  }
  const cuts = createCuts({ store, clock, events, bar, evict });

  return {
    async start() {
      broker.start();
      delivery?.start();
      await cuts.start();
      return 0;
    },
    async stop() {
      await cuts.stop();
      await delivery?.stop();
      await broker.stop();
    },
    publish: (topic, payload, options) => broker.publish(topic, payload, { ...options, qos: qosOf(topic) }),
    intend: cuts.intend,
    end: cuts.cut,
    secure: () => {}, // it asks for the newest with each session
    reachable: broker.reachable,
    certificateEnd: broker.certificateEnd,
    handshakes: () => undefined,
  };
}
