/** A release's blobs, from the nearest place that has them: the image brings what apps share, the catalogue has them all. */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type OctetSource, sha256Of } from '#common/download.js';
import { isErrno } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { Descriptor } from '#contract/release.js';
import { type Blobs, isDigestHex } from './blobs.js';
import type { Catalogue } from './uses.js';

export interface Bring {
  /** What is neither kept nor came with the image. */
  afar(descriptors: readonly Descriptor[]): Descriptor[];
  /**
   * What came with the image is copied and hashed as what comes over the network is: the next image may bring it no more.
   * @throws Refusal as `Blobs.checkSpace` and `Blobs.fetch`
   */
  all(descriptors: readonly Descriptor[], signal: AbortSignal): Promise<void>;
}

/** An image to develop on may have none. */
const namesIn = (directory: string): Promise<string[]> =>
  readdir(directory).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });

export async function openBring(wish: {
  blobs: Blobs;
  catalogue: Pick<Catalogue, 'blob'>;
  /** Where the image has them, each in a file that bears its SHA-256 in hex. */
  shipped: string | undefined;
  onRefused: (refusal: Refusal) => void;
}): Promise<Bring> {
  const { blobs, catalogue, shipped } = wish;
  const near = new Map<string, string>();
  if (shipped !== undefined)
    for (const name of await namesIn(shipped))
      if (isDigestHex(name)) near.set(`sha256:${name}`, path.join(shipped, name));

  /** Where the image has it, as it is called; what a card has damaged is looked at once. */
  async function nearFile({ digest }: Descriptor): Promise<string | undefined> {
    const file = near.get(digest);
    if (file === undefined) return undefined;
    const found = await sha256Of(file).catch((error: unknown) => String(error));
    if (`sha256:${found}` === digest) return file;
    near.delete(digest);
    wish.onRefused(new Refusal('blob-damaged', `${file}, which the image brought: ${found}`));
    return undefined;
  }

  return {
    afar: (descriptors) => blobs.missing(descriptors).filter(({ digest }) => !near.has(digest)),
    async all(descriptors, signal) {
      blobs.checkSpace(descriptors);
      for (const blob of blobs.missing(descriptors)) {
        const file = await nearFile(blob);
        const source: OctetSource = async (from, ending) =>
          file === undefined ? catalogue.blob(blob.digest, from, ending) : createReadStream(file, { start: from });
        await blobs.fetch(blob, source, signal);
      }
    },
  };
}
