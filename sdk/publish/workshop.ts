/** What lies in an app's folder between the commands: `.webizen/` with the built image, and the signed release of it. */
import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Architecture } from '#common/archive/base-folder.js';
import { blobFile } from '#common/archive/layout.js';
import { type Files, isErrno } from '#common/files.js';
import { Manifest } from '#contract/manifest.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { BlobDigest, Descriptor } from '#contract/release.js';

export const Built = Type.Object(
  {
    manifest: Manifest,
    architecture: Architecture,
    image: Descriptor,
    /** As a release has them. */
    blobs: Type.Array(Descriptor, { minItems: 3, maxItems: 130 }),
    /** Of the base: boxes have them. */
    shared: Type.Array(BlobDigest),
  },
  { $id: 'Built', additionalProperties: false },
);
export type Built = Static<typeof Built>;

export interface Workshop {
  readonly blobs: string;
  fileOf(digest: string): string;
  /** Nothing of an earlier build is left. */
  clear(): Promise<void>;
  /** A blob that lies elsewhere, called by its hex digits there. */
  take(directory: string, digest: string): Promise<void>;
  keepBuilt(built: Built): Promise<void>;
  /** @throws Refusal `app-not-built` */
  built(): Promise<Built>;
  keepRelease(jws: string): Promise<void>;
  /** @throws Refusal `app-not-signed` */
  release(): Promise<string>;
}

export function workshop({ folder, files }: { folder: string; files: Files }): Workshop {
  const own = path.join(folder, '.webizen');
  const blobs = path.join(own, 'blobs');
  const [builtFile, releaseFile] = [path.join(own, 'build.json'), path.join(own, 'release.jws')];
  const fileOf = (digest: string): string => path.join(blobs, blobFile(digest));

  return {
    blobs,
    fileOf,

    async clear() {
      // Not all that lies there: the box that `webizen app dev` simulates has its data beside it.
      for (const one of [blobs, builtFile, releaseFile]) await rm(one, { recursive: true, force: true });
      await mkdir(blobs, { recursive: true });
    },

    async take(directory, digest) {
      const from = path.join(directory, blobFile(digest));
      try {
        await link(from, fileOf(digest));
      } catch (error) {
        if (isErrno(error, 'EEXIST')) return;
        if (isErrno(error, 'ENOENT')) throw new Refusal('base-invalid', `${from} is missing`, { cause: error });
        await copyFile(from, fileOf(digest)); // another file system, or one without links
      }
    },

    keepBuilt: (built) => files.write(builtFile, `${JSON.stringify(built, null, 2)}\n`, 0o644),

    async built() {
      const bytes = await files.read(builtFile);
      if (!bytes) throw new Refusal('app-not-built', folder);
      const read = parseJson(Built, bytes);
      if (!read.ok) throw new Refusal('app-not-built', `${builtFile}: ${describeFaults(read.faults)}`);
      return read.value;
    },

    keepRelease: (jws) => files.write(releaseFile, `${jws}\n`, 0o644),

    async release() {
      const bytes = await files.read(releaseFile);
      if (!bytes) throw new Refusal('app-not-signed', folder);
      return bytes.toString('utf8').trim();
    },
  };
}
