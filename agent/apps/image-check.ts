/**
 * Images as `checkImage` judges them, with a memory of the layers that passed: apps share their base, and an archive is
 * checked when it comes and once more when it is installed. Such a layer is hashed, and not unpacked again: what it was
 * found to be holds for these bytes and no others.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { checkImage } from '#common/archive/image.js';
import type { CheckedLayer } from '#common/archive/layer.js';
import { Refusal } from '#contract/problems.js';
import type { Release } from '#contract/release.js';
import type { Architecture } from './offers.js';

export interface ImageCheck {
  /** @throws Refusal as `checkImage`; `archive-blob-differs` when a layer is no longer what it was */
  check(
    release: Release,
    wish: { fileOf(digest: string): string | undefined; architecture: Architecture },
  ): Promise<void>;
}

/** A layer has about 200 bytes here. */
const mostRemembered = 1000;

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), hash);
  return `sha256:${hash.digest('hex')}`;
}

export function createImageCheck(): ImageCheck {
  const passed = new Map<string, CheckedLayer>();

  function remember(digest: string, layer: CheckedLayer): void {
    passed.delete(digest);
    passed.set(digest, layer);
    for (const [oldest] of passed) if (passed.size > mostRemembered) passed.delete(oldest);
  }

  return {
    async check(release, wish) {
      const blobs = release.blobs.slice(2); // above are the image's manifest and its configuration
      for (const { digest } of blobs) {
        const file = passed.has(digest) ? wish.fileOf(digest) : undefined;
        if (file !== undefined && (await digestOf(file)) !== digest) throw new Refusal('archive-blob-differs', digest);
      }
      const { layers } = await checkImage(release, { ...wish, checked: passed });
      for (const [at, layer] of layers.entries()) remember(blobs[at]?.digest ?? '', layer);
    },
  };
}
