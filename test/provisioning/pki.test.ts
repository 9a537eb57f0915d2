import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {
  createIssuer,
  type Issuer,
  issueBox,
  issueIntermediate,
  issueRoot,
  issueServer,
} from '#common/pki/certificate.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import {
  bitString,
  boolean,
  context,
  decode,
  encode,
  octetString,
  oid,
  sequence,
  set,
  smallInteger,
} from '#common/pki/der.js';
import { keyHash, keyToPem, newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { nameOf } from '#common/pki/names.js';
import { oids } from '#common/pki/oids.js';
import { certificatesFromPem, certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { buildCertsOnly, parseCertsOnly } from '#common/pki/pkcs7.js';
import { Refusal } from '#contract/problems.js';

const day = 86_400_000;
const openssl = (directory: string, ...args: string[]): string =>
  execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

async function territory(): Promise<{ root: Issuer; issuing: Issuer }> {
  const rootSigner = signerOf(newPrivateKey());
  const notBefore = Date.now() - day;
  const rootDer = await issueRoot({
    subject: { commonName: 'Kōwhai root', organization: 'kowhai' },
    signer: rootSigner,
    notBefore,
    notAfter: Date.UTC(2051, 5, 1), // after 2049 a time is written otherwise
  });
  const root = createIssuer({ certificate: new X509Certificate(rootDer), signer: rootSigner });
  const signer = signerOf(newPrivateKey());
  const der = await issueIntermediate(root, {
    subject: { commonName: 'Kōwhai issuing', organization: 'kowhai' },
    spki: spkiOf(signer.publicKey),
    notBefore,
    notAfter: notBefore + 3650 * day,
  });
  return { root, issuing: createIssuer({ certificate: new X509Certificate(der), signer }) };
}

const refusal = (code: string) => ({ name: 'Refusal', code });

t.test('the chain from root to box and server satisfies openssl at its strictest', async (t) => {
  const directory = t.testdir();
  const { root, issuing } = await territory();
  const box = signerOf(newPrivateKey());
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + day };
  const { der: leaf, serial } = await issueBox(issuing, {
    commonName: 'box-01234567',
    spki: spkiOf(box.publicKey),
    ...validity,
  });
  const hosts = ['localhost', '127.0.0.1', '::1', '2001:db8::17', '::ffff:192.0.2.1'];
  const server = await issueServer(issuing, { hosts, spki: spkiOf(box.publicKey), ...validity });
  const write = (name: string, der: Uint8Array) => writeFileSync(path.join(directory, name), certificateToPem(der));
  write('root.crt', root.certificate.raw);
  write('issuing.crt', issuing.certificate.raw);
  write('leaf.crt', leaf);
  write('server.crt', server);
  const chain = ['verify', '-x509_strict', '-CAfile', 'root.crt', '-untrusted', 'issuing.crt'];
  t.match(openssl(directory, ...chain, '-purpose', 'sslclient', 'leaf.crt'), 'OK');
  t.match(openssl(directory, ...chain, '-purpose', 'sslserver', 'server.crt'), 'OK');
  t.throws(() => openssl(directory, ...chain, '-purpose', 'sslserver', 'leaf.crt'), 'a box is no server');
  t.throws(() => openssl(directory, ...chain, '-purpose', 'sslclient', 'server.crt'), 'a server is no box');

  const read = new X509Certificate(leaf);
  t.equal(read.subject, 'CN=box-01234567');
  t.notOk(read.ca);
  t.ok(issuing.certificate.ca);
  t.equal(read.serialNumber, serial);
  t.match(serial, /^[4-7][0-9A-F]{31}$/, 'positive, of constant length');
  const asServer = new X509Certificate(server);
  for (const host of hosts)
    t.ok(host.includes(':') || /^\d/.test(host) ? asServer.checkIP(host) : asServer.checkHost(host), `names ${host}`);
  t.notOk(asServer.checkHost('example.org'));
  t.equal(new Date(root.certificate.validTo).getUTCFullYear(), 2051);
});

t.test('a CA and a key that do not belong together make no issuer', async (t) => {
  const { root } = await territory();
  t.throws(() => createIssuer({ certificate: root.certificate, signer: signerOf(newPrivateKey()) }));
});

t.test('a request is read back as it was made, by us and by openssl', async (t) => {
  const directory = t.testdir();
  const key = newPrivateKey();
  const der = await makeCsr({ commonName: 'a box', signer: signerOf(key) });
  writeFileSync(path.join(directory, 'req.der'), der);
  openssl(directory, 'req', '-inform', 'DER', '-in', 'req.der', '-verify', '-noout');
  const csr = parseCsr(der);
  t.equal(csr.commonName, 'a box');
  t.equal(csr.keyHash, keyHash(signerOf(key).publicKey));
  t.ok(csr.spki.equals(spkiOf(signerOf(key).publicKey)));
});

t.test('requests that openssl makes are read: P-256, RSA, SHA-512, old extensions, no subject', async (t) => {
  const directory = t.testdir();
  const made = (...args: string[]): Buffer => {
    openssl(directory, 'req', '-new', '-nodes', '-keyout', 'key', '-outform', 'DER', '-out', 'req', ...args);
    return readFileSync(path.join(directory, 'req'));
  };
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  t.equal(parseCsr(made(...p256, '-subj', '/O=x/CN=box-1')).commonName, 'box-1');
  t.equal(parseCsr(made(...p256, '-subj', '/')).commonName, undefined);
  t.equal(parseCsr(made(...p256, '-subj', '/CN=a/CN=b')).commonName, undefined, 'two names are none');
  t.ok(parseCsr(made('-newkey', 'rsa:2048', '-sha512', '-subj', '/CN=r')).keyHash);
  t.ok(parseCsr(made(...p256, '-subj', '/CN=e', '-addext', 'subjectAltName=DNS:elsewhere')).keyHash);
  t.ok(parseCsr(made(...p256, '-subj', '/CN=e', '-addext', 'basicConstraints=CA:FALSE')).keyHash);

  t.test('and what they must not ask is refused', async (t) => {
    const ca = made(...p256, '-subj', '/CN=e', '-addext', 'basicConstraints=critical,CA:TRUE');
    t.throws(() => parseCsr(ca), refusal('csr-ca'));
    const weak = [
      made('-newkey', 'rsa:1024', '-subj', '/CN=e'),
      made('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-subj', '/CN=e'),
      made('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp224r1', '-subj', '/CN=e'),
      made('-newkey', 'ed25519', '-subj', '/CN=e'),
      made(...p256, '-sha1', '-subj', '/CN=e'),
      made(...p256, '-pkeyopt', 'ec_param_enc:explicit', '-subj', '/CN=e'),
    ];
    for (const der of weak) t.throws(() => parseCsr(der), refusal('csr-weak-key'));
  });
});

t.test('a request that was altered, signed with another key, or has more bytes is refused', async (t) => {
  const signer = signerOf(newPrivateKey());
  const der = await makeCsr({ commonName: 'box', signer });
  const renamed = Buffer.from(der);
  renamed[der.indexOf('box')] = 'f'.charCodeAt(0);
  t.throws(() => parseCsr(renamed), refusal('csr-signature'));
  const stranger = newPrivateKey();
  const borrowed = await makeCsr({
    commonName: 'box',
    signer: { publicKey: signer.publicKey, sign: async (data) => sign('sha256', data, stranger) },
  });
  t.throws(() => parseCsr(borrowed), refusal('csr-signature'), 'no proof of possession');
  t.throws(() => parseCsr(Buffer.concat([der, Buffer.of(0)])), refusal('csr-malformed'));
  t.throws(() => parseCsr(Buffer.alloc(0)), refusal('csr-malformed'));
  t.throws(() => parseCsr(Buffer.from('3080a000', 'hex')), refusal('csr-malformed'), 'indefinite length is not DER');
  t.throws(() => parseCsr(Buffer.alloc(64 * 1024, '3082ffff', 'hex')), refusal('csr-malformed'), 'deep nesting');
});

t.test('CA:TRUE is found wherever it hides among the attributes', async (t) => {
  const key = newPrivateKey();
  const { publicKey } = signerOf(key);
  const constraint = sequence(oid(oids.basicConstraints), octetString(encode(sequence(boolean(true)))));
  const harmless = sequence(oid(oids.keyUsage), octetString(encode(bitString(Uint8Array.of(0x80), 7))));
  const requested = (...extensions: ReturnType<typeof sequence>[]) =>
    sequence(oid(oids.extensionRequest), set(sequence(...extensions)));
  const info = sequence(
    smallInteger(0),
    nameOf({ commonName: 'box' }),
    decode(spkiOf(publicKey)),
    context(0, sequence(oid(oids.data), set()), requested(harmless), requested(harmless, constraint)),
  );
  const der = encode(sequence(info, sequence(oid(oids.ecdsaSha256)), bitString(sign('sha256', encode(info), key))));
  t.throws(() => parseCsr(der), refusal('csr-ca'));
});

t.test('a certs-only envelope keeps its certificates in their order, and openssl reads it', async (t) => {
  const directory = t.testdir();
  const { root, issuing } = await territory();
  const der = buildCertsOnly([issuing.certificate.raw, root.certificate.raw]);
  const read = parseCertsOnly(der);
  t.same(
    read.map((certificate) => certificate.fingerprint256),
    [issuing.certificate.fingerprint256, root.certificate.fingerprint256],
  );
  writeFileSync(path.join(directory, 'p7'), der);
  const printed = openssl(directory, 'pkcs7', '-inform', 'DER', '-in', 'p7', '-print_certs');
  t.equal(certificatesFromPem(printed).length, 2);
  writeFileSync(path.join(directory, 'chain.pem'), printed);
  openssl(directory, 'crl2pkcs7', '-nocrl', '-certfile', 'chain.pem', '-outform', 'DER', '-out', 'theirs');
  t.equal(parseCertsOnly(readFileSync(path.join(directory, 'theirs'))).length, 2);
  t.throws(() => parseCertsOnly(buildCertsOnly([])), refusal('est-protocol'));
});

t.test('base64 bodies: written in lines of 64 with CRLF, read also from one line', async (t) => {
  const text = encodeBody(Buffer.alloc(100, 7));
  t.ok(text.endsWith('\r\n'));
  t.ok(text.split('\r\n').every((line) => line.length <= 64));
  t.equal(decodeBody(Buffer.from('-----BEGIN X-----\nAAAA\n-----END X-----')), undefined);
  t.equal(decodeBody(Buffer.from('')), undefined);
  t.equal(decodeBody(Buffer.from('A===')), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const body = encodeBody(bytes);
      const one = Buffer.from(body.replace(/\r\n/g, ''));
      return decodeBody(Buffer.from(body))!.equals(bytes) && decodeBody(one)!.equals(bytes);
    }),
  );
});

