import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { packBase, partsIn } from '#common/archive/base.js';
import { checkImage } from '#common/archive/image.js';
import { checkLayer } from '#common/archive/layer.js';
import { blobFile } from '#common/archive/layout.js';
import { packFiles, packImage, packLayer } from '#common/archive/pack.js';
import { Refusal } from '#contract/problems.js';
import {
  type Descriptor,
  imageConfigType,
  imageLayerTypes,
  imageManifestType,
  largestUnpacked,
  mostLayerEntries,
} from '#contract/release.js';
import { architecture, keepBlob, releaseOf, sha256 } from '../support/archive.js';
import { ownFolder } from '../support/folder.js';
import { part, pax, paxRecord, summed, tarOf } from '../support/tar.js';

const refusal = (code: string) => ({ name: 'Refusal', code });
const [gzipped, plain] = imageLayerTypes as [string, string];
const allowance = () => ({ bytes: largestUnpacked, entries: mostLayerEntries });
type Json = Record<string, unknown>;

/** Checks one layer given as its bytes. */
async function layer(directory: string, bytes: Buffer, mediaType = plain, most = allowance()) {
  const blob = await keepBlob(directory, mediaType, bytes);
  return checkLayer(blob, path.join(directory, blobFile(blob.digest)), most);
}

/** An image of one good layer, with whatever is wished for written into its configuration and manifest. */
async function image(
  directory: string,
  wish: { config?: Json; manifest?: (manifest: Json) => Json; layer?: Buffer } = {},
) {
  const bytes = wish.layer ?? tarOf([part({ name: 'app/main' }, 'x')]);
  const tar = await keepBlob(directory, plain, bytes);
  const config = await keepBlob(
    directory,
    imageConfigType,
    JSON.stringify({
      architecture,
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [sha256(bytes)] },
      ...wish.config,
    }),
  );
  const manifest: Json = { schemaVersion: 2, mediaType: imageManifestType, config, layers: [tar] };
  const text = JSON.stringify(wish.manifest ? wish.manifest(manifest) : manifest);
  const top = await keepBlob(directory, imageManifestType, text);
  const release = releaseOf({ image: top, blobs: [top, config, tar] });
  const fileOf = (digest: string) => path.join(directory, blobFile(digest));
  return { release, check: () => checkImage(release, { fileOf, architecture }), config, tar, fileOf };
}

t.test('a layer of what builders write is read, and its diffId is that of the unpacked bytes', async (t) => {
  const directory = await ownFolder(t);
  const long = `${'long/'.repeat(60)}name`;
  const tar = tarOf([
    pax({ comment: 'of the whole' }, 'g'),
    part({ name: 'bin', flag: '5' }),
    part({ name: './etc/', kind: 'directory' }),
    part({ name: 'etc/hosts' }, 'x'.repeat(1000)),
    part({ name: 'old', flag: '\0' }, 'version 7'),
    part({ name: 'etc/.wh.gone' }),
    part({ name: 'etc/.wh..wh..opq' }),
    part({ name: 'bin/sh', kind: 'symlink', target: '/bin/busybox' }),
    part({ name: 'outside', kind: 'symlink', target: '../../../../etc/passwd' }),
    part({ name: 'etc/hard', flag: '1', link: 'etc/hosts' }),
    pax({ path: long, mtime: '1.5', 'SCHILY.xattr.user.x': 'a\nb=c' }),
    part({ name: 'short' }, 'content'),
    part({ name: '././@LongLink', flag: 'L' }, `${long}2\0`),
    part({ name: '././@LongLink', flag: 'K' }, `${long}\0`),
    part({ name: 'short', flag: '1' }),
    part({ name: 'system-\\x2d.slice' }, 'x'),
    pax({ size: '5' }),
    part({ name: 'sized', size: 0 }, 'hello'),
  ]);
  const padded = Buffer.concat([tar, Buffer.alloc(10_240)]);
  for (const bytes of [tar, padded]) {
    const want = { diffId: sha256(bytes), sizeBytes: bytes.length, entries: 18 };
    t.same(await layer(directory, bytes), { mediaType: plain, ...want });
    t.same(await layer(directory, gzipSync(bytes), gzipped), { mediaType: gzipped, ...want });
  }
});

