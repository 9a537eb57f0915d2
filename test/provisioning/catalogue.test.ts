/** What members publish and boxes fetch, asked of a real provider over real TLS. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { signRelease } from '#common/archive/release.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { cataloguePath } from '#contract/catalogue.js';
import { check } from '#contract/parse.js';
import type { SomeApp } from '../support/archive.js';
import {
  admitted,
  anApp,
  appIn,
  ask,
  blobPlace,
  call,
  codeIn,
  type MemberClient,
  pageIn,
  patch,
  proofHeaders,
  publish,
  publishedIn,
  refusal,
  releaseIn,
  send,
  upload,
  uploadAll,
} from '../support/catalogue.js';
import { answered, day, territory } from '../support/est.js';
import { askCommand } from '../support/provider.js';

const releases = `${cataloguePath}/releases`;
const apps = `${cataloguePath}/apps`;
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function opened(t: Test) {
  const served = await territory(t, { enrolmentsPerSecond: 1000 });
  const member = await admitted(served, 'example-soft', { name: 'Example Soft' });
  const origin = { url: served.url, ca: served.ca };
  const box = async () => {
    const { id, with: shown } = await served.enrolled();
    const get = (place: string, headers: Record<string, string> = {}, method = 'GET') =>
      call(origin, { method, place, headers, with: shown });
    return { id, get };
  };
  const blobFiles = () => readdir(path.join(served.directory, 'catalogue/blobs'));
  /** Uploads and publishes. */
  const put = async (app: SomeApp, who: MemberClient = member, boxes?: string[]) => {
    await uploadAll(who, app);
    return publishedIn(await publish(who, app.jws, boxes));
  };
  return { ...served, member, origin, box, blobFiles, put };
}

const kind = { 'content-type': 'application/octet-stream' };
const withdraw = (who: MemberClient, id: string) => send(who, `${releases}/${id}/withdraw`, { reason: 'a fault' });

t.test('what a member publishes, a box finds, reads and fetches, whole or in part', async (t) => {
  const { member, box, put, directory } = await opened(t);
  const app = await anApp(t, member);
  const listed = await put(app);
  t.match(listed, { id: app.id, app: 'example.visits', version: '1.0.0', state: 'published', private: false });
  const again = await publish(member, app.jws);
  t.equal(again.status, 200, 'a lost reply is asked for again');
  t.equal(releaseIn(again).id, app.id);
  const anew = (await signRelease({ release: app.release, key: member.key })).jws;
  t.match(releaseIn(await publish(member, anew)), { id: app.id, release: anew }, 'signed anew it is the same release');
  await publish(member, app.jws);

  const { get } = await box();
  const { entries, cursor } = pageIn(await get(apps));
  t.match(entries, [{ app: 'example.visits', release: app.id, member: { id: 'example-soft', name: 'Example Soft' } }]);
  t.equal(cursor, null);
  const shown = releaseIn(await get(`${releases}/${app.id}`));
  t.equal(shown.release, app.jws);
  t.equal(shown.credential, member.credential);
  t.match(appIn(await get(`${apps}/example.visits`)), { owner: 'example-soft', releases: [{ id: app.id }] });

  for (const { digest, size } of app.release.blobs) {
    const whole = await get(blobPlace(digest));
    t.match(whole, { status: 200, headers: { etag: `"${digest}"`, 'content-length': String(size) } });
    t.equal(digestOf(whole.body), digest);
  }
  const { digest, size } = app.release.blobs[2]!;
  const bytes = await readFile(app.fileOf(digest));
  const part = await get(blobPlace(digest), { range: 'bytes=5-9' });
  t.match(part, { status: 206, headers: { 'content-range': `bytes 5-9/${size}`, 'content-length': '5' } });
  t.strictSame(part.body, bytes.subarray(5, 10));
  t.strictSame((await get(blobPlace(digest), { range: 'bytes=-7' })).body, bytes.subarray(-7));
  const rest = await get(blobPlace(digest), { range: `bytes=9-`, 'if-range': `"${digest}"` });
  t.strictSame(rest.body, bytes.subarray(9));
  t.equal((await get(blobPlace(digest), { range: `bytes=9-`, 'if-range': '"another"' })).status, 200);
  const outside = await get(blobPlace(digest), { range: `bytes=${size}-` });
  refusal(t, outside, 416, 'range-invalid');
  t.equal(outside.headers['content-range'], `bytes */${size}`);
  t.equal((await get(blobPlace(digest), { 'if-none-match': `"${digest}"` })).status, 304);
  t.match(await get(blobPlace(digest), {}, 'HEAD'), { status: 200, headers: { 'content-length': String(size) } });
  refusal(t, await get(blobPlace(`sha256:${'0'.repeat(64)}`)), 404, 'blob-unknown');
  refusal(t, await get(blobPlace('..%2F..%2Fterritory.json')), 404, 'blob-unknown');
  t.equal((await ask(member, { place: blobPlace(digest) })).status, 200, 'its member may have it too');

  const file = path.join(directory, 'catalogue/blobs', digest.slice(7));
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.equal((await stat(path.dirname(file))).mode & 0o777, 0o700);
});

