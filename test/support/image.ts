/** Real, small OCI images: busybox alone, or the Node that runs the tests with its libraries. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { partsIn } from '#common/archive/base.js';
import { endOfTar, headerOf, padding } from '#common/archive/tar.js';

export interface TestImage {
  /** Of the OCI manifest: what a release names. */
  digest: string;
  /** Of the configuration: what the engine calls the image. */
  config: string;
  tar(): AsyncIterable<Uint8Array>;
}

export interface Entry {
  path: string;
  /** A file's bytes; a string is the target of a link; without either it is a folder. */
  data?: Buffer;
  link?: string;
  mode?: number;
}

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** All of it root's and of 1970. */
function* parts(entries: readonly Entry[]): Generator<Buffer> {
  for (const { path, data, link, mode } of entries) {
    const kind = link !== undefined ? 'symlink' : data ? 'file' : 'directory';
    const size = data?.length ?? 0;
    yield headerOf({ name: path, size, kind, mode: mode ?? (data ? 0o644 : 0o755), target: link ?? '' });
    if (data) yield data;
    yield padding(size);
  }
  yield endOfTar;
}

export const tar = (entries: readonly Entry[]): Buffer => Buffer.concat([...parts(entries)]);

export interface ImageWish {
  layers: readonly Buffer[];
  /** More of the image's own configuration: what a bad image would bring along. */
  config?: Record<string, unknown>;
  annotations?: Record<string, string>;
}

const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'];

export function image({ layers, config = {}, annotations }: ImageWish): TestImage {
  const digests = layers.map(sha256);
  const configuration = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: digests },
      history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'test' })),
    }),
  );
  const described = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha256(bytes), size: bytes.length });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: described('application/vnd.oci.image.config.v1+json', configuration),
      layers: layers.map(({ length }, at) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: digests[at] ?? '',
        size: length,
      })),
      ...(annotations ? { annotations } : {}),
    }),
  );
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [described('application/vnd.oci.image.manifest.v1+json', manifest)],
    }),
  );
  const blob = (data: Buffer, digest = sha256(data)): Entry => ({ path: `blobs/sha256/${digest.slice(7)}`, data });
  return {
    digest: sha256(manifest),
    config: sha256(configuration),
    async *tar() {
      yield* parts([
        { path: 'oci-layout', data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
        { path: 'index.json', data: index },
        blob(manifest),
        blob(configuration),
        ...layers.map((layer, at) => blob(layer, digests[at])),
      ]);
    },
  };
}

const folders = ['bin', 'etc', 'tmp', 'run', 'proc', 'sys', 'dev'].map((path) => ({ path: `${path}/` }));

export function busyboxEntries(): Entry[] {
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  return [
    ...folders,
    { path: 'bin/busybox', data: readFileSync('/bin/busybox'), mode: 0o755 },
    ...applets.filter((name) => name !== 'busybox').map((name) => ({ path: `bin/${name}`, link: 'busybox' })),
    { path: 'etc/passwd', data: Buffer.from('root:x:0:0:root:/:/bin/sh\n') },
    { path: 'etc/group', data: Buffer.from('root:x:0:\n') },
  ];
}

/** A shell and about 300 programs in 2 MB. */
export const busyboxImage = (wish: Omit<ImageWish, 'layers'> & { more?: readonly Entry[] } = {}): TestImage =>
  image({ ...wish, layers: [tar([...busyboxEntries(), ...(wish.more ?? [])])] });

/** The Node that runs this, with the libraries that it is linked to, beside busybox. */
export function nodeImage(more: readonly Entry[] = []): TestImage {
  const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  const programs = [process.execPath, ...libraries.filter((file) => file.includes('/libnode.'))];
  const beside = programs.flatMap((file) => partsIn(readFileSync(file))).filter((file) => existsSync(file));
  const files = [...libraries, ...beside].map((file) => ({
    path: file.slice(1),
    data: readFileSync(file),
    mode: 0o755,
  }));
  const node = { path: 'bin/node', data: readFileSync(process.execPath), mode: 0o755 };
  return image({ layers: [tar(busyboxEntries()), tar([...files, node]), tar(more)] });
}
