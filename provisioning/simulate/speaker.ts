/**
 * A lean speaker of MQTT 3.1.1 over mutual TLS, for thousands in one process: the packets are read and written by
 * mqtt-packet, which mqtt.js and aedes stand on too; there is no queue, no store and no timer in it. Its owner counts.
 */
import { isIP } from 'node:net';
import { connect, type SecureContext } from 'node:tls';
import packets from 'mqtt-packet';

export interface Speaker {
  /** At QoS 1. Answers the number that the broker's PUBACK will carry. */
  publish(topic: string, payload: string | Buffer, retain?: boolean): number;
  ping(): void;
  /** Says goodbye; `closed` is told when it is over. */
  leave(): void;
  /** At once, without a goodbye: the broker tells the will. */
  cut(): void;
  /** The power fails: nothing is said or heard any more, and the broker cannot know. Answers the way to let go of it. */
  abandon(): () => void;
}

export interface Listener {
  /** The broker has let it in, and its subscription stands. */
  ready(speaker: Speaker): void;
  message(topic: string, payload: Buffer): void;
  puback(number: number): void;
  closed(why: string): void;
}

export interface Call {
  host: string;
  port: number;
  context: SecureContext;
  /** Client id and user name. */
  id: string;
  keepaliveSeconds: number;
  will: { topic: string; payload: string };
  filter: string;
  /** Sends by drips of so many bytes, ten a second. */
  dripBytes?: number | undefined;
  timeoutMilliseconds: number;
}

const mostNumbers = 0xffff;
const dripMilliseconds = 100;

export function speak(call: Call, listener: Listener): { cut(): void } {
  const { host, port, context, id, will } = call;
  const socket = connect({ host, port, secureContext: context, ...(isIP(host) ? {} : { servername: host }) });
  const parser = packets.parser({ protocolVersion: 4 });
  let number = 0;
  let why = 'the connection was closed';
  let isDripping = false;
  let waiting: Buffer[] = [];
  const late = setTimeout(() => {
    why = 'no answer in time';
    socket.destroy();
  }, call.timeoutMilliseconds);

  /** The first bytes of what waits, and so on until nothing does. */
  function drip(bytes: number): void {
    const all = Buffer.concat(waiting);
    if (!socket.writable || all.length === 0) {
      isDripping = false;
      return;
    }
    isDripping = true;
    socket.write(all.subarray(0, bytes));
    waiting = [all.subarray(bytes)];
    setTimeout(() => drip(bytes), dripMilliseconds);
  }

  function write(packet: packets.Packet): void {
    if (!socket.writable) return;
    const bytes = packets.generate(packet);
    if (call.dripBytes === undefined) return void socket.write(bytes);
    waiting.push(bytes);
    if (!isDripping) drip(call.dripBytes);
  }

  const speaker: Speaker = {
    publish(topic, payload, retain = false) {
      number = (number % mostNumbers) + 1;
      write({ cmd: 'publish', topic, payload, qos: 1, messageId: number, retain, dup: false });
      return number;
    },
    ping: () => write({ cmd: 'pingreq' }),
    leave() {
      write({ cmd: 'disconnect' });
      socket.end();
    },
    cut: () => void socket.destroy(),
    abandon() {
      socket.removeAllListeners('data').pause();
      return () => void socket.destroy();
    },
  };

  parser.on('packet', (packet: packets.Packet) => {
    switch (packet.cmd) {
      case 'connack': {
        if (packet.returnCode === 0)
          return write({ cmd: 'subscribe', messageId: mostNumbers, subscriptions: [{ topic: call.filter, qos: 1 }] });
        why = `the broker refuses the connection with code ${packet.returnCode}`;
        return void socket.destroy();
      }
      case 'suback':
        clearTimeout(late);
        return listener.ready(speaker);
      case 'publish': {
        if (packet.qos === 1) write({ cmd: 'puback', messageId: packet.messageId ?? 0 });
        const { payload } = packet;
        return listener.message(packet.topic, typeof payload === 'string' ? Buffer.from(payload) : payload);
      }
      case 'puback':
        return listener.puback(packet.messageId ?? 0);
    }
  });
  const fail = (error: Error) => {
    why = error.message;
    socket.destroy();
  };
  parser.on('error', fail);
  socket.setNoDelay(true);
  socket.on('error', fail);
  socket.once('close', () => {
    clearTimeout(late);
    listener.closed(why);
  });
  socket.on('data', (chunk) => {
    socket.cork();
    parser.parse(chunk);
    socket.uncork();
  });
  socket.once('secureConnect', () => {
    const { keepaliveSeconds: keepalive } = call;
    const wish = {
      clientId: id,
      username: id,
      clean: true,
      keepalive,
      protocolId: 'MQTT',
      protocolVersion: 4,
    } as const;
    write({
      cmd: 'connect',
      ...wish,
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    });
  });
  return { cut: () => void socket.destroy() };
}
