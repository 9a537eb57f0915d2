/** The one bundle that is on its way, in `{dataDir}/os`: it grows there, is known by its SHA-256, and goes once it is installed. */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { download, type OctetSource, sha256Of } from '#common/download.js';
import { ownDirectory, syncPath } from '#common/files.js';
import type { OsRelease } from '#contract/os-release.js';
import { Refusal } from '#contract/problems.js';

type Bundle = OsRelease['bundle'];

export interface BundleRoom {
  /** Where it lies once it is whole. */
  fileOf(bundle: Bundle): string;
  /** From where an earlier try was cut; nothing where it is whole already. @throws Refusal `os-bundle-mismatch`, `disk-full`, `est-unreachable`, and as `source` */
  fetch(bundle: Bundle, source: OctetSource, signal: AbortSignal): Promise<void>;
  /** Bytes of it that are here. */
  fetchedBytes(bundle: Bundle): Promise<number>;
  /** Whether it is still what it was when it came: all of it is read. */
  isWhole(bundle: Bundle): Promise<boolean>;
  clear(): Promise<void>;
}

export async function openBundle(wish: {
  directory: string;
  freeBytes: () => number;
  /** Stays free whatever comes. */
  reserveBytes: number;
  onProgress?: (bytes: number) => void;
}): Promise<BundleRoom> {
  const { directory } = wish;
  await ownDirectory(directory);
  const fileOf = ({ sha256 }: Bundle): string => path.join(directory, `${sha256}.raucb`);
  const partOf = ({ sha256 }: Bundle): string => path.join(directory, `${sha256}.part`);
  const sizeOf = (file: string): Promise<number | undefined> =>
    stat(file).then(
      ({ size }) => size,
      () => undefined,
    );

  return {
    fileOf,
    async fetch(bundle, source, signal) {
      const file = fileOf(bundle);
      // It bears its name only after all of it was hashed and synced.
      if ((await sizeOf(file)) === bundle.size) return;
      for (const name of await readdir(directory))
        if (!name.startsWith(bundle.sha256)) await rm(path.join(directory, name), { force: true });
      const hadPart = ((await sizeOf(partOf(bundle))) ?? 0) > 0;
      const once = () => download({ ...bundle, ...wish, file: partOf(bundle), source, signal });
      let came = await once();
      // What a cut had left may be what was wrong: that says nothing of the catalogue.
      if (came === 'other' && hadPart) came = await once();
      if (came === 'other') throw new Refusal('os-bundle-mismatch', bundle.sha256);
      if (came !== 'whole') throw new Refusal('est-unreachable', `cut at ${came.cutAt} of ${bundle.size} bytes`);
      await rename(partOf(bundle), file);
      await syncPath(directory);
    },
    isWhole: async (bundle) => (await sha256Of(fileOf(bundle)).catch(() => undefined)) === bundle.sha256,
    fetchedBytes: async (bundle) => (await sizeOf(fileOf(bundle))) ?? (await sizeOf(partOf(bundle))) ?? 0,
    async clear() {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true, mode: 0o700 });
    },
  };
}