t.test('a stranger gets nothing, and is told what to show', async (t) => {
  const { origin, member, put } = await opened(t);
  const app = await anApp(t, member);
  await put(app);
  for (const place of [apps, `${releases}/${app.id}`, blobPlace(app.release.image.digest)])
    refusal(t, await call(origin, { place }), 401, 'certificate-missing');
  const naked = await call(origin, { method: 'POST', place: releases, body: '{}', headers: kind });
  refusal(t, naked, 401, 'credential-missing');
  t.match(naked.headers['www-authenticate'], /^DPoP /);
  refusal(
    t,
    await call(origin, { method: 'PATCH', place: blobPlace(digestOf(Buffer.from('a'))), body: 'a', headers: kind }),
    401,
    'credential-missing',
  );
});

t.test('an upload that is cut goes on where it stopped; what is not what it is called is discarded', async (t) => {
  const { member, origin, served, blobFiles } = await opened(t).then((all) => ({ ...all, served: all }));
  const bytes = randomBytes(600_000);
  const digest = digestOf(bytes);
  const length = bytes.length;
  const head = () => ask(member, { method: 'HEAD', place: blobPlace(digest) });
  t.match(await head(), { status: 404, headers: { 'upload-offset': '0' } });
  t.match(await patch(member, digest, { offset: 0, length, body: bytes.subarray(0, 100_000) }), {
    status: 204,
    headers: { 'upload-offset': '100000' },
  });
  await t.rejects(patch(member, digest, { offset: 100_000, length, body: bytes.subarray(100_000), cutAt: 200_000 }));
  const gap = await patch(member, digest, { offset: 500_000, length, body: bytes.subarray(500_000) });
  refusal(t, gap, 409, 'upload-offset-wrong');
  const held = Number(gap.headers['upload-offset']);
  t.ok(held >= 100_000 && held < length, 'what came before the cut is there');
  t.match(await head(), { status: 404, headers: { 'upload-offset': String(held) } });
  t.equal((await upload(member, digest, bytes, 150_000)).status, 204);
  t.match(await head(), { status: 200, headers: { 'content-length': String(length) } });
  t.strictSame(await blobFiles(), [digest.slice(7)]);
  t.equal((await patch(member, digest, { offset: 0, length, body: bytes.subarray(0, 10) })).status, 204, 'not needed');

  const wrong = digestOf(Buffer.from('something else'));
  refusal(t, await patch(member, wrong, { offset: 0, length: 4, body: Buffer.from('fals') }), 422, 'blob-digest-wrong');
  t.match(await ask(member, { method: 'HEAD', place: blobPlace(wrong) }), {
    status: 404,
    headers: { 'upload-offset': '0' },
  });
  t.strictSame(await readdir(path.join(served.directory, 'catalogue/uploads')), [], 'nothing of it is left');

  const small = Buffer.from('small');
  const name = digestOf(small);
  refusal(t, await patch(member, name, { offset: 0, length: 4, body: small }), 400, 'upload-malformed');
  const long = { offset: 0, length: 100_000, body: randomBytes(3_000_000) };
  refusal(t, await patch(member, digestOf(long.body), long), 400, 'upload-malformed');
  const bad: Record<string, string>[] = [
    {},
    { 'upload-offset': '0' },
    { 'upload-offset': '-1', 'upload-length': '5' },
    { 'upload-offset': '9', 'upload-length': '5' },
  ];
  for (const headers of bad)
    refusal(
      t,
      await ask(member, { method: 'PATCH', place: blobPlace(name), body: small, headers: { ...kind, ...headers } }),
      400,
      'upload-malformed',
    );
  refusal(t, await patch(member, name, { offset: 0, length: 3 * 1024 ** 3, body: small }), 413, 'upload-too-large');
  refusal(
    t,
    await ask(member, {
      method: 'PATCH',
      place: blobPlace(name),
      body: small,
      headers: { 'content-type': 'text/plain', 'upload-offset': '0', 'upload-length': '5' },
    }),
    415,
    'media-type-unsupported',
  );

  const other = await admitted(served, 'other-soft');
  t.match(
    await ask(other, { method: 'HEAD', place: blobPlace(digest) }),
    { status: 404, headers: { 'upload-offset': '0' } },
    'knowing a digest is not having the octets',
  );
  const [one, two] = await Promise.all([upload(other, digest, bytes, 200_000), upload(member, digest, bytes)]);
  t.match([one.status, two.status], [204, 200]);
  t.strictSame((await blobFiles()).includes(digest.slice(7)), true);
  refusal(
    t,
    await call(origin, { place: blobPlace(digest), with: (await served.enrolled()).with }),
    404,
    'blob-unknown',
  );
});

