/**
 * https for the local network: a CA that the box makes itself, good for its own `.local` name and nothing else, so that
 * who installs it hands over no more than that. (A territory's CA in the owner's browser would let the provider read
 * what the owner does.)
 */
import { createHash, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { createIssuer, issueConstrainedRoot, issueServer } from '#common/pki/certificate.js';
import { keyFromPem, keyToPem, newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';

export interface LocalCa {
  /** What node:tls takes. Made, or made again when it no longer serves: another name, or two thirds over. */
  credentials(host: string): Promise<{ key: string; cert: string }>;
  /** What the owner downloads: DER, `application/x-x509-ca-cert`. Undefined until `credentials` made one. */
  certificate(): X509Certificate | undefined;
  /** SHA-256, as a phone shows it when installing. */
  fingerprint(): string | undefined;
}

const day = 86_400_000;
/** Apple refuses a server certificate of more than 825 days, whoever signed it. */
const leafLifetime = 397 * day;
const rootLifetime = 20 * 365 * day;
/** The box may know the time less well than the phone that looks. */
const early = 30 * day;

interface Held {
  key: ReturnType<typeof keyFromPem>;
  certificate: X509Certificate;
}

/** Key and certificate in one file, so that a cut never leaves one without the other. */
async function read(files: Files, file: string): Promise<Held | undefined> {
  const pem = (await files.read(file))?.toString('utf8');
  const certificate = certificatesFromPem(pem ?? '')[0];
  return pem && certificate ? { key: keyFromPem(pem), certificate } : undefined;
}

const write = ({ files, file }: { files: Files; file: string }, { key, certificate }: Held): Promise<void> =>
  files.write(file, keyToPem(key) + certificateToPem(certificate.raw), 0o600);

export function createLocalCa({
  directory,
  files,
  clock,
}: {
  directory: string;
  files: Files;
  clock: Pick<Clock, 'now'>;
}): LocalCa {
  const rootFile = path.join(directory, 'https-ca.pem');
  const leafFile = path.join(directory, 'https.pem');
  let root: Held | undefined;

  async function rootFor(host: string): Promise<Held> {
    const held = await read(files, rootFile);
    const subject = `${host} (this box only)`;
    if (held && held.certificate.subject === `CN=${subject}`) return held;
    const key = newPrivateKey();
    const now = clock.now();
    const wish = { host, subject: { commonName: subject }, notBefore: now - early, notAfter: now + rootLifetime };
    const made = {
      key,
      certificate: new X509Certificate(await issueConstrainedRoot({ ...wish, signer: signerOf(key) })),
    };
    await write({ files, file: rootFile }, made);
    return made;
  }

  return {
    async credentials(host) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const ca = await rootFor(host);
      root = ca;
      const now = clock.now();
      let leaf = await read(files, leafFile);
      const serves =
        leaf?.certificate.checkIssued(ca.certificate) &&
        leaf.certificate.verify(ca.certificate.publicKey) &&
        leaf.certificate.checkHost(host) !== undefined &&
        Date.parse(leaf.certificate.validFrom) < now &&
        Date.parse(leaf.certificate.validTo) - now > leafLifetime / 3;
      if (!leaf || !serves) {
        const key = newPrivateKey();
        const issuer = createIssuer({ certificate: ca.certificate, signer: signerOf(ca.key) });
        const wish = { hosts: [host], spki: spkiOf(signerOf(key).publicKey), notBefore: now - early };
        const der = await issueServer(issuer, { ...wish, notAfter: now - early + leafLifetime });
        leaf = { key, certificate: new X509Certificate(der) };
        await write({ files, file: leafFile }, leaf);
      }
      return { key: keyToPem(leaf.key), cert: certificateToPem(leaf.certificate.raw) };
    },
    certificate: () => root?.certificate,
    fingerprint: () =>
      root &&
      createHash('sha256')
        .update(root.certificate.raw)
        .digest('hex')
        .toUpperCase()
        .replace(/..(?=.)/g, '$&:'),
  };
}
