import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import path from 'node:path';
import { connect } from 'node:tls';
import fc from 'fast-check';
import t from 'tap';
import { Type } from 'typebox';
import { files } from '#common/files.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { sourceOf } from '#common/source.js';
import { FleetEvent } from '#contract/operator.js';
import { check, parseJson } from '#contract/parse.js';
import { Profile } from '#contract/profile.js';
import { serverTls } from '../../provisioning/ca/server-certificate.js';
import { createEst } from '../../provisioning/est/est.js';
import { createHandshakes } from '../../provisioning/est/handshakes.js';
import { createLimits } from '../../provisioning/est/limits.js';
import {
  type Asked,
  answered,
  basicOf,
  certificateIn,
  csr,
  day,
  est,
  log,
  refused,
  run,
  territory,
} from '../support/est.js';
import { createManualClock } from '../support/manual-clock.js';
import { roomsOf } from '../support/records.js';

t.test(
  'a client that knows only RFC 7030 enrols: curl and openssl, to a certificate that mutual TLS takes',
  async (t) => {
    const { directory, curl, claim, url, root } = await territory(t);
    const openssl = (...args: string[]) => run('openssl', args, { cwd: directory });

    const cacerts = await curl(`${est}/cacerts`);
    t.match(cacerts.headers, /^Content-Type: application\/pkcs7-mime; smime-type=certs-only\r?$/m);
    t.match(cacerts.headers, new RegExp(`^Content-Length: ${cacerts.body.length}\r?$`, 'm'));
    t.notMatch(cacerts.headers, /chunked/i);
    t.ok(
      cacerts.body
        .toString()
        .split('\r\n')
        .every((line) => line.length <= 64),
      'lines of 64 with CRLF',
    );
    const chain = parseCertsOnly(decodeBody(cacerts.body)!);
    t.equal(
      chain.at(-1)!.fingerprint256,
      new X509Certificate(await readFile(root)).fingerprint256,
      'the root is in it',
    );

    const attributes = await curl(`${est}/csrattrs`);
    t.match(attributes.headers, /^Content-Type: application\/csrattrs\r?$/m);
    await writeFile(path.join(directory, 'attributes'), decodeBody(attributes.body)!);
    t.match((await openssl('asn1parse', '-inform', 'DER', '-in', 'attributes')).stdout, 'prime256v1');

    const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'box.key'];
    await openssl('req', '-new', ...p256, '-subj', '/CN=a wish', '-outform', 'DER', '-out', 'box.req');
    await openssl('base64', '-e', '-in', 'box.req', '-out', 'box.b64');
    const body = await readFile(path.join(directory, 'box.b64'));
    const { code } = await claim();
    const reply = await curl(`${est}/simpleenroll`, { code: code.toLowerCase().replaceAll('-', ' '), body });
    t.equal(reply.status, 200);
    t.match(reply.headers, /^Content-Type: application\/pkcs7-mime; smime-type=certs-only\r?$/m);
    t.match(reply.headers, new RegExp(`^Content-Length: ${reply.body.length}\r?$`, 'm'));
    await writeFile(path.join(directory, 'reply'), decodeBody(reply.body)!);
    await openssl('pkcs7', '-inform', 'DER', '-in', 'reply', '-print_certs', '-out', 'box.crt');
    await writeFile(path.join(directory, 'issuing.crt'), certificateToPem(chain[0]!.raw));
    const strict = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', root, '-untrusted', 'issuing.crt'];
    t.match((await openssl(...strict, 'box.crt')).stdout, 'OK');
    const certificate = certificateIn(reply);
    t.match(certificate.subject, /^CN=box-[0-9a-z]{12}$/, 'the provider says what it is called');

    const cert = await readFile(path.join(directory, 'box.crt'), 'utf8');
    const key = await readFile(path.join(directory, 'box.key'), 'utf8');
    const profile = answered(parseJson(Profile, (await curl('/v1/profile', { with: { cert, key } })).body));
    t.equal(`CN=${profile.box}`, certificate.subject);
    t.same(profile.territory, { id: 'kowhai', name: 'Kōwhai', jurisdiction: 'AU-NSW', law: 'NSW' });
    t.match(profile.broker.url, /^mqtts:\/\/localhost:/);
    const byAddress = await curl(`https://127.0.0.1:${url.port}/v1/profile`, { with: { cert, key } });
    t.match(
      answered(parseJson(Profile, byAddress.body)).broker.url,
      /^mqtts:\/\/127\.0\.0\.1:/,
      'by the name it came by',
    );

    const rsa = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.key', '-outform', 'DER', '-out', 'rsa.req'];
    await openssl('req', '-new', ...rsa, '-subj', '/CN=x');
    const oneLine = (await readFile(path.join(directory, 'rsa.req'))).toString('base64');
    certificateIn(await curl(`${est}/simpleenroll`, { code: (await claim()).code, body: oneLine }));
  },
);