t.test('the same blob sent many times at once is one blob', async (t) => {
  const { member, blobFiles } = await opened(t);
  const bytes = randomBytes(300_000);
  const digest = digestOf(bytes);
  const send = () => upload(member, digest, bytes, 40_000).catch(() => undefined); // a newer one ends an older one
  await Promise.all([send(), send(), send()]);
  t.ok([200, 204].includes((await upload(member, digest, bytes)).status));
  t.strictSame(await blobFiles(), [digest.slice(7)]);
});

t.test('a proof is for one request of one member, once, now', async (t) => {
  const { member, time, served } = await opened(t).then((all) => ({ ...all, served: all }));
  const place = blobPlace(digestOf(Buffer.from('a')));
  const headers = await proofHeaders(member, { method: 'GET', place });
  refusal(t, await call(member.origin, { place, headers }), 404, 'blob-unknown');
  refusal(t, await call(member.origin, { place, headers }), 401, 'proof-replayed');
  const url = new URL(place, member.origin.url).href;
  const lies = [
    { method: 'HEAD' },
    { url: `${url}0` },
    { url: url.replace('localhost', 'localhost.example') },
    { url: url.replace('https', 'http') },
    { key: newPrivateKey() },
    { credential: `${member.credential}A` },
  ];
  for (const lie of lies) {
    const reply = await ask(member, { place }, lie);
    refusal(t, reply, 401, 'proof-invalid');
    t.match(reply.headers['www-authenticate'], /^DPoP /);
  }
  const port = `:${member.origin.url.port}`;
  const elsewhere = { place, headers: { host: `evil.example${port}` } };
  refusal(t, await ask(member, elsewhere, { url: url.replace('localhost', 'evil.example') }), 401, 'proof-invalid');
  refusal(t, await ask(member, { place }, { at: Date.now() - day }), 401, 'proof-stale');
  refusal(
    t,
    await ask({ ...member, credential: `${member.credential.slice(0, -4)}AAAA` }, { place }),
    401,
    'credential-forged',
  );
  const other = await admitted(served, 'other-soft');
  refusal(t, await ask({ ...member, credential: other.credential }, { place }), 401, 'proof-invalid');
  time.ahead = 30_000;
  t.equal((await ask(member, { place: `${place}?any=query` })).status, 404, 'a query is no part of what is proven');
});

