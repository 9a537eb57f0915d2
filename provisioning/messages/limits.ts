/** How much a provider keeps of messages, encrypted as they are. */
export interface MailLimits {
  /** Of one box, until its members have fetched it. */
  bytesOfBox: number;
  /** For one box, until it has it. */
  bytesForBox: number;
  countForBox: number;
  /** Of and for one member, all boxes together. */
  bytesOfMember: number;
  /** Whatever life a message has. */
  keptMilliseconds: number;
  /** Calls of one member that wait at once. */
  waitsOfMember: number;
}

const mebibyte = 1024 * 1024;
export const mailLimits: MailLimits = {
  bytesOfBox: 16 * mebibyte,
  bytesForBox: 8 * mebibyte,
  countForBox: 500,
  bytesOfMember: 512 * mebibyte,
  keptMilliseconds: 30 * 86_400_000,
  waitsOfMember: 16,
};
