import { createHash, createPublicKey, verify } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { publicJwkOf, signJws } from '#common/jws.js';
import { bitAt, packBits, unpackBits } from '#common/members/bits.js';
import { issueCredential, unverifiedTerritory, verifyCredential } from '#common/members/credential.js';
import { signDpop, verifyDpop } from '#common/members/dpop.js';
import { isoOf, timeOf } from '#common/members/iso.js';
import { signMemberRequest, verifyMemberRequest } from '#common/members/request.js';
import { issueStatusList, standingOf, verifyStatusLists } from '#common/members/status-list.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import { dpopType } from '#contract/catalogue.js';
import {
  credentialContext,
  credentialType,
  issuerOf,
  type MemberCredential,
  statusListBits,
  subjectOf,
} from '#contract/member.js';

const at = Date.UTC(2026, 10, 1);
const territoryKey = newPrivateKey();
const memberKey = newPrivateKey();
const keys = [await publicJwkOf(territoryKey)];
const jwk = await publicJwkOf(memberKey);
const origin = 'https://kowhai.example:8440';

const credential = (index = 7, more: Partial<MemberCredential> = {}): MemberCredential => ({
  '@context': [...credentialContext],
  id: 'urn:uuid:0d4c7d0c-3b0e-4b52-9e53-8b1d8f2f6f10',
  type: ['VerifiableCredential', 'WebizenMemberCredential'],
  issuer: issuerOf('kowhai'),
  validFrom: isoOf(at),
  validUntil: isoOf(at + 86_400_000),
  credentialSubject: {
    id: subjectOf('kowhai', 'wattle'),
    member: 'wattle',
    territory: 'kowhai',
    name: 'Wattle Software',
    class: 'var',
    vettingLevel: 1,
    charterVersion: '1',
    since: isoOf(at),
  },
  credentialStatus: (['suspension', 'revocation'] as const).map((statusPurpose) => ({
    type: 'BitstringStatusListEntry' as const,
    statusPurpose,
    statusListIndex: String(index),
    statusListCredential: `${origin}/v1/members/status/${statusPurpose}`,
  })),
  cnf: { jwk },
  ...more,
});

const list = (
  purpose: 'suspension' | 'revocation',
  indexes: number[],
  more: { territory?: string; from?: number } = {},
) =>
  issueStatusList({
    key: territoryKey,
    territory: more.territory ?? 'kowhai',
    origin,
    purpose,
    indexes,
    sequence: 5,
    validFrom: more.from ?? at,
    validUntil: (more.from ?? at) + 7 * 86_400_000,
  });

/** The signature, checked by nothing of ours. */
function verifiesPlainly(jws: string): boolean {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  const key = createPublicKey({ key: { ...keys[0] }, format: 'jwk' });
  const data = Buffer.from(`${header}.${payload}`);
  return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
}

t.test('a credential that was issued is read as it was written, within its time', async (t) => {
  const jwt = await issueCredential({ key: signerOf(territoryKey), credential: credential() });
  t.ok(verifiesPlainly(jwt));
  t.same(JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()), {
    cty: 'vc',
    alg: 'ES256',
    kid: keys[0]?.kid,
    typ: 'vc+jwt',
  });
  t.same(await verifyCredential(jwt, { keys, territory: 'kowhai', at }), { ok: true, credential: credential() });
  t.equal(unverifiedTerritory(jwt), 'kowhai');
  t.match(await verifyCredential(jwt, { keys, at: at - 1 }), { ok: false, fault: 'early', credential: credential() });
  t.match(await verifyCredential(jwt, { keys, at: at + 86_400_000 }), { ok: false, fault: 'expired' });
  t.match(await verifyCredential(jwt, { keys: [jwk], at }), { ok: false, fault: 'foreign' });
  t.match(await verifyCredential(jwt, { keys, territory: 'rimu', at }), { ok: false, fault: 'foreign' });
});

