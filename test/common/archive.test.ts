import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type OpenedArchive, openArchive, writeArchive } from '#common/archive/archive.js';
import { checkImage } from '#common/archive/image.js';
import { indexJson } from '#common/archive/layout.js';
import { followRotation, signRelease, signRotation, verifyRelease } from '#common/archive/release.js';
import { publicJwkOf, signJws, verifyJws } from '#common/jws.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import { credentialType } from '#contract/member.js';
import { Refusal } from '#contract/problems.js';
import { largestArchive, releaseType } from '#contract/release.js';
import { architecture, collect, inPieces, type SomeApp, someApp, someManifest } from '../support/archive.js';
import { ownFolder } from '../support/folder.js';
import { type Part, part, partsOf, summed, tarOf } from '../support/tar.js';

const refusal = (code: string) => ({ name: 'Refusal', code });
const plenty = () => 1e12;
const key = newPrivateKey();

/** An app, and a staging folder that must be empty whenever something was refused. */
async function workbench(t: { teardown(work: () => unknown): void }) {
  const directory = await ownFolder(t);
  const staging = path.join(directory, 'staging');
  await mkdir(staging);
  const app = await someApp(directory, { key });
  const open = (bytes: Uint8Array, more: object = {}) =>
    openArchive(inPieces(bytes), { directory: staging, freeBytes: plenty, ...more });
  return { directory, staging, app, open };
}

/** Each of these tars is refused with its code, and nothing of it is left. */
async function eachRefused(
  t: Test,
  bench: Awaited<ReturnType<typeof workbench>>,
  cases: Record<string, [code: string, tar: Buffer]>,
) {
  for (const [what, [code, tar]] of Object.entries(cases)) {
    await t.rejects(bench.open(tar), refusal(code), what);
    t.same(await readdir(bench.staging), [], `${what}: nothing is left`);
  }
}

t.test('an archive is read back as it was made, whatever the pieces it comes in', async (t) => {
  const { app, directory } = await workbench(t);
  const status = { suspension: 'a.b.c', revocation: 'd.e.f' };
  const archive = await collect(writeArchive({ ...app.parts, status, blobs: app.parts.blobs.toReversed() }));
  for (const size of [7, 511, 513, 1_000_000]) {
    const staging = path.join(directory, `staging-${size}`);
    await mkdir(staging);
    const opened = await openArchive(inPieces(archive, size), { directory: staging, freeBytes: plenty });
    t.same(opened.status, status);
    t.equal(opened.credential, app.parts.credential);
    t.same(
      [...opened.blobs.keys()],
      app.release.blobs.map(({ digest }) => digest),
    );
    t.equal((await readdir(staging)).length, 3);
    const { id, release } = await verifyRelease(opened.release, await publicJwkOf(key));
    t.equal(id, app.id);
    t.same(release, app.release);
    const checked = await checkImage(release, { fileOf: (digest) => opened.blobs.get(digest), architecture });
    t.equal(checked.configDigest, release.blobs[1]?.digest);
    t.equal(checked.layers[0]?.diffId, app.layers[0]?.diffId);
  }
});

t.test('the same parts make the same archive, byte for byte', async (t) => {
  const directory = await ownFolder(t);
  const [one, two] = [await someApp(directory, { key }), await someApp(directory, { key })];
  t.same(two.release, one.release, 'packed from two folders');
  const archives = await Promise.all(
    [one, two].map(({ parts }) => collect(writeArchive({ ...one.parts, blobs: parts.blobs }))),
  );
  t.ok(archives[1]?.equals(archives[0]!));
});

t.test('blobs that the box has may be left out, and then are missing where nobody has them', async (t) => {
  const { app, open } = await workbench(t);
  const archive = await collect(writeArchive({ ...app.parts, blobs: app.parts.blobs.slice(0, 2) }));
  const opened = await open(archive);
  t.equal(opened.blobs.size, 2);
  const image = checkImage(app.release, { fileOf: (digest) => opened.blobs.get(digest), architecture });
  await t.rejects(image, refusal('blob-missing'));
  await t.resolves(
    checkImage(app.release, { fileOf: (digest) => opened.blobs.get(digest) ?? app.fileOf(digest), architecture }),
  );
});