t.test('a claim that does not serve is refused with its own code, and the operator sees it', async (t) => {
  const { directory, provider, clock, ask, curl, claim, time, boxes } = await territory(t);
  const enrol = async (asked: Asked) => curl(`${est}/simpleenroll`, { body: await csr(), ...asked });
  refused(t, await enrol({}), 401, 'claim-missing');
  refused(t, await enrol({ basic: basicOf(`other:${(await claim()).code}`) }), 401, 'claim-missing');
  refused(t, await enrol({ basic: 'Bearer x' }), 401, 'claim-missing');
  refused(t, await enrol({ code: 'ABCDE' }), 401, 'claim-malformed');
  refused(t, await enrol({ code: '00000-00000-00000-00000' }), 401, 'claim-unknown');

  const used = await claim();
  const key = newPrivateKey();
  const first = certificateIn(await enrol({ code: used.code, body: await csr(key) }));
  refused(t, await enrol({ code: used.code }), 401, 'claim-used');
  const again = certificateIn(await enrol({ code: used.code, body: await csr(key, 'other') }));
  t.equal(again.fingerprint256, first.fingerprint256, 'the same key gets the same certificate');

  const revoked = await claim();
  await ask('claim.revoke', { id: revoked.id });
  refused(t, await enrol({ code: revoked.code }), 401, 'claim-revoked');
  await t.rejects(ask('claim.revoke', { id: '000000000000' }), { code: 'claim-id-unknown' });
  await t.rejects(ask('claim.revoke', { id: 'g' }), { code: 'claim-id-unknown' });

  const short = await claim({ lifetimeSeconds: 60 });
  const usedShort = await claim({ lifetimeSeconds: 60 });
  const shortKey = newPrivateKey();
  certificateIn(await enrol({ code: usedShort.code, body: await csr(shortKey) }));
  time.ahead = 61_000;
  refused(t, await enrol({ code: short.code }), 401, 'claim-expired');
  refused(t, await enrol({ code: usedShort.code, body: await csr(shortKey) }), 401, 'claim-expired');
  refused(t, await enrol({ code: usedShort.code }), 401, 'claim-used');
  await ask('claim.revoke', { id: used.id });
  refused(t, await enrol({ code: used.code, body: await csr(key) }), 401, 'claim-revoked');
  t.equal((await boxes()).length, 2, 'and nobody else was enrolled');

  await provider.stop();
  const rooms = await roomsOf({ directory, files, clock });
  const events = answered(check(Type.Array(FleetEvent), await rooms.events.recent(100)));
  await rooms.close();
  const codes = new Set(events.map(({ code }) => code));
  for (const code of ['claim-malformed', 'claim-unknown', 'claim-used', 'claim-expired', 'claim-revoked'] as const)
    t.ok(codes.has(code), `${code} stands in the events`);
  t.ok(events.every((event) => event.type !== 'refused' || event.remedy));
});

t.test('a request that asks wrongly is refused with its own code, and the claim stays open', async (t) => {
  const { directory, curl, claim } = await territory(t);
  const { code } = await claim();
  const made = async (...args: string[]): Promise<string> => {
    const where = ['-keyout', 'key', '-outform', 'DER', '-out', 'req', '-subj', '/CN=x'];
    await run('openssl', ['req', '-new', '-nodes', ...where, ...args], { cwd: directory });
    return encodeBody(await readFile(path.join(directory, 'req')));
  };
  const enrol = (body: string | Buffer, type?: string) =>
    curl(`${est}/simpleenroll`, { code, body, ...(type ? { type } : {}) });
  const good = await makeCsr({ commonName: 'any', signer: signerOf(newPrivateKey()) });
  const altered = Buffer.from(good);
  altered[good.indexOf('any')] = 'A'.charCodeAt(0);
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

  refused(t, await enrol(encodeBody(altered)), 400, 'csr-signature');
  refused(t, await enrol(await made('-newkey', 'rsa:1024')), 400, 'csr-weak-key');
  refused(t, await enrol(await made(...p256, '-addext', 'basicConstraints=critical,CA:TRUE')), 400, 'csr-ca');
  refused(t, await enrol(encodeBody(Buffer.concat([good, Buffer.of(0)]))), 400, 'csr-malformed');
  refused(t, await enrol(good), 400, 'csr-malformed');
  refused(t, await enrol(`-----BEGIN CERTIFICATE REQUEST-----\n${encodeBody(good)}`), 400, 'csr-malformed');
  refused(t, await enrol(''), 400, 'csr-malformed');
  refused(t, await enrol(encodeBody(good), 'application/x-www-form-urlencoded'), 415, 'media-type-unsupported');
  refused(t, await enrol('A'.repeat(64 * 1024 + 4)), 413, 'body-too-large');
  refused(t, await curl(`${est}/serverkeygen`), 404, 'not-found');
  certificateIn(await enrol(encodeBody(good)));
});

