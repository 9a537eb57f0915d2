/** Tars as no honest tool writes them. */
import { type Entry, endOfTar, headerOf, padding, sumOf } from '#common/archive/tar.js';

/** A header and what follows it. */
export interface Part {
  name: string;
  bytes: Buffer;
}

/** Cuts a tar of ours into its files, without its end. */
export function partsOf(tar: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const name = tar.toString('latin1', at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const end = at + 512 + size + padding(size).length;
    parts.push({ name, bytes: tar.subarray(at, end) });
    at = end;
  }
  return parts;
}

export const tarOf = (parts: readonly (Part | Buffer)[]): Buffer =>
  Buffer.concat([...parts.map((part) => ('bytes' in part ? part.bytes : part)), endOfTar]);

/** Puts the sum of a header right again. */
export function summed(header: Buffer): Buffer {
  header.write(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** One file, with any flag, any link, any size in its header. */
export function part(
  entry: Omit<Entry, 'size' | 'name'> & { name: string; flag?: string; link?: string; size?: number },
  content: string | Buffer = '',
): Buffer {
  const bytes = Buffer.from(content);
  const header = headerOf({ ...entry, name: entry.name || 'x', size: entry.size ?? bytes.length });
  if (entry.name === '') header.fill(0, 0, 100);
  if (entry.flag !== undefined) header.write(entry.flag, 156, 'latin1');
  if (entry.link !== undefined) header.write(entry.link, 157, 'utf8');
  return Buffer.concat([summed(header), bytes, padding(bytes.length)]);
}

/** A record of a pax header (POSIX.1-2001): its length counts itself. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (length !== Buffer.byteLength(`${length}${rest}`)) length = Buffer.byteLength(`${length}${rest}`);
  return `${length}${rest}`;
}

export const pax = (records: Record<string, string>, flag = 'x'): Buffer =>
  part(
    { name: 'PaxHeaders/x', flag },
    Object.entries(records)
      .map(([key, value]) => paxRecord(key, value))
      .join(''),
  );
