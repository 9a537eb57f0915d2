/**
 * Whether an image is the one that a release names, and one that a box may run. An engine checks the layers and the
 * configuration against the image's manifest when it loads them, and nothing against what was signed: so it is done here.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type Static, type TSchema, Type } from 'typebox';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import {
  BlobDigest,
  Descriptor,
  imageConfigType,
  imageLayerTypes,
  imageManifestType,
  largestUnpacked,
  mostLayerEntries,
  type Release,
} from '#contract/release.js';
import { namesSomething } from './archive.js';
import { type Allowance, type CheckedLayer, checkLayer } from './layer.js';
import { doubleMeaning } from './one-meaning.js';

const Annotations = Type.Record(Type.String(), Type.String());
/** What a descriptor of any image may have; what ours may not is told by a code of its own. */
const FoundDescriptor = Type.Object(
  {
    mediaType: Type.String(),
    digest: BlobDigest,
    size: Descriptor.properties.size,
    annotations: Type.Optional(Annotations),
    urls: Type.Optional(Type.Array(Type.String())),
  },
  { additionalProperties: false },
);
const ImageManifest = Type.Object(
  {
    schemaVersion: Type.Literal(2),
    mediaType: Type.Optional(Type.Literal(imageManifestType)),
    config: FoundDescriptor,
    layers: Type.Array(FoundDescriptor, { minItems: 1, maxItems: 128 }),
    annotations: Type.Optional(Annotations),
  },
  { additionalProperties: false },
);
const ImageConfig = Type.Object({
  architecture: Type.String(),
  os: Type.String(),
  config: Type.Optional(
    Type.Object({ Volumes: Type.Optional(Type.Union([Type.Null(), Type.Record(Type.String(), Type.Unknown())])) }),
  ),
  rootfs: Type.Object({ type: Type.Literal('layers'), diff_ids: Type.Array(BlobDigest) }),
  history: Type.Optional(Type.Array(Type.Object({ empty_layer: Type.Optional(Type.Boolean()) }))),
});

const configNames = ['architecture', 'os', 'config', 'rootfs', 'history', 'Volumes', 'type', 'diff_ids'];

/** Hashed again: it costs nothing, and what is parsed is then what was signed. */
async function document<T extends TSchema>(
  schema: T,
  blob: Descriptor,
  wish: { file: string; names: readonly string[]; depth: number },
): Promise<Static<T>> {
  const bytes = await readFile(wish.file);
  if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== blob.digest)
    throw new Refusal('archive-blob-differs', blob.digest);
  const parsed = parseJson(schema, bytes);
  if (!parsed.ok) throw new Refusal('image-malformed', describeFaults(parsed.faults.slice(0, 3)));
  const doubled = doubleMeaning(bytes.toString('utf8'), wish);
  if (doubled !== undefined)
    throw new Refusal('image-malformed', `the field ${JSON.stringify(doubled)} means two things`);
  return parsed.value;
}

/** @throws Refusal `image-differs`, `image-layer-kind`, `archive-reference` */
function checkManifest({ config, layers, annotations }: Static<typeof ImageManifest>, release: Release): void {
  const found = [config, ...layers];
  for (const { mediaType, urls } of layers)
    if (!imageLayerTypes.includes(mediaType) || urls) throw new Refusal('image-layer-kind', urls ? urls[0] : mediaType);
  const names = [annotations, ...found.map((blob) => blob.annotations)].flatMap((some) => Object.keys(some ?? {}));
  if (names.some(namesSomething)) throw new Refusal('archive-reference', 'in the manifest of the image');
  const signed = release.blobs.slice(1);
  const differs = (blob: Descriptor, at: number) => {
    const other = signed[at];
    return blob.digest !== other?.digest || blob.size !== other.size || blob.mediaType !== other.mediaType;
  };
  if (found.length !== signed.length || config.mediaType !== imageConfigType || config.urls || found.some(differs))
    throw new Refusal('image-differs');
}

/** @throws Refusal `image-architecture`, `image-volumes`, `image-malformed` */
function checkConfig(config: Static<typeof ImageConfig>, release: Release): void {
  if (config.os !== 'linux' || config.architecture !== release.architecture)
    throw new Refusal(
      'image-architecture',
      `${config.os}/${config.architecture} in a release for ${release.architecture}`,
    );
  if (Object.keys(config.config?.Volumes ?? {}).length > 0) throw new Refusal('image-volumes');
  const layers = release.blobs.length - 2;
  const told = config.history?.filter((step) => !step.empty_layer).length ?? layers;
  if (config.rootfs.diff_ids.length !== layers || told !== layers)
    throw new Refusal('image-malformed', 'its configuration counts other layers than it has');
}

export interface CheckedImage {
  configDigest: string;
  /** Of each layer, from the lowest. */
  layers: CheckedLayer[];
  /** All layers unpacked: what the engine will need, and again as much while it loads. */
  unpackedBytes: number;
}

/**
 * Takes a verified release and blobs that are what they are called (`openArchive`, or the box's own store).
 * @param wish.checked layers that passed here before, by digest: they are not unpacked again
 * @throws Refusal `image-…`, `layer-…`, `blob-missing`, `archive-reference`
 */
export async function checkImage(
  release: Release,
  wish: {
    fileOf(digest: string): string | undefined;
    architecture: 'amd64' | 'arm64';
    checked?: ReadonlyMap<string, CheckedLayer>;
  },
): Promise<CheckedImage> {
  if (release.architecture !== wish.architecture)
    throw new Refusal('image-architecture', `${release.architecture} on a box of ${wish.architecture}`);
  const files = await Promise.all(
    release.blobs.map(async ({ digest, size }) => {
      const file = wish.fileOf(digest);
      if (file === undefined) throw new Refusal('blob-missing', digest);
      const found = await stat(file);
      if (found.size !== size) throw new Refusal('archive-blob-size', digest);
      return file;
    }),
  );
  const [manifest, config, ...layers] = release.blobs;
  if (!manifest || !config) throw new Refusal('image-malformed');
  const everywhere = { names: [], depth: Number.POSITIVE_INFINITY };
  checkManifest(await document(ImageManifest, manifest, { file: files[0]!, ...everywhere }), release);
  // Below that are labels, and the like.
  const told = await document(ImageConfig, config, { file: files[1]!, names: configNames, depth: 2 });
  checkConfig(told, release);

  const allowance: Allowance = { bytes: largestUnpacked, entries: mostLayerEntries };
  const done: CheckedLayer[] = [];
  for (const [at, layer] of layers.entries()) {
    const before = wish.checked?.get(layer.digest);
    const known = before?.mediaType === layer.mediaType ? before : undefined;
    const checked = known ?? (await checkLayer(layer, files[at + 2]!, allowance));
    if (known) {
      allowance.bytes -= known.sizeBytes;
      allowance.entries -= known.entries;
    }
    if (allowance.bytes < 0 || allowance.entries < 0) throw new Refusal('layer-too-large');
    if (checked.diffId !== told.rootfs.diff_ids[at]) throw new Refusal('layer-differs', layer.digest);
    done.push(checked);
  }
  const unpackedBytes = done.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { configDigest: config.digest, layers: done, unpackedBytes };
}
