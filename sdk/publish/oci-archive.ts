/**
 * Reads an OCI archive as podman, docker and buildah write it: a tar of an image layout (image-spec 1.1), whose entries
 * come in any order. Takes outside bytes: every blob is hashed while it is written, under the name that it has itself.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import type { Architecture } from '#common/archive/base-folder.js';
import { createBytes, EndedEarly } from '#common/archive/bytes.js';
import { blobFile } from '#common/archive/layout.js';
import { allZero, blockBytes, numberAt, padding, sumOf, textAt } from '#common/archive/tar.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { BlobDigest, type Descriptor, imageConfigType, imageManifestType, largestArchive } from '#contract/release.js';

const Named = Type.Object({
  mediaType: Type.String(),
  digest: BlobDigest,
  size: Type.Integer({ minimum: 1 }),
});
const Listed = Type.Interface([Named], {
  platform: Type.Optional(Type.Object({ architecture: Type.String(), os: Type.String() })),
});
const Index = Type.Object({ manifests: Type.Array(Listed, { maxItems: 100 }) });
const ImageManifest = Type.Object({ config: Named, layers: Type.Array(Named, { minItems: 1, maxItems: 128 }) });
const ImageConfig = Type.Object({ architecture: Type.String(), os: Type.String() });

const indexType = 'application/vnd.oci.image.index.v1+json';
const largestDocument = 4 * 1024 * 1024;

export interface ArchivedImage {
  architecture: Architecture;
  image: Descriptor;
  /** Manifest, configuration, layers: as a release has them. */
  blobs: Descriptor[];
}

const refused = (why: string): Refusal => new Refusal('oci-archive-invalid', why);
const plain = ({ mediaType, digest, size }: Static<typeof Named>): Descriptor => ({ mediaType, digest, size });

/** Every blob into `directory`, called by its hex digits; answers what index.json says. */
async function unpack(archive: string, directory: string): Promise<string> {
  const bytes = createBytes(createReadStream(archive, { highWaterMark: 256 * 1024 }));
  let index: string | undefined;
  let total = 0;
  try {
    for (;;) {
      const header = await bytes.take(blockBytes);
      if (!header || allZero(header)) break;
      if (numberAt(header, 148, 8) !== sumOf(header)) throw refused('it is not a tar');
      const name = [textAt(header, 345, 155), textAt(header, 0, 100)].filter(Boolean).join('/').replace(/^\.\//, '');
      const size = numberAt(header, 124, 12);
      if (size === undefined) throw refused(`${JSON.stringify(name)} has no size`);
      total += size;
      if (total > largestArchive) throw refused(`it holds more than ${largestArchive} bytes`);
      const isFile = ['0', '\0'].includes(header.toString('latin1', 156, 157));
      const [, hex] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name) ?? [];
      if (isFile && hex !== undefined) {
        const hash = createHash('sha256');
        const beside = path.join(directory, `${hex}.new`);
        const file = createWriteStream(beside, { mode: 0o600 });
        await bytes.flow(size, async (piece) => {
          hash.update(piece);
          if (!file.write(piece)) await once(file, 'drain');
        });
        file.end();
        await once(file, 'close');
        if (hash.digest('hex') !== hex) throw refused(`the content of ${name} is not the one that its name says`);
        await rename(beside, path.join(directory, hex));
      } else if (isFile && name === 'index.json' && size <= largestDocument) {
        const pieces: Uint8Array[] = [];
        await bytes.flow(size, (piece) => void pieces.push(Uint8Array.from(piece)));
        index = Buffer.concat(pieces).toString('utf8');
      } else await bytes.flow(size, () => {});
      await bytes.flow(padding(size).length, () => {});
    }
  } catch (error) {
    throw error instanceof EndedEarly ? refused('it ends early') : error;
  } finally {
    await bytes.close();
  }
  if (index === undefined) throw refused('it has no index.json: it is no OCI image layout');
  return index;
}

/**
 * The one image in the archive, its blobs alone left in `directory`.
 * @param wish.architecture which, where the archive has several
 * @throws Refusal `oci-archive-invalid`, `file-unreadable`
 */
export async function readOciArchive(
  archive: string,
  { directory, architecture }: { directory: string; architecture?: Architecture | undefined },
): Promise<ArchivedImage> {
  await stat(archive).catch((error: unknown) => {
    throw new Refusal('file-unreadable', archive, { cause: error });
  });
  const staging = await mkdtemp(path.join(directory, 'oci-'));
  const fileOf = (digest: string): string => path.join(staging, blobFile(digest));

  async function document<T extends TSchema>(schema: T, digest: string, size: number): Promise<Static<T>> {
    const found = await stat(fileOf(digest)).catch(() => undefined);
    if (!found) throw refused(`the blob ${digest} is missing`);
    if (found.size !== size || size > largestDocument) throw refused(`the blob ${digest} has another size`);
    return parsed(schema, await readFile(fileOf(digest), 'utf8'), digest);
  }

  function parsed<T extends TSchema>(schema: T, text: string, what: string): Static<T> {
    const read = parseJson(schema, text);
    if (!read.ok) throw refused(`${what}: ${describeFaults(read.faults)}`);
    return read.value;
  }

  /** Attestations that a builder adds are manifests too, of the platform "unknown". */
  async function imagesIn(index: Static<typeof Index>, depth: number): Promise<Static<typeof Listed>[]> {
    const found = await Promise.all(
      index.manifests.map(async (one) => {
        if (one.mediaType === indexType && depth < 3)
          return imagesIn(await document(Index, one.digest, one.size), depth + 1);
        return one.platform?.os === 'unknown' ? [] : [one];
      }),
    );
    return found.flat();
  }

  try {
    const listed = await imagesIn(parsed(Index, await unpack(archive, staging), 'index.json'), 0);
    const images = await Promise.all(
      listed.map(async (one) => {
        if (one.mediaType !== imageManifestType)
          throw refused(`its image is of the kind ${one.mediaType}, not ${imageManifestType}`);
        const { config, layers } = await document(ImageManifest, one.digest, one.size);
        if (config.mediaType !== imageConfigType) throw refused(`its configuration is of the kind ${config.mediaType}`);
        const told = await document(ImageConfig, config.digest, config.size);
        return {
          architecture: told.architecture,
          os: told.os,
          blobs: [plain(one), plain(config), ...layers.map(plain)],
        };
      }),
    );
    const names = images.map(({ os, architecture: its }) => `${os}/${its}`).join(', ');
    const wanted = images.filter((one) => architecture === undefined || one.architecture === architecture);
    const [image] = wanted;
    if (!image)
      throw refused(architecture ? `it has ${names || 'no image'}, not linux/${architecture}` : 'it is empty');
    if (wanted.length > 1) throw refused(`it has several (${names}): say which with --architecture`);
    if (image.os !== 'linux' || (image.architecture !== 'amd64' && image.architecture !== 'arm64'))
      throw refused(`it is made for ${names}, not for linux/amd64 or linux/arm64`);
    for (const { digest } of image.blobs)
      await rename(fileOf(digest), path.join(directory, blobFile(digest))).catch((error: unknown) => {
        if (image.blobs.filter((blob) => blob.digest === digest).length > 1) return; // moved already
        throw new Refusal('oci-archive-invalid', `the blob ${digest} is missing`, { cause: error });
      });
    const [manifest] = image.blobs;
    if (!manifest) throw refused('it is empty');
    return { architecture: image.architecture, image: manifest, blobs: image.blobs };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
