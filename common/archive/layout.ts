/** The OCI image layout (image-spec 1.1) around a release's blobs, for archives and for the engine that runs them. */
import { createReadStream } from 'node:fs';
import { Refusal } from '#contract/problems.js';
import type { Descriptor, Release } from '#contract/release.js';
import { endOfTar, headerOf, padding } from './tar.js';

export const blobName = (digest: string): string => `blobs/sha256/${digest.slice('sha256:'.length)}`;
/** What a blob's file is called, in a staging folder and where images are packed: the hex digits alone. */
export const blobFile = (digest: string): string => digest.slice('sha256:'.length);

export const layoutJson = JSON.stringify({ imageLayoutVersion: '1.0.0' });

/** Names one image and gives it no name: an engine would let a `ref.name` in here replace a tag that it has. */
export const indexJson = ({ mediaType, digest, size }: Descriptor): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ mediaType, digest, size }],
  });

export function* smallFile(name: string, text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  yield headerOf({ name, size: bytes.length });
  yield bytes;
  yield padding(bytes.length);
}

/** @throws Refusal `archive-blob-size` when the file is not as long as the blob */
export async function* blobEntry(blob: { digest: string; size: number }, file: string): AsyncGenerator<Uint8Array> {
  yield headerOf({ name: blobName(blob.digest), size: blob.size });
  let left = blob.size;
  for await (const piece of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    left -= piece.length;
    if (left < 0) break;
    yield piece;
  }
  if (left !== 0) throw new Refusal('archive-blob-size', blob.digest);
  yield padding(blob.size);
}

/** Each blob once, in the order of the release. */
export const blobsOf = ({ blobs }: Pick<Release, 'blobs'>): Descriptor[] => [
  ...new Map(blobs.map((blob) => [blob.digest, blob])).values(),
];

/** An OCI layout as `podman load` takes it. Every blob must be there. @throws Refusal `archive-blob-size` */
export async function* imageTar(
  release: Pick<Release, 'image' | 'blobs'>,
  fileOf: (digest: string) => string,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* smallFile('oci-layout', layoutJson);
  yield* smallFile('index.json', indexJson(release.image));
  for (const blob of blobsOf(release)) yield* blobEntry(blob, fileOf(blob.digest));
  yield endOfTar;
}
