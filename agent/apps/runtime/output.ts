/** What a container printed, as the engine frames it: stream, three zeros, the length in four bytes, then the bytes. */

const headerBytes = 8;

/** A frame that is cut short ends it. */
export function unframe(output: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + headerBytes <= output.length; ) {
    const end = at + headerBytes + output.readUInt32BE(at + 4);
    parts.push(output.subarray(at + headerBytes, end));
    at = end;
  }
  return Buffer.concat(parts);
}

/** The last bytes, from the beginning of a line where there is one. */
export function tailOf(plain: Buffer, tailBytes: number): string {
  if (plain.length <= tailBytes) return plain.toString('utf8');
  const tail = plain.subarray(plain.length - tailBytes);
  return tail.subarray(tail.indexOf('\n') + 1).toString('utf8');
}

export const textOf = (output: Buffer, tailBytes = Number.POSITIVE_INFINITY): string =>
  tailOf(unframe(output), tailBytes);
