/** Archives of a small app, signed by a member of a territory that is made here. */
import { createHash, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ArchiveParts, writeArchive } from '#common/archive/archive.js';
import { blobFile } from '#common/archive/layout.js';
import { type PackedLayer, packImage, packLayer } from '#common/archive/pack.js';
import { signRelease } from '#common/archive/release.js';
import { signJws } from '#common/jws.js';
import type { Manifest } from '#contract/manifest.js';
import { credentialType } from '#contract/member.js';
import type { Descriptor, Release } from '#contract/release.js';

export const someManifest = (more: Partial<Manifest> = {}): Manifest => ({
  id: 'example.visits',
  version: '1.0.0',
  name: { en: 'Visits' },
  summary: { en: 'Counts visits' },
  api: '1.0',
  capabilities: [{ capability: 'storage', reason: { en: 'to keep the count' } }],
  resources: { memoryMiB: 64, cpus: 0.5, pids: 32, storageMiB: 10 },
  run: { command: ['/app/main'] },
  health: { kind: 'ready' },
  terms: { en: 'None.' },
  ...more,
});

export const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

export const sha256 = (bytes: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function* inPieces(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Writes a blob where packed ones lie. */
export async function keepBlob(directory: string, mediaType: string, bytes: string | Uint8Array): Promise<Descriptor> {
  const digest = sha256(bytes);
  await writeFile(path.join(directory, blobFile(digest)), bytes);
  return { mediaType, digest, size: Buffer.byteLength(bytes) };
}

export const releaseOf = (made: { image: Descriptor; blobs: Descriptor[] }, more: Partial<Release> = {}): Release => ({
  manifest: someManifest(),
  member: 'example-soft',
  territory: 'north',
  architecture,
  image: made.image,
  blobs: made.blobs,
  createdAt: 1_700_000_000_000,
  ...more,
});

export interface SomeApp {
  release: Release;
  /** Of the release. */
  jws: string;
  id: string;
  parts: ArchiveParts;
  archive: Buffer;
  fileOf(digest: string): string;
  layers: PackedLayer[];
}

/** @param wish.text of the app's program; `files` lie beside it */
export async function someApp(
  directory: string,
  wish: { key: KeyObject; text?: string; files?: Record<string, Uint8Array>; more?: Partial<Release>; blobs?: string },
): Promise<SomeApp> {
  const source = await mkdtemp(path.join(directory, 'source-'));
  const blobs = wish.blobs ?? (await mkdtemp(path.join(directory, 'blobs-')));
  await mkdir(path.join(source, 'lib'));
  await writeFile(path.join(source, 'main'), wish.text ?? '#!/bin/sh\necho hello\n', { mode: 0o755 });
  await writeFile(path.join(source, 'lib', 'data.txt'), 'data\n');
  for (const [name, bytes] of Object.entries(wish.files ?? {}))
    await writeFile(path.join(source, name), bytes, { mode: 0o755 });
  const layers = [await packLayer(source, { prefix: 'app', directory: blobs })];
  const made = await packImage({ architecture, layers, directory: blobs });
  const release = releaseOf(made, wish.more);
  const { jws, id } = await signRelease({ release, key: wish.key });
  const fileOf = (digest: string) => path.join(blobs, blobFile(digest));
  const credential = await signJws({ type: credentialType, payload: Buffer.from('{}'), key: wish.key });
  const parts: ArchiveParts = {
    release: jws,
    credential,
    blobs: made.blobs.map(({ digest, size }) => ({ digest, size, file: fileOf(digest) })),
  };
  return { release, jws, id, parts, archive: await collect(writeArchive(parts)), fileOf, layers };
}
