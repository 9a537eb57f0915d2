/**
 * A release that is installed and whose image the engine does not have: after a restore onto another box, or when the
 * engine's store was lost. It is verified and fetched as when it was installed first.
 */
import { Refusal } from '#contract/problems.js';
import type { Blobs } from './blobs.js';
import type { Bring } from './bring.js';
import type { ImageCheck } from './image-check.js';
import { type Held, type Installed, releaseOf } from './installed.js';
import { loadImage } from './load.js';
import type { Architecture, Offers } from './offers.js';
import type { Catalogue, Runner } from './uses.js';

export interface Provide {
  /** @throws Refusal where the engine cannot be asked */
  isHere(held: Held): Promise<boolean>;
  /** @throws Refusal why it cannot be had now, or must not run any more */
  get(held: Held, signal: AbortSignal): Promise<void>;
}

export function createProvide(parts: {
  installed: Pick<Installed, 'barred'>;
  blobs: Blobs;
  bring: Bring;
  offers: Offers;
  images: ImageCheck;
  architecture: Architecture;
  catalogue: Pick<Catalogue, 'release'>;
  runner: Pick<Runner, 'images' | 'load'>;
}): Provide {
  const { blobs, catalogue, offers, runner } = parts;

  return {
    isHere: async (held) => (await runner.images()).includes(releaseOf(held).image.digest),
    async get(held, signal) {
      const { release } = await offers.verify(held);
      if (release.architecture !== parts.architecture)
        throw new Refusal('image-architecture', `${release.architecture}, and this box is ${parts.architecture}`);
      if (held.source === 'catalogue') {
        const entry = await catalogue.release(held.release);
        if (entry.id === held.release) await offers.heed(entry);
      }
      const barred = parts.installed.barred(held.release);
      if (barred && barred.why !== 'failed') throw new Refusal('release-withdrawn', barred.detail);
      await parts.bring.all(release.blobs, signal);
      try {
        await parts.images.check(release, { fileOf: blobs.fileOf, architecture: parts.architecture });
      } catch (error) {
        if (await blobs.dropDamaged(release.blobs)) throw new Refusal('blob-damaged', release.manifest.id);
        throw error;
      }
      await loadImage(release, { blobs, runner });
    },
  };
}
