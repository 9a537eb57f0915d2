/**
 * An archive of 50 MB as a box takes it: staged on the disk with each blob hashed, the signature verified, the image and
 * its layers checked unpacked. Against SHA-256 of the same file, which verifies nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openArchive, writeArchive } from '#common/archive/archive.js';
import { checkImage } from '#common/archive/image.js';
import { blobFile } from '#common/archive/layout.js';
import { type LayerFile, packFiles, packImage } from '#common/archive/pack.js';
import { signRelease, verifyRelease } from '#common/archive/release.js';
import { publicJwkOf } from '#common/jws.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { architecture, releaseOf } from '../support/archive.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

/** Text that gzip halves: a character of base64 says six bits in eight, and each comes twice. */
const content = (bytes: number): string => {
  const half = randomBytes((bytes * 3) / 8).toString('base64');
  return half.replace(/.{1000}/g, (line) => line + line);
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export async function archive(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const directory = await workshop.folder();
  const key = newPrivateKey();
  const jwk = await publicJwkOf(key);
  const files = Array.from(
    { length: short ? 20 : 260 },
    (_, at): LayerFile => ({ name: `file-${at}`, content: content(512 * 1024) }),
  );
  const layers = [await packFiles(files, directory)];
  const release = releaseOf(await packImage({ architecture, layers, directory }));
  const { jws } = await signRelease({ release, key });
  const blobs = release.blobs.map((blob) => ({ ...blob, file: path.join(directory, blobFile(blob.digest)) }));
  const file = path.join(directory, 'app.wza');
  await pipeline(writeArchive({ release: jws, credential: 'a.b.c', blobs }), createWriteStream(file));
  const source = () => createReadStream(file, { highWaterMark: 256 * 1024 });

  let unpacked = 0;
  async function ours(): Promise<void> {
    const staging = path.join(directory, 'staging');
    await mkdir(staging);
    const opened = await openArchive(source(), { directory: staging, freeBytes: () => Number.MAX_SAFE_INTEGER });
    const verified = await verifyRelease(opened.release, jwk);
    const fileOf = (digest: string) => opened.blobs.get(digest);
    unpacked = (await checkImage(verified.release, { fileOf, architecture })).unpackedBytes;
    await rm(staging, { recursive: true });
  }
  let size = 0;
  async function bare(): Promise<void> {
    const hash = createHash('sha256');
    size = 0;
    for await (const piece of source()) {
      size += piece.length;
      hash.update(piece);
    }
    hash.digest();
  }
  const pair = await inTurns(
    short ? 3 : 7,
    () => timed(ours),
    () => timed(bare),
  );
  say(`archive.verify: ${(size / 1e6).toFixed(1)} MB, ${(unpacked / 1e6).toFixed(1)} MB unpacked`);
  return [figure('archive.verify', 'ms', pair)];
}
