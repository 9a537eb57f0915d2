/** How much of messages a box keeps: of one app, and of all together; in each direction. */
export interface MessageLimits {
  bytesOfApp: number;
  bytes: number;
  countOfApp: number;
  /** Idempotency keys that are remembered. */
  oncesOfApp: number;
  /** Ids of received messages that are remembered. */
  seenOfApp: number;
  /** Calls of one app that wait at once. */
  waitsOfApp: number;
}

const mebibyte = 1024 * 1024;
export const messageLimits: MessageLimits = {
  bytesOfApp: 4 * mebibyte,
  bytes: 16 * mebibyte,
  countOfApp: 1000,
  oncesOfApp: 1000,
  seenOfApp: 10_000,
  waitsOfApp: 4,
};
