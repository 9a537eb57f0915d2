/**
 * Numbers as bits, most significant first: what `health-codec.ts` is made of. A reader never throws and never reads
 * beyond its bytes: what is missing reads as zeros, and `failed` says so.
 */

/** Longest run of ones before a number is written out whole. */
const longestRun = 16;
/** Whole in the engine's 32-bit integers, which are many times faster than its other numbers. */
const chunkBits = 24;
const chunk = 2 ** chunkBits;

export interface BitWriter {
  /** `value` is a whole number from 0 to 2^bits - 1; at most 53 bits. */
  bits(value: number, count: number): void;
  /** A whole number from 0 to 2^53 - 1: six bits of its length, then itself. */
  number(value: number): void;
  /** As Golomb and Rice have it: quotient by 2^k in ones, remainder in k bits; a large quotient is written out. */
  rice(value: number, k: number): void;
  bytes(): Buffer;
}

const powers = Array.from({ length: 54 }, (_, exponent) => 2 ** exponent);
const powerOf = (exponent: number): number => powers[exponent]!;

export const bitLength = (value: number): number => {
  let length = 0;
  let rest = value;
  for (; rest >= chunk; rest = Math.floor(rest / chunk)) length += chunkBits;
  return length + 32 - Math.clz32(rest);
};

/** How many bits `rice` takes. */
export function riceCost(value: number, k: number): number {
  const quotient = Math.floor(value / powerOf(k));
  return quotient < longestRun ? quotient + 1 + k : longestRun + 6 + bitLength(value);
}

export function createBitWriter(): BitWriter {
  let buffer = Buffer.alloc(256);
  let at = 0;

  function few(value: number, count: number): void {
    if (at + count > buffer.length * 8) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)]);
    for (let left = count; left > 0; ) {
      const room = 8 - (at & 7);
      const taken = Math.min(room, left);
      const part = (value >>> (left - taken)) & ((1 << taken) - 1);
      buffer[at >> 3]! |= part << (room - taken);
      at += taken;
      left -= taken;
    }
  }

  function bits(value: number, count: number): void {
    if (count > chunkBits) bits(Math.floor(value / chunk), count - chunkBits);
    few(value % chunk, Math.min(count, chunkBits));
  }

  function number(value: number): void {
    const length = bitLength(value);
    bits(length, 6);
    bits(value, length);
  }

  return {
    bits,
    number,
    rice(value, k) {
      const quotient = Math.floor(value / powerOf(k));
      if (quotient >= longestRun) {
        few((1 << longestRun) - 1, longestRun);
        number(value);
      } else {
        few((2 << quotient) - 2, quotient + 1);
        bits(value % powerOf(k), k);
      }
    },
    bytes: () => buffer.subarray(0, Math.ceil(at / 8)),
  };
}

export interface BitReader {
  bits(count: number): number;
  number(): number;
  rice(k: number): number;
  /** Something was read that is not there, or was no number. */
  failed(): boolean;
  /** Nothing is left but less than a byte of zeros. */
  atEnd(): boolean;
}

export function createBitReader(bytes: Uint8Array): BitReader {
  const end = bytes.length * 8;
  let at = 0;
  let failed = false;

  function bits(count: number): number {
    if (at + count > end) {
      failed = true;
      at = end;
      return 0;
    }
    if (count > chunkBits) {
      const high = bits(count - chunkBits);
      return high * chunk + bits(chunkBits);
    }
    let value = 0;
    for (let left = count; left > 0; ) {
      const room = 8 - (at & 7);
      const taken = Math.min(room, left);
      const part = (bytes[at >> 3]! >> (room - taken)) & ((1 << taken) - 1);
      value = (value << taken) | part;
      at += taken;
      left -= taken;
    }
    return value;
  }

  function number(): number {
    const length = bits(6);
    if (length > 53) {
      failed = true;
      return 0;
    }
    return bits(length);
  }

  /** Of a run that ends with a zero, or is the longest. */
  function ones(): number {
    let run = 0;
    for (;;) {
      if (at >= end) {
        failed = true;
        return 0;
      }
      const inByte = Math.min(Math.clz32(~(bytes[at >> 3]! << (24 + (at & 7)))), 8 - (at & 7));
      const isOver = inByte < 8 - (at & 7);
      const taken = Math.min(inByte, longestRun - run);
      run += taken;
      at += taken;
      if (run === longestRun) return run;
      if (!isOver) continue;
      at += 1;
      return run;
    }
  }

  return {
    bits,
    number,
    rice(k) {
      const quotient = ones();
      return quotient < longestRun ? quotient * powerOf(k) + bits(k) : number();
    },
    failed: () => failed,
    atEnd: () => end - at < 8 && bits(end - at) === 0,
  };
}
