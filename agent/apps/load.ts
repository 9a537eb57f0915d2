/** The image of a release, from the blobs that are here, into the engine. */
import { imageTar } from '#common/archive/layout.js';
import { Refusal } from '#contract/problems.js';
import type { Blobs } from './blobs.js';
import type { releaseOf } from './installed.js';
import type { Runner } from './uses.js';

/** @throws Refusal as `Runner.load` */
export async function loadImage(
  release: ReturnType<typeof releaseOf>,
  { blobs, runner }: { blobs: Pick<Blobs, 'fileOf'>; runner: Pick<Runner, 'load'> },
): Promise<void> {
  const fileOf = (digest: string): string => {
    const file = blobs.fileOf(digest);
    if (file === undefined) throw new Refusal('internal', `${digest} is not here`);
    return file;
  };
  // The image's manifest is the first of its blobs, its configuration the second (common/archive/image.ts).
  const signed = { digest: release.image.digest, config: release.blobs[1]?.digest ?? '' };
  await runner.load(signed, () => imageTar(release, fileOf));
}