t.test('whatever single bit is flipped, the archive is refused or says the same', async (t) => {
  const bench = await workbench(t);
  const status = {
    suspension: await signJws({ type: credentialType, payload: Buffer.from('{"s":1}'), key }),
    revocation: await signJws({ type: credentialType, payload: Buffer.from('{"r":1}'), key }),
  };
  const archive = await collect(writeArchive({ ...bench.app.parts, status }));
  const jwk = await publicJwkOf(key);
  const credentials = async (opened: OpenedArchive) => {
    const texts = [opened.credential, opened.status?.suspension ?? '', opened.status?.revocation ?? ''];
    const all = await Promise.all(texts.map((text) => verifyJws(text, { type: credentialType, keys: [jwk] })));
    return all.map((verified) => (verified.ok ? Buffer.from(verified.payload).toString() : verified.fault));
  };
  const bounds = partsOf(archive).flatMap(
    (
      (at) =>
      ({ bytes }: Part) => {
        const from = at;
        at += bytes.length;
        return [from, from + 100, from + 124, from + 156, from + 257, from + 511, from + 512, at - 1];
      }
    )(0),
  );
  const positions = fc.oneof(
    fc.integer({ min: 0, max: archive.length - 1 }),
    fc.constantFrom(...bounds, archive.length - 1024, archive.length - 1),
  );
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(positions, fc.integer({ min: 0, max: 7 }), async (at, bit) => {
      const flipped = Buffer.from(archive);
      flipped[at]! ^= 1 << bit;
      let opened: OpenedArchive;
      try {
        opened = await bench.open(flipped);
      } catch (error) {
        if (!(error instanceof Refusal) || (await readdir(bench.staging)).length > 0) throw error;
        return;
      }
      for (const file of opened.blobs.values()) await rm(file);
      const told = await credentials(opened);
      const release = await verifyRelease(opened.release, jwk).catch((error: Refusal) => error.code);
      if (
        typeof release === 'string' ||
        told.includes('forged') ||
        told.includes('malformed') ||
        told.includes('foreign')
      )
        return;
      accepted += 1;
      if (release.id !== bench.app.id || told.join() !== '{},{"s":1},{"r":1}')
        throw new Error('it says something else');
    }),
    { numRuns: 300 },
  );
  t.comment(`${accepted} flips changed nothing that is read`);
  t.pass();
});

t.test('any bytes at all are an archive or refused', async (t) => {
  const bench = await workbench(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
      const error: unknown = await bench.open(bytes).catch((error) => error);
      if (!(error instanceof Refusal)) throw new Error('neither');
    }),
    { numRuns: 100 },
  );
  t.same(await readdir(bench.staging), []);
});

t.test('an archive that was cut anywhere is refused as truncated', async (t) => {
  const bench = await workbench(t);
  const { archive } = bench.app;
  for (let at = 0; at < archive.length; at += 512)
    for (const cut of [at, at + 100])
      await t.rejects(bench.open(archive.subarray(0, cut)), refusal('archive-truncated'));
  t.same(await readdir(bench.staging), []);
});