t.test('a credential whose parts do not agree is malformed, though its signature is right', async (t) => {
  const { credentialSubject, credentialStatus } = credential();
  const other = await publicJwkOf(newPrivateKey());
  const wrong: Record<string, Partial<MemberCredential>> = {
    'of another issuer': { issuer: issuerOf('rimu') },
    'about another member': { credentialSubject: { ...credentialSubject, member: 'acacia' } },
    'of no kind': { type: ['VerifiableCredential'] },
    'of another data model': { '@context': ['https://www.w3.org/2018/credentials/v1'] },
    'of a day that there is not': { validUntil: '2026-02-31T00:00:00Z' },
    'with one purpose twice': { credentialStatus: [credentialStatus[0]!, credentialStatus[0]!] },
    'with a key by a wrong name': { cnf: { jwk: { ...jwk, kid: other.kid } } },
  };
  for (const [what, more] of Object.entries(wrong)) {
    const jwt = await issueCredential({ key: territoryKey, credential: credential(7, more) });
    t.same(await verifyCredential(jwt, { keys, at }), { ok: false, fault: 'malformed' }, what);
  }
});

t.test('standing follows the bit of the credential in each list, and expulsion goes first', async (t) => {
  const standing = async (suspended: number[], expelled: number[], index = 7) => {
    const lists = { suspension: await list('suspension', suspended), revocation: await list('revocation', expelled) };
    const verified = await verifyStatusLists(lists, { keys, territory: 'kowhai' });
    if (!verified.ok) throw new Error(verified.fault);
    return standingOf(credential(index), verified);
  };
  t.equal(await standing([], []), 'good');
  t.equal(await standing([6, 8], [0, statusListBits - 1]), 'good');
  t.equal(await standing([7], []), 'suspended');
  t.equal(await standing([7], [7]), 'expelled');
  t.equal(await standing([], [statusListBits - 1], statusListBits - 1), 'expelled');
  await t.rejects(standing([], [], statusListBits), RangeError, 'an index beyond the list says nothing good');
});

t.test('lists that were mixed up, of another territory or by another key are refused', async (t) => {
  const [suspension, revocation] = [await list('suspension', [1]), await list('revocation', [2], { from: at + 5000 })];
  t.ok(verifiesPlainly(suspension));
  t.match(await verifyStatusLists({ suspension, revocation }, { keys, territory: 'kowhai' }), {
    ok: true,
    madeAt: at,
    suspension: { sequence: 5, id: `${origin}/v1/members/status/suspension` },
  });
  const fault = async (lists: { suspension: string; revocation: string }, wish = { keys, territory: 'kowhai' }) => {
    const verified = await verifyStatusLists(lists, wish);
    return verified.ok ? 'none' : verified.fault;
  };
  t.equal(await fault({ suspension: revocation, revocation: suspension }), 'malformed');
  t.equal(await fault({ suspension, revocation }, { keys, territory: 'rimu' }), 'foreign');
  t.equal(await fault({ suspension, revocation }, { keys: [jwk], territory: 'kowhai' }), 'foreign');
  const altered = `${suspension.slice(0, -4)}${suspension.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
  t.equal(await fault({ suspension: altered, revocation }), 'forged');
});

t.test('bits that were packed are those that are unpacked; the first is the left-most', async (t) => {
  const some = fc.uniqueArray(fc.nat(statusListBits - 1), { maxLength: 50 });
  fc.assert(
    fc.property(some, fc.nat(statusListBits - 1), (indexes, other) => {
      const bytes = unpackBits(packBits(indexes));
      if (!bytes) return false;
      return indexes.every((index) => bitAt(bytes, index)) && bitAt(bytes, other) === indexes.includes(other);
    }),
    { numRuns: 40 },
  );
  t.equal(unpackBits(packBits([0]))?.[0], 0x80);
  t.throws(() => packBits([statusListBits]), RangeError);
  t.throws(() => bitAt(new Uint8Array(2), 16), RangeError);
});

t.test('a list that is too short or unpacks without end is no list', async (t) => {
  const pack = (bytes: Buffer) => `u${gzipSync(bytes).toString('base64url')}`;
  t.equal(unpackBits(pack(Buffer.alloc(statusListBits / 8 - 1))), undefined);
  t.ok(unpackBits(pack(Buffer.alloc(1024 * 1024))));
  t.equal(unpackBits(pack(Buffer.alloc(64 * 1024 * 1024))), undefined);
});

t.test('a request is signed by the key that it names', async (t) => {
  const wish = { name: 'Wattle Software', class: 'var' as const, contact: 'post@wattle.example', at };
  const jws = await signMemberRequest({ key: memberKey, ...wish });
  t.same(await verifyMemberRequest(jws), { ok: true, request: { ...wish, jwk } });
  const payload = Buffer.from(JSON.stringify({ ...wish, jwk }));
  const foreign = await signJws({ type: 'webizen-member-request+jws', payload, key: newPrivateKey() });
  t.same(await verifyMemberRequest(foreign), { ok: false, fault: 'forged' });
  const otherType = await signJws({ type: credentialType, payload, key: memberKey });
  t.same(await verifyMemberRequest(otherType), { ok: false, fault: 'malformed' });
});

t.test('a proof serves one request with one credential, now', async (t) => {
  const wish = { credential: 'the credential', method: 'PATCH', url: `${origin}/v1/catalogue/blobs/x?at=1#top`, at };
  const proof = await signDpop({ key: memberKey, ...wish });
  const [header = '', payload = ''] = proof.split('.');
  const { jwk: shown } = JSON.parse(Buffer.from(header, 'base64url').toString());
  t.same(shown, { kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y });
  t.match(JSON.parse(Buffer.from(payload, 'base64url').toString()), {
    htm: 'PATCH',
    htu: `${origin}/v1/catalogue/blobs/x`,
    ath: createHash('sha256').update('the credential').digest('base64url'),
  });
  const fault = async (more: Partial<typeof wish>, key = jwk) => {
    const verified = await verifyDpop(proof, { ...wish, ...more, jwk: key });
    return verified.ok ? 'none' : verified.fault;
  };
  t.equal(await fault({}), 'none');
  t.equal(await fault({ url: `${origin}/v1/catalogue/blobs/x` }), 'none', 'without the query');
  t.equal(await fault({ at: at + 300_000 }), 'none');
  t.equal(await fault({ at: at + 301_000 }), 'stale');
  t.equal(await fault({ at: at - 301_000 }), 'stale');
  t.equal(await fault({ method: 'POST' }), 'other-request');
  t.equal(await fault({ url: `${origin}/v1/catalogue/blobs/y` }), 'other-request');
  t.equal(await fault({ url: 'https://elsewhere.example:8440/v1/catalogue/blobs/x' }), 'other-request');
  t.equal(await fault({ credential: 'another' }), 'other-credential');
  t.equal(await fault({}, keys[0]), 'foreign');
  const bare = await signJws({ type: dpopType, payload: Buffer.from(payload, 'base64url'), key: memberKey });
  t.same(await verifyDpop(bare, { ...wish, jwk }), { ok: false, fault: 'malformed' }, 'without the key in its header');
});

