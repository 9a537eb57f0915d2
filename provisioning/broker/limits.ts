/** What the broker takes from one box. Generous beside what a box needs, small beside what a server has. */
export interface Limits {
  /** Of a whole packet, its header included. A declared length above it is refused before the bytes come. */
  maxPacketBytes: number;
  /** From the end of the TLS handshake to a whole CONNECT. */
  firstPacketSeconds: number;
  /** From the first byte of a packet to its last. */
  unfinishedSeconds: number;
  /** Twice as much may come at once. What comes faster is read more slowly, not refused. */
  packetsPerSecond: number;
  bytesPerSecond: number;
  /** Written for the box and not taken by it. */
  unsentBytes: number;
  /** Subscriptions of one session. */
  filters: number;
  connections: number;
  /** Sessions that one box may begin at once, and how many more each minute. */
  sessionBurst: number;
  sessionsPerMinute: number;
  /** Handshakes with a source that wastes them, while others have all the rest. */
  slowedHandshakesPerSecond: number;
}

export const defaultLimits: Limits = {
  maxPacketBytes: 256 * 1024,
  firstPacketSeconds: 10,
  unfinishedSeconds: 20,
  packetsPerSecond: 2000,
  bytesPerSecond: 4 * 1024 * 1024,
  unsentBytes: 1024 * 1024,
  filters: 20,
  connections: 20_000,
  sessionBurst: 60,
  sessionsPerMinute: 10,
  slowedHandshakesPerSecond: 100,
};
