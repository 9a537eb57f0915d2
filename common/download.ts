/**
 * A file that grows piece by piece, goes on where it was cut, and is known by its SHA-256: what a cut left is hashed again,
 * and is worth nothing until all of it is.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { Refusal } from '#contract/problems.js';
import { isDiskFull } from './database.js';

/** The octets from an offset on. */
export type OctetSource = (from: number, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

async function hashFile(file: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(file)) hash.update(chunk);
}

/** Hex. @throws Error where it cannot be read */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await hashFile(file, hash);
  return hash.digest('hex');
}

export interface DownloadWish {
  file: string;
  /** Hex. */
  sha256: string;
  /** Bytes. */
  size: number;
  source: OctetSource;
  signal: AbortSignal;
  /** On the disk, and what of it is never used up. */
  freeBytes: () => number;
  reserveBytes: number;
  onProgress?: (bytes: number) => void;
}

async function grow(wish: DownloadWish): Promise<'whole' | 'other' | { cutAt: number }> {
  const { file, sha256, size, source, signal, freeBytes, reserveBytes, onProgress } = wish;
  const before = await stat(file).catch(() => undefined);
  if (before && before.size > size) await rm(file);
  const hash = createHash('sha256');
  let at = before && before.size <= size ? before.size : 0;
  if (at > 0) await hashFile(file, hash);
  const handle = await open(file, 'a', 0o600);
  try {
    if (at < size)
      for await (const chunk of await source(at, signal)) {
        signal.throwIfAborted();
        at += chunk.length;
        if (at > size) break;
        if (freeBytes() < reserveBytes + chunk.length) throw new Refusal('disk-full', file);
        hash.update(chunk);
        await handle.writeFile(chunk);
        onProgress?.(at);
      }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (at < size) return { cutAt: at };
  if (at === size && hash.digest('hex') === sha256) return 'whole';
  await rm(file, { force: true });
  return 'other';
}

/**
 * `whole`: synced, and what it is to be; `other`: it was something else, and is gone.
 * @throws Refusal `disk-full`, and as `source`
 */
export async function download(wish: DownloadWish): Promise<'whole' | 'other' | { cutAt: number }> {
  try {
    return await grow(wish);
  } catch (error) {
    if (error instanceof Refusal || !isDiskFull(error)) throw error;
    throw new Refusal('disk-full', wish.file, { cause: error });
  }
}