t.test('times are whole seconds of days that there are', async (t) => {
  const days = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
  fc.assert(fc.property(days, (time) => timeOf(isoOf(time)) === time));
  t.ok(Number.isNaN(timeOf('2026-13-01T00:00:00Z')));
});

t.test('whatever arrives is refused in words, never thrown', async () => {
  const jwt = await issueCredential({ key: territoryKey, credential: credential() });
  const request = await signMemberRequest({ key: memberKey, name: 'W', class: 'var', at });
  const proof = await signDpop({ key: memberKey, credential: jwt, method: 'GET', url: origin, at });
  // Not the very end: the last character of a signature has bits that mean nothing.
  const damaged = fc
    .tuple(fc.constantFrom(jwt, request, proof), fc.nat(), fc.string({ minLength: 1, maxLength: 4 }))
    .map(([whole, any, text]) => {
      const place = any % (whole.length - 8);
      return whole.slice(0, place) + text + whole.slice(place + text.length);
    });
  const signed = fc
    .tuple(fc.constantFrom(credentialType, dpopType, 'webizen-member-request+jws'), fc.json())
    .map(([type, text]) => ({ type, text }));
  const isRefused = async (text: string, shown: { suspension: string; revocation: string }) => {
    const answers = [
      await verifyCredential(text, { keys, at }),
      await verifyMemberRequest(text),
      await verifyDpop(text, { credential: jwt, jwk, method: 'POST', url: origin, at }),
      await verifyStatusLists(shown, { keys, territory: 'kowhai' }),
    ];
    return answers.every(({ ok }) => !ok);
  };
  const good = await list('suspension', []);
  const whole = new Set([jwt, request]);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        damaged.filter((text) => !whole.has(text)),
      ),
      (text) => isRefused(text, { suspension: good, revocation: text }),
    ),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(signed, async ({ type, text }) => {
      const jws = await signJws({ type, payload: Buffer.from(text), key: territoryKey });
      return isRefused(jws, { suspension: jws, revocation: good });
    }),
    { numRuns: 60 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `u${text}`),
      ),
      (text) => unpackBits(text) === undefined,
    ),
  );
});
