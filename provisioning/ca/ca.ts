/**
 * The territory's certification authority: a root, which signed one issuing CA, which signs boxes and servers.
 *
 * `init` makes both; serving needs the issuing key only, so that `root.key` can be taken offline.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { createIssuer, type Issuer, issueBox, issueIntermediate, issueRoot } from '#common/pki/certificate.js';
import type { Csr } from '#common/pki/csr.js';
import { keyFromPem, keyInFile, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import type { CertificateRecord } from '../store/store.js';

export interface Ca {
  readonly root: X509Certificate;
  readonly issuer: Issuer;
  /** An operational certificate for the key of the request; the subject is ours to say. */
  issue(box: string, csr: Pick<Csr, 'spki' | 'keyHash'>): Promise<CertificateRecord>;
}

const year = 365.25 * 86_400_000;
const rootYears = 20;
const issuingYears = 10;
const backdatedMilliseconds = 5 * 60_000;

const place = (directory: string, name: string): string => path.join(directory, 'ca', name);

/** Can be repeated after a cut: keys that are there are kept, certificates are made again. */
export async function createCa({
  files,
  clock,
  directory,
  territory,
}: {
  files: Files;
  clock: Clock;
  directory: string;
  territory: { id: string; name: string };
}): Promise<void> {
  await mkdir(path.join(directory, 'ca'), { recursive: true, mode: 0o700 });
  const now = clock.now();
  const notBefore = now - backdatedMilliseconds;
  const called = (what: string) => ({
    commonName: `${territory.name.slice(0, 50)} ${what}`,
    organization: territory.id,
  });
  const rootSigner = signerOf(await keyInFile(files, place(directory, 'root.key')));
  const rootDer = await issueRoot({
    subject: called('root'),
    signer: rootSigner,
    notBefore,
    notAfter: now + rootYears * year,
  });
  const root = createIssuer({ certificate: new X509Certificate(rootDer), signer: rootSigner });
  const issuing = signerOf(await keyInFile(files, place(directory, 'issuing.key')));
  const issuingDer = await issueIntermediate(root, {
    subject: called('issuing'),
    spki: spkiOf(issuing.publicKey),
    notBefore,
    notAfter: now + issuingYears * year,
  });
  await files.write(place(directory, 'root.crt'), certificateToPem(rootDer), 0o644);
  await files.write(place(directory, 'issuing.crt'), certificateToPem(issuingDer), 0o644);
}

/** @throws Refusal `territory-missing` when a part of the CA is not there */
export async function openCa({
  files,
  clock,
  directory,
  leafLifetimeSeconds,
}: {
  files: Files;
  clock: Clock;
  directory: string;
  leafLifetimeSeconds: number;
}): Promise<Ca> {
  const text = async (name: string): Promise<string> => {
    const found = await files.read(place(directory, name));
    if (!found) throw new Refusal('territory-missing', `${place(directory, name)} is not there`);
    return found.toString('utf8');
  };
  const [root] = certificatesFromPem(await text('root.crt'));
  const [certificate] = certificatesFromPem(await text('issuing.crt'));
  if (!root || !certificate) throw new Error(`cannot read the certificates in ${path.join(directory, 'ca')}`);
  const issuer = createIssuer({ certificate, signer: signerOf(keyFromPem(await text('issuing.key'))) });
  const end = Date.parse(certificate.validTo);
  const lifetime = leafLifetimeSeconds * 1000;
  // Boxes' clocks lag a little. A short lifetime is backdated less, or the time of renewal would be past already.
  const backdated = Math.min(backdatedMilliseconds, lifetime / 10);

  return {
    root,
    issuer,
    async issue(box, csr) {
      const now = clock.now();
      const notAfter = Math.floor(Math.min(now + lifetime, end) / 1000) * 1000;
      const { der, serial } = await issueBox(issuer, {
        commonName: box,
        spki: csr.spki,
        notBefore: now - backdated,
        notAfter,
      });
      return { serial, notAfter, keyHash: csr.keyHash, der: der.toString('base64') };
    },
  };
}
