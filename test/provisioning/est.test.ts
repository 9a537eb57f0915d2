import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { makeCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { CreatedClaim, FleetEvent } from '#contract/operator.js';
import { check, parseJson } from '#contract/parse.js';
import { Problem } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';
import { serverTls } from '../../provisioning/ca/server-certificate.js';
import { init } from '../../provisioning/cli/init.js';
import { createEst } from '../../provisioning/est/est.js';
import { createProvider } from '../../provisioning/provider.js';
import { openRooms } from '../../provisioning/rooms.js';
import { controlSocket } from '../../provisioning/territory.js';

const run = promisify(execFile);
const est = '/.well-known/est';
const day = 86_400_000;
const log = pino({ level: 'fatal' });

interface Answer {
  status: number;
  headers: string;
  body: Buffer;
}

interface Asked {
  code?: string;
  basic?: string;
  body?: string | Buffer;
  type?: string;
  with?: { cert: string; key: string };
}

function answered<T>(parsed: { ok: true; value: T } | { ok: false; faults: unknown }): T {
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

async function territory(t: Test) {
  const directory = await mkdtemp(path.join(tmpdir(), 'est-'));
  const time = { ahead: 0 };
  const clock = { ...systemClock, now: () => Date.now() + time.ahead };
  const assetsDir = path.resolve('build/console');
  const io = { out() {}, stop: new AbortController().signal, assetsDir };
  const about = ['--territory', 'kowhai', '--name', 'Kōwhai', '--jurisdiction', 'AU-NSW', '--law', 'NSW'];
  await init(['--dir', directory, ...about], io);
  const provider = createProvider({ directory, host: 'localhost', portBase: 0, assetsDir }, { files, clock, log });
  await provider.start();
  t.teardown(async () => {
    await provider.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const root = path.join(directory, 'ca/root.crt');
  const url = new URL(provider.urls.est);
  const ask = (operation: string, parameters: unknown) => callControl(controlSocket(directory), operation, parameters);

  /** As a stranger's client would: curl, on a connection of its own. */
  async function curl(address: string, { code, basic, body, type = 'application/pkcs10', ...asked }: Asked = {}) {
    const input = path.join(directory, `body-${Math.random()}`);
    const args = ['-s', '-i', '--http1.1', '--cacert', root, new URL(address, url).href];
    if (code !== undefined) args.push('-u', `claim:${code}`);
    if (basic !== undefined) args.push('-H', `Authorization: ${basic}`);
    if (body !== undefined) {
      await writeFile(input, body);
      args.push('-H', `Content-Type: ${type}`, '-H', 'Expect:', '--data-binary', `@${input}`);
    }
    if (asked.with) {
      await writeFile(`${input}.pem`, asked.with.cert + asked.with.key);
      args.push('--cert', `${input}.pem`);
    }
    const { stdout } = await run('curl', args, { encoding: 'buffer' });
    const end = stdout.indexOf('\r\n\r\n');
    const headers = stdout.subarray(0, end).toString('latin1');
    return { status: Number(headers.split(' ')[1]), headers, body: stdout.subarray(end + 4) } satisfies Answer;
  }

  const ca = await readFile(root, 'utf8');
  /** The same in this process, for many at once. */
  const post = (code: string, body: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const call = httpsRequest(
        new URL(`${est}/simpleenroll`, url),
        {
          method: 'POST',
          ca,
          agent: new Agent({ maxCachedSessions: 0 }),
          headers: { 'content-type': 'application/pkcs10', authorization: basicOf(`claim:${code}`) },
        },
        async (reply) => {
          const chunks: Buffer[] = [];
          for await (const chunk of reply) chunks.push(Buffer.from(chunk));
          resolve({ status: reply.statusCode ?? 0, headers: '', body: Buffer.concat(chunks) });
        },
      );
      call.once('error', reject);
      call.end(body);
    });

  async function claims(count = 1, wish: object = {}) {
    return answered(check(Type.Array(CreatedClaim), await ask('claim.create', { count, ...wish })));
  }
  const claim = async (wish: object = {}) => (await claims(1, wish))[0]!;
  const boxes = async () => answered(check(Type.Array(Type.Unknown()), await ask('box.list', { limit: 500 })));

  /** A box: its key, and how it asks. */
  async function enrolled() {
    const key = newPrivateKey();
    const { code } = await claim();
    const answer = await curl(`${est}/simpleenroll`, { code, body: await csr(key) });
    const certificate = certificateIn(answer);
    const id = certificate.subject.replace('CN=', '');
    return { id, key, certificate, with: { cert: certificateToPem(certificate.raw), key: keyToPem(key) } };
  }
  return { directory, provider, clock, time, ask, curl, post, claim, claims, boxes, enrolled, url, ca, root };
}

const basicOf = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`;
const csr = async (key = newPrivateKey(), commonName = 'any'): Promise<string> =>
  encodeBody(await makeCsr({ commonName, signer: signerOf(key) }));

function certificateIn({ status, body }: Answer): X509Certificate {
  if (status !== 200) throw new Error(`${status} ${body.toString()}`);
  const der = decodeBody(body);
  if (!der) throw new Error('not base64');
  return parseCertsOnly(der)[0]!;
}

function refused(t: Test, answer: Answer, status: number, code: string): void {
  const problem = parseJson(Problem, answer.body);
  const about = problem.ok ? problem.value : undefined;
  t.match({ status: answer.status, code: about?.code }, { status, code }, `${code}`);
  t.ok(about?.remedy, `${code} says what to do`);
  if (answer.headers === '') return;
  t.match(answer.headers, /^Content-Type: application\/problem\+json/m);
  if (status === 401) t.match(answer.headers, /^WWW-Authenticate: Basic realm="kowhai"\r?$/m);
}

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
  const rooms = await openRooms({ directory, files, clock });
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
  await both({ with: box.with }, 403, 'box-revoked');
  await t.rejects(here.ask('box.revoke', { box: 'box-000000000000' }), { code: 'box-unknown' });
  t.match(await here.ask('box.show', { box: box.id }), { state: 'revoked' });
});

t.test('a certificate that expired in a drawer serves for renewal, and for nothing else', async (t) => {
  const { curl, enrolled, time } = await territory(t);
  const box = await enrolled();
  time.ahead = 40 * day;
  refused(t, await curl('/v1/profile', { with: box.with }), 401, 'certificate-foreign');
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
  const rooms = await openRooms({ directory, files, clock });
  const hosts = ['localhost'];
  const tls = await serverTls({ files, clock, directory, ca: rooms.ca, hosts });
  const slow = createEst({
    ...rooms,
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
  const rooms = await openRooms({ directory, files, clock });
  t.teardown(() => rooms.close());
  const { code } = await rooms.claims.create({});
  const refuses = async (given: string, der: Uint8Array) => {
    const outcome = await rooms.claims.redeem(given, der).catch((error: unknown) => error);
    return outcome instanceof Error && outcome.name === 'Refusal';
  };
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.constant(code)), fc.uint8Array({ maxLength: 200 }), refuses),
    { numRuns: 300 },
  );
});
