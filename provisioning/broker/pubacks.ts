/**
 * Acknowledges many messages of one session at once. mqtt.js hands out the next message when it has acknowledged the one
 * before: at one commit a message that would be a few hundred a second.
 *
 * Here a QoS 1 message is taken out of its hands as it arrives, and acknowledged when it is stored, in the order of
 * arrival [MQTT-4.6.0-2]. The broker sends only so many ahead as it is told (receive maximum, `max_inflight_messages`).
 */
import type { IPublishPacket, MqttClient } from 'mqtt';

export interface Pubacks {
  /** `next` lets the client go on; at once where the broker waits for an acknowledgement anyway. */
  when(packet: IPublishPacket, taken: Promise<void>, next: () => void, fail: (error: unknown) => void): void;
}

export function createPubacks(client: MqttClient): Pubacks {
  const waiting: { id: number; done: boolean }[] = [];

  client.on('packetreceive', (packet) => {
    // As QoS 0 mqtt.js acknowledges nothing; `messageId` still says that somebody must.
    if (packet.cmd === 'publish' && packet.qos === 1) packet.qos = 0;
  });

  function flush(): void {
    const ids: number[] = [];
    while (waiting[0]?.done) ids.push(waiting.shift()!.id);
    // PUBACK: 4 bytes, with MQTT 5 too when it means success (section 3.4.2.1).
    if (ids.length > 0 && client.stream.writable)
      client.stream.write(Buffer.from(ids.flatMap((id) => [0x40, 2, id >> 8, id & 0xff])));
  }

  return {
    when({ messageId }, taken, next, fail) {
      if (messageId === undefined) {
        taken.then(next, fail);
        return;
      }
      const mine = { id: messageId, done: false };
      waiting.push(mine);
      taken.then(() => {
        mine.done = true;
        flush();
      }, fail);
      next();
    },
  };
}
