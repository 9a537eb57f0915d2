/**
 * Rows of the box's store as they stand in a backup: `key length u16 | value length u32 | key | value`, one after the
 * other. Keys are UTF-8, values are as they lie in the store: what apps have stored stays sealed under its own keys.
 */
import { Refusal } from '#contract/problems.js';

export interface Row {
  key: string;
  value: Uint8Array;
}

const fixedBytes = 6;
/** An app's id, a key's name as HMAC or in the clear, and what stands between them. */
export const longestKey = 2048;
/** A stored value has 1 MiB at the most, and what seals it. */
export const largestValue = 2 * 1024 * 1024;
/** A file of rows is closed once it has so many bytes. */
export const rowsFileBytes = 1024 * 1024;
export const largestRowsFile = rowsFileBytes + fixedBytes + longestKey + largestValue;

export function buildRow({ key, value }: Row): Buffer {
  const name = Buffer.from(key);
  if (name.length === 0 || name.length > longestKey || value.length > largestValue)
    throw new Refusal('internal', `a row of ${name.length} and ${value.length} bytes cannot be backed up`);
  const row = Buffer.allocUnsafe(fixedBytes + name.length + value.length);
  row.writeUInt16BE(name.length, 0);
  row.writeUInt32BE(value.length, 2);
  name.copy(row, fixedBytes);
  row.set(value, fixedBytes + name.length);
  return row;
}

/** Takes outside bytes. @throws Refusal `backup-broken` */
export function parseRows(bytes: Buffer): Row[] {
  const rows: Row[] = [];
  const broken = (): Refusal => new Refusal('backup-broken', 'a row of it is not one');
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < fixedBytes) throw broken();
    const keyLength = bytes.readUInt16BE(at);
    const valueLength = bytes.readUInt32BE(at + 2);
    at += fixedBytes;
    const end = at + keyLength + valueLength;
    if (keyLength === 0 || keyLength > longestKey || valueLength > largestValue || end > bytes.length) throw broken();
    const name = bytes.subarray(at, at + keyLength);
    const key = name.toString('utf8');
    if (!Buffer.from(key).equals(name)) throw broken();
    rows.push({ key, value: bytes.subarray(at + keyLength, end) });
    at = end;
  }
  return rows;
}
