/**
 * The bits of a Bitstring Status List 1.0 (section 3.2): index 0 is the left-most bit of the first byte; packed by gzip,
 * and written as multibase base64url.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { statusListBits } from '#contract/member.js';

/** Eight million members; what unpacks to more is a bomb. */
const mostBytes = 1024 * 1024;

/** @throws RangeError for an index beyond the list */
export function packBits(indexes: Iterable<number>): string {
  const bytes = Buffer.alloc(statusListBits / 8);
  for (const index of indexes) {
    if (!Number.isInteger(index) || index < 0 || index >= statusListBits)
      throw new RangeError(`a list has no index ${index}`);
    bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (0x80 >> (index & 7));
  }
  return `u${gzipSync(bytes).toString('base64url')}`;
}

/** Takes outside bytes. Undefined when they are no list, or one shorter than the specification allows. */
export function unpackBits(encoded: string): Uint8Array | undefined {
  if (!/^u[A-Za-z0-9_-]+$/.test(encoded)) return undefined;
  try {
    const bytes = gunzipSync(Buffer.from(encoded.slice(1), 'base64url'), { maxOutputLength: mostBytes });
    return bytes.length * 8 >= statusListBits ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** @throws RangeError for an index beyond the list: that it is not set would be a guess (section 3.2, RANGE_ERROR) */
export function bitAt(bytes: Uint8Array, index: number): boolean {
  const byte = bytes[Math.floor(index / 8)];
  if (!Number.isInteger(index) || byte === undefined) throw new RangeError(`the list has no index ${index}`);
  return (byte & (0x80 >> (index & 7))) !== 0;
}
