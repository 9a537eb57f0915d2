/**
 * Follows the frames of an MQTT 3.1.1 byte stream (section 2.2): where packets begin and end, how long they say they are.
 * A PUBLISH it hands out whole; of all else it keeps no byte, and the parser behind it never has to hold more of than one
 * packet.
 */
import type { ProblemCode } from '#contract/problems.js';

export interface Fault {
  code: ProblemCode;
  detail: string;
}

/** Its bytes are those that came. */
export interface Publish {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** 0 with QoS 0. */
  messageId: number;
}

/** Told what has come, in its order. */
export interface Sink {
  publish(packet: Publish): void;
  /** The next bytes of any other packet. */
  other(bytes: Buffer): void;
}

export interface Framing {
  /** Takes the next bytes in any split. Answers why the stream must end, or undefined. Never throws. */
  feed(chunk: Buffer): Fault | undefined;
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

const malformed = (detail: string): Fault => ({ code: 'packet-malformed', detail });

function faultOfHeader(byte: number, first: boolean): Fault | undefined {
  const type = byte >> 4;
  const flags = byte & 15;
  if (first !== (type === CONNECT)) return malformed(first ? 'the first packet is not CONNECT' : 'a second CONNECT');
  if (type === PUBLISH) return (flags & 6) === 6 ? malformed('PUBLISH with both QoS bits') : undefined;
  if (type >= 5 && type <= 7) return { code: 'qos-refused', detail: `packet of type ${type}, which only QoS 2 has` };
  const wanted = flagsOf.get(type);
  if (wanted === undefined) return malformed(`packet of type ${type}`);
  if (flags !== wanted) return malformed(`flags ${flags} in a packet of type ${type}`);
  return undefined;
}

/** Of the bytes behind the fixed header (section 3.3). */
function publishOf(header: number, body: Buffer): Publish | Fault {
  const qos = ((header >> 1) & 3) as Publish['qos'];
  const topicEnd = body.length < 2 ? 2 : 2 + body.readUInt16BE(0);
  const begin = qos === 0 ? topicEnd : topicEnd + 2;
  if (begin > body.length) return malformed('a PUBLISH without its topic or id');
  const messageId = qos === 0 ? 0 : body.readUInt16BE(topicEnd);
  if (qos > 0 && messageId === 0) return malformed('a PUBLISH with id 0'); // [MQTT-2.3.1-1]
  return {
    topic: body.toString('utf8', 2, topicEnd),
    payload: body.subarray(begin),
    qos,
    retain: (header & 1) === 1,
    messageId,
  };
}

const firstBytes = 4096;

/** Puts together what comes in pieces. It grows with what has come, never with what was only declared. */
function createPieces() {
  let held = Buffer.alloc(0);
  let length = 0;
  return {
    add(piece: Buffer, most: number): void {
      const needed = length + piece.length;
      if (needed > held.length) {
        const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(firstBytes, needed, held.length * 2)));
        held.copy(larger, 0, 0, length);
        held = larger;
      }
      piece.copy(held, length);
      length = needed;
    },
    take(): Buffer {
      const whole = held.subarray(0, length);
      held = Buffer.alloc(0);
      length = 0;
      return whole;
    },
  };
}

export function createFraming({ maxPacketBytes }: { maxPacketBytes: number }, sink: Sink): Framing {
  let packets = 0;
  let place: 'header' | 'length' | 'body' = 'header';
  let header = 0;
  let lengthBytes = 0;
  /** The declared length while it is read, then what is still to come of it. */
  let left = 0;
  /** What was declared of the packet that is read. */
  let declared = 0;
  let pieces: ReturnType<typeof createPieces> | undefined;
  let ended: Fault | undefined;

  function lengthByte(byte: number): Fault | undefined {
    left += (byte & 127) * 128 ** lengthBytes;
    lengthBytes += 1;
    if (byte & 128) return lengthBytes === 4 ? malformed('the length has more than 4 bytes') : undefined;
    const size = 1 + lengthBytes + left;
    if (size > maxPacketBytes)
      return { code: 'packet-too-large', detail: `${size} bytes, of which ${maxPacketBytes} are taken` };
    declared = left;
    place = 'body';
    return undefined;
  }

  const isPublish = () => header >> 4 === PUBLISH;

  /** The next bytes of a PUBLISH's body, and the packet when these are its last. */
  function publishBytes(bytes: Buffer): Fault | undefined {
    if (left > 0) pieces ??= createPieces();
    pieces?.add(bytes, declared);
    if (left > 0) return undefined;
    const packet = publishOf(header, pieces ? pieces.take() : bytes);
    pieces = undefined;
    if ('code' in packet) return packet;
    sink.publish(packet);
    return undefined;
  }

  function feed(chunk: Buffer): Fault | undefined {
    let at = 0;
    /** Where the bytes begin that are not a PUBLISH's and not handed out yet. */
    let from = 0;
    while (at < chunk.length || (place === 'body' && left === 0)) {
      if (place === 'body') {
        const taken = Math.min(left, chunk.length - at);
        left -= taken;
        if (isPublish()) {
          const fault = publishBytes(chunk.subarray(at, at + taken));
          if (fault) return fault;
          from = at + taken;
        }
        at += taken;
        if (left > 0) break;
        packets += 1;
        place = 'header';
        continue;
      }
      const byte = chunk[at]!;
      if (place === 'header') {
        const fault = faultOfHeader(byte, packets === 0);
        if (fault) return fault;
        header = byte;
        if (isPublish() && at > from) sink.other(chunk.subarray(from, at));
        place = 'length';
        lengthBytes = 0;
        left = 0;
      } else {
        const fault = lengthByte(byte);
        if (fault) return fault;
      }
      at += 1;
      if (isPublish()) from = at;
    }
    if (from < chunk.length) sink.other(chunk.subarray(from));
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
