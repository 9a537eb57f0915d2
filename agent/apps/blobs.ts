/**
 * What releases are made of, each blob under its SHA-256 in `{dataDir}/blobs`; what is fetched grows in `partial/`
 * beside it, so that a download goes on where it was cut, and `staging/` holds archives that are being read.
 *
 * Invariant: a file bears the name of a digest only after all its bytes were hashed and synced.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { download, type OctetSource } from '#common/download.js';
import { isErrno, ownDirectory, syncPath } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { Descriptor } from '#contract/release.js';

export interface Blobs {
  has(digest: string): boolean;
  /** Undefined when it is not here. */
  fileOf(digest: string): string | undefined;
  missing(descriptors: readonly Descriptor[]): Descriptor[];
  /**
   * Room for what is missing, and for the engine to unpack all of it, beside what stays free for the box.
   * @throws Refusal `disk-full`
   */
  checkSpace(descriptors: readonly Descriptor[]): void;
  /** From where an earlier one was cut. @throws Refusal `blob-mismatch`, `disk-full`, and as `source` */
  fetch(blob: Descriptor, source: OctetSource, signal: AbortSignal): Promise<void>;
  /** Takes over a file that was hashed while it was written, on this filesystem. */
  adopt(digest: string, file: string): Promise<void>;
  /** Removes those that are no longer what they are called: they are fetched again. Answers whether there were any. */
  dropDamaged(descriptors: readonly Descriptor[]): Promise<boolean>;
  /** An empty folder, and the way to be rid of it. */
  stage(): Promise<{ directory: string; clear(): Promise<void> }>;
  /** Removes what `isNeeded` says no to, when its turn comes. */
  collect(isNeeded: (digest: string) => boolean): Promise<void>;
}

export const isDigestHex = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
/** The engine holds a copy of the archive while it loads it, and the unpacked layers afterwards. */
const unpacked = 2;

async function hashFile(file: string, hash: Hash): Promise<void> {
  for await (const chunk of createReadStream(file)) hash.update(chunk);
}

export async function openBlobs(wish: {
  directory: string;
  freeBytes: () => number;
  reserveBytes: number;
}): Promise<Blobs> {
  const { directory, freeBytes, reserveBytes } = wish;
  const partial = path.join(directory, 'partial');
  const staging = path.join(directory, 'staging');
  await ownDirectory(directory);
  await rm(staging, { recursive: true, force: true }); // what a cut left of it is of no use
  for (const one of [partial, staging]) await mkdir(one, { recursive: true, mode: 0o700 });
  const held = new Set((await readdir(directory)).filter(isDigestHex).map((hex) => `sha256:${hex}`));

  const hexOf = (digest: string): string => digest.slice('sha256:'.length);
  const fileOf = (digest: string): string => path.join(directory, hexOf(digest));
  const missing = (descriptors: readonly Descriptor[]): Descriptor[] =>
    descriptors.filter(
      ({ digest }, at) => !held.has(digest) && descriptors.findIndex((one) => one.digest === digest) === at,
    );

  /** What comes and what goes may bear one name: one at a time. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const keep = (digest: string, file: string): Promise<void> =>
    inTurn(async () => {
      await rename(file, fileOf(digest));
      await syncPath(directory);
      held.add(digest);
    });

  /** Apps share blobs, and may want the same one at once: it grows in one file. */
  const fetching = new Map<string, Promise<unknown>>();

  async function fetch({ digest, size }: Descriptor, source: OctetSource, signal: AbortSignal): Promise<void> {
    const file = path.join(partial, hexOf(digest));
    const came = await download({ file, sha256: hexOf(digest), size, source, signal, freeBytes, reserveBytes });
    if (came === 'other') throw new Refusal('blob-mismatch', digest);
    if (came !== 'whole') throw new Refusal('est-unreachable', `${digest} was cut at ${came.cutAt} of ${size} bytes`);
    await keep(digest, file);
  }

  return {
    has: (digest) => held.has(digest),
    fileOf: (digest) => (held.has(digest) ? fileOf(digest) : undefined),
    missing,
    checkSpace(descriptors) {
      const more = missing(descriptors).reduce((sum, { size }) => sum + size, 0);
      const needed = more * (1 + unpacked);
      const free = freeBytes() - reserveBytes;
      if (needed > free) throw new Refusal('disk-full', `${needed} bytes are needed, ${Math.max(0, free)} are free`);
    },
    async fetch(blob, source, signal) {
      for (let other = fetching.get(blob.digest); other; other = fetching.get(blob.digest)) await other;
      if (held.has(blob.digest)) return;
      signal.throwIfAborted();
      const mine = fetch(blob, source, signal);
      const ended = mine.catch(() => {}).finally(() => fetching.delete(blob.digest));
      fetching.set(blob.digest, ended);
      await mine;
    },
    async adopt(digest, file) {
      if (held.has(digest)) return;
      await syncPath(file);
      await keep(digest, file);
    },
    async dropDamaged(descriptors) {
      let found = false;
      for (const { digest } of descriptors)
        await inTurn(async () => {
          if (!held.has(digest)) return;
          const hash = createHash('sha256');
          await hashFile(fileOf(digest), hash).catch(() => {}); // what cannot be read is damaged
          if (`sha256:${hash.digest('hex')}` === digest) return;
          found = true;
          held.delete(digest);
          await rm(fileOf(digest), { force: true });
        });
      return found;
    },
    async stage() {
      const own = path.join(staging, randomBytes(8).toString('hex'));
      await mkdir(own, { mode: 0o700 });
      return { directory: own, clear: () => rm(own, { recursive: true, force: true }) };
    },
    async collect(isNeeded) {
      for (const digest of [...held])
        await inTurn(async () => {
          if (isNeeded(digest)) return;
          held.delete(digest);
          await rm(fileOf(digest), { force: true });
        });
      for (const name of await readdir(partial))
        if (!isNeeded(`sha256:${name}`))
          await rm(path.join(partial, name), { force: true }).catch((error: unknown) => {
            if (!isErrno(error, 'ENOENT')) throw error;
          });
    },
  };
}
