/** Signed documents from outside, bent in any way: each is what was signed, or is refused in words; nothing else comes of it. */
import { generateKeyPairSync } from 'node:crypto';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { doubleMeaning } from '#common/archive/one-meaning.js';
import { announcedBy, followRotation, signRelease, signRotation, verifyRelease } from '#common/archive/release.js';
import { publicJwkOf, signJws, unverifiedHeader } from '#common/jws.js';
import { unverifiedTerritory, verifyCredential } from '#common/members/credential.js';
import { signDpop, verifyDpop } from '#common/members/dpop.js';
import { signMemberRequest, verifyMemberRequest } from '#common/members/request.js';
import { verifyStatusLists } from '#common/members/status-list.js';
import { Refusal } from '#contract/problems.js';
import { ownFolder } from '../support/folder.js';
import { testRelease, testTerritory } from '../support/installing.js';

const now = Date.UTC(2026, 10, 1);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const territory = await testTerritory({ now, key });
const jwk = await publicJwkOf(key);
const by = await territory.member('example-soft', { key });
const status = await territory.lists(1);
const made = await testRelease(path.join(await ownFolder(t), 'app'), { by, territory: 'north', status });
const other = await publicJwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const rotation = await signRotation({ member: by.id, jwk: other, at: now, key });
const rotated = await signRelease({ release: made.release, key, rotation: [rotation] });
const request = { credential: by.credential, method: 'PUT', url: 'https://north.example/v1/blobs/x', at: now };

interface Read {
  jws: string;
  /** Whether it is believed. @throws Refusal */
  believed(jws: string): Promise<boolean>;
}

const documents: Record<string, Read> = {
  'a release': { jws: made.jws, believed: (jws) => verifyRelease(jws, jwk).then(() => true) },
  'a credential': {
    jws: by.credential,
    believed: async (jws) => (await verifyCredential(jws, { keys: territory.keys, territory: 'north', at: now })).ok,
  },
  'a list of the suspended': {
    jws: status.suspension,
    believed: async (suspension) =>
      (await verifyStatusLists({ ...status, suspension }, { keys: territory.keys, territory: 'north' })).ok,
  },
  'a proof of a key': {
    jws: await signDpop({ ...request, key }),
    believed: async (jws) => (await verifyDpop(jws, { ...request, jwk })).ok,
  },
  'a request to be admitted': {
    jws: await signMemberRequest({ key, name: 'Example', class: 'var', at: now }),
    believed: async (jws) => (await verifyMemberRequest(jws)).ok,
  },
};

/** Nothing but a refusal may be thrown. */
async function believes({ believed }: Read, jws: string): Promise<boolean> {
  try {
    return await believed(jws);
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** Read before anything is verified. */
function glance(text: string): void {
  unverifiedHeader(text, 'vc+jwt');
  unverifiedTerritory(text);
  try {
    announcedBy(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= \n\0é';
/** Base64url spells the last octet of a signature in several ways; all of them are the same signature. */
const isSpelling = (a: string, b: string): boolean =>
  a.slice(0, -1) === b.slice(0, -1) &&
  Buffer.from(a.split('.')[2] ?? '', 'base64url').equals(Buffer.from(b.split('.')[2] ?? '', 'base64url'));

for (const [what, read] of Object.entries(documents))
  t.test(`${what} with anything changed in its text is not believed`, async (t) => {
    t.ok(await believes(read, read.jws), 'as it was signed');
    const { length } = read.jws;
    await fc.assert(
      fc.asyncProperty(fc.nat(length - 1), fc.nat(3), fc.constantFrom(...letters), async (at, cut, letter) => {
        const bent = read.jws.slice(0, at) + letter + read.jws.slice(at + cut);
        glance(bent);
        return bent === read.jws || isSpelling(bent, read.jws) || !(await believes(read, bent));
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
        glance(text);
        return !(await believes(read, text));
      }),
      { numRuns: 100 },
    );
  });

type Json = Record<string, unknown>;

/** Where the value has parts: each as the names that lead to it. */
function placesIn(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => [[name], ...placesIn(one).map((below) => [name, ...below])]);
}

function bent(value: unknown, [name = '', ...below]: readonly string[], to: unknown): unknown {
  const copy = (Array.isArray(value) ? [...value] : { ...(value as Json) }) as Json;
  copy[name] = below.length === 0 ? to : bent(copy[name], below, to);
  return copy;
}

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '9999-12-31T23:59:59Z',
    '2026-02-30T00:00:00Z',
    'uH4sIAAAAAAAAAwMAAAAAAAAAAAA',
    '__proto__',
  ),
  fc.constantFrom<unknown>(Number.MAX_SAFE_INTEGER, -1, 1e308, [], {}, null, [[]], { __proto__: null }),
);

for (const [what, read] of Object.entries(documents))
  t.test(`${what} with a right signature and any field of it bent is read or refused`, async () => {
    const [head = '', body = ''] = read.jws.split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Json;
    const payload: unknown = JSON.parse(Buffer.from(body, 'base64url').toString());
    const places = placesIn(payload);
    const { typ, alg: _, kid: __, ...more } = header;
    await fc.assert(
      fc.asyncProperty(fc.nat(places.length - 1), odd, async (at, value) => {
        const text = JSON.stringify(bent(payload, places[at] ?? [], value));
        const jws = await signJws({ type: String(typ), payload: Buffer.from(text), key, header: more });
        glance(jws);
        await believes(read, jws);
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), odd, async (payload, value) => {
        const jws = await signJws({ type: String(typ), payload, key, header: { ...more, jwk: value } });
        return !(await believes(read, jws));
      }),
      { numRuns: 50 },
    );
  });

t.test('a key that a release has not come to by its own rotations is never followed', async (t) => {
  t.same(await followRotation(made.jws, jwk), jwk);
  t.equal(await followRotation(rotated.jws, other), undefined, 'what it was signed with comes before');
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.array(fc.string()), fc.array(fc.constant(rotation)), odd), async (rotations) => {
      const payload = Buffer.from(made.jws.split('.')[1] ?? '', 'base64url');
      const type = 'webizen-release+jws';
      const jws = await signJws({ type, payload, key, header: { rotation: rotations } });
      const followed = await followRotation(jws, other);
      return followed === undefined;
    }),
    { numRuns: 100 },
  );
});

t.test('whatever JSON an image has, its fields are counted without harm', async () => {
  const wish = { names: ['os', 'config', 'Volumes'], depth: 2 };
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (value, isWide) => {
      const found = doubleMeaning(JSON.stringify(value, null, isWide ? 2 : 0), wish);
      return found === undefined || JSON.stringify(value).includes(JSON.stringify(found));
    }),
  );
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, value) => {
      const field = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
      return doubleMeaning(`{${field},${field}}`, wish) === name;
    }),
  );
});
