/** The alliance's directory on the box: what it believes, what it refuses, and that it never goes back. */
import { createHmac, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { files } from '#common/files.js';
import { publicJwkOf, signJws, verifyJws } from '#common/jws.js';
import { keyFromPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { type DirectoryKeys, directoryType, rotationType, type StandingChange } from '#contract/directory.js';
import type { Refusal } from '#contract/problems.js';
import { type BoxDirectory, createDirectory, type DirectoryParts } from '../../agent/directory/directory.js';
import { payloadOf, someMaker, someTerritory, type TestAlliance, testAlliance } from '../support/alliance.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock, type ManualClock } from '../support/manual-clock.js';

const day = 86_400_000;
const never = new AbortController().signal;
const refusal = (code: string) => ({ name: 'Refusal', code });

interface Box {
  dataDir: string;
  told: StandingChange[][];
  refused: Refusal[];
  open(more?: Partial<DirectoryParts>): Promise<BoxDirectory>;
}

async function boxOf(t: Test, pinned: DirectoryKeys, clock: ManualClock): Promise<Box> {
  const dataDir = await ownFolder(t);
  const told: StandingChange[][] = [];
  const refused: Refusal[] = [];
  const parts: DirectoryParts = {
    files,
    dataDir,
    pinned,
    clock,
    own: () => 'kowhai',
    onChange: (changes) => told.push(changes),
    onRefused: (one) => refused.push(one),
  };
  return { dataDir, told, refused, open: (more = {}) => createDirectory({ ...parts, ...more }) };
}

async function listed(t: Test): Promise<{ clock: ManualClock; made: TestAlliance; box: Box }> {
  const clock = createManualClock();
  const made = await testAlliance(t, clock);
  await made.alliance.addTerritory(await someTerritory('kowhai'));
  await made.alliance.addMaker(await someMaker('acme'));
  return { clock, made, box: await boxOf(t, made.pinned, clock) };
}

t.test('a newer directory takes the place of the one held, and stays there after a restart', async (t) => {
  const { made, box } = await listed(t);
  const directory = await box.open();
  t.equal(directory.current(), undefined, 'nothing is known at first');
  const first = await made.publish();
  const second = await made.publish();
  t.equal(await directory.accept(first), 'newer');
  t.equal(await directory.accept(first), 'same');
  t.equal(await directory.accept(second), 'newer');
  t.match(directory.current(), { expired: false, directory: { sequence: 2 } });
  t.match(directory.find('kowhai'), { name: 'Territory kowhai', standing: 'accredited' });
  t.equal(directory.find('nowhere'), undefined);
  t.match(directory.makers(), [{ id: 'acme' }]);
  t.same(directory.makers(Date.UTC(2040, 0, 1)), [], 'not beyond its accreditation');
  await t.rejects(directory.accept(first), refusal('directory-older'), 'a replayed one');

  const shipped = path.join(box.dataDir, 'shipped.jws');
  await writeFile(shipped, `${first}\n`);
  const again = await box.open({ shipped });
  t.match(again.current(), { directory: { sequence: 2 } }, 'an older copy in the image changes nothing');
  t.same(box.refused, [], 'and is nothing to report');
  await t.rejects(again.accept(first), refusal('directory-older'), 'also after a restart');
  const fresh = await boxOf(t, made.pinned, createManualClock());
  t.match((await fresh.open({ shipped })).current(), { directory: { sequence: 1 } }, 'a new box starts with the copy');
});

t.test('an expired directory is used, and says so; a newer one that is expired too is still newer', async (t) => {
  const { clock, made, box } = await listed(t);
  const directory = await box.open();
  await directory.accept(await made.publish(1));
  const late = await made.publish(1);
  clock.advance(2 * day);
  t.match(directory.current(), { expired: true, directory: { sequence: 1 } });
  t.ok(directory.find('kowhai'));
  t.equal(await directory.accept(late), 'newer');
  t.match(directory.current(), { expired: true, directory: { sequence: 2 } });
});

t.test('what is altered, foreign, forged, too large or by another algorithm is refused', async (t) => {
  const { made, box } = await listed(t);
  const directory = await box.open();
  const good = await made.publish();
  await directory.accept(good);
  const newer = await made.publish();
  const [header = '', payload = '', signature = ''] = newer.split('.');
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const refuses = (jws: string, code: string, why: string) => t.rejects(directory.accept(jws), refusal(code), why);

  const altered = { ...payloadOf(newer), sequence: 99 };
  await refuses(`${header}.${encode(altered)}.${signature}`, 'directory-forged', 'altered');
  const foreign = newPrivateKey();
  const sealed = { type: directoryType, payload: Buffer.from(payload, 'base64url') };
  await refuses(await signJws({ ...sealed, key: foreign }), 'directory-foreign', 'signed by a stranger');
  const current = made.pinned.keys[0];
  const claims = { alg: 'ES256', kid: current.kid, typ: directoryType };
  const lying = `${encode(claims)}.${payload}`;
  const strange = sign('sha256', Buffer.from(lying), { key: foreign, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  await refuses(`${lying}.${strange}`, 'directory-forged', 'a stranger who names our key');
  const none = encode({ ...claims, alg: 'none' });
  await refuses(`${none}.${payload}.`, 'directory-malformed', 'no signature');
  await refuses(`${none}.${payload}.${signature}`, 'directory-malformed', 'alg none');
  const mac = `${encode({ ...claims, alg: 'HS256' })}.${payload}`;
  const secret = Buffer.from(JSON.stringify(current));
  const hmac = createHmac('sha256', secret).update(mac).digest('base64url');
  await refuses(`${mac}.${hmac}`, 'directory-malformed', 'HS256 with the public key');
  await refuses(`${mac}.${signature}`, 'directory-malformed', 'HS256 with the length of ours');
  const key = keyFromPem(await readFile(path.join(made.directory, 'keys/1.key')));
  await refuses(await signJws({ ...sealed, type: 'JWT', key }), 'directory-malformed', 'another type by the right key');
  await refuses(
    await signJws({ type: directoryType, payload: Buffer.from('{"sequence":9}'), key }),
    'directory-malformed',
    'by the right key, and not a directory',
  );
  await refuses('A'.repeat(6 * 1024 * 1024), 'directory-too-large', 'six megabytes');
  const fork = Buffer.from(JSON.stringify({ ...payloadOf(good), issuedAt: 1 }));
  await refuses(await signJws({ type: directoryType, payload: fork, key }), 'directory-fork', 'signed twice');
  const twin = await signJws({ type: directoryType, payload: Buffer.from(good.split('.')[1] ?? '', 'base64url'), key });
  t.not(twin, good);
  t.equal(await directory.accept(twin), 'same', 'another signature over the same bytes is no fork');
  t.match(directory.current(), { directory: { sequence: 1 } }, 'none of it changed what is held');
});

t.test('keys rotate: the announced next key takes over, and a box that slept follows the chain', async (t) => {
  const { clock, made, box } = await listed(t);
  const { alliance, pinned, publish } = made;
  const awake = await box.open();
  const asleep = await boxOf(t, pinned, clock);
  const first = await publish();
  await awake.accept(first);
  await (await asleep.open()).accept(first);
  const second = await publish();

  await alliance.rotate({});
  t.equal(alliance.keys.keys[0].kid, pinned.keys[1].kid, 'the pinned next key is the current one');
  const third = await publish();
  t.equal(await awake.accept(third), 'newer');
  await t.rejects(
    awake.accept(second),
    refusal('directory-older'),
    'the old key counts no more, however new its words',
  );
  await t.rejects(awake.accept(first), refusal('directory-older'));
  await t.rejects(readFile(path.join(made.directory, 'keys/1.key')), { code: 'ENOENT' }, 'the old key is destroyed');

  await alliance.rotate({});
  await alliance.rotate({});
  const last = await publish();
  t.equal(await (await asleep.open()).accept(last), 'newer', 'three rotations in one go');
  const woken = await asleep.open();
  t.match(woken.current(), { directory: { sequence: 4 } }, 'remembered');
  await t.rejects(woken.accept(third), refusal('directory-older'));
  t.equal(await (await box.open()).accept(last), 'newer', 'and two');

  const image = await boxOf(t, alliance.keys, clock);
  t.equal(await (await image.open()).accept(last), 'newer', 'an image that pins the last keys needs no chain');
  t.match((await box.open({ pinned: alliance.keys })).current(), { directory: { sequence: 4 } });
  const other = await testAlliance(t, clock);
  const moved = await box.open({ pinned: other.pinned });
  t.equal(moved.current(), undefined, 'an image of another alliance starts anew');
  t.equal(await moved.accept(await other.publish()), 'newer');
});

t.test('a rotation counts only by the announced key, in order', async (t) => {
  const { made, box } = await listed(t);
  const directory = await box.open();
  await directory.accept(await made.publish());
  const current = keyFromPem(await readFile(path.join(made.directory, 'keys/1.key')));
  const next = keyFromPem(await readFile(path.join(made.directory, 'keys/2.key')));
  const thief = newPrivateKey();
  const [kCurrent, kNext, kThief] = await Promise.all([current, next, thief].map(publicJwkOf));
  const payload = Buffer.from(JSON.stringify({ ...payloadOf(await made.publish()), sequence: 50 }));
  const statement = (key: typeof thief, keys: unknown, generation = 2) =>
    signJws({ type: rotationType, payload: Buffer.from(JSON.stringify({ generation, keys })), key });
  const offer = async (key: typeof thief, ...rotation: string[]) =>
    directory.accept(await signJws({ type: directoryType, payload, key, header: { rotation } }));

  await t.rejects(offer(thief, await statement(thief, [kThief, kThief])), refusal('directory-foreign'), 'a stranger');
  await t.rejects(
    offer(thief, await statement(current, [kThief, kThief])),
    refusal('directory-foreign'),
    'whoever stole the signing key cannot make it last',
  );
  const [head = '', body = '', seal = ''] = (await statement(next, [kNext, kCurrent])).split('.');
  const swapped = Buffer.from(JSON.stringify({ generation: 2, keys: [kNext, kThief] })).toString('base64url');
  await t.rejects(offer(next, `${head}.${swapped}.${seal}`), refusal('directory-forged'), 'altered');
  t.ok(body);
  await t.rejects(
    offer(next, await statement(next, [kNext, kThief], 3)),
    refusal('directory-malformed'),
    'out of order',
  );
  await t.rejects(offer(next, await statement(next, [kThief, kNext])), refusal('directory-malformed'), 'not itself');
  await t.rejects(offer(next), refusal('directory-foreign'), 'the offline key signs nothing before it is announced');
  t.match(directory.current(), { directory: { sequence: 1 } });
  t.equal(await offer(next, await statement(next, [kNext, kThief])), 'newer');
});

t.test('owners are told what changed about a territory', async (t) => {
  const { made, box } = await listed(t);
  const directory = await box.open();
  await directory.accept(await made.publish());
  t.same(box.told, [], 'the first says nothing new');
  await made.alliance.changeTerritory('kowhai', { standing: 'suspended', reason: 'an audit' });
  await made.alliance.addTerritory(await someTerritory('rata'));
  await directory.accept(await made.publish());
  t.same(box.told.pop(), [
    { territory: 'kowhai', name: 'Territory kowhai', from: 'accredited', to: 'suspended', reason: 'an audit' },
    { territory: 'rata', name: 'Territory rata', from: 'unlisted', to: 'accredited' },
  ]);
  await made.alliance.changeTerritory('kowhai', { standing: 'accredited' });
  await made.alliance.removeTerritory('rata');
  await directory.accept(await made.publish());
  t.same(box.told.pop(), [
    { territory: 'kowhai', name: 'Territory kowhai', from: 'suspended', to: 'accredited' },
    { territory: 'rata', name: 'Territory rata', from: 'accredited', to: 'unlisted' },
  ]);
});

t.test('it is refreshed over https from whoever has it, whose word counts for nothing', async (t) => {
  const { made, box } = await listed(t);
  const ca = await createTestCa();
  t.teardown(() => ca.close());
  const asked: (string | undefined)[] = [];
  let answer: { status: number; body: string } = { status: 200, body: '' };
  const server = createServer(await ca.server(), (request, reply) => {
    asked.push(`${request.url} ${request.headers['if-none-match'] === undefined ? 'anew' : 'if changed'}`);
    reply.writeHead(answer.status).end(answer.body);
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;

  const directory = await box.open();
  await t.rejects(directory.refresh(never), refusal('directory-unreachable'), 'no place is known');
  await made.alliance.removeTerritory('kowhai');
  await made.alliance.addTerritory(await someTerritory('kowhai', { est: `https://127.0.0.1:${port}` }));
  const first = await made.publish();
  await directory.accept(first);
  answer = { status: 200, body: await made.publish() };
  t.equal(await directory.refresh(never), 'newer', 'under a certificate that nobody knows');
  t.same(asked, ['/v1/directory if changed']);
  answer = { status: 304, body: '' };
  t.equal(await directory.refresh(never), 'same');
  answer = { status: 200, body: first };
  t.equal(await directory.refresh(never), 'same');
  t.same(box.refused, [], 'that somebody is behind is no news');
  answer = { status: 200, body: `${first.slice(0, -4)}AAAA` };
  t.equal(await directory.refresh(never), 'same');
  t.match(box.refused.pop(), { code: 'directory-forged', detail: /^https:\/\/127\.0\.0\.1:/ });
  answer = { status: 200, body: 'A'.repeat(6 * 1024 * 1024) };
  await t.rejects(directory.refresh(never), refusal('directory-unreachable'), 'too large to read');
  answer = { status: 500, body: 'no' };
  await t.rejects(directory.refresh(never), refusal('directory-unreachable'));
  t.match(directory.current(), { directory: { sequence: 2 } });
});

t.test("a refresh asks one's own territory and a few others, never the whole list", async (t) => {
  const { made, box } = await listed(t);
  for (let index = 0; index < 10; index += 1) await made.alliance.addTerritory(await someTerritory(`t${index}`));
  await made.alliance.setUrls(['https://alliance.example/directory.jws']);
  const asked: string[] = [];
  const directory = await box.open({
    fetch: async (url) => {
      asked.push(url.href);
      return undefined;
    },
  });
  await directory.accept(await made.publish());
  await directory.refresh(never);
  t.equal(asked.length, 4);
  t.equal(asked[0], 'https://kowhai.example:8440/v1/directory');
  t.equal(new Set(asked).size, 4);
});

t.test('it is refreshed about once a day, and a day without anybody is no fault', async (t) => {
  const { clock, made, box } = await listed(t);
  let asked = 0;
  const directory = await box.open({
    fetch: async () => {
      asked += 1;
      if (asked > 1) throw new Error('nobody there');
      return made.publish();
    },
  });
  await directory.accept(await made.publish());
  const stop = new AbortController();
  const ended = directory.keepFresh(stop.signal);
  for (let round = 0; round < 2; round += 1) {
    const sleeps = await clock.sleeping();
    t.ok(sleeps >= day / 2 && sleeps < 1.5 * day);
    const before = asked;
    clock.advance(sleeps);
    await clock.sleeping();
    t.equal(asked, before + 1);
  }
  t.match(directory.current(), { directory: { sequence: 2 } });
  t.match(box.refused, [{ code: 'directory-unreachable' }]);
  stop.abort();
  await ended;
});

t.test('arbitrary bytes and altered directories never change what is held', async (t) => {
  const { made, box } = await listed(t);
  const directory = await box.open();
  const held = await made.publish();
  await directory.accept(held);
  const newer = await made.publish();
  const before = await readFile(path.join(box.dataDir, 'directory/held.json'));
  const untouched = async (jws: string): Promise<void> => {
    await directory.accept(jws).then(
      (outcome) => t.equal(outcome, 'same'),
      (error: unknown) => t.match(error, { name: 'Refusal' }),
    );
    t.match(directory.current(), { directory: { sequence: 1 } });
  };
  const quiet = { numRuns: 200 };
  await fc.assert(fc.asyncProperty(fc.string({ maxLength: 300 }), untouched), quiet);
  const places = fc.nat(newer.length - 1);
  const characters = fc.constantFrom(...'ABCabc019-_.={"');
  await fc.assert(
    fc.asyncProperty(places, characters, async (place, character) => {
      if (newer[place] === character || place === newer.length - 1) return; // its last bits are padding
      await untouched(newer.slice(0, place) + character + newer.slice(place + 1));
    }),
    quiet,
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (header, body) =>
      untouched([header, body, Buffer.alloc(64)].map((part) => Buffer.from(part).toString('base64url')).join('.')),
    ),
    quiet,
  );
  t.ok((await readFile(path.join(box.dataDir, 'directory/held.json'))).equals(before));
});

t.test('a key in a security chip signs as one in a file does', async (t) => {
  const key = newPrivateKey();
  const payload = Buffer.from('words');
  const jwk = await publicJwkOf(key);
  for (let round = 0; round < 20; round += 1) {
    const jws = await signJws({ type: 'note', payload, key: signerOf(key), header: { more: round } });
    const verified = await verifyJws(jws, { type: 'note', keys: [jwk] });
    t.match(verified, { ok: true, header: { more: round } }); // numbers with leading zeros come up now and then
  }
  t.same(await verifyJws('x', { type: 'note', keys: [jwk] }), { ok: false, fault: 'malformed' });
});
