/** What the box says for an app to the app's server, which believes it with the territory's published root alone. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { oids } from '#common/pki/oids.js';
import { certificateToPem } from '#common/pki/pem.js';
import { Attestation, AttestationClaims } from '#contract/api.js';
import { check, parseJson } from '#contract/parse.js';
import { createAttestor, type Standing } from '../../agent/identity/attest.js';
import { call } from '../support/api-box.js';
import { app, box, refused } from '../support/api-calls.js';
import { type Made, make } from '../support/chains.js';
import { ownFolder } from '../support/folder.js';

const minute = 60_000;
const year = 365 * 24 * 60 * minute;
const id = 'example.visits';
const release = 'a'.repeat(64);
const examples = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../../sdk/examples/attestation');
const pemOf = (...made: Made[]): string => made.map(({ certificate }) => certificateToPem(certificate.raw)).join('');

/** A territory that has renewed its root once: what a box shows includes the bridge. */
async function territory(name: string, box: string) {
  const now = Date.now();
  const during = { from: now - year, until: now + year };
  const root = await make({ name: `${name} root`, ca: true, ...during });
  const newer = await make({ name: `${name} root 2`, ca: true, ...during });
  const bridge = await make({ name: `${name} root 2`, key: newer.key, by: root, ca: true, ...during });
  const issuing = await make({ name: `${name} issuing`, by: newer, ca: true, ...during });
  const leaf = await make({ name: box, by: issuing, ca: false, eku: [oids.clientAuth], ...during });
  const standing: Standing = {
    box,
    territory: name,
    key: leaf.key,
    leaf: leaf.certificate,
    chain: pemOf(leaf, issuing, newer, bridge),
  };
  return { root, newer, issuing, leaf, standing };
}

async function desk(t: Test) {
  const home = await territory('de', 'box-12345678');
  const now = { at: Date.now(), trusted: true };
  const held: { standing: Standing | undefined; released: boolean } = { standing: home.standing, released: true };
  const attestor = createAttestor({
    standing: () => held.standing,
    releaseOf: (one) => (held.released && one === id ? { release, version: '1.2.3' } : undefined),
    clock: { now: () => now.at, trusted: () => now.trusted },
  });
  const api = await box(t, [app(id, { grants: ['identity.attest'] }), app('poor', { grants: [] })], {
    features: { attest: attestor },
  });
  const ask = (body: unknown, who = id) =>
    call(api.socket(who), 'POST', '/v1/identity/attestations', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  async function token(body: unknown): Promise<string> {
    const answer = check(Attestation, (await ask(body)).json);
    if (!answer.ok) throw new Error('no attestation');
    return answer.value.token;
  }
  return { home, held, now, api, ask, token };
}

const partOf = (token: string, index: number): Buffer => Buffer.from(token.split('.')[index] ?? '', 'base64url');

/** Runs an example as a server's administrator would. */
async function run(command: string, parameters: readonly string[], input: string) {
  const child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, error, code };
}

t.test('a server believes the token with the published root and nothing else', async (t) => {
  const { home, ask, now } = await desk(t);
  const answer = await ask({ audience: 'https://api.example.com', nonce: 'n-1' });
  t.equal(answer.status, 200);
  const { token, expiresAt } = answer.json as Attestation;
  const claims = parseJson(AttestationClaims, partOf(token, 1));
  const iat = Math.floor(now.at / 1000);
  t.match(claims, {
    ok: true,
    value: {
      iss: 'urn:webizen:box:box-12345678',
      sub: id,
      app: id,
      aud: 'https://api.example.com',
      nonce: 'n-1',
      release,
      version: '1.2.3',
      box: 'box-12345678',
      territory: 'de',
      iat,
      exp: iat + 300,
    },
  });
  t.equal(expiresAt, (iat + 300) * 1000);
  t.match(JSON.parse(partOf(token, 0).toString()), {
    alg: 'ES256',
    typ: 'webizen-attestation+jwt',
    x5c: { length: 3 },
  });
  const again = (await ask({ audience: 'https://api.example.com', nonce: 'n-1' })).json as Attestation;
  const next = parseJson(AttestationClaims, partOf(again.token, 1));
  t.ok(claims.ok && next.ok && claims.value.jti !== next.value.jti, 'each has its own jti');

  const folder = await ownFolder(t);
  for (const root of [home.root, home.newer]) {
    const file = path.join(folder, 'root.pem');
    await writeFile(file, pemOf(root));
    const verify = path.join(examples, 'verify.mjs');
    const withoutNonce = (await ask({ audience: 'me' })).json as Attestation;
    const seen = await run(process.execPath, [verify, file, 'me'], withoutNonce.token);
    t.match(seen, { code: 0 }, seen.error);
    t.match(JSON.parse(seen.out), { app: id, release, version: '1.2.3' });
    t.match(await run(process.execPath, [verify, file, 'you'], withoutNonce.token), {
      code: 1,
      error: /made for somebody else/,
    });
    const shell = await run('sh', [path.join(examples, 'verify.sh'), file], token);
    t.match(shell, { code: 0 }, shell.error);
    t.equal(shell.out, partOf(token, 1).toString(), 'openssl agrees');
    const [head, , signature] = token.split('.');
    const other = Buffer.from(partOf(token, 1).toString().replace('1.2.3', '1.2.4')).toString('base64url');
    t.not((await run('sh', [path.join(examples, 'verify.sh'), file], `${head}.${other}.${signature}`)).code, 0);
  }
});

