/**
 * What a disk was asked to write, in order: the log of the kernel's dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst), as QEMU's block driver blklogwrites makes it.
 *
 * The first sector is a super block: magic, version, number of entries (each u64, little endian), sector size (u32). Entries follow,
 * each a sector that begins with sector, number of sectors, flags, length of its data (each u64), and behind it what was
 * written. A write is logged when it has ended, a flush when it has, so whatever stands before a flush was flushed by it.
 * The number of entries in the super block is only now and then brought up to date, and a log that was cut ends anywhere.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const magic = 0x6a736677736872n;
const version = 1n;
const [headBytes, superBytes] = [32, 28];
const flagOf = { flush: 1n, fua: 2n, discard: 4n, mark: 8n, metadata: 16n };
const known = 31n;
/** Of one request: more than any driver sends in one go. */
const mostBytes = 1024 ** 3;

export interface Entry {
  /** Where it lies on the disk, and how much. */
  atByte: number;
  sizeBytes: number;
  /** What came before it was made durable first. */
  flush: boolean;
  /** It is durable itself. */
  fua: boolean;
  discard: boolean;
  /** What a person wrote into the log. */
  mark?: string;
  /** Of the log: where its data begin, and where it ends. */
  dataAt: number;
  endsAt: number;
}

export interface Bytes {
  sizeBytes: number;
  /** Shorter at the end. */
  read(at: number, length: number): Buffer;
}

/** @throws Error where it is no such log, or one whose entries cannot be */
export function readEntries(log: Bytes): { sectorBytes: number; entries: Entry[] } {
  const first = log.read(0, superBytes);
  if (first.length < superBytes || first.readBigUInt64LE(0) !== magic)
    throw new Error('cannot read the log: its magic is another');
  if (first.readBigUInt64LE(8) !== version)
    throw new Error(`cannot read the log: its version is ${first.readBigUInt64LE(8)}`);
  const sectorBytes = first.readUInt32LE(24);
  if (sectorBytes < 512 || sectorBytes > 65_536 || (sectorBytes & (sectorBytes - 1)) !== 0)
    throw new Error(`cannot read the log: its sectors have ${sectorBytes} bytes`);
  const least = Number(first.readBigUInt64LE(16));
  const entries: Entry[] = [];
  let at = sectorBytes;
  for (;;) {
    const head = log.read(at, headBytes);
    if (head.length < headBytes) break;
    const [sector, sectors, flags, dataLength] = [0, 8, 16, 24].map((place) => head.readBigUInt64LE(place)) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    const wrong = (what: string) => new Error(`cannot read entry ${entries.length} of the log, at ${at}: ${what}`);
    if (sector === 0n && sectors === 0n && flags === 0n && dataLength === 0n) break; // a hole: it was on its way
    if ((flags & ~known) !== 0n) throw wrong(`its flags are ${flags}`);
    if (sectors * BigInt(sectorBytes) > BigInt(mostBytes)) throw wrong(`it has ${sectors} sectors`);
    if (sector * BigInt(sectorBytes) > BigInt(Number.MAX_SAFE_INTEGER - mostBytes))
      throw wrong(`it begins at sector ${sector}`);
    const is = (flag: bigint): boolean => (flags & flag) !== 0n;
    const [atByte, sizeBytes] = [Number(sector) * sectorBytes, Number(sectors) * sectorBytes];
    const common = {
      flush: is(flagOf.flush),
      fua: is(flagOf.fua),
      discard: is(flagOf.discard),
      dataAt: at + sectorBytes,
    };
    const endsAt = at + sectorBytes + (is(flagOf.mark) || common.discard ? 0 : sizeBytes);
    if (endsAt > log.sizeBytes) break; // cut in the middle of it
    if (is(flagOf.mark)) {
      if (dataLength > BigInt(sectorBytes - headBytes)) throw wrong(`its mark has ${dataLength} bytes`);
      const mark = log.read(at + headBytes, Number(dataLength)).toString('utf8');
      entries.push({ ...common, atByte, sizeBytes: 0, mark, endsAt });
    } else entries.push({ ...common, atByte, sizeBytes, endsAt });
    at = endsAt;
  }
  if (entries.length < least)
    throw new Error(`cannot read the log: ${least} entries are promised, ${entries.length} are there`);
  return { sectorBytes, entries };
}

export interface WriteLog {
  entries: readonly Entry[];
  data(entry: Entry): Buffer;
  close(): void;
}

/** @throws Error as `readEntries` */
export function openWriteLog(file: string): WriteLog {
  const fd = openSync(file, 'r');
  const read = (at: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, at));
  };
  try {
    const { entries } = readEntries({ sizeBytes: fstatSync(fd).size, read });
    return { entries, data: ({ dataAt, sizeBytes }) => read(dataAt, sizeBytes), close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export type Asked =
  | { kind: 'write'; atByte: number; data: Uint8Array; fua?: boolean }
  | { kind: 'flush' }
  | { kind: 'discard'; atByte: number; sizeBytes: number }
  | { kind: 'mark'; text: string };

/** The log that a disk's driver would have made. @param counted what the super block says; else the number of entries */
export function buildLog(asked: readonly Asked[], { sectorBytes = 512, counted = asked.length } = {}): Buffer {
  const head = Buffer.alloc(sectorBytes);
  head.writeBigUInt64LE(magic, 0);
  head.writeBigUInt64LE(version, 8);
  head.writeBigUInt64LE(BigInt(counted), 16);
  head.writeUInt32LE(sectorBytes, 24);
  const parts = [head];
  for (const one of asked) {
    const entry = Buffer.alloc(sectorBytes);
    const put = (atByte: number, sizeBytes: number, flags: bigint): void => {
      entry.writeBigUInt64LE(BigInt(atByte / sectorBytes), 0);
      entry.writeBigUInt64LE(BigInt(sizeBytes / sectorBytes), 8);
      entry.writeBigUInt64LE(flags, 16);
    };
    parts.push(entry);
    if (one.kind === 'flush') put(0, 0, flagOf.flush);
    if (one.kind === 'discard') put(one.atByte, one.sizeBytes, flagOf.discard);
    if (one.kind === 'mark') {
      put(0, 0, flagOf.mark);
      entry.writeBigUInt64LE(BigInt(entry.write(one.text, headBytes)), 24);
    }
    if (one.kind !== 'write') continue;
    put(one.atByte, one.data.length, one.fua ? flagOf.fua : 0n);
    parts.push(Buffer.from(one.data));
  }
  return Buffer.concat(parts);
}