t.test('what has no place in an archive is refused by name', async (t) => {
  const bench = await workbench(t);
  const { archive } = bench.app;
  const parts = partsOf(archive);
  const named = (name: string) => parts.find((some) => some.name === name)!;
  const [release, credential, layout, index, ...blobs] = parts as [Part, Part, Part, Part, ...Part[]];
  const altered = (name: string, change: (bytes: Buffer) => Buffer) =>
    tarOf(parts.map((some) => (some.name === name ? { name, bytes: change(Buffer.from(some.bytes)) } : some)));
  const patched = (name: string, at: number, text: string) =>
    altered(name, (bytes) => {
      bytes.write(text, at, 'latin1');
      summed(bytes.subarray(0, 512));
      return bytes;
    });
  const withIndex = (text: string) => altered('index.json', () => part({ name: 'index.json' }, text));
  const document = JSON.parse(indexJson(bench.app.release.image)) as { manifests: object[] };
  const annotated = (annotations: object) =>
    JSON.stringify({ ...document, manifests: [{ ...document.manifests[0], annotations }] });
  const stranger = part({ name: `blobs/sha256/${'a'.repeat(64)}` }, 'x');
  const layer = blobs.at(-1)!;

  await eachRefused(t, bench, {
    'a symbolic link': ['archive-entry-kind', patched(layer.name, 156, '2/etc/shadow')],
    'a hard link': ['archive-entry-kind', patched(layer.name, 156, '1../../etc/shadow')],
    'a device': ['archive-entry-kind', patched(layer.name, 156, '3')],
    'a directory': ['archive-entry-kind', tarOf([...parts, part({ name: 'blobs/', kind: 'directory' })])],
    'a pax header': ['archive-entry-kind', tarOf([part({ name: 'x', flag: 'x' }, '17 path=../evil\n'), ...parts])],
    'a long name of GNU': ['archive-entry-kind', tarOf([part({ name: 'x', flag: 'L' }, '../evil\0'), ...parts])],
    'a path that leads out': ['archive-path', tarOf([...parts, part({ name: '../../etc/passwd' }, 'x')])],
    'a path that leads out and back': ['archive-path', tarOf([...parts, part({ name: 'blobs/../x' }, 'x')])],
    'an absolute path': ['archive-path', tarOf([...parts, part({ name: '/etc/passwd' }, 'x')])],
    'a file that is none of ours': ['archive-entry-unknown', tarOf([...parts, part({ name: 'README' }, 'x')])],
    'one of ours, written otherwise': ['archive-entry-unknown', tarOf([part({ name: './oci-layout' }, 'x')])],
    'no name': ['archive-malformed', tarOf([part({ name: '' }, 'x')])],
    'an owner in a header': ['archive-malformed', patched(layer.name, 108, '0001750')],
    'a time in a header': ['archive-malformed', patched(layer.name, 136, '14524460400')],
    "another tar's magic": ['archive-malformed', patched(layer.name, 257, 'ustar  \0')],
    'bytes hidden at the end of a header': ['archive-malformed', patched(layer.name, 505, 'hidden')],
    'bytes hidden between two files': ['archive-malformed', patched(layout.name, 512 + 500, 'hidden')],
    'a size of more than a tar can hold': ['archive-malformed', patched(layer.name, 124, '\x80\0\0\0\0\0\0\x20')],
    'a file twice': ['archive-entry-twice', tarOf([release, release, ...parts.slice(1)])],
    'a blob twice': ['archive-entry-twice', tarOf([...parts, layer])],
    'a blob that the release does not name': ['archive-blob-unlisted', tarOf([...parts, stranger])],
    'blobs in another order': ['archive-order', tarOf([release, credential, layout, index, ...blobs.toReversed()])],
    'no release': ['archive-order', tarOf(parts.slice(1))],
    'no credential': ['archive-order', tarOf([release, ...parts.slice(2)])],
    'no index': ['archive-order', tarOf(parts.filter(({ name }) => name !== 'index.json'))],
    'nothing at all': ['archive-order', tarOf([])],
    'nothing but a release': ['archive-order', tarOf([release])],
    'a blob before all else': ['archive-order', tarOf([layer, ...parts])],
    'something behind the end': ['archive-trailing', Buffer.concat([archive, Buffer.from('x')])],
    'more zeros behind the end': ['archive-trailing', Buffer.concat([archive, Buffer.alloc(512)])],
    'a lone block of zeros': ['archive-malformed', Buffer.concat([release.bytes, Buffer.alloc(512), credential.bytes])],
    'a blob that is changed': [
      'archive-blob-differs',
      altered(layer.name, (bytes) => {
        bytes[600]! ^= 1;
        return bytes;
      }),
    ],
    'a blob of another size': ['archive-blob-size', altered(layer.name, () => part({ name: layer.name }, 'short'))],
    'a blob that says to be huge': ['archive-too-large', patched(layer.name, 124, '77777777777')],
    'a release that says to be huge': ['archive-entry-large', patched('webizen/release.jws', 124, '00010000000')],
    'an archive beyond the limit': [
      'archive-too-large',
      patched(layer.name, 124, (largestArchive - 100).toString(8).padStart(11, '0')),
    ],
    'a layout of another version': ['archive-head', altered('oci-layout', () => part({ name: 'oci-layout' }, '{}'))],
    'a release that is none': ['release-malformed', altered(release.name, () => part({ name: release.name }, 'a.b.c'))],
    'a name for the image': [
      'archive-reference',
      withIndex(annotated({ 'org.opencontainers.image.ref.name': 'docker.io/library/alpine:latest' })),
    ],
    'a name for the image, disguised': [
      'archive-reference',
      withIndex(annotated({ a: 1 }).replace('"a":1', '"org.opencontainers.image.\\u0072ef.name":"x"')),
    ],
    'an index of another image': ['archive-index', withIndex(indexJson(bench.app.release.blobs[1]!))],
    'an index of two images': [
      'archive-index',
      withIndex(JSON.stringify({ ...document, manifests: [...document.manifests, ...document.manifests] })),
    ],
    'status lists that are none': [
      'archive-head',
      tarOf([release, credential, part({ name: 'webizen/status.json' }, '[]'), layout, index, ...blobs]),
    ],
    'text that is not UTF-8': [
      'archive-head',
      altered('webizen/credential.jwt', () => part({ name: 'webizen/credential.jwt' }, Buffer.from([0xff, 0xfe]))),
    ],
  });
  t.equal(named('oci-layout').bytes.length, 1024, 'the parts were cut where they end');
});

