/** A box that publishes as fast as its broker lets it, over mutual TLS at QoS 1, with packets encoded beforehand. */
import { connect } from 'node:tls';
import { parser as createParser, generate, type Packet } from 'mqtt-packet';
import { Ack } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import { buildTopic, subtree } from '#contract/topics.js';
import type { EnrolledBox } from './territory.js';

export interface Publisher {
  /** Resolves when each has its PUBACK. */
  publish(packets: readonly Buffer[]): Promise<void>;
  /** Resolves when the provider's own acknowledgement covers this sequence. */
  covered(sequence: number): Promise<void>;
  close(): void;
}

/** Unanswered at once; message ids are given in turns. */
export const inFlight = 20;

export function encodePublish(box: string, payload: string | Buffer, index: number): Buffer {
  const topic = buildTopic({ box, direction: 'up', kind: 'health' });
  const messageId = 1 + (index % 60_000);
  return generate({ cmd: 'publish', topic, payload, qos: 1, messageId, retain: false, dup: false });
}

export async function openPublisher(port: number, box: EnrolledBox): Promise<Publisher> {
  const socket = connect({ host: '127.0.0.1', port, secureContext: box.context });
  const parser = createParser({ protocolVersion: 4 });
  let queue: readonly Buffer[] = [];
  let next = 0;
  let unanswered = 0;
  let contiguous = 0;
  const waiting = new Set<() => void>();
  const failed = new Promise<never>((_, reject) => {
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the broker closed a connection')));
  });
  failed.catch(() => {});

  const holds = (condition: () => boolean) =>
    Promise.race([
      failed,
      new Promise<void>((resolve) => {
        const look = () => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    ]);
  const told = () => {
    for (const look of waiting) look();
  };
  const seen = new Set<string>();

  function fill(): void {
    while (unanswered < inFlight && next < queue.length) {
      socket.write(queue[next++]!);
      unanswered += 1;
    }
  }

  parser.on('packet', (packet: Packet) => {
    if (packet.cmd === 'puback') {
      unanswered -= 1;
      if (unanswered === 0) told();
      return;
    }
    if (packet.cmd === 'publish') {
      if (packet.qos === 1) socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
      const ack = packet.topic.endsWith('/ack') ? parseJson(Ack, packet.payload) : undefined;
      if (ack?.ok) contiguous = ack.value.contiguous;
    }
    seen.add(packet.cmd);
    told();
  });
  socket.on('data', (chunk) => {
    socket.cork();
    parser.parse(chunk);
    fill();
    socket.uncork();
  });

  const id = { clientId: box.id, username: box.id };
  socket.write(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0, ...id }));
  await holds(() => seen.has('connack'));
  const topic = `${subtree(box.id, 'down')}/#`;
  socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] }));
  await holds(() => seen.has('suback'));

  return {
    publish(packets) {
      queue = packets;
      next = 0;
      fill();
      return holds(() => next === queue.length && unanswered === 0);
    },
    covered: (sequence) => holds(() => contiguous >= sequence),
    close: () => socket.destroy(),
  };
}
