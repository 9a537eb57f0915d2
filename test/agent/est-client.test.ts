/** The box's side of EST and MQTT against servers that are what they seem, and against those that are not. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { Trust } from '#common/checked-tls.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { oids } from '#common/pki/oids.js';
import { certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { buildCertsOnly } from '#common/pki/pkcs7.js';
import type { Refusal } from '#contract/problems.js';
import { pinnedAuthorities } from '../../agent/enrolment/chain.js';
import { createEstClient, type EstClient } from '../../agent/enrolment/est-client.js';
import { openSession } from '../../agent/link/session.js';
import type { Lesson } from '../../agent/time/trusted-time.js';
import { type Made, make, type Shape } from '../support/chains.js';

const day = 86_400_000;
const now = Math.floor(Date.now() / 1000) * 1000;
const times = { from: now - day, until: now + 365 * day };
const refusal = (code: string) => ({ name: 'Refusal', code });

interface Family {
  root: Made;
  issuing: Made;
  server: Made;
  trust: Trust;
}

async function family(name: string, shape: Partial<Shape> = {}): Promise<Family> {
  const root = await make({ name: `${name} root`, ca: true, ...times });
  const issuing = await make({ name: `${name} issuing`, by: root, ca: true, pathLength: 0, ...times });
  const eku = [oids.serverAuth];
  const server = await make({ name: 'est', by: issuing, ca: false, eku, hosts: ['127.0.0.1'], ...times, ...shape });
  return { root, issuing, server, trust: { anchors: [root.certificate] } };
}

const pem = (...made: Made[]) => made.map(({ certificate }) => certificateToPem(certificate.raw)).join('');
const tlsOf = ({ server, issuing }: Family) => ({ key: keyToPem(server.key), cert: pem(server, issuing) });
const fingerprint = ({ certificate }: Made) => certificate.fingerprint256.replace(/:/g, '').toLowerCase();
const portOf = (server: { address(): AddressInfo | string | null }): number => {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
};

const never = (): never => {
  throw new Error('nobody should have come here');
};

/** A server that counts what it is sent, and hangs up instead of answering. */
async function silent(t: Test, of: Family) {
  const seen = { connections: 0, bytes: 0 };
  const server = createTls({ ...tlsOf(of), requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      seen.bytes += chunk.length;
      socket.destroy();
    });
  });
  server.on('connection', () => {
    seen.connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: portOf(server), seen };
}

interface Seen {
  request: IncomingMessage;
  body: Buffer;
  socket: TLSSocket;
}
interface Reply {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
}

async function answering(t: Test, of: Family, answer: (seen: Seen) => Reply | Promise<Reply>, maxVersion?: 'TLSv1.2') {
  const options = { ...tlsOf(of), requestCert: true, rejectUnauthorized: false, ...(maxVersion ? { maxVersion } : {}) };
  const seen: Seen[] = [];
  const server: HttpsServer = createHttps(options, async (request, reply) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = { request, body: Buffer.concat(chunks), socket: request.socket as TLSSocket };
    seen.push(one);
    const { status = 200, headers = {}, body = '' } = await answer(one);
    reply.writeHead(status, headers).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: portOf(server), seen };
}

function clientAt(port: number, time: Partial<Parameters<typeof createEstClient>[0]['time']> = {}) {
  const lessons: number[] = [];
  const refusals: Refusal[] = [];
  const client = createEstClient({
    est: new URL(`https://127.0.0.1:${port}/`),
    signal: new AbortController().signal,
    time: {
      trusted: () => true,
      moment: () => now,
      async learn({ date, validity }): Promise<Lesson> {
        if (date < validity.notBefore || date > validity.notAfter) return 'outside-chain';
        lessons.push(date);
        return 'learned';
      },
      ...time,
    },
    onRefused: (one) => void refusals.push(one),
  });
  return { client, lessons, refusals };
}

const key = newPrivateKey();
const csr = (channelBinding: Buffer) => makeCsr({ commonName: 'new-box', signer: signerOf(key), channelBinding });

