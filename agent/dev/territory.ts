/**
 * The throw-away territory `dev` of one folder: a CA made here, and the box that it vouches for. Attestations are made
 * and verified as anywhere, by a root that nobody else trusts.
 */
import { randomBytes, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { type Files, ownDirectory } from '#common/files.js';
import { createIssuer, issueBox, issueRoot } from '#common/pki/certificate.js';
import { keyFromPem, keyInFile, keyToPem, newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { commonNameOf } from '#common/pki/subject.js';
import type { Profile } from '#contract/profile.js';
import type { Standing } from '../identity/attest.js';

const day = 24 * 3_600_000;
const rootDays = 3650;
const boxDays = 30;
/** So much is left at least when a box starts: the time may be made to jump. */
const leastDays = 10;

export const devTerritory: Profile['territory'] = {
  id: 'dev',
  name: 'A developer’s machine',
  jurisdiction: 'ZZ', // nobody's (ISO 3166-1, user-assigned)
  law: 'none: it is a box on paper',
};

async function rootIn(directory: string, files: Files, at: number) {
  const file = path.join(directory, 'root.crt');
  const signer = signerOf(await keyInFile(files, path.join(directory, 'root.key')));
  const [held] = certificatesFromPem((await files.read(file))?.toString('utf8') ?? '');
  if (held?.publicKey.equals(signer.publicKey) && Date.parse(held.validTo) > at + boxDays * day)
    return createIssuer({ certificate: held, signer });
  const subject = { commonName: 'dev: thrown away, trust it for nothing' };
  const der = await issueRoot({ subject, signer, notBefore: at - day, notAfter: at + rootDays * day });
  await files.write(file, certificateToPem(der), 0o644);
  return createIssuer({ certificate: new X509Certificate(der), signer });
}

/** `root.crt` in the directory is what a server is to trust. The same box from one time to the next. */
export async function openDevTerritory({
  directory,
  files,
  at,
}: {
  directory: string;
  files: Files;
  /** Milliseconds since 1970. */
  at: number;
}): Promise<Standing & { root: string }> {
  await ownDirectory(directory);
  const issuer = await rootIn(directory, files, at);
  const root = path.join(directory, 'root.crt');
  const file = path.join(directory, 'box.pem');
  const held = (await files.read(file))?.toString('utf8');
  const leaf = held === undefined ? undefined : certificatesFromPem(held)[0];
  const box = (leaf && commonNameOf(leaf)) ?? `dev-${randomBytes(4).toString('hex')}`;
  if (held !== undefined && leaf?.checkIssued(issuer.certificate) && Date.parse(leaf.validTo) > at + leastDays * day) {
    return { box, territory: devTerritory.id, key: keyFromPem(held), leaf, chain: certificateToPem(leaf.raw), root };
  }
  const key = newPrivateKey();
  const validity = { notBefore: at - day, notAfter: at + boxDays * day };
  const { der } = await issueBox(issuer, { commonName: box, spki: spkiOf(signerOf(key).publicKey), ...validity });
  const chain = certificateToPem(der);
  await files.write(file, keyToPem(key) + chain);
  return { box, territory: devTerritory.id, key, leaf: new X509Certificate(der), chain, root };
}
