/** The provider's half of the link on real parts: store, event log, ingest and broker, with boxes that are mqtt.js clients. */
import type { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { systemClock } from '#common/clock.js';
import { Ack } from '#contract/health.js';
import type { FleetEvent } from '#contract/operator.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { buildTopic, subtree, type UpKind } from '#contract/topics.js';
import { type Broker, createBroker } from '../../provisioning/broker/broker.js';
import type { Limits } from '../../provisioning/broker/limits.js';
import { createEventLog, type EventLog } from '../../provisioning/fleet/events.js';
import { createIngest, type Ingest } from '../../provisioning/fleet/ingest.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { createTestCa, type KeyAndCertificate, type TestCa } from './certificates.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

export const quietLog = { debug() {}, info() {}, warn() {}, error() {} };
export const epoch = 'e0e0e0e0e0e0e0e0';
export const epoch2 = 'e1e1e1e1e1e1e1e1';

/** Rejects rather than hangs: the only timer here, and no test passes by it. */
export async function within<T>(promise: Promise<T>, what: string, milliseconds = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), milliseconds);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const up = (box: string, kind: UpKind) => buildTopic({ box, direction: 'up', kind });
export const samples = (from: number, to: number, at = 1_700_000_000_000) =>
  Array.from({ length: to - from + 1 }, (_, index) => ({
    seq: from + index,
    at: at + (from + index) * 60_000,
    values: { 'system.memory.usage': from + index },
  }));
export const health = (from: number, to: number, itsEpoch = epoch) =>
  JSON.stringify({ epoch: itsEpoch, samples: samples(from, to) });
/** Events of these sequences. */
export const told = (from: number, to: number, itsEpoch = epoch) =>
  JSON.stringify({
    epoch: itsEpoch,
    events: samples(from, to).map(({ seq, at }) => ({
      ...{ seq, at, type: 'boot', severity: 'info', facts: { reason: 'ordered' } },
    })),
  });
export const birth = (session: string, lastSequence = 0, itsEpoch = epoch) =>
  JSON.stringify({ kind: 'birth', session, epoch: itsEpoch, lastSequence, at: 1, agent: '0.1.0', api: '1.0' });
export const death = (session: string, reason: 'stopped' | 'lost' = 'lost') =>
  JSON.stringify({ kind: 'death', session, reason });

export interface TestBox {
  id: string;
  credentials: KeyAndCertificate;
}

export interface ConnectedBox {
  client: MqttClient;
  acks: Ack[];
  /** The first ack, past or to come, for which this holds. */
  acked(holds: (ack: Ack) => boolean): Promise<Ack>;
  closed: Promise<void>;
}

export interface TestTerritory {
  store: Store;
  events: EventLog;
  broker: Broker;
  ingest: Ingest;
  clock: ManualClock;
  told: FleetEvent[];
  port: number;
  revoked: Set<string>;
  box(id: string): Promise<TestBox>;
  connect(box: TestBox, options?: IClientOptions): Promise<ConnectedBox>;
  /** TLS and nothing else. */
  raw(credentials?: Partial<KeyAndCertificate>): Promise<TLSSocket>;
  happened(holds: (event: FleetEvent) => boolean, what: string): Promise<FleetEvent>;
  refused(code: string, box?: string): Promise<FleetEvent>;
  close(): Promise<void>;
}

export async function openTerritory(
  parts: { limits?: Partial<Limits>; authority?: TestCa } = {},
): Promise<TestTerritory> {
  const authority = parts.authority ?? (await createTestCa());
  const directory = await mkdtemp(path.join(tmpdir(), 'webizen-territory-'));
  const store = await openStore(directory);
  const clock = createManualClock();
  const events = createEventLog({ store, clock });
  const revoked = new Set<string>();
  const told: FleetEvent[] = [];
  const listeners = new Set<() => void>();
  events.subscribe((event) => {
    told.push(event);
    for (const listener of listeners) listener();
  });
  // The store's retries run by the real clock: nothing in the tests waits for them to be quick.
  const ingest = createIngest({
    fleet: createLevelFleet({ store, clock }),
    events,
    clock: { now: clock.now, sleep: (_, signal) => systemClock.sleep(20, signal) },
    publish: (topic, payload) => broker.publish(topic, payload),
    log: quietLog,
  });
  const broker = createBroker({
    tls: { ...(await authority.server()), ca: authority.ca },
    async admit(certificate: X509Certificate) {
      const id = certificate.subject.replace('CN=', '');
      if (revoked.has(id)) throw new Refusal('box-revoked', id);
      return id;
    },
    receive: (message) => ingest.receive(message),
    left: (box) => ingest.left(box),
    events,
    clock,
    log: quietLog,
    ...(parts.limits && { limits: parts.limits }),
  });
  const port = await broker.start('127.0.0.1', 0);
  const clients = new Set<MqttClient>();
  const sockets = new Set<TLSSocket>();

  async function happened(holds: (event: FleetEvent) => boolean, what: string): Promise<FleetEvent> {
    const already = told.find(holds);
    if (already) return already;
    return await within(
      new Promise<FleetEvent>((resolve) => {
        const look = () => {
          const found = told.find(holds);
          if (!found) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
      }),
      what,
    );
  }

  return {
    store,
    events,
    broker,
    ingest,
    clock,
    told,
    port,
    revoked,
    box: async (id) => ({ id, credentials: await authority.client(id) }),
    async connect({ id, credentials }, options = {}) {
      const client = mqtt.connect({
        ...{ protocol: 'mqtts', host: '127.0.0.1', port, ca: authority.ca, ...credentials },
        ...{ clientId: id, username: id, protocolVersion: 4, reconnectPeriod: 0, ...options },
      });
      clients.add(client);
      const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
      await within(
        new Promise<void>((resolve, reject) => {
          client.once('connect', () => resolve());
          client.once('error', reject);
          client.once('close', () => reject(new Error('closed before CONNACK')));
        }),
        'CONNACK',
      );
      client.on('error', () => {});
      const acks: Ack[] = [];
      const waiting = new Set<() => void>();
      client.on('message', (topic, payload) => {
        if (!topic.endsWith('/ack')) return;
        const parsed = parseJson(Ack, payload);
        if (!parsed.ok) throw new Error('an ack that is none');
        acks.push(parsed.value);
        for (const look of waiting) look();
      });
      if (options.clientId === undefined) await client.subscribeAsync(`${subtree(id, 'down')}/#`, { qos: 1 });
      return {
        client,
        acks,
        closed,
        acked: (holds) =>
          within(
            new Promise<Ack>((resolve) => {
              const look = () => {
                const found = acks.find(holds);
                if (found) resolve(found);
              };
              waiting.add(look);
              look();
            }),
            'an ack',
          ),
      };
    },
    async raw(credentials = {}) {
      const socket = connectTls({ host: '127.0.0.1', port, ca: authority.ca, ...credentials });
      sockets.add(socket);
      socket.on('error', () => {});
      await within(new Promise((resolve) => socket.once('secureConnect', resolve)), 'TLS');
      return socket;
    },
    happened,
    refused: (code, box) =>
      happened(
        (event) => event.type === 'refused' && event.code === code && (box === undefined || event.box === box),
        `the refusal ${code}`,
      ),
    async close() {
      await Promise.all([...clients].map((client) => client.endAsync(true)));
      for (const socket of sockets) socket.destroy();
      await broker.stop();
      await ingest.stop();
      await events.stop();
      await store.close();
      if (!parts.authority) await authority.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