t.test('a server that is not to be trusted gets not one byte of ours, whatever is wrong with it', async (t) => {
  const ours = await family('ours');
  const named = await family('ours'); // a public CA's certificate for the right name would be no better
  const old = { from: now - 9 * day, until: now - 8 * day };
  const servers: [string, Family, string][] = [
    ['of another CA', await family('public web'), 'server-untrusted'],
    ['of another CA with the same name', named, 'server-untrusted'],
    ['of another CA and expired', await family('public web', old), 'server-untrusted'],
    ['for another host', { ...ours, ...(await below(ours, { hosts: ['127.0.0.2'] })) }, 'server-untrusted'],
    ["with a box's certificate", { ...ours, ...(await below(ours, { eku: [oids.clientAuth] })) }, 'server-untrusted'],
    ['that has expired', { ...ours, ...(await below(ours, old)) }, 'server-expired'],
  ];
  for (const [what, of, code] of servers) {
    const { port, seen } = await silent(t, of);
    const { client } = clientAt(port);
    const identity = { keyPem: keyToPem(ours.server.key), chain: pem(ours.server) };
    const { trust } = ours;
    const made: unknown[] = [];
    const watched = (binding: Buffer) => {
      made.push(binding);
      return csr(binding);
    };
    const enrol = { trust, csr: watched, claimCode: 'secret', voucher: Buffer.from('voucher') };
    await t.rejects(client.simpleenroll(enrol), refusal(code), `enrolling at a server ${what}`);
    await t.rejects(client.simplereenroll({ trust, identity, csr: watched }), refusal(code), 'renewing');
    await t.rejects(client.profile({ trust, identity }), refusal(code), 'the profile');
    // Of cacerts the roots are known, but time is what it is asked for.
    if (code !== 'server-expired') await t.rejects(client.cacerts(never, trust), refusal(code), 'cacerts');
    const session = openSession({
      profile: {
        box: 'box-12345678',
        territory: { id: 'x', name: 'x', jurisdiction: 'AU', law: 'x' },
        broker: { url: `mqtts://127.0.0.1:${port}`, protocolVersion: 4, maxPacketBytes: 4096 },
      },
      credentials: { identity, trust },
      keepaliveSeconds: 60,
      at: now,
      birth: never,
      onAck: () => {},
      signal: new AbortController().signal,
    });
    await t.rejects(session, refusal(code), 'MQTT');
    t.ok(seen.connections >= 4, 'there were connections');
    t.equal(seen.bytes, 0, 'and nothing in them');
    t.same(made, [], 'not even a request was made');
  }
  const { port, seen } = await silent(t, ours);
  await t.rejects(clientAt(port).client.simpleenroll({ trust: ours.trust, csr }), refusal('est-unreachable'));
  t.ok(seen.bytes > 0, 'the right one gets what it should');

  async function below(of: Family, shape: Partial<Shape>): Promise<{ server: Made }> {
    const eku = [oids.serverAuth];
    const hosts = ['127.0.0.1'];
    return { server: await make({ name: 'est', by: of.issuing, ca: false, eku, hosts, ...times, ...shape }) };
  }
});

t.test('a rogue that shows the right CAs is asked for them, and for nothing more', async (t) => {
  const ours = await family('ours');
  const rogue = await family('public web');
  const shown = encodeBody(buildCertsOnly([ours.issuing.certificate.raw, ours.root.certificate.raw]));
  const { port, seen } = await answering(t, rogue, () => ({ body: shown }));
  const { client, lessons } = clientAt(port, { trusted: () => false, moment: () => ({ atLeast: 0 }) });
  const accept = (certificates: Parameters<typeof pinnedAuthorities>[0]) =>
    pinnedAuthorities(certificates, fingerprint(ours.root));
  await t.rejects(client.cacerts(accept), refusal('server-untrusted'));
  t.equal(seen.length, 1);
  t.match(seen[0]?.request, { method: 'GET', url: '/.well-known/est/cacerts' });
  t.notOk(seen[0]?.request.headers.authorization);
  t.same(lessons, [], 'and it is not believed about the time');
});

/** A territory's server whose CAs are pinned. */
async function pinned(t: Test, date: number | undefined, trusted = false, shape: Partial<Shape> = {}) {
  const ours = await family('ours', shape);
  const body = encodeBody(buildCertsOnly([ours.issuing.certificate.raw, ours.root.certificate.raw]));
  const headers: Record<string, string> = date === undefined ? {} : { Date: new Date(date).toUTCString() };
  const { port } = await answering(t, ours, () => ({ body, headers }));
  const told: Lesson[] = [];
  const time = trusted ? {} : { trusted: () => told.includes('learned'), moment: () => ({ atLeast: 0 }) };
  const made = clientAt(port, time);
  const ask = () => made.client.cacerts((shown) => pinnedAuthorities(shown, fingerprint(ours.root)));
  return { ...made, ask };
}

