/** The images that scenarios start from: one territory known to both, 1.0.0 for cards, 1.1.0 to update to. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { buildImage, nodeBase } from '../../image/build.js';
import { makeBundle } from '../../image/bundle.js';
import { type Architecture, built, source } from '../../image/places.js';
import type { Publisher } from '../../image/publisher.js';
import type { Tools } from '../../image/tools.js';
import { contentsOf, keep } from './kept.js';
import { makeTerritory } from './territory.js';

export const versions = { first: '1.0.0', next: '1.1.0' };

export interface Images {
  /** Of what all of it was made from. */
  digest: string;
  /** The disk's image of 1.0.0. */
  image: string;
  /** A slot's filesystem of 1.1.0. */
  nextRootfs: string;
  /** The update to 1.1.0. */
  bundle: string;
  /** Of 1.0.0: what Node apps are built on. */
  nodeBase: string;
  /** The territory's folder: to be copied. */
  territory: string;
}

export interface ImageParts {
  publisher: Publisher;
  tools: Tools;
  host: string;
  port: number;
  say(line: string): void;
}

export async function makeImages(
  architecture: Architecture,
  { publisher, tools, host, port, say }: ImageParts,
): Promise<Images> {
  const recipe = readdirSync(built('image')).filter((name) => name.endsWith('.js'));
  const from = [
    ...[source('boot'), source('overlay'), source('lock'), built('owner')].flatMap(contentsOf),
    ...[...recipe.map((name) => built('image', name)), built('bin/webizen-agent.js'), publisher.keysFile].map((file) =>
      readFileSync(file),
    ),
  ];
  const place = await keep(architecture, 'images', from, async (part) => {
    const territory = path.join(part, 'territory');
    makeTerritory(territory, host, port);
    const imageOf = (version: string): Promise<string> =>
      buildImage({
        ...{ architecture, out: path.join(part, version), alliance: path.join(territory, 'alliance'), version },
        complete: false,
        tell: (step) => step && say(`image ${version}: ${step}`),
      });
    const image = await imageOf(versions.first);
    rmSync(path.join(image, 'rootfs.ext4'));
    const next = await imageOf(versions.next);
    rmSync(path.join(next, 'image'));
    const bundle = makeBundle(next, { architecture, version: versions.next, publisher, tools });
    renameSync(bundle, path.join(part, 'bundle'));
  });
  return {
    digest: createHash('sha256').update(path.basename(place)).digest('hex'),
    image: path.join(place, versions.first, 'image'),
    nextRootfs: path.join(place, versions.next, 'rootfs.ext4'),
    bundle: path.join(place, 'bundle'),
    nodeBase: path.join(place, versions.first, nodeBase),
    territory: path.join(place, 'territory'),
  };
}
