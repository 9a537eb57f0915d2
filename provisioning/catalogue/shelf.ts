/**
 * Octets by their digest, on the disk. A file stands here only after its hash was seen; what is known of it is in the
 * store, and both must be there for it to count: a restored store names files that are gone, a cut leaves files that
 * nobody names. Such are uploaded again, or swept.
 *
 * Whoever pins a blob keeps it from the sweep: a publication pins what it names before it looks whether it is there.
 */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { isErrno, ownDirectory, syncPath } from '#common/files.js';
import type { BlobRecord } from '../store/catalogue.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';

/** All of them name a blob by its SHA-256, 64 hex digits. */
export interface Shelf {
  /** Makes its folder, and counts what each member keeps. @throws Refusal as `ownDirectory` */
  open(): Promise<void>;
  fileOf(hex: string): string;
  /** In bytes, of what is here whole. */
  size(hex: string): Promise<number | undefined>;
  isHeldBy(hex: string, member: string): boolean;
  /** What the member uploaded and is still here. */
  bytesOf(member: string): number;
  /** Takes a synced file whose hash was seen off the caller's hands. */
  keep(hex: string, wish: { file: string; size: number; member: string }): Promise<void>;
  /** Somebody is about to need it. */
  touch(hex: string): Promise<void>;
  /** None of them goes while the work is done. */
  pin<T>(hexes: readonly string[], work: () => Promise<T>): Promise<T>;
  /** Removes what no release needs and nobody wanted since then. Answers how many. */
  sweep(before: number, signal?: AbortSignal): Promise<number>;
}

/** What is wanted over and over is written down once in a while. */
const touchMilliseconds = 3_600_000;

export function createShelf({ directory, store, clock }: { directory: string; store: Store; clock: Clock }): Shelf {
  const { blobs, blobUses } = store;
  const turns = createTurns();
  const pins = new Map<string, number>();
  const kept = new Map<string, number>();

  const fileOf = (hex: string): string => path.join(directory, hex);
  const put = (key: string, value: BlobRecord) => store.commit([{ type: 'put', sublevel: blobs, key, value }]);
  const count = (member: string, bytes: number): void => void kept.set(member, (kept.get(member) ?? 0) + bytes);

  async function sizeOnDisk(hex: string): Promise<number | undefined> {
    return stat(fileOf(hex)).then(
      ({ size }) => size,
      (error: unknown) => {
        if (isErrno(error, 'ENOENT')) return undefined;
        throw error;
      },
    );
  }

  async function size(hex: string): Promise<number | undefined> {
    const record = blobs.getSync(hex);
    return record && (await sizeOnDisk(hex)) === record.size ? record.size : undefined;
  }

  const isNeeded = async (hex: string): Promise<boolean> =>
    (await blobUses.keys({ gte: `${hex}!`, lt: `${hex}"`, limit: 1 }).all()).length > 0;

  /** Also a file that nobody names: a cut came between its name and its record. */
  async function sweepOne(hex: string, before: number): Promise<boolean> {
    if (pins.has(hex) || (await isNeeded(hex))) return false;
    const record = blobs.getSync(hex);
    const at = record?.at ?? (await stat(fileOf(hex))).mtimeMs;
    if (at >= before) return false;
    // The record first: a file without one counts for nothing.
    if (record) await store.commit([{ type: 'del', sublevel: blobs, key: hex }]);
    for (const holder of record?.holders ?? []) count(holder, -(record?.size ?? 0));
    await rm(fileOf(hex), { force: true });
    return true;
  }

  return {
    fileOf,
    size,
    isHeldBy: (hex, member) => blobs.getSync(hex)?.holders.includes(member) ?? false,
    bytesOf: (member) => kept.get(member) ?? 0,

    async open() {
      await ownDirectory(directory);
      for await (const record of blobs.values()) for (const holder of record.holders) count(holder, record.size);
    },

    keep: (hex, { file, size: bytes, member }) =>
      turns.take(hex, async () => {
        const holders = blobs.getSync(hex)?.holders ?? [];
        if ((await size(hex)) !== undefined) await rm(file, { force: true });
        else {
          await rename(file, fileOf(hex));
          await syncPath(directory);
        }
        const isNew = !holders.includes(member);
        await put(hex, { size: bytes, at: clock.now(), holders: isNew ? [...holders, member] : holders });
        if (isNew) count(member, bytes);
      }),

    touch: (hex) =>
      turns.take(hex, async () => {
        const record = blobs.getSync(hex);
        const now = clock.now();
        if (record && Math.abs(now - record.at) > touchMilliseconds) await put(hex, { ...record, at: now });
      }),

    async pin(hexes, work) {
      // In its turn: a sweep that has decided about one is over before the work begins.
      const pin = (hex: string) => turns.take(hex, async () => void pins.set(hex, (pins.get(hex) ?? 0) + 1));
      await Promise.all(hexes.map(pin));
      try {
        return await work();
      } finally {
        for (const hex of hexes) {
          const left = (pins.get(hex) ?? 1) - 1;
          if (left > 0) pins.set(hex, left);
          else pins.delete(hex);
        }
      }
    },

    async sweep(before, signal) {
      let swept = 0;
      const named = new Set([...(await readdir(directory)), ...(await blobs.keys().all())]);
      for (const hex of named) {
        if (signal?.aborted) return swept;
        if (await turns.take(hex, () => sweepOne(hex, before))) swept += 1;
      }
      return swept;
    },
  };
}