t.test('nothing is kept that the disk has no room for, that is not admitted, or whose source fails', async (t) => {
  const bench = await workbench(t);
  const { archive, release } = bench.app;
  const all = release.blobs.reduce((sum, { size }) => sum + size, 0);
  const nearly = (free: number) => ({ freeBytes: () => free, reserveBytes: 1000 });
  await t.rejects(bench.open(archive, nearly(release.blobs[0]!.size + 999)), refusal('disk-full'));
  t.same(await readdir(bench.staging), []);

  let closed = false;
  let read = 0;
  async function* counted() {
    try {
      for await (const piece of inPieces(archive, 512)) {
        read += piece.length;
        yield piece;
      }
    } finally {
      closed = true;
    }
  }
  const admit = () => {
    throw new Refusal('release-foreign');
  };
  const unwanted = openArchive(counted(), { directory: bench.staging, freeBytes: plenty, admit });
  await t.rejects(unwanted, refusal('release-foreign'));
  t.ok(closed, 'the source is told');
  const blobs = partsOf(archive).filter(({ name }) => name.startsWith('blobs/'));
  t.equal(read, archive.length - 1024 - blobs.reduce((sum, { bytes }) => sum + bytes.length, 0), 'no blob was fetched');
  t.same(await readdir(bench.staging), []);

  async function* failing() {
    yield archive.subarray(0, archive.length - 1100);
    throw new Error('the line is cut');
  }
  const cut = openArchive(failing(), { directory: bench.staging, freeBytes: plenty });
  await t.rejects(cut, { message: 'the line is cut' });
  t.same(await readdir(bench.staging), []);
  await t.resolves(bench.open(archive, nearly(all + 1000)));
});

t.test('a release is read only where its signature is by the key that is asked for', async (t) => {
  const { app } = await workbench(t);
  const jwk = await publicJwkOf(key);
  const [header, payload, signature] = app.jws.split('.') as [string, string, string];
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const other = await publicJwkOf(newPrivateKey());
  const greedy = someManifest({ capabilities: [{ capability: 'network.egress:*', reason: { en: 'why not' } }] });

  t.equal((await verifyRelease(app.jws, jwk)).id, app.id);
  const inAChip = await signRelease({ release: app.release, key: signerOf(key) });
  t.equal((await verifyRelease(inAChip.jws, jwk)).id, app.id, 'however it is signed, the release is the same');
  await t.rejects(verifyRelease(app.jws, other), refusal('release-foreign'));
  const swapped = `${header}.${encoded({ ...app.release, manifest: greedy })}.${signature}`;
  await t.rejects(verifyRelease(swapped, jwk), refusal('release-forged'), 'the manifest is swapped');
  const { jws: thiefs } = await signRelease({ release: app.release, key: newPrivateKey() });
  const disguised = [encoded({ alg: 'ES256', typ: releaseType, kid: jwk.kid }), ...thiefs.split('.').slice(1)].join(
    '.',
  );
  await t.rejects(verifyRelease(disguised, jwk), refusal('release-forged'));
  const unsigned = [encoded({ alg: 'none', typ: releaseType, kid: jwk.kid }), payload, ''].join('.');
  await t.rejects(verifyRelease(unsigned, jwk), refusal('release-malformed'));
  const credential = await signJws({ type: credentialType, payload: Buffer.from(JSON.stringify(app.release)), key });
  await t.rejects(verifyRelease(credential, jwk), refusal('release-malformed'), 'a signature over something else');
  await t.rejects(verifyRelease(`${app.jws}${'x'.repeat(300_000)}`, jwk), refusal('release-malformed'));
});