t.test('what a layer must not hold is refused by name', async (t) => {
  const directory = await ownFolder(t);
  const file = part({ name: 'a' }, 'x');
  const damaged = Buffer.from(file);
  damaged.write('b', 0);
  const cases: Record<string, [code: string, ...parts: Buffer[]]> = {
    'a path that leads out': ['layer-path', part({ name: '../evil' }, 'x')],
    'a path that leads out further on': ['layer-path', part({ name: 'a/b/../../../evil' }, 'x')],
    'an absolute path': ['layer-path', part({ name: '/etc/passwd' }, 'x')],
    'a folder that leads out': ['layer-path', part({ name: '../', kind: 'directory' })],
    'a hard link that leads out': ['layer-path', file, part({ name: 'b', flag: '1', link: '../../etc/shadow' })],
    'a hard link to an absolute path': ['layer-path', part({ name: 'b', flag: '1', link: '/etc/shadow' })],
    'a long path that leads out': ['layer-path', pax({ path: '../evil' }), file],
    'a long path with a zero in it': ['layer-path', pax({ path: 'a\0b' }), file],
    'a long hard link that leads out': [
      'layer-path',
      pax({ linkpath: '/x' }),
      part({ name: 'b', flag: '1', link: 'a' }),
    ],
    "a long path of GNU's that leads out": ['layer-path', part({ name: 'x', flag: 'L' }, '../evil\0'), file],
    "a long link of GNU's that leads out": [
      'layer-path',
      part({ name: 'x', flag: 'K' }, '../evil\0'),
      part({ name: 'b', flag: '1', link: 'a' }),
    ],
    'a prefix that leads out': ['layer-path', summedAt(part({ name: 'a' }), 345, '..')],
    'a character device': ['layer-entry-kind', part({ name: 'null', flag: '3' })],
    'a block device': ['layer-entry-kind', part({ name: 'sda', flag: '4' })],
    'a pipe': ['layer-entry-kind', part({ name: 'pipe', flag: '6' })],
    "a sparse file of GNU's": ['layer-entry-kind', part({ name: 'hole', flag: 'S' })],
    'a sparse file': ['layer-entry-kind', pax({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9999999999' }), file],
    'a name for all that follows': ['layer-malformed', pax({ path: 'b' }, 'g'), file],
    'two long names for one file': ['layer-malformed', pax({ path: 'b' }), pax({ path: 'c' }), file],
    'long names of two kinds': ['layer-malformed', pax({ path: 'b' }), part({ name: 'x', flag: 'L' }, 'c\0'), file],
    'a long name for nothing': ['layer-malformed', file, pax({ path: 'b' })],
    'a link with content': ['layer-malformed', part({ name: 'b', kind: 'symlink', target: 'a' }, 'x')],
    'a folder that is a file': ['layer-malformed', part({ name: 'b/' }, 'x')],
    'no name': ['layer-malformed', part({ name: '' }, 'x')],
    'a wrong sum': ['layer-malformed', damaged],
    'a size of more than a tar can hold': [
      'layer-malformed',
      summedAt(part({ name: 'a' }), 124, '\x80\0\0\0\0\0\0\x20'),
    ],
    'a size of less than nothing': ['layer-malformed', summedAt(part({ name: 'a' }), 124, '-0000000001')],
    'a size that lies': ['layer-malformed', part({ name: 'a', size: 100_000 }, 'x')],
    'a pax size that lies': ['layer-malformed', pax({ size: '100000' }), file],
    'a pax size that is none': ['layer-malformed', pax({ size: '-1' }), file],
    'a pax record of another length': ['layer-malformed', part({ name: 'x', flag: 'x' }, '99 path=b\n'), file],
    'a pax record without a value': ['layer-malformed', part({ name: 'x', flag: 'x' }, '7 path\n\n'), file],
    'a header of a megabyte': [
      'layer-malformed',
      part({ name: 'x', flag: 'x' }, paxRecord('path', 'a'.repeat(1e6))),
      file,
    ],
  };
  for (const [what, [code, ...parts]] of Object.entries(cases))
    await t.rejects(layer(directory, tarOf(parts)), refusal(code), what);
  for (const magic of ['\x1f\x8b\x08', 'BZh', '\xfd7zXZ\0', '\x28\xb5\x2f\xfd']) {
    const polyglot = tarOf([summedAt(part({ name: 'a' }, 'x'), 0, magic)]);
    await t.rejects(layer(directory, polyglot), refusal('layer-malformed'), 'what an engine would unpack first');
  }
  const behind = Buffer.concat([tarOf([file]), part({ name: '../evil' }, 'x')]);
  await t.rejects(layer(directory, behind), refusal('layer-malformed'), 'another tar behind the end');
  await t.rejects(layer(directory, file), refusal('layer-malformed'), 'no end');
  await t.rejects(layer(directory, gzipSync(tarOf([file])).subarray(0, -12), gzipped), refusal('layer-malformed'));
  await t.rejects(layer(directory, Buffer.from('no gzip at all'), gzipped), refusal('layer-malformed'));
});

function summedAt(bytes: Buffer, at: number, text: string): Buffer {
  bytes.write(text, at, 'latin1');
  summed(bytes.subarray(0, 512));
  return bytes;
}

t.test('a bomb is given up before it has gone off', async (t) => {
  const directory = await ownFolder(t);
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  const bomb = gzipSync(tarOf([part({ name: 'zeros' }, zeros)]));
  t.ok(bomb.length < 100_000);
  await t.rejects(layer(directory, bomb, gzipped), refusal('layer-too-large'), 'by the ratio of unpacked to packed');
  const small = gzipSync(tarOf([part({ name: 'zeros' }, zeros.subarray(0, 1024 * 1024))]));
  await t.resolves(layer(directory, small, gzipped), 'what is small all the same may be packed well');
  const left = { bytes: 1000, entries: 10 };
  await t.rejects(layer(directory, small, gzipped, left), refusal('layer-too-large'), 'by what is left for the image');
  const many = tarOf(Array.from({ length: 11 }, (_, at) => part({ name: `file-${at}` })));
  await t.rejects(layer(directory, many, plain, { ...left, bytes: 1e9 }), refusal('layer-too-large'), 'by its files');
});

t.test('any bytes at all are a layer or refused, and so is a layer with any byte changed', async (t) => {
  const directory = await ownFolder(t);
  const good = tarOf([
    pax({ path: 'b', 'SCHILY.xattr.user.x': 'y' }),
    part({ name: 'a' }, 'x'),
    part({ name: 'l', flag: 'L' }, 'long\0'),
    part({ name: 'h', flag: '1', link: 'b' }),
  ]);
  const refusedOrRead = async (bytes: Buffer, mediaType: string) => {
    const found: unknown = await layer(directory, bytes, mediaType).catch((error) => error);
    if (found instanceof Error && !(found instanceof Refusal && /^layer-/.test(found.code))) throw found;
  };
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(plain, gzipped), (bytes, mediaType) =>
      refusedOrRead(Buffer.from(bytes), mediaType),
    ),
    { numRuns: 100 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, byte, mended) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      if (mended) summed(bytes.subarray(at - (at % 512), at - (at % 512) + 512));
      return refusedOrRead(bytes, plain);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('an image is what the release names, for the machine that it names', async (t) => {
  const directory = await ownFolder(t);
  const good = await image(directory);
  const { configDigest, unpackedBytes } = await good.check();
  t.equal(configDigest, good.config.digest);
  t.equal(unpackedBytes, good.tar.size);

  const other = architecture === 'amd64' ? 'arm64' : 'amd64';
  const elsewhere = checkImage(good.release, { fileOf: good.fileOf, architecture: other });
  await t.rejects(elsewhere, refusal('image-architecture'), 'the release is for another machine');
  const annotated = (of: string) => (manifest: Json) => ({ ...manifest, annotations: { [of]: 'alpine' } });
  const withLayer = (change: (layer: Descriptor) => object) => (manifest: Json) => ({
    ...manifest,
    layers: (manifest.layers as Descriptor[]).map(change),
  });
  const cases: Record<string, [code: string, wish: Parameters<typeof image>[1]]> = {
    'the image is for another machine': ['image-architecture', { config: { architecture: other } }],
    'the image is for another system': ['image-architecture', { config: { os: 'windows' } }],
    'another layer': ['layer-differs', { config: { rootfs: { type: 'layers', diff_ids: [sha256('other')] } } }],
    'a layer more': ['image-malformed', { config: { rootfs: { type: 'layers', diff_ids: [sha256(''), sha256('')] } } }],
    'a history of something else': ['image-malformed', { config: { history: [{}, {}, { empty_layer: true }] } }],
    volumes: ['image-volumes', { config: { config: { Volumes: { '/data': {} } } } }],
    'no root filesystem': ['image-malformed', { config: { rootfs: undefined } }],
    'a manifest of another layer': [
      'image-differs',
      { manifest: withLayer((l) => ({ ...l, digest: sha256('other') })) },
    ],
    'a manifest that lies about a size': [
      'image-differs',
      { manifest: withLayer((l) => ({ ...l, size: l.size + 1 })) },
    ],
    'a manifest that calls its layer otherwise': [
      'image-differs',
      { manifest: withLayer((l) => ({ ...l, mediaType: gzipped })) },
    ],
    'a manifest of more layers': [
      'image-differs',
      { manifest: (m) => ({ ...m, layers: [...(m.layers as object[]), ...(m.layers as object[])] }) },
    ],
    'a manifest of another configuration': [
      'image-differs',
      { manifest: (m) => ({ ...m, config: { ...(m.config as object), digest: sha256('other') } }) },
    ],
    'a layer of a kind that engines fetch': [
      'image-layer-kind',
      {
        manifest: withLayer((l) => ({ ...l, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar' })),
      },
    ],
    'a layer that is elsewhere': [
      'image-layer-kind',
      { manifest: withLayer((l) => ({ ...l, urls: ['https://a.example'] })) },
    ],
    'a layer inside the manifest': ['image-malformed', { manifest: withLayer((l) => ({ ...l, data: 'eA==' })) }],
    'a name for the image': ['archive-reference', { manifest: annotated('org.opencontainers.image.ref.name') }],
    "a name for the image, containerd's": ['archive-reference', { manifest: annotated('io.containerd.image.name') }],
    'a list of images': ['image-malformed', { manifest: () => ({ schemaVersion: 2, manifests: [] }) }],
    'a layer that leads out': ['layer-path', { layer: tarOf([part({ name: '../x' })]) }],
  };
  for (const [what, [code, wish]] of Object.entries(cases))
    await t.rejects((await image(directory, wish)).check(), refusal(code), what);
  const twice = async (text: (good: string) => string) => {
    const { config, tar } = good;
    const ids = `"rootfs":{"type":"layers","diff_ids":["${tar.digest}"]}`;
    const odd = await keepBlob(
      directory,
      imageConfigType,
      text(`"architecture":"${architecture}","os":"linux",${ids}`),
    );
    const manifest = JSON.stringify({ schemaVersion: 2, config: odd, layers: [tar] });
    const top = await keepBlob(directory, imageManifestType, manifest);
    t.not(odd.digest, config.digest);
    return checkImage(releaseOf({ image: top, blobs: [top, odd, tar] }), { fileOf: good.fileOf, architecture });
  };
  const volumes = '{"Volumes":{"/x":{}}}';
  for (const odd of [
    (good: string) => `{"config":${volumes},${good},"config":{}}`,
    (good: string) => `{${good},"Config":${volumes}}`,
    (good: string) => `{${good},"config":{"volumeſ":{"/x":{}}}}`,
    (good: string) => `{${good},"co\\u006efig":{},"CONFIG" : ${volumes}}`,
  ])
    await t.rejects(twice(odd), refusal('image-malformed'), 'what an engine would read otherwise');
  await t.resolves(twice((good) => `{${good},"config":{"Labels":{"Os":"a","os":"a:{b}"}}}`));

  const history = [{ created_by: 'x' }, { empty_layer: true }];
  const built = { config: { history, config: { Env: ['A=b'], Volumes: null } }, manifest: annotated('org.example.by') };
  await t.resolves((await image(directory, built)).check(), 'what builders write besides is no harm');

  await writeFile(good.fileOf(good.config.digest), 'x'.repeat(good.config.size));
  await t.rejects(good.check(), refusal('archive-blob-differs'));
  await writeFile(good.fileOf(good.tar.digest), 'x');
  await t.rejects(good.check(), refusal('archive-blob-size'));
});

t.test('whatever stands in an image’s documents, it is read or refused with a code', async (t) => {
  const directory = await ownFolder(t);
  const field = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>([], {}, null, '', { '/x': {} }, [{ empty_layer: 1 }]),
  );
  const names = fc.constantFrom(
    ...['architecture', 'os', 'config', 'rootfs', 'history', 'Volumes', 'layers', 'annotations', 'schemaVersion'],
    ...['mediaType', 'subject', '__proto__', 'Config'],
  );
  await fc.assert(
    fc.asyncProperty(names, field, fc.boolean(), async (name, value, inManifest) => {
      const odd = inManifest
        ? { manifest: (manifest: Json) => ({ ...manifest, [name]: value }) }
        : { config: { [name]: value } };
      await (await image(directory, odd)).check().catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
      });
    }),
    { numRuns: 150 },
  );
});

t.test('a layer that passed once is not unpacked again', async (t) => {
  const directory = await ownFolder(t);
  const { release, fileOf, tar } = await image(directory);
  const [first] = (await checkImage(release, { fileOf, architecture })).layers;
  await writeFile(fileOf(tar.digest), 'x'.repeat(tar.size));
  const checked = new Map([[tar.digest, first!]]);
  const asAnother = new Map([[tar.digest, { ...first!, mediaType: gzipped }]]);
  await t.rejects(checkImage(release, { fileOf, architecture, checked: asAnother }), refusal('layer-malformed'));
  t.same((await checkImage(release, { fileOf, architecture, checked })).layers, [first]);
  t.equal(first?.entries, 1);
  for (const most of [{ sizeBytes: largestUnpacked + 1 }, { entries: mostLayerEntries + 1 }]) {
    const large = new Map([[tar.digest, { ...first!, ...most }]]);
    await t.rejects(checkImage(release, { fileOf, architecture, checked: large }), refusal('layer-too-large'));
  }
  await t.rejects(checkImage(release, { fileOf, architecture }), refusal('layer-malformed'));
});

t.test('the same files make the same layer, wherever and whenever they were written', async (t) => {
  const directory = await ownFolder(t);
  const names = ['zebra', 'a/b/c', 'a.txt', 'ä', `${'deep/'.repeat(30)}file`];
  async function source(name: string, order: string[], when: number): Promise<string> {
    const root = path.join(directory, name);
    for (const file of order) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await writeFile(path.join(root, file), `content of ${file}`, { mode: when % 2 ? 0o600 : 0o664 });
      await utimes(path.join(root, file), when, when);
    }
    await chmod(path.join(root, 'zebra'), when % 2 ? 0o700 : 0o755);
    await symlink('../zebra', path.join(root, 'a/link'));
    return root;
  }
  const [one, two] = [await source('one', names, 1), await source('two', names.toReversed(), 2_000_000_000)];
  const first = await packLayer(one, { prefix: '/app/', directory });
  t.same(await packLayer(two, { prefix: 'app', directory }), first);
  const file = path.join(directory, blobFile(first.layer.digest));
  t.equal(sha256(await readFile(file)), first.layer.digest);
  t.equal((await checkLayer(first.layer, file, allowance())).diffId, first.diffId);
  const listed = execFileSync('tar', ['--numeric-owner', '--utc', '-tvzf', file], { encoding: 'utf8' }).split('\n');
  t.match(listed[0], /^drwxr-xr-x 0\/0 .* 1970-01-01 00:00 app\/$/);
  t.ok(listed.some((line) => /^-rwxr-xr-x .* app\/zebra$/.test(line)));
  t.ok(listed.some((line) => /^-rw-r--r-- .* app\/(deep\/){30}file$/.test(line)));
  t.ok(listed.some((line) => /^lrwxrwxrwx .* app\/a\/link -> \.\.\/zebra$/.test(line)));

  const made = { architecture, layers: [first], directory } as const;
  t.same(await packImage(made), await packImage(made));
});

t.test('what an image cannot hold is not packed, and nothing half packed is left', async (t) => {
  const directory = await ownFolder(t);
  const refused = async (name: string, make: (file: string) => Promise<unknown>) => {
    const source = path.join(directory, name);
    await mkdir(source);
    await make(source);
    await t.rejects(packLayer(source, { prefix: 'app', directory }), refusal('pack-refused'), name);
  };
  await refused('whiteout', (to) => writeFile(path.join(to, '.wh.etc'), ''));
  await refused('pipe', async (to) => execFileSync('mkfifo', [path.join(to, 'pipe')]));
  await refused('long-name', (to) => writeFile(path.join(to, 'x'.repeat(120)), ''));
  await refused('far-link', (to) => symlink('x'.repeat(120), path.join(to, 'link')));
  await t.rejects(packFiles([{ name: 'x', content: { file: path.join(directory, 'none') } }], directory), {
    code: 'ENOENT',
  });
  t.notOk((await readdir(directory)).some((name) => name.endsWith('.new')));
  const wrapper = path.join(directory, 'wrapper');
  await writeFile(wrapper, '#!/bin/sh\nexec node "$@"\n', { mode: 0o755 });
  for (const node of [wrapper, path.join(directory, 'none')])
    await t.rejects(packBase({ node, directory }), refusal('pack-refused'));
});

t.test('the parts that Debian’s Node keeps beside itself are read off it', async (t) => {
  const place = '/usr/share/nodejs/cjs-module-lexer/dist/lexer.js';
  const program = Buffer.from(
    `\x7fELF\0${place}\0internal\0${place}\0/usr/share/nodejs/\0/usr/share/nodejs/x.json\0`,
    'latin1',
  );
  t.same(partsIn(program), [place]);
  t.same(partsIn(Buffer.from('none')), []);
});
