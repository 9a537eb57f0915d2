/** A disk in parts, a sparse file each: what a cut leaves of one of them can be looked at without a copy of the whole. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { mebi, placed } from '../../../image/layout.js';
import type { Architecture } from '../../../image/places.js';
import type { Piece } from './cut.js';
import type { Entry } from './write-log.js';

export interface Part {
  name: string;
  fromByte: number;
  toByte: number;
}

/** The table, and the partitions by their labels. The last of these goes to the end of the disk, copy of the table and all. */
export function partsOf(architecture: Architecture, diskBytes: number): Part[] {
  const { partitions } = placed(architecture);
  return [
    { name: 'table', fromByte: 0, toByte: mebi },
    ...partitions.map(({ label, startMiB, sizeMiB }, index) => ({
      name: label,
      fromByte: startMiB * mebi,
      toByte: index === partitions.length - 1 ? diskBytes : (startMiB + sizeMiB) * mebi,
    })),
  ];
}

const overlaps = (part: Part, fromByte: number, toByte: number): boolean =>
  fromByte < part.toByte && part.fromByte < toByte;

export const touches = (part: Part, { atByte, sizeBytes }: Entry): boolean =>
  overlaps(part, atByte, atByte + sizeBytes);

/** One file for each part, in the folder. */
export function splitDisk(disk: string, folder: string, parts: readonly Part[]): void {
  for (const { name, fromByte, toByte } of parts) {
    const file = path.join(folder, name);
    const from = `driver=raw,offset=${fromByte},size=${toByte - fromByte},file.driver=file,file.filename=${disk}`;
    execFileSync('qemu-img', ['convert', '--image-opts', '-O', 'raw', from, file]);
  }
}

/** Only the parts that are named. */
export function copyParts(from: string, to: string, names: readonly string[]): void {
  for (const name of names)
    execFileSync('cp', ['--sparse=always', '--reflink=auto', path.join(from, name), path.join(to, name)]);
}

export interface PartedDisk {
  /** What lies in parts that are not there is left out. */
  write(pieces: readonly Piece[]): void;
  close(): void;
}

export function openPartedDisk(folder: string, parts: readonly Part[], data: (entry: Entry) => Buffer): PartedDisk {
  const open = parts.map((part) => ({ ...part, fd: openSync(path.join(folder, part.name), 'r+') }));
  return {
    write(pieces) {
      let last: { entry: Entry; bytes: Buffer } | undefined;
      for (const { entry, from, to } of pieces) {
        const [fromByte, toByte] = [entry.atByte + from, entry.atByte + to];
        const there = open.filter((part) => overlaps(part, fromByte, toByte));
        if (there.length === 0) continue;
        if (last?.entry !== entry) last = { entry, bytes: entry.discard ? Buffer.alloc(entry.sizeBytes) : data(entry) };
        for (const part of there) {
          const [begin, end] = [Math.max(fromByte, part.fromByte), Math.min(toByte, part.toByte)];
          const within = last.bytes.subarray(begin - entry.atByte, end - entry.atByte);
          writeSync(part.fd, within, 0, within.length, begin - part.fromByte);
        }
      }
    },
    close() {
      for (const { fd } of open) closeSync(fd);
    },
  };
}

export const wholeOf = (entry: Entry): Piece => ({ entry, from: 0, to: entry.sizeBytes });