t.test('a server refuses what is not for it, not from here, not from now or not the box that it says', async (t) => {
  const { verifyAttestation } = (await import(path.join(examples, 'verify.mjs'))) as {
    verifyAttestation(
      token: string,
      wish: { root: X509Certificate; audience: string; nonce?: string; now?: number },
    ): AttestationClaims;
  };
  const { home, held, now, token } = await desk(t);
  const abroad = await territory('fr', 'box-87654321');
  const good = await token({ audience: 'me', nonce: 'n' });
  const root = home.root.certificate;
  const wish = { root, audience: 'me', nonce: 'n', now: now.at };
  t.match(verifyAttestation(good, wish), { box: 'box-12345678' });
  t.throws(() => verifyAttestation(good, { ...wish, audience: 'you' }), /somebody else/);
  t.throws(
    () => verifyAttestation(good, { root, audience: 'me', now: now.at }),
    /somebody else/,
    'a nonce not asked for',
  );
  t.throws(() => verifyAttestation(good, { ...wish, nonce: 'm' }), /somebody else/);
  t.throws(() => verifyAttestation(good, { ...wish, now: now.at + 6 * minute }), /too old/);
  t.throws(() => verifyAttestation(good, { ...wish, now: now.at - 6 * minute }), /too old/);
  t.throws(() => verifyAttestation(good, { ...wish, now: now.at + 2 * year }), /expired certificate/);
  t.throws(() => verifyAttestation(good, { ...wish, root: abroad.root.certificate }), /not a box of this territory/);
  const [head, body, signature] = good.split('.');
  const altered = Buffer.from(partOf(good, 1).toString().replace('1.2.3', '9.9.9')).toString('base64url');
  t.throws(() => verifyAttestation(`${head}.${altered}.${signature}`, wish), /forged/);
  const plain = Buffer.from(partOf(good, 0).toString().replace('ES256', 'none')).toString('base64url');
  t.throws(() => verifyAttestation(`${plain}.${body}.`, wish), /not an attestation/);

  held.standing = { ...home.standing, box: 'box-other-123' };
  const lying = await token({ audience: 'me', nonce: 'n' });
  t.throws(() => verifyAttestation(lying, wish), /another box/, 'the certificate says which box it is');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = sign('sha256', Buffer.from(`${head}.${body}`), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  t.throws(() => verifyAttestation(`${head}.${body}.${forged.toString('base64url')}`, wish), /forged/);
  // A leaf is no CA: what a box signs as one is believed by nobody.
  const minted = await make({
    name: 'box-fake-1234',
    by: home.leaf,
    ca: false,
    from: now.at - year,
    until: now.at + year,
  });
  const { standing } = home;
  held.standing = { ...standing, key: minted.key, leaf: minted.certificate, chain: pemOf(minted) + standing.chain };
  const fake = await token({ audience: 'me', nonce: 'n' });
  t.throws(() => verifyAttestation(fake, wish), /not a box of this territory/);
});

t.test('a box that cannot vouch says why', async (t) => {
  const { home, held, now, ask, api } = await desk(t);
  const body = { audience: 'me' };
  refused(t, await ask(body, 'poor'), 'grant-missing', /identity\.attest/);
  for (const bad of [
    {},
    { audience: '' },
    { audience: 'a'.repeat(501) },
    { audience: 'me', nonce: '' },
    { audience: ['me'] },
    { audience: 'me', more: 1 },
  ])
    refused(t, await ask(bad), 'body-invalid');
  held.standing = undefined;
  refused(t, await ask(body), 'attest-not-enrolled');
  held.standing = home.standing;
  now.trusted = false;
  refused(t, await ask(body), 'attest-time-unknown');
  now.trusted = true;
  held.released = false;
  refused(t, await ask(body), 'attest-unreleased');
  held.released = true;
  now.at += year;
  refused(t, await ask(body), 'attest-certificate');
  now.at -= 2 * minute;
  const short = (await ask(body)).json as Attestation;
  t.ok(short.expiresAt <= Date.parse(home.leaf.certificate.validTo), 'no token outlives the certificate');
  t.same(api.errors, []);
});