t.test('what may not be published is refused with its reason, and leaves nothing behind', async (t) => {
  const served = await opened(t);
  const { member, box, put } = served;
  const other = await admitted(served, 'other-soft');
  const refuse = async (who: MemberClient, app: SomeApp, status: number, code: string, detail?: RegExp) => {
    await uploadAll(who, app);
    const reply = await publish(who, app.jws);
    refusal(t, reply, status, code);
    if (detail) t.match(reply.body.toString(), detail);
  };
  const app = await anApp(t, member);
  const missing = await publish(member, app.jws);
  refusal(t, missing, 409, 'blobs-missing');
  for (const { digest } of app.release.blobs) t.match(missing.body.toString(), digest);
  await put(app);

  await refuse(other, await anApp(t, other), 409, 'app-id-taken');
  await refuse(other, await anApp(t, other, { version: '2.0.0' }), 409, 'app-id-taken');
  await refuse(member, await anApp(t, member, {}, { text: 'another' }), 409, 'version-used');
  await refuse(member, await anApp(t, member, { version: '0.9.0' }), 409, 'version-older');
  await refuse(member, await anApp(t, member, { version: '1.0.0-rc.1' }), 409, 'version-older');
  await put(await anApp(t, member, { version: '0.9.5', channel: 'beta' }), member);
  await refuse(member, await anApp(t, member, { version: '0.9.5' }), 409, 'version-used');

  const greedy = [
    { capability: 'storage', reason: { en: 'to keep' } },
    { capability: 'network.egress:*', reason: { en: 'to call' } },
  ] as const;
  const wide = { id: 'example.wide', capabilities: [...greedy] };
  await refuse(member, await anApp(t, member, wide), 403, 'member-level-low', /network\.egress:\* needs level 2"/);
  await served.ask('member.level', { member: member.id, level: 2, vetting: { what: 'code', by: 'the operator' } });
  await put(await anApp(t, await renewed(served, member), wide), await renewed(served, member));

  const forged = await anApp(t, { ...member, key: other.key });
  refusal(t, await publish(member, forged.jws), 403, 'release-foreign');
  refusal(t, await publish(member, `${app.jws.slice(0, -4)}AAAA`), 403, 'release-forged');
  refusal(t, await publish(member, 'no release'), 400, 'release-malformed');
  await refuse(
    member,
    await anApp(t, member, { id: 'example.a' }, { more: { member: 'other-soft' } }),
    403,
    'publisher-wrong',
  );
  await refuse(
    member,
    await anApp(t, member, { id: 'example.b' }, { more: { territory: 'rata' } }),
    403,
    'publisher-wrong',
  );
  refusal(t, await send(member, releases, { release: app.jws, more: true }), 400, 'body-invalid');

  const spoilt = await anApp(t, member, { id: 'example.spoilt' }, { text: 'spoilt' });
  const [image, config, layer] = spoilt.release.blobs;
  const swapped = { ...spoilt.release, blobs: [image!, config!, { ...layer!, ...forged.release.blobs[2] }] };
  await uploadAll(member, forged);
  await uploadAll(member, spoilt);
  const { jws } = await signRelease({ release: swapped, key: member.key });
  const reply = await publish(member, jws);
  t.ok(reply.status >= 400 && codeIn(reply), `the image is looked through: ${codeIn(reply)}`);

  const { get } = await box();
  const names = pageIn(await get(apps)).entries.map(({ app: name, version }) => `${name} ${version}`);
  t.strictSame(names, ['example.visits 1.0.0', 'example.wide 1.0.0']);
});

/** The newest credential says the new level. */
async function renewed(
  { ask: operate }: { ask(operation: string, parameters: unknown): Promise<unknown> },
  who: MemberClient,
) {
  return { ...who, credential: answered(check(Type.String(), await operate('member.credential', { member: who.id }))) };
}

t.test('a private release is seen by the boxes that it names, and by its member', async (t) => {
  const { member, box, put } = await opened(t);
  const [mine, stranger, late] = [await box(), await box(), await box()];
  const app = await anApp(t, member);
  const listed = await put(app, member, [mine.id]);
  t.equal(listed.private, true);
  const places = [`${releases}/${app.id}`, `${apps}/example.visits`, blobPlace(app.release.image.digest)];
  for (const place of places) {
    t.equal((await mine.get(place)).status, 200);
    t.equal((await ask(member, { place })).status, 200);
    t.equal((await stranger.get(place)).status, 404, place);
  }
  t.match(pageIn(await mine.get(apps)).entries, [{ app: 'example.visits', private: true }]);
  t.strictSame(pageIn(await stranger.get(apps)).entries, []);

  t.equal((await publish(member, app.jws, [late.id])).status, 200);
  t.equal((await late.get(places[0]!)).status, 200, 'more boxes may be let in');
  t.equal((await mine.get(places[0]!)).status, 200);
  refusal(t, await publish(member, app.jws), 409, 'release-visibility');
});

t.test('withdrawn by its member or stopped by the operator is for ever, and its octets go', async (t) => {
  const served = await opened(t);
  const { member, box, put, blobFiles, provider, time } = served;
  const other = await admitted(served, 'other-soft');
  const { get } = await box();
  const first = await anApp(t, member);
  const second = await anApp(t, member, { version: '1.1.0' }, { text: 'the second' });
  await put(first);
  await put(second);
  refusal(t, await withdraw(other, second.id), 404, 'listing-unknown');
  t.match(releaseIn(await withdraw(member, second.id)), { state: 'withdrawn', reason: 'a fault' });
  t.equal((await withdraw(member, second.id)).status, 200, 'twice is once');
  refusal(t, await publish(member, second.jws), 409, 'release-ended');
  const anew = await anApp(t, member, { version: '1.1.0' }, { text: 'the second, mended' });
  await uploadAll(member, anew);
  refusal(t, await publish(member, anew.jws), 409, 'version-used');
  t.match(releaseIn(await get(`${releases}/${second.id}`)), { state: 'withdrawn' }, 'a box learns of it');
  refusal(t, await get(blobPlace(second.release.image.digest)), 404, 'blob-unknown');
  t.match(pageIn(await get(apps)).entries, [{ version: '1.0.0' }]);

  await served.ask('app.stop', { release: first.id, reason: 'it harms' });
  t.match(releaseIn(await withdraw(member, first.id)), { state: 'stopped', reason: 'it harms' });
  refusal(t, await publish(member, first.jws), 409, 'release-ended');
  t.strictSame(pageIn(await get(apps)).entries, []);
  await t.rejects(served.ask('app.stop', { release: 'f'.repeat(64), reason: 'it harms' }), { code: 'listing-unknown' });

  const third = await anApp(t, member, { version: '2.0.0' }, { text: 'the third' });
  await put(third);
  time.ahead = 2 * day;
  await provider.stop();
  await provider.start(); // a sweep stands at the beginning
  const needed = third.release.blobs.map(({ digest }) => digest.slice(7)).sort();
  while ((await blobFiles()).length > needed.length) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame((await blobFiles()).sort(), needed);
});

t.test('of a suspended member nothing new is taken or shown; of an expelled one no octets are given', async (t) => {
  const served = await opened(t);
  const { member, box, put } = served;
  const { get } = await box();
  const app = await anApp(t, member);
  await put(app);
  const decided = { member: member.id, reason: 'a complaint', decidedBy: 'the board', review: 'write to the board' };
  const next = await anApp(t, member, { version: '1.1.0' }, { text: 'next' });
  await uploadAll(member, next);
  await served.ask('member.suspend', decided);
  const bytes = Buffer.from('more');
  for (const reply of [await publish(member, next.jws), await upload(member, digestOf(bytes), bytes)])
    t.equal(reply.status, 403);
  refusal(t, await publish(member, next.jws), 403, 'member-suspended');
  t.strictSame(pageIn(await get(apps)).entries, []);
  t.equal(
    releaseIn(await get(`${releases}/${app.id}`)).state,
    'published',
    'the box judges by the status list beside it',
  );
  t.equal((await get(blobPlace(app.release.image.digest))).status, 200);

  await served.ask('member.reinstate', decided);
  publishedIn(await publish(member, next.jws));
  t.match(pageIn(await get(apps)).entries, [{ version: '1.1.0' }]);

  await served.ask('member.expel', decided);
  refusal(t, await publish(member, next.jws), 403, 'member-expelled');
  refusal(t, await get(blobPlace(app.release.image.digest)), 404, 'blob-unknown');
  t.equal((await get(`${releases}/${app.id}`)).status, 200);
});

t.test('an id below a domain that an operator keeps for a member is for nobody else', async (t) => {
  const served = await opened(t);
  const { member, put } = served;
  const other = await admitted(served, 'other-soft');
  await served.ask('app.reserve', { app: 'example.*', member: other.id });
  const app = await anApp(t, member, { id: 'example.shop.visits' });
  await uploadAll(member, app);
  refusal(t, await publish(member, app.jws), 409, 'app-id-taken');
  await served.ask('app.reserve', { app: 'example.shop.visits', member: member.id });
  publishedIn(await publish(member, app.jws));
  await put(await anApp(t, other, { id: 'example.visits' }), other);
  await t.rejects(served.ask('app.reserve', { app: 'example.visits', member: member.id }), { code: 'app-id-taken' });
  await t.rejects(served.ask('app.reserve', { app: 'example.else', member: 'nobody' }), { code: 'member-unknown' });
  await t.rejects(served.ask('app.reserve', { app: '*', member: member.id }), { code: 'arguments-invalid' });
  const list = answered(
    check(Type.Array(Type.Object({ id: Type.String() })), await served.ask('app.list', { limit: 500 })),
  );
  t.strictSame(
    list.map(({ id }) => id),
    ['example.*', 'example.shop.visits', 'example.visits'],
  );
  t.match(await served.ask('app.show', { app: 'example.visits' }), {
    owner: 'other-soft',
    releases: [{ version: '1.0.0' }],
  });
});

t.test('apps are found by words in any language, for an architecture, page by page', async (t) => {
  const { member, box, put } = await opened(t);
  const { get } = await box();
  const blobs = path.dirname((await anApp(t, member)).fileOf(`sha256:${'0'.repeat(64)}`));
  const named = (id: string, en: string, summary: Record<string, string> = {}) =>
    anApp(t, member, { id, name: { en }, summary: { en: 'An app', ...summary } }, { blobs });
  await put(await named('example.bees', 'Bee keeper', { mi: 'He pī, he miere' }));
  await put(await named('example.visits', 'Visit counter'));
  const find = async (query: string, more = '') =>
    pageIn(await get(`${apps}?query=${encodeURIComponent(query)}${more}`)).entries.map(({ app }) => app);
  t.strictSame(await find('  COUNTER visit '), ['example.visits']);
  t.strictSame(await find('miere'), ['example.bees']);
  t.strictSame(await find('example an'), ['example.bees', 'example.visits']);
  t.strictSame(await find('bee visits'), []);
  const [{ release: architecture }] = [{ release: (await named('example.x', 'X')).release.architecture }];
  const foreign = architecture === 'amd64' ? 'arm64' : 'amd64';
  t.strictSame(await find('bee', `&architecture=${architecture}`), ['example.bees']);
  t.strictSame(await find('bee', `&architecture=${foreign}`), []);
  refusal(t, await get(`${apps}?architecture=vax`), 400, 'body-invalid');
  refusal(t, await get(`${apps}?cursor=abc`), 400, 'cursor-invalid');

  for (let count = 0; count < 50; count += 1) await put(await named(`example.n${String(count).padStart(2, '0')}`, 'N'));
  const first = pageIn(await get(apps));
  t.equal(first.entries.length, 50);
  const second = pageIn(await get(`${apps}?cursor=${first.cursor}`));
  t.strictSame([second.entries.length, second.cursor], [2, null]);
  t.equal(new Set([...first.entries, ...second.entries].map(({ app }) => app)).size, 52);
  refusal(t, await get(`${apps}?query=n&cursor=${first.cursor}`), 400, 'cursor-invalid');
});

t.test(
  'an operator lists, shows, reserves and stops by command, while the server runs and while it does not',
  async (t) => {
    const { member, put, directory, provider } = await opened(t);
    const app = await anApp(t, member);
    await put(app);
    const command = async (...args: string[]) => {
      const { status, stdout, stderr } = await askCommand('webizen-provider', ['app', ...args, '--dir', directory]);
      return status === 0 ? stdout : stderr;
    };
    t.match(await command('reserve', 'example.shop', member.id), 'example.shop is reserved for example-soft');
    t.match(await command('list'), /example\.visits +example-soft +1\.0\.0 +published/);
    await provider.stop();
    t.match(await command('list'), /example\.shop +example-soft +- +reserved/);
    t.match(await command('show', 'example.visits'), `public   published`);
    t.match(await command('stop', app.id), '--reason is missing');
    t.match(await command('stop', app.id, '--reason', 'it harms'), 'example.visits 1.0.0 is stopped for ever');
    t.match(await command('show', 'example.visits'), `stopped: it harms`);
    t.match(await command('show', 'example.none'), 'the catalogue lists no such app');
    t.match(JSON.parse(await command('list', '--json')), [{ id: 'example.shop' }, { state: 'stopped' }]);
  },
);