t.test('a lost reply locks nobody out: the same request gets the same certificate', async (t) => {
  const { url, ca, post, claim, boxes } = await territory(t);
  const { code } = await claim();
  const body = await csr();
  const socket = connect({ host: url.hostname, port: Number(url.port), ca, servername: 'localhost' });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  const head = `POST ${est}/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n`;
  socket.end(`${head}Authorization: ${basicOf(`claim:${code}`)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  socket.destroySoon(); // gone before the answer
  await new Promise((resolve) => socket.once('close', resolve));
  const second = certificateIn(await post(code, body));
  const third = certificateIn(await post(code, body));
  t.equal(second.fingerprint256, third.fingerprint256);
  t.equal((await boxes()).length, 1);
});

t.test(
  'two boxes race for one claim and one of them wins; one box that asks eight times at once is one box',
  async (t) => {
    const { post, claim, boxes } = await territory(t);
    const { code } = await claim();
    const bodies = [await csr(), await csr()];
    const answers = await Promise.all(bodies.flatMap((body) => [post(code, body), post(code, body)]));
    t.equal(answers.filter(({ status }) => status === 200).length, 2, 'both requests of the winner');
    for (const loser of answers.filter(({ status }) => status !== 200)) refused(t, loser, 401, 'claim-used');
    t.equal((await boxes()).length, 1);

    const another = await claim();
    const body = await csr();
    const same = await Promise.all(Array.from({ length: 8 }, () => post(another.code, body)));
    t.equal(new Set(same.map((answer) => certificateIn(answer).fingerprint256)).size, 1);
    t.equal((await boxes()).length, 2);
  },
);

t.test('forty boxes at once get forty certificates', async (t) => {
  const { post, claims, boxes } = await territory(t);
  const body = await csr();
  const all = await Promise.all((await claims(40)).map(({ code }) => post(code, body)));
  t.equal(new Set(all.map((answer) => certificateIn(answer).subject)).size, 40);
  t.equal((await boxes()).length, 40);
});

t.test('a box renews with a new key, and both certificates serve until the new one is seen', async (t) => {
  const { curl, enrolled } = await territory(t);
  const box = await enrolled();
  const key = newPrivateKey();
  const renew = async (asked: Asked) => curl(`${est}/simplereenroll`, { with: box.with, ...asked });
  const profile = (as: { cert: string; key: string }) => curl('/v1/profile', { with: as });

  const other = await enrolled();
  refused(t, await renew({ body: await csr(key, other.id) }), 400, 'csr-subject');
  refused(t, await renew({ body: await csr(key, 'any') }), 400, 'csr-subject');
  const next = certificateIn(await renew({ body: await csr(key, box.id) }));
  t.equal(next.subject, box.certificate.subject);
  t.not(next.serialNumber, box.certificate.serialNumber);
  const again = certificateIn(await renew({ body: await csr(key, box.id) }));
  t.equal(again.fingerprint256, next.fingerprint256, 'a lost reply can be asked for again');
  refused(t, await renew({ body: await csr(newPrivateKey(), box.id) }), 409, 'renewal-used');

  t.equal((await profile(box.with)).status, 200, 'the old one serves until then');
  const renewed = { cert: certificateToPem(next.raw), key: keyToPem(key) };
  t.equal((await profile(renewed)).status, 200);
  refused(t, await profile(box.with), 401, 'certificate-superseded');
  refused(t, await renew({ body: await csr(key, box.id) }), 401, 'certificate-superseded');
  const third = certificateIn(await renew({ with: renewed, body: await csr(newPrivateKey(), box.id) }));
  t.not(third.serialNumber, next.serialNumber);
});

t.test('nobody renews or reads a profile with what this territory did not issue or has revoked', async (t) => {
  const here = await territory(t);
  const there = await territory(t);
  const box = await here.enrolled();
  const stranger = await there.enrolled();
  const body = await csr(newPrivateKey(), box.id);
  const both = async (asked: Asked, status: number, code: string) => {
    refused(t, await here.curl(`${est}/simplereenroll`, { ...asked, body }), status, code);
    refused(t, await here.curl('/v1/profile', asked), status, code);
  };
  await both({}, 401, 'certificate-missing');
  await both({ with: stranger.with }, 401, 'certificate-foreign');

  const forged = path.join(here.directory, 'forged');
  await writeFile(`${forged}.key`, stranger.with.key);
  const self = [
    'req',
    '-x509',
    '-key',
    `${forged}.key`,
    '-subj',
    `/CN=${box.id}`,
    '-days',
    '9',
    '-out',
    `${forged}.crt`,
  ];
  await run('openssl', self);
  const cert = await readFile(`${forged}.crt`, 'utf8');
  await both({ with: { cert, key: stranger.with.key } }, 401, 'certificate-foreign');

  await here.ask('box.revoke', { box: box.id });
  refused(t, await here.curl(`${est}/simplereenroll`, { with: box.with, body }), 401, 'box-revoked');
  refused(t, await here.curl('/v1/profile', { with: box.with }), 403, 'box-revoked');
  await t.rejects(here.ask('box.revoke', { box: 'box-000000000000' }), { code: 'box-unknown' });
  t.match(await here.ask('box.show', { box: box.id }), { state: 'revoked' });
});

t.test('a certificate that expired in a drawer serves for renewal, and for nothing else', async (t) => {
  const { curl, enrolled, time } = await territory(t);
  const box = await enrolled();
  time.ahead = 40 * day;
  refused(t, await curl('/v1/profile', { with: box.with }), 401, 'certificate-expired');
  const lost = { with: box.with, body: await csr(newPrivateKey(), box.id) };
  certificateIn(await curl(`${est}/simplereenroll`, lost));

  time.ahead = 80 * day;
  const key = newPrivateKey();
  const next = certificateIn(await curl(`${est}/simplereenroll`, { with: box.with, body: await csr(key, box.id) }));
  const renewed = { cert: certificateToPem(next.raw), key: keyToPem(key) };
  t.equal((await curl('/v1/profile', { with: renewed })).status, 200, 'also when an earlier renewal was lost for good');
});

t.test('who guesses codes is told to wait, for a minute', async (t) => {
  const { curl, post, claim, time } = await territory(t);
  const body = await csr();
  for (let count = 0; count < 20; count += 1) t.equal((await post('00000-00000-00000-00000', body)).status, 401);
  const { code } = await claim();
  const answer = await curl(`${est}/simpleenroll`, { code, body });
  refused(t, answer, 429, 'too-many-attempts');
  t.match(answer.headers, /^Retry-After: [1-6]?\d\r?$/m);
  t.equal((await curl(`${est}/cacerts`)).status, 200, 'everything else is open');
  time.ahead = 61_000;
  certificateIn(await post(code, body));
});

t.test('a body that does not end is not waited for', async (t) => {
  const { directory, provider, clock } = await territory(t);
  await provider.stop();
  const rooms = await roomsOf({ directory, files, clock });
  const hosts = ['localhost'];
  const tls = await serverTls({ files, clock, directory, ca: rooms.ca, hosts });
  const slow = createEst({
    ...rooms,
    admission: { apply: ({ csr, code = '' }) => rooms.claims.redeem(code, csr) },
    asksForCode: true,
    tls,
    hosts,
    cacerts: () => [],
    broker: { port: () => 1, maxPacketBytes: 1024 },
    clock,
    log,
    patience: 200,
  });
  t.teardown(async () => {
    await slow.stop();
    await rooms.close();
  });
  const port = await slow.start('127.0.0.1', 0);
  const [{ code }] = [await rooms.claims.create({})];
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  socket.write(`POST ${est}/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n`);
  socket.write(`Authorization: ${basicOf(`claim:${code}`)}\r\nContent-Length: 400\r\n\r\nMII`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString();
  t.match(text, /^HTTP\/1\.1 408 /);
  t.match(text, '"code":"body-timeout"');
});

t.test('whatever stands in Authorization and body, the answer is a refusal of ours', async (t) => {
  const { directory, provider, clock } = await territory(t);
  await provider.stop();
  const rooms = await roomsOf({ directory, files, clock });
  t.teardown(() => rooms.close());
  const { code } = await rooms.claims.create({});
  const refuses = async (given: string, der: Uint8Array) => {
    const outcome = await (async () => rooms.claims.redeem(given, parseCsr(der)))().catch((error: unknown) => error);
    return outcome instanceof Error && outcome.name === 'Refusal';
  };
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.constant(code)), fc.uint8Array({ maxLength: 200 }), refuses),
    { numRuns: 300 },
  );
});

/** What stands on the wire, letter by letter, as a client sees it that knows TLS 1.2 and no more. */
async function raw(root: string, url: URL, request: string, version = '-tls1_2'): Promise<string> {
  const args = ['s_client', '-quiet', '-no_ign_eof', version, '-CAfile', root, '-verify_return_error'];
  const child = spawn('openssl', [...args, '-connect', `localhost:${url.port}`], { stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdin.write(request);
  for await (const chunk of child.stdout) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('latin1');
}

t.test('a strict client of TLS 1.2 reads each letter that it looks for', async (t) => {
  const { url, root, claim } = await territory(t);
  const { code } = await claim();
  const body = (await csr()).replace(/\s/g, ''); // one line
  const post = (headers: string[]) =>
    [
      ...[`POST ${est}/simpleenroll HTTP/1.1`, 'Host: localhost', 'Connection: close'],
      ...['Content-Type: application/pkcs10', `Content-Length: ${body.length}`, ...headers, '', body],
    ].join('\r\n');
  const get = (what: string) => `GET ${est}/${what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  const split = (reply: string) => {
    const end = reply.indexOf('\r\n\r\n');
    return { head: reply.slice(0, end).split('\r\n'), body: reply.slice(end + 4) };
  };
  const challenged = split(await raw(root, url, post([])));
  t.equal(challenged.head[0], 'HTTP/1.1 401 Unauthorized');
  t.ok(challenged.head.includes('WWW-Authenticate: Basic realm="kowhai"'));
  t.ok(challenged.head.includes(`Content-Length: ${challenged.body.length}`));

  const enrolled = split(await raw(root, url, post([`Authorization: ${basicOf(`claim:${code}`)}`])));
  const cacerts = split(await raw(root, url, get('cacerts')));
  for (const { head, body } of [enrolled, cacerts]) {
    t.equal(head[0], 'HTTP/1.1 200 OK');
    t.ok(head.includes('Content-Type: application/pkcs7-mime; smime-type=certs-only'));
    t.ok(head.includes(`Content-Length: ${body.length}`));
    t.ok(head.includes('Content-Transfer-Encoding: base64'));
    t.notOk(
      head.some((line) => /^transfer-encoding/i.test(line)),
      'never chunked',
    );
    t.match(body, /^([A-Za-z0-9+/=]{64}\r\n)*[A-Za-z0-9+/=]{1,64}\r\n$/);
  }
  t.match(await raw(root, url, get('cacerts'), '-tls1_3'), /^HTTP\/1\.1 200 OK\r\n/);
  t.equal(await raw(root, url, get('cacerts'), '-tls1_1'), '', 'nothing older is spoken');
});

t.test('a request that is bound to its connection serves there and nowhere else', async (t) => {
  const { url, ca, claim } = await territory(t);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const open = async () => {
      const socket = connect({ host: 'localhost', port: Number(url.port), ca, maxVersion, servername: 'localhost' });
      await new Promise((resolve) => socket.once('secureConnect', resolve));
      return socket;
    };
    const bindingOf = (socket: Awaited<ReturnType<typeof open>>): Buffer | undefined =>
      maxVersion === 'TLSv1.2'
        ? socket.getFinished()
        : socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    const { code } = await claim();
    const enrol = async (socket: Awaited<ReturnType<typeof open>>, channelBinding: Buffer | undefined) => {
      const made = await makeCsr({ commonName: 'any', signer: signerOf(newPrivateKey()), channelBinding });
      const body = encodeBody(made);
      const head = [`POST ${est}/simpleenroll HTTP/1.1`, 'Host: localhost', 'Connection: close'];
      head.push('Content-Type: application/pkcs10', `Content-Length: ${body.length}`);
      head.push(`Authorization: ${basicOf(`claim:${code}`)}`);
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString();
    };
    const [first, second] = [await open(), await open()];
    const passedOn = await enrol(second, bindingOf(first));
    t.match(passedOn, /^HTTP\/1\.1 400 /);
    t.match(passedOn, '"code":"csr-channel"', `${maxVersion}: passed on by somebody in between`);
    t.match(await enrol(first, bindingOf(first)), /^HTTP\/1\.1 200 /, maxVersion);
  }
});

t.test('a re-enrolling client may copy what its old certificate said: we say it anew', async (t) => {
  const { directory, curl, enrolled } = await territory(t);
  const box = await enrolled();
  const copied = ['-addext', 'keyUsage=keyCertSign,cRLSign', '-addext', 'subjectAltName=DNS:evil.example'];
  const where = ['-keyout', 'next.key', '-outform', 'DER', '-out', 'next.req', '-subj', `/CN=${box.id}`, ...copied];
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', '-new', ...p256, ...where], { cwd: directory });
  const body = encodeBody(await readFile(path.join(directory, 'next.req')));
  const next = certificateIn(await curl(`${est}/simplereenroll`, { with: box.with, body }));
  t.equal(next.subjectAltName, undefined);
  t.same(next.keyUsage, ['1.3.6.1.5.5.7.3.2']); // what Node calls so is extendedKeyUsage: clientAuth
  await writeFile(path.join(directory, 'next.crt'), certificateToPem(next.raw));
  const { stdout } = await run('openssl', ['x509', '-in', 'next.crt', '-noout', '-text'], { cwd: directory });
  t.notMatch(stdout, /Certificate Sign|evil/);
});

t.test('a flood of strangers is told to wait, and keeps no box from renewing', async (t) => {
  const { curl, post, claim, enrolled, time } = await territory(t, { enrolmentsPerSecond: 1 });
  const box = await enrolled();
  const body = await csr();
  const answers = await Promise.all(Array.from({ length: 16 }, () => post('', body)));
  t.ok(answers.some(({ status }) => status === 429));
  const { code } = await claim();
  const told = await curl(`${est}/simpleenroll`, { code, body });
  refused(t, told, 429, 'too-many-requests');
  t.match(told.headers, /^Retry-After: \d+\r?$/m);
  const renewal = { with: box.with, body: await csr(newPrivateKey(), box.id) };
  certificateIn(await curl(`${est}/simplereenroll`, renewal));
  time.ahead = 60_000;
  certificateIn(await curl(`${est}/simpleenroll`, { code, body }));
});

t.test('the budgets of strangers are bounded: one source, all of them, and their memory', async (t) => {
  const clock = createManualClock();
  const limits = createLimits({ clock, perSecond: 2 });
  const taken = (source: string) => {
    try {
      limits.stranger(source);
      return true;
    } catch {
      return false;
    }
  };
  const count = (source: (index: number) => string, most: number) =>
    Array.from({ length: most }, (_, index) => taken(source(index))).filter(Boolean).length;
  t.equal(
    count(() => 'one', 100),
    30,
    'fifteen seconds of one source at once',
  );
  t.equal(count(String, 1000), 270, 'and of all of them');
  clock.advance(1000);
  t.equal(
    count(() => 'one', 10),
    2,
  );
  limits.box('a box');
  for (let part = 0; part < 6000; part += 1) limits.box('parts', 1 / 50);
  for (let part = 0; part < 10; part += 1) t.throws(() => limits.box('parts', 1 / 50), { code: 'too-many-requests' });
  limits.box('a box');
  t.equal(sourceOf('2001:db8:1:2:3:4:5:6'), sourceOf('2001:db8:1:2:ffff::1'), 'one /64 is one source');
  t.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
});

t.test('handshakes that do not end are counted by source, and closed beyond a number', async (t) => {
  const handshakes = createHandshakes();
  const socket = (remotePort: number, remoteAddress = '192.0.2.1') => {
    const made = Object.assign(new Socket(), { ended: false });
    Object.defineProperties(made, { remoteAddress: { value: remoteAddress }, remotePort: { value: remotePort } });
    handshakes.began(made);
    return made;
  };
  const open = Array.from({ length: 256 }, (_, index) => socket(index));
  t.notOk(open.some(({ destroyed }) => destroyed));
  t.ok(socket(1000).destroyed);
  t.notOk(socket(1000, '192.0.2.2').destroyed, 'another source is another matter');
  handshakes.ended('192.0.2.1', 0);
  t.notOk(socket(1001).destroyed);
  const closed = new Promise((resolve) => open[1]?.once('close', resolve));
  open[1]?.destroy();
  await closed;
  t.notOk(socket(1002).destroyed);
  t.ok(socket(1003).destroyed);
});