t.test('a release whose blobs do not make one image is not signed, nor read', async (t) => {
  const { app } = await workbench(t);
  const jwk = await publicJwkOf(key);
  const [image, config, layer] = app.release.blobs as [SomeApp['release']['image'], ...SomeApp['release']['blobs']];
  const cases = {
    'another image first': [config!, image, layer!],
    'no layer': [image, config!],
    'a layer as configuration': [image, layer!, layer!],
    'a layer to be fetched from elsewhere': [
      image,
      config!,
      { ...layer!, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' },
    ],
    'one digest, two sizes': [image, config!, layer!, { ...layer!, size: layer!.size + 1 }],
    'the configuration as a layer': [image, config!, { ...layer!, digest: config!.digest }],
    'more than an archive holds': [image, config!, { ...layer!, size: largestArchive }],
  };
  for (const [what, blobs] of Object.entries(cases)) {
    const release = { ...app.release, blobs };
    await t.rejects(signRelease({ release, key }), refusal('release-malformed'), what);
    const jws = await signJws({ type: releaseType, payload: Buffer.from(JSON.stringify(release)), key });
    await t.rejects(verifyRelease(jws, jwk), refusal('release-malformed'), what);
  }
  await t.resolves(signRelease({ release: { ...app.release, blobs: [image, config!, layer!, layer!] }, key }));
});

t.test('changes of a key are followed from the one that is known, and only by the member itself', async (t) => {
  const { app } = await workbench(t);
  const keys = [key, newPrivateKey(), newPrivateKey()] as const;
  const jwks = await Promise.all(keys.map(publicJwkOf));
  const step = async (from: number, to: number, member = 'example-soft') =>
    signRotation({ member, jwk: jwks[to]!, at: 1_700_000_000_000, key: keys[from]! });
  const rotation = [await step(0, 1), await step(1, 2)];
  const signed = async (rotation: string[], by: number) =>
    (await signRelease({ release: app.release, key: keys[by]!, rotation })).jws;
  const jws = await signed(rotation, 2);

  for (const bound of jwks) t.equal((await followRotation(jws, bound))?.kid, jwks[2]?.kid);
  t.equal((await verifyRelease(jws, (await followRotation(jws, jwks[0]!))!)).release.member, 'example-soft');
  t.equal(await followRotation(jws, await publicJwkOf(newPrivateKey())), undefined, 'a stranger');
  t.equal(await followRotation(app.jws, jwks[1]!), undefined, 'back to the key before');
  t.equal(await followRotation(await signed(rotation.slice(0, 1), 2), jwks[0]!), undefined, 'a step is missing');
  t.equal(await followRotation(await signed([await step(1, 2)], 2), jwks[0]!), undefined, 'by a key that is not known');
  t.equal(await followRotation(await signed([await step(0, 2, 'other')], 2), jwks[0]!), undefined, "another member's");
  const forged = `${rotation[0]!.slice(0, -4)}AAAA`;
  t.equal(await followRotation(await signed([forged, rotation[1]!], 2), jwks[0]!), undefined, 'a forged step');
  t.equal((await followRotation(app.jws, jwks[0]!))?.kid, jwks[0]?.kid, 'nothing has changed');
  t.equal(await followRotation(randomBytes(40).toString('base64url'), jwks[0]!), undefined, 'no release at all');
});
