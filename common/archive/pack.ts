/**
 * Makes layers and images (image-spec 1.1) of plain folders. The same files give the same bytes with the same Node:
 * sorted, without owner or time, modes reduced to what matters. (Only the gzip inside depends on Node's zlib; the
 * `diffId` does not.)
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Refusal } from '#contract/problems.js';
import { type Descriptor, imageConfigType, imageLayerTypes, imageManifestType } from '#contract/release.js';
import { meter } from '../meter.js';
import { blobFile } from './layout.js';
import { type Entry, endOfTar, headerOf, padding } from './tar.js';

export interface PackedLayer {
  layer: Descriptor;
  /** SHA-256 of the layer unpacked, `sha256:…`. */
  diffId: string;
}

/** What goes into a layer. Content is a file to copy, or the bytes themselves. */
export interface LayerFile extends Omit<Entry, 'size'> {
  content?: string | { file: string };
}

const byName = (a: LayerFile, b: LayerFile) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

async function* tarOf(files: readonly LayerFile[]): AsyncGenerator<Uint8Array> {
  for (const { content: from, ...entry } of files) {
    if (from === undefined || typeof from === 'string') {
      const bytes = Buffer.from(from ?? '');
      yield headerOf({ ...entry, size: bytes.length });
      yield bytes;
      yield padding(bytes.length);
      continue;
    }
    const { size } = await stat(from.file);
    yield headerOf({ ...entry, size });
    let left = size;
    for await (const piece of createReadStream(from.file, { highWaterMark: 256 * 1024 })) {
      left -= piece.length;
      yield piece;
    }
    if (left !== 0) throw new Refusal('pack-refused', `${from.file} changed while it was read`);
    yield padding(size);
  }
  yield endOfTar;
}

/** Names the system that packed, byte 9 of gzip's header (RFC 1952 section 2.3): set to "unknown", the same everywhere. */
function nameless(): Transform {
  let at = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      if (at <= 9 && at + piece.length > 9) piece[9 - at] = 255;
      at += piece.length;
      done(null, piece);
    },
  });
}

/** @param directory where the blob is left, called by the hex digits of its digest */
export async function packFiles(files: readonly LayerFile[], directory: string): Promise<PackedLayer> {
  const [plain, packed] = [meter(), meter()];
  const beside = path.join(directory, `layer-${randomUUID()}.new`);
  try {
    await pipeline(
      Readable.from(tarOf(files.toSorted(byName))),
      plain.through,
      createGzip({ level: 6 }),
      nameless(),
      packed.through,
      createWriteStream(beside, { mode: 0o600 }),
    );
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  const digest = `sha256:${packed.sha256()}`;
  await rename(beside, path.join(directory, blobFile(digest)));
  const layer = { mediaType: imageLayerTypes[0]!, digest, size: packed.size() };
  return { layer, diffId: `sha256:${plain.sha256()}` };
}

export const folder = (name: string, mode = 0o755): LayerFile => ({ name: `${name}/`, kind: 'directory', mode });

/** The folders that a name lies in, outermost first: `a/b/c` lies in `a` and `a/b`. */
export const foldersAbove = (name: string): string[] =>
  name.split('/').flatMap((_, index, parts) => (index === 0 ? [] : [parts.slice(0, index).join('/')]));

/** @throws Refusal `pack-refused` */
export async function filesBelow(directory: string, name: string): Promise<LayerFile[]> {
  const found: LayerFile[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const [file, its] = [path.join(directory, entry.name), name ? `${name}/${entry.name}` : entry.name];
    // Not as a whiteout: it would hide something of the layer below.
    if (entry.name.startsWith('.wh.')) throw new Refusal('pack-refused', `${its}: no name may begin with .wh.`);
    if (entry.isDirectory()) found.push(folder(its), ...(await filesBelow(file, its)));
    else if (entry.isSymbolicLink())
      found.push({ name: its, kind: 'symlink', mode: 0o777, target: await readlink(file) });
    else if (entry.isFile())
      found.push({ name: its, mode: (await stat(file)).mode & 0o100 ? 0o755 : 0o644, content: { file } });
    else throw new Refusal('pack-refused', `${its} is neither a file nor a folder nor a link`);
  }
  return found;
}

/**
 * @param source the folder whose content becomes the layer
 * @param wish.prefix where it lies in the image, relative to the root: `app`; empty for the root itself
 * @param wish.directory where the blob is left
 * @throws Refusal `pack-refused`
 */
export async function packLayer(
  source: string,
  { prefix, directory }: { prefix: string; directory: string },
): Promise<PackedLayer> {
  const inside = prefix.replace(/^\/+|\/+$/g, '');
  const above = inside ? [...foldersAbove(inside), inside].map((name) => folder(name)) : [];
  return packFiles([...above, ...(await filesBelow(source, inside))], directory);
}

export interface ImageWish {
  architecture: 'amd64' | 'arm64';
  /** From the lowest. */
  layers: readonly PackedLayer[];
  /** `NAME=value`. */
  environment?: readonly string[];
  workingDirectory?: string;
  /** Where manifest and configuration are left, each called by the hex digits of its digest. */
  directory: string;
}

/** `image` and `blobs` as a release has them. The layers' files are where they were packed. */
export async function packImage(wish: ImageWish): Promise<{ image: Descriptor; blobs: Descriptor[] }> {
  async function keep(mediaType: string, document: unknown): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    await writeFile(path.join(wish.directory, blobFile(digest)), bytes, { mode: 0o600 });
    return { mediaType, digest, size: bytes.length };
  }
  const created = '1970-01-01T00:00:00Z';
  const layers = wish.layers.map(({ layer }) => layer);
  const config = await keep(imageConfigType, {
    created,
    architecture: wish.architecture,
    os: 'linux',
    config: {
      Env: [...(wish.environment ?? ['PATH=/usr/local/bin:/usr/bin:/bin'])],
      WorkingDir: wish.workingDirectory ?? '/',
    },
    rootfs: { type: 'layers', diff_ids: wish.layers.map(({ diffId }) => diffId) },
    // Engines count these against the layers.
    history: wish.layers.map(() => ({ created, created_by: 'webizen' })),
  });
  const image = await keep(imageManifestType, { schemaVersion: 2, mediaType: imageManifestType, config, layers });
  return { image, blobs: [image, config, ...layers] };
}
