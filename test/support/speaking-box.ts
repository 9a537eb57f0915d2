/**
 * A box at the broker with little more than the contract: over mutual TLS it is born, sends what it has taken, keeps each
 * sample and each event until `down/ack` covers it, and begins again with what is not covered after each silence and
 * each connect.
 */
import { randomBytes } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import type { EventBatch } from '#contract/events.js';
import { Ack, type HealthBatch, type Range } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import type { Birth, Death, Reported } from '#contract/status.js';
import { buildTopic, subtree } from '#contract/topics.js';
import type { Identity } from './identities.js';

export interface SpeakingBox {
  readonly id: string;
  readonly epoch: string;
  /** Takes so many samples, and sends them with the next message. */
  take(count: number): void;
  /** The highest that was taken, and up to where all is acknowledged. */
  last(): number;
  covered(): number;
  /** Something befalls it. */
  happen(): void;
  events(): { last: number; covered: number };
  /** Resolves once everything up to it is acknowledged. */
  until(sequence: number): Promise<void>;
  /** Resolves once it has no session: at once, or when it notices. */
  lost(): Promise<void>;
  stop(): Promise<void>;
}

const window = 4;
const mostInBatch = 20;
const silenceMilliseconds = 2000;
const pauseMilliseconds = 200;

export function createSpeakingBox({ id, key, cert, ca }: Identity, url: string): SpeakingBox {
  const epoch = randomBytes(8).toString('hex');
  const began = Date.now() - 3_600_000;
  const topics = {
    status: buildTopic({ box: id, direction: 'up', kind: 'status' }),
    health: buildTopic({ box: id, direction: 'up', kind: 'health' }),
    reported: buildTopic({ box: id, direction: 'up', kind: 'reported' }),
    event: buildTopic({ box: id, direction: 'up', kind: 'event' }),
  };
  const waiting = new Set<{ sequence: number; resolve: () => void }>();
  const events = { last: 0, covered: 0, sent: 0 };
  let last = 0;
  let covered = 0;
  let sent = 0;
  let again: Range[] = [];
  let client: MqttClient | undefined;
  let inFlight = 0;
  let silence: NodeJS.Timeout | undefined;
  let pause: NodeJS.Timeout | undefined;
  let stopped = false;
  const losses = new Set<() => void>();

  const next = (): Range | undefined => {
    for (let range = again.shift(); range; range = again.shift()) {
      const from = Math.max(range[0], covered + 1);
      if (from > range[1]) continue;
      const to = Math.min(range[1], from + mostInBatch - 1);
      if (to < range[1]) again.unshift([to + 1, range[1]]);
      return [from, to];
    }
    if (sent >= last) return undefined;
    const range: Range = [sent + 1, Math.min(last, sent + mostInBatch)];
    sent = range[1];
    return range;
  };

  function pump(): void {
    const mine = client;
    while (mine?.connected && inFlight < window) {
      const range = next();
      if (!range) return;
      const [from, to] = range;
      const samples = Array.from({ length: to - from + 1 }, (_, place) => {
        const seq = from + place;
        return { seq, at: began + seq * 1000, values: { 'system.memory.usage': seq } };
      });
      inFlight += 1;
      mine.publish(topics.health, JSON.stringify({ epoch, samples } satisfies HealthBatch), { qos: 1 }, () => {
        if (mine !== client) return;
        inFlight -= 1;
        pump();
      });
    }
  }

  /** One batch on its way at a time. */
  function tell(): void {
    if (!client?.connected || events.sent > events.covered || events.covered >= events.last) return;
    const to = Math.min(events.last, events.covered + mostInBatch);
    const batch: EventBatch['events'] = Array.from({ length: to - events.covered }, (_, place) => {
      const seq = events.covered + 1 + place;
      return { seq, at: began + seq, type: 'agent-started', severity: 'info', facts: {} };
    });
    events.sent = to;
    client.publish(topics.event, JSON.stringify({ epoch, events: batch } satisfies EventBatch), { qos: 1 });
  }

  /** A whole while without news: what the broker took was for somebody who is no more. */
  function listen(): void {
    clearTimeout(silence);
    if (stopped) return;
    silence = setTimeout(() => {
      again = [];
      sent = covered;
      events.sent = events.covered;
      pump();
      tell();
      listen();
    }, silenceMilliseconds);
  }

  function heard({ epoch: itsEpoch, contiguous, missing, events: told }: Ack): void {
    if (itsEpoch !== epoch) return;
    if (told !== undefined) {
      events.covered = Math.max(events.covered, told);
      events.sent = events.covered;
      tell();
    }
    if (contiguous > covered) listen();
    covered = Math.max(covered, contiguous);
    sent = Math.max(sent, covered);
    for (const [from, to] of missing) if (from <= sent) again.push([from, Math.min(to, sent)]);
    again = again.slice(0, 100);
    for (const one of waiting)
      if (one.sequence <= covered) {
        waiting.delete(one);
        one.resolve();
      }
    pump();
  }

  function connect(): void {
    const session = randomBytes(8).toString('hex');
    const death: Death = { kind: 'death', session, reason: 'lost' };
    const mine = mqtt.connect(url, {
      ...{ key, cert, ca, clientId: id, username: id, protocolVersion: 4, reconnectPeriod: 0, clean: true },
      ...{ keepalive: 5, connectTimeout: 3000, queueQoSZero: false, writeCache: false },
      will: { topic: topics.status, payload: Buffer.from(JSON.stringify(death)), qos: 1, retain: true },
    });
    client = mine;
    inFlight = 0;
    mine.on('error', () => {});
    mine.on('message', (_topic, payload) => {
      const ack = parseJson(Ack, payload);
      if (ack.ok) heard(ack.value);
    });
    mine.on('connect', () => {
      const at = Date.now();
      const birth: Birth = { kind: 'birth', session, epoch, lastSequence: last, at, agent: '0.1.0', api: '1.0' };
      const reported: Reported = { at, agent: '0.1.0', apps: [] };
      mine.subscribe(`${subtree(id, 'down')}/#`, { qos: 1 }, () => {
        mine.publish(topics.status, JSON.stringify(birth), { qos: 1, retain: true });
        mine.publish(topics.reported, JSON.stringify(reported), { qos: 1, retain: true });
        again = [];
        sent = covered;
        events.sent = events.covered;
        listen();
        pump();
        tell();
      });
    });
    mine.once('close', () => {
      mine.end(true);
      for (const resolve of losses) resolve();
      losses.clear();
      if (mine !== client || stopped) return;
      client = undefined;
      pause = setTimeout(connect, pauseMilliseconds * (0.5 + Math.random()));
    });
  }
  connect();

  return {
    ...{ id, epoch },
    take(count) {
      last += count;
      pump();
    },
    happen() {
      events.last += 1;
      tell();
    },
    events: () => events,
    last: () => last,
    covered: () => covered,
    until: (sequence) =>
      new Promise((resolve) => {
        if (covered >= sequence) resolve();
        else waiting.add({ sequence, resolve });
      }),
    lost: () =>
      new Promise((resolve) => {
        if (client?.connected) losses.add(resolve);
        else resolve();
      }),
    async stop() {
      stopped = true;
      clearTimeout(silence);
      clearTimeout(pause);
      await client?.endAsync(true).catch(() => {});
    },
  };
}