t.test('whatever bytes come, the parsers refuse and do not fall over', async () => {
  const { root, issuing } = await territory();
  const csr = await makeCsr({ commonName: 'box', signer: signerOf(newPrivateKey()) });
  const envelope = buildCertsOnly([issuing.certificate.raw, root.certificate.raw]);
  const mutated = (der: Buffer) =>
    fc
      .tuple(
        fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(der.length),
        fc.boolean(),
      )
      .map(([changes, cut, whole]) => {
        const copy = Buffer.from(der);
        for (const [at, value] of changes) copy[at] = value;
        return whole ? copy : copy.subarray(0, cut);
      });
  const holds = (parse: (bytes: Uint8Array) => unknown) => (bytes: Uint8Array) => {
    try {
      parse(bytes);
      return true;
    } catch (error) {
      return error instanceof Refusal;
    }
  };
  const random = fc.uint8Array({ maxLength: 400 });
  fc.assert(fc.property(fc.oneof(random, mutated(csr)), holds(parseCsr)), { numRuns: 1500 });
  fc.assert(fc.property(fc.oneof(random, mutated(envelope)), holds(parseCertsOnly)), { numRuns: 500 });
});

t.test('a private key is written as openssl reads it', async (t) => {
  const directory = t.testdir();
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'key'), keyToPem(newPrivateKey()));
  openssl(directory, 'pkey', '-in', 'key', '-check', '-noout');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  t.not(keyHash(rsa.publicKey), keyHash(signerOf(newPrivateKey()).publicKey));
});
