/**
 * Follows the frames of an MQTT 3.1.1 byte stream (section 2.2) without keeping a byte of it: where packets begin and
 * end, how long they say they are. What it lets pass, the parser behind it never has to hold more of than one packet.
 */
import type { ProblemCode } from '#contract/problems.js';

export interface Fault {
  code: ProblemCode;
  detail: string;
}

export interface Framing {
  /** Takes the next bytes in any split. Answers why the stream must end, or undefined. Never throws. */
  feed(chunk: Uint8Array): Fault | undefined;
  /** Whole packets so far. */
  readonly packets: number;
  /** Whether a packet has begun and not ended. */
  readonly unfinished: boolean;
}

const CONNECT = 1;
const PUBLISH = 3;
/** What a client may send, with the flags that section 2.2.2 demands. QoS 2 is not offered, so its packets are absent. */
const flagsOf = new Map([
  [CONNECT, 0],
  [4, 0], // PUBACK
  [8, 2], // SUBSCRIBE
  [10, 2], // UNSUBSCRIBE
  [12, 0], // PINGREQ
  [14, 0], // DISCONNECT
]);

function faultOfHeader(byte: number, first: boolean): Fault | undefined {
  const type = byte >> 4;
  const flags = byte & 15;
  if (first !== (type === CONNECT))
    return { code: 'packet-malformed', detail: first ? 'the first packet is not CONNECT' : 'a second CONNECT' };
  if (type === PUBLISH)
    return (flags & 6) === 6 ? { code: 'packet-malformed', detail: 'PUBLISH with both QoS bits' } : undefined;
  if (type >= 5 && type <= 7) return { code: 'qos-refused', detail: `packet of type ${type}, which only QoS 2 has` };
  const wanted = flagsOf.get(type);
  if (wanted === undefined) return { code: 'packet-malformed', detail: `packet of type ${type}` };
  if (flags !== wanted) return { code: 'packet-malformed', detail: `flags ${flags} in a packet of type ${type}` };
  return undefined;
}

export function createFraming({ maxPacketBytes }: { maxPacketBytes: number }): Framing {
  let packets = 0;
  let place: 'header' | 'length' | 'body' = 'header';
  let lengthBytes = 0;
  /** The declared length while it is read, then what is still to come of it. */
  let left = 0;
  let ended: Fault | undefined;

  function lengthByte(byte: number): Fault | undefined {
    left += (byte & 127) * 128 ** lengthBytes;
    lengthBytes += 1;
    if (byte & 128)
      return lengthBytes === 4 ? { code: 'packet-malformed', detail: 'the length has more than 4 bytes' } : undefined;
    const size = 1 + lengthBytes + left;
    if (size > maxPacketBytes)
      return { code: 'packet-too-large', detail: `${size} bytes, of which ${maxPacketBytes} are taken` };
    place = 'body';
    return undefined;
  }

  function feed(chunk: Uint8Array): Fault | undefined {
    let at = 0;
    while (at < chunk.length || (place === 'body' && left === 0)) {
      if (place === 'body') {
        const taken = Math.min(left, chunk.length - at);
        at += taken;
        left -= taken;
        if (left > 0) return undefined;
        packets += 1;
        place = 'header';
        continue;
      }
      const byte = chunk[at++]!;
      if (place === 'length') {
        const fault = lengthByte(byte);
        if (fault) return fault;
        continue;
      }
      const fault = faultOfHeader(byte, packets === 0);
      if (fault) return fault;
      place = 'length';
      lengthBytes = 0;
      left = 0;
    }
    return undefined;
  }

  return {
    feed(chunk) {
      ended ??= feed(chunk);
      return ended;
    },
    get packets() {
      return packets;
    },
    get unfinished() {
      return place !== 'header';
    },
  };
}
