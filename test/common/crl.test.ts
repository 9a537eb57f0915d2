import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { createIssuer, type Issuer, issueRoot } from '#common/pki/certificate.js';
import { buildCrl, crlFromPem, crlToPem, parseCrl, type Reason, reasons } from '#common/pki/crl.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';

const day = 86_400_000;
const openssl = (directory: string, ...args: string[]): string =>
  execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const refusal = (code: string) => ({ name: 'Refusal', code });
const second = (time: number) => Math.floor(time / 1000) * 1000;

async function authority(commonName = 'Issuing'): Promise<Issuer> {
  const signer = signerOf(newPrivateKey());
  const notBefore = Date.now() - day;
  const der = await issueRoot({ subject: { commonName }, signer, notBefore, notAfter: notBefore + 3650 * day });
  return createIssuer({ certificate: new X509Certificate(der), signer });
}

t.test('a list is read back as it was made, and openssl verifies and reads it', async (t) => {
  const directory = t.testdir();
  const issuer = await authority();
  const thisUpdate = second(Date.now());
  const nextUpdate = thisUpdate + 7 * day;
  const revoked = [
    { serial: '4FA0', at: thisUpdate - day, reason: 'keyCompromise' as const },
    { serial: 'FF00', at: thisUpdate - 2 * day },
    { serial: '01', at: Date.UTC(2051, 0, 1), reason: 'cessationOfOperation' as const },
  ];
  const der = await buildCrl(issuer, { number: 300n, thisUpdate, nextUpdate, revoked });
  const crl = parseCrl(der);
  t.match(crl, { number: 300n, thisUpdate, nextUpdate });
  t.same([...crl.revoked.values()], revoked);
  t.ok(crl.authorityKeyId?.equals(issuer.keyId));
  t.ok(crl.signedBy(issuer.certificate.publicKey));
  t.notOk(crl.signedBy((await authority()).certificate.publicKey), 'another CA of the same name did not sign it');

  writeFileSync(path.join(directory, 'crl.pem'), crlToPem(der));
  writeFileSync(path.join(directory, 'ca.pem'), certificateToPem(issuer.certificate.raw));
  const printed = openssl(directory, 'crl', '-in', 'crl.pem', '-noout', '-text', '-CAfile', 'ca.pem', '-verify');
  for (const text of ['Version 2', '4FA0', 'FF00', 'Key Compromise', 'Cessation Of Operation', '300'])
    t.match(printed, text);
  t.same(crlFromPem(crlToPem(der)).number, 300n);
});

t.test('a list of nobody says so, and openssl takes it for a good one', async (t) => {
  const directory = t.testdir();
  const issuer = await authority();
  const der = await buildCrl(issuer, { number: 1n, thisUpdate: Date.now(), nextUpdate: Date.now() + day, revoked: [] });
  t.equal(parseCrl(der).revoked.size, 0);
  writeFileSync(path.join(directory, 'crl.pem'), crlToPem(der));
  t.match(openssl(directory, 'crl', '-in', 'crl.pem', '-noout', '-text'), 'No Revoked Certificates');
});

t.test('lists that openssl makes are read', async (t) => {
  const directory = t.testdir({
    'ca.cnf':
      '[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=number\ndefault_md=sha384\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n',
    index: `R\t301122000000Z\t261101000000Z,keyCompromise\t1A2B\tunknown\t/CN=box\n`,
    number: '0A\n',
  });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(directory, 'req', '-x509', ...curve, '-keyout', 'key', '-out', 'ca.crt', '-subj', '/CN=Theirs');
  const made = ['ca', '-gencrl', '-config', 'ca.cnf', '-keyfile', 'key', '-cert', 'ca.crt', '-crldays', '7'];
  openssl(directory, ...made, '-out', 'crl.pem');
  const crl = crlFromPem(readFileSync(path.join(directory, 'crl.pem'), 'utf8'));
  t.equal(crl.number, 10n);
  t.match(crl.revoked.get('1A2B'), { at: Date.UTC(2026, 10, 1), reason: 'keyCompromise' });
  t.ok(crl.signedBy(new X509Certificate(readFileSync(path.join(directory, 'ca.crt'))).publicKey));
});

t.test('what is no list, or a list for some certificates only, is refused', async (t) => {
  const directory = t.testdir({
    'ca.cnf':
      '[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ncrl_extensions=x\n' +
      '[x]\nissuingDistributionPoint=critical,@i\n[i]\nonlyuser=TRUE\n',
    index: '',
    number: '01\n',
  });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(directory, 'req', '-x509', ...curve, '-keyout', 'key', '-out', 'ca.crt', '-subj', '/CN=Theirs');
  const made = ['ca', '-gencrl', '-config', 'ca.cnf', '-keyfile', 'key', '-cert', 'ca.crt', '-crldays', '7'];
  openssl(directory, ...made, '-out', 'crl.pem');
  const partial = readFileSync(path.join(directory, 'crl.pem'), 'utf8');
  t.throws(() => crlFromPem(partial), refusal('crl-malformed'));
  t.throws(() => crlFromPem('nothing'), refusal('crl-malformed'));
  const issuer = await authority();
  t.throws(() => parseCrl(issuer.certificate.raw), refusal('crl-malformed'), 'a certificate is no list');
});

t.test('whatever is made is read back; whatever is altered is refused or no longer signed', async () => {
  const issuer = await authority();
  const reason = fc.constantFrom(...(Object.keys(reasons) as Reason[]).filter((one) => one !== 'unspecified'));
  const serial = fc.bigInt({ min: 1n, max: (1n << 127n) - 1n }).map((value) => {
    const hex = value.toString(16).toUpperCase();
    return hex.padStart(hex.length + (hex.length % 2), '0');
  });
  const at = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
  const entry = fc.oneof(fc.record({ serial, at }), fc.record({ serial, at, reason }));
  const revoked = fc.uniqueArray(entry, { selector: (one) => one.serial, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(revoked, fc.bigInt({ min: 0n, max: 1n << 150n }), async (list, number) => {
      const der = await buildCrl(issuer, { number, thisUpdate: 1000, nextUpdate: 2000, revoked: list });
      const read = parseCrl(der);
      return read.number === number && JSON.stringify([...read.revoked.values()]) === JSON.stringify(list);
    }),
    { numRuns: 60 },
  );
  const whole = await buildCrl(issuer, {
    number: 7n,
    thisUpdate: Date.now(),
    nextUpdate: Date.now() + day,
    revoked: [{ serial: '4FA0', at: Date.now(), reason: 'superseded' }],
  });
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
      const altered = Buffer.from(whole);
      altered[place]! ^= flip;
      try {
        return !parseCrl(altered).signedBy(issuer.certificate.publicKey);
      } catch (error) {
        return error instanceof Refusal;
      }
    }),
    { numRuns: 1000 },
  );
});

t.test('a request carries the binding of its channel, and openssl reads it as the challenge password', async (t) => {
  const directory = t.testdir();
  const channelBinding = Buffer.alloc(32, 0xfb);
  const der = await makeCsr({ commonName: 'box', signer: signerOf(newPrivateKey()), channelBinding });
  t.equal(parseCsr(der).challengePassword, channelBinding.toString('base64'));
  writeFileSync(path.join(directory, 'req'), der);
  const printed = openssl(directory, 'req', '-inform', 'DER', '-in', 'req', '-noout', '-text', '-verify');
  t.match(printed, `challengePassword        :${channelBinding.toString('base64')}`);
  const plain = await makeCsr({ commonName: 'box', signer: signerOf(newPrivateKey()) });
  t.equal(parseCsr(plain).challengePassword, undefined);
});