t.test('the Date of a trusted server is learned, and one outside its own chain is refused with a code', async (t) => {
  const honest = await pinned(t, now);
  t.equal((await honest.ask()).below.length, 1);
  t.same(honest.lessons, [now]);
  const liar = await pinned(t, Date.UTC(2040, 0, 1));
  await t.rejects(liar.ask(), refusal('time-outside-chain'));
  t.same(liar.lessons, []);
  const behind = await pinned(t, 0);
  await t.rejects(behind.ask(), refusal('time-outside-chain'));
  const known = await pinned(t, Date.UTC(2040, 0, 1), true);
  await known.ask();
  t.same(known.lessons, [], 'who knows the time lets the provider have its wrong clock');
  t.match(known.refusals, [{ code: 'time-outside-chain' }], 'and tells it');
  const old = { from: now - 9 * day, until: now - 8 * day };
  await t.rejects((await pinned(t, now, true, old)).ask(), refusal('server-expired'));
});

t.test('a request is bound to its connection, over TLS 1.3 and 1.2', async (t) => {
  const ours = await family('ours');
  for (const version of [undefined, 'TLSv1.2' as const]) {
    const bindings: (string | undefined)[] = [];
    const leaf = encodeBody(buildCertsOnly([ours.server.certificate.raw]));
    const answer = ({ socket, body }: Seen): Reply => {
      const own =
        socket.getProtocol() === 'TLSv1.3'
          ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
          : socket.getPeerFinished();
      bindings.push(own?.toString('base64'), parseCsr(decodeBody(body) ?? Buffer.alloc(0)).challengePassword);
      return { body: leaf };
    };
    const { port } = await answering(t, ours, answer, version);
    const { client } = clientAt(port);
    await client.simpleenroll({ trust: ours.trust, csr, claimCode: 'code' });
    await client.simpleenroll({ trust: ours.trust, csr, claimCode: 'code' });
    const [first, said, second, saidAgain] = bindings;
    t.ok(first && first === said, `the server finds its own end of the channel (${version ?? 'TLSv1.3'})`);
    t.equal(second, saidAgain);
    t.not(first, second, 'another connection is another channel');
  }
});

t.test('factory identity and voucher go with a request; a claim code only where there is one', async (t) => {
  const ours = await family('ours');
  const maker = await make({ name: 'maker', ca: true, ...times });
  const factory = await make({ name: 'SN-1', by: maker, ca: false, ...times });
  const leaf = encodeBody(buildCertsOnly([ours.server.certificate.raw]));
  const shown: (Buffer | undefined)[] = [];
  const { port, seen } = await answering(t, ours, ({ socket }) => {
    shown.push(socket.getPeerX509Certificate()?.raw);
    return { body: leaf };
  });
  const { client } = clientAt(port);
  const identity = { keyPem: keyToPem(factory.key), chain: pem(factory) };
  await client.simpleenroll({ trust: ours.trust, csr, identity, voucher: Buffer.from('a voucher') });
  t.ok(shown[0]?.equals(factory.certificate.raw));
  t.equal(seen[0]?.request.headers['webizen-voucher'], Buffer.from('a voucher').toString('base64'));
  t.notOk(seen[0]?.request.headers.authorization);
  await client.simpleenroll({ trust: ours.trust, csr, claimCode: 'K' });
  t.equal(seen[1]?.request.headers.authorization, `Basic ${Buffer.from('claim:K').toString('base64')}`);
  t.equal(shown[1], undefined, 'no certificate');
  t.same(
    parseCsr(decodeBody(seen[1]?.body ?? Buffer.alloc(0)) ?? Buffer.alloc(0)).spki,
    spkiOf(signerOf(key).publicKey),
  );
});

t.test('waiting for an operator is told apart from a provider that is busy', async (t) => {
  const ours = await family('ours');
  const { trust } = ours;
  const replies: Reply[] = [
    { status: 202, headers: { 'Retry-After': '120' } },
    { status: 503, headers: { 'Retry-After': '7' } },
    { status: 429 },
    { status: 500 },
  ];
  const { port } = await answering(t, ours, () => replies.shift() ?? {});
  const { client }: { client: EstClient } = clientAt(port);
  const enrol = () => client.simpleenroll({ trust, csr, claimCode: 'code' });
  await t.rejects(enrol(), { name: 'RetryLater', reason: 'waiting-admission', seconds: 120 });
  await t.rejects(enrol(), { name: 'RetryLater', reason: 'busy', seconds: 7 });
  await t.rejects(enrol(), { name: 'RetryLater', reason: 'busy', seconds: 10 });
  await t.rejects(enrol(), refusal('est-protocol'));
});

t.test('a server that is not there, hangs up, or says too much is unreachable and nothing worse', async (t) => {
  const ours = await family('ours');
  const { trust } = ours;
  const gone = await answering(t, ours, ({ socket }) => {
    socket.destroy();
    return {};
  });
  const loud = await answering(t, ours, () => ({ body: 'x'.repeat(200_000) }));
  for (const port of [9, gone.port, loud.port])
    await t.rejects(clientAt(port).client.simpleenroll({ trust, csr }), refusal('est-unreachable'));
});
