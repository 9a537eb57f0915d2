/** `app build`: the image of an app, of its folder on the shared base layer or of an OCI archive. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { baseBlobs, readBase } from '#common/archive/base-folder.js';
import { checkImage } from '#common/archive/image.js';
import { packImage, packLayer } from '#common/archive/pack.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { soundManifest } from '../../publish/manifest-file.js';
import { readOciArchive } from '../../publish/oci-archive.js';
import { type Built, type Workshop, workshop } from '../../publish/workshop.js';
import { noMoreThan, oneOf, readArguments, text } from '../arguments.js';
import type { Command } from '../command.js';

type Image = Omit<Built, 'manifest'>;

/** Where an app finds what its author put into `app/`. */
const placeInside = 'app';

async function onBase(folder: string, directory: string, place: Workshop): Promise<Image> {
  const inside = path.join(folder, placeInside);
  if ((await readdir(inside).catch(() => [])).length === 0) throw new Refusal('app-empty', inside);
  const base = await readBase(directory);
  for (const { layer } of base.layers) await place.take(baseBlobs(directory), layer.digest);
  const own = await packLayer(inside, { prefix: placeInside, directory: place.blobs });
  const packed = await packImage({
    architecture: base.architecture,
    layers: [...base.layers, own],
    workingDirectory: `/${placeInside}`,
    directory: place.blobs,
  });
  return { architecture: base.architecture, ...packed, shared: base.layers.map(({ layer }) => layer.digest) };
}

export const build: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { base: text, oci: text, architecture: text });
  noMoreThan(1, positionals);
  const folder = positionals[0] ?? '.';
  if ((values.base === undefined) === (values.oci === undefined))
    throw new Refusal('arguments-invalid', 'name the base layer with --base, or an OCI archive with --oci');
  const architecture =
    values.architecture === undefined
      ? undefined
      : oneOf(values.architecture, '--architecture', ['amd64', 'arm64'] as const);
  const manifest = await soundManifest(folder);
  const place = workshop({ folder, files });
  await place.clear();
  const image: Image =
    values.base === undefined
      ? { ...(await readOciArchive(values.oci ?? '', { directory: place.blobs, architecture })), shared: [] }
      : await onBase(folder, values.base, place);
  if (architecture !== undefined && image.architecture !== architecture)
    throw new Refusal('image-architecture', `the base layer is for ${image.architecture}`);
  const built: Built = { manifest, ...image };
  // As a box will: who signs it is all that is missing.
  const draft = { ...built, member: 'nobody', territory: 'nowhere', createdAt: 0 };
  await checkImage(draft, { fileOf: place.fileOf, architecture: built.architecture });
  await place.keepBuilt(built);
  const own = built.blobs.filter(({ digest }) => !built.shared.includes(digest));
  out(`${manifest.id} ${manifest.version} for ${built.architecture}`);
  out(`image ${built.image.digest}`);
  out(`${own.reduce((sum, { size }) => sum + size, 0)} bytes of its own`);
  return true;
};
