/**
 * Makes the parts of the CA: the first of each at `init`, a further generation at a rollover. Each can be repeated after
 * a cut: keys that are there are kept, and what has no certificate yet does not count (generations.ts).
 */
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { createIssuer, type Issuer, issueCross, issueIntermediate, issueRoot } from '#common/pki/certificate.js';
import { keyFromPem, keyInFile, type Signer, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import { certificateFile, crossFile, type Generations, keyFile, readGenerations } from './generations.js';

interface Place {
  files: Files;
  clock: Clock;
  directory: string;
  territory: { id: string; name: string };
}

const year = 365.25 * 86_400_000;
const rootYears = 20;
const issuingYears = 10;
export const backdatedMilliseconds = 5 * 60_000;
/** A command that is repeated because its end was not seen must not make one more generation. */
const lately = 86_400_000;

const subject = ({ territory }: Place, what: string, number: number) => ({
  commonName: `${territory.name.slice(0, 50)} ${what}${number === 1 ? '' : ` ${number}`}`,
  organization: territory.id,
});

const write = (files: Files, file: string, der: Uint8Array): Promise<void> =>
  files.write(file, certificateToPem(der), 0o644);

async function rootCertificate(place: Place, signer: Signer, number: number): Promise<X509Certificate> {
  const now = place.clock.now();
  const wish = { notBefore: now - backdatedMilliseconds, notAfter: now + rootYears * year };
  return new X509Certificate(await issueRoot({ subject: subject(place, 'root', number), signer, ...wish }));
}

async function issuingCertificate(place: Place, root: Issuer, number: number): Promise<Buffer> {
  const { files, clock, directory } = place;
  const { publicKey } = signerOf(await keyInFile(files, keyFile(directory, 'issuing', number)));
  const now = clock.now();
  const notAfter = Math.min(now + issuingYears * year, Date.parse(root.certificate.validTo));
  const wish = { notBefore: now - backdatedMilliseconds, notAfter };
  return issueIntermediate(root, { subject: subject(place, 'issuing', number), spki: spkiOf(publicKey), ...wish });
}

/** @param rootOut where the root's key goes instead of into the directory */
export async function createCa({ rootOut, ...place }: Place & { rootOut?: string | undefined }): Promise<void> {
  const { files, directory } = place;
  await mkdir(path.join(directory, 'ca'), { recursive: true, mode: 0o700 });
  const signer = signerOf(await keyInFile(files, rootOut ?? keyFile(directory, 'root', 1)));
  const certificate = await rootCertificate(place, signer, 1);
  const issuing = await issuingCertificate(place, createIssuer({ certificate, signer }), 1);
  await write(files, certificateFile(directory, 'root', 1), certificate.raw);
  await write(files, certificateFile(directory, 'issuing', 1), issuing);
}

/** @throws Refusal `root-key-missing`, `root-key-wrong` */
async function rootIssuer(place: Place, { roots }: Generations, rootKey: string | undefined): Promise<Issuer> {
  const [newest] = roots;
  if (!newest) throw new Error('there is no root');
  const file = rootKey ?? keyFile(place.directory, 'root', newest.number);
  const pem = await place.files.read(file);
  if (!pem) throw new Refusal('root-key-missing', file);
  try {
    return createIssuer({ certificate: newest.certificate, signer: signerOf(keyFromPem(pem)) });
  } catch (error) {
    throw new Refusal('root-key-wrong', file, { cause: error });
  }
}

function refuseLately(place: Place, certificate: X509Certificate, again: boolean): void {
  const age = place.clock.now() - Date.parse(certificate.validFrom);
  if (age < lately && !again) throw new Refusal('ca-rolled-lately', `it is valid from ${certificate.validFrom}`);
}

export interface Roll {
  /** Where the newest root's key lies when it is not in the directory. */
  rootKey?: string | undefined;
  /** Also when the newest one is younger than a day. */
  again: boolean;
}

/**
 * A new issuing CA under the newest root. Answers its number.
 * @throws Refusal `root-key-missing`, `root-key-wrong`, `ca-rolled-lately`
 */
export async function rollIssuing({ rootKey, again, ...place }: Place & Roll): Promise<number> {
  const { files, directory } = place;
  const before = await readGenerations(files, directory);
  const [newest] = before.issuing;
  const root = await rootIssuer(place, before, rootKey);
  // One of the root before is what a cut in `rollRoot` leaves: the one that is missing is made, however young it is.
  if (newest?.certificate.verify(root.certificate.publicKey)) refuseLately(place, newest.certificate, again);
  const number = (newest?.number ?? 0) + 1;
  await write(files, certificateFile(directory, 'issuing', number), await issuingCertificate(place, root, number));
  return number;
}

/**
 * A new root, bridged with the one before it in both directions, and a new issuing CA under it. Answers the root's number.
 * @param rootOut where the new root's key goes; must be said when the old one's is not in the directory
 * @throws Refusal as `rollIssuing`; `arguments-invalid`
 */
export async function rollRoot({
  rootKey,
  rootOut,
  again,
  ...place
}: Place & Roll & { rootOut?: string | undefined }): Promise<number> {
  const { files, clock, directory } = place;
  const before = await readGenerations(files, directory);
  const [newest] = before.roots;
  const [issuing] = before.issuing;
  if (!newest || !issuing) throw new Error('there is no root');
  if (rootKey !== undefined && rootOut === undefined)
    throw new Refusal('arguments-invalid', '--root-out is missing: the new key is not put where the old one is not');

  // A cut came between the new root and the issuing CA under it: only that is still to be made.
  if (!issuing.certificate.verify(newest.certificate.publicKey)) {
    await rollIssuing({ ...place, rootKey: rootOut, again: true });
    return newest.number;
  }
  refuseLately(place, newest.certificate, again);
  const old = await rootIssuer(place, before, rootKey);
  const number = newest.number + 1;
  const signer = signerOf(await keyInFile(files, rootOut ?? keyFile(directory, 'root', number)));
  if (signer.publicKey.equals(old.signer.publicKey))
    throw new Refusal('root-key-wrong', `${rootOut} holds the key of the old root`);
  const certificate = await rootCertificate(place, signer, number);
  const root = createIssuer({ certificate, signer });
  const notAfter = Math.min(Date.parse(certificate.validTo), Date.parse(newest.certificate.validTo));
  const validity = { notBefore: clock.now() - backdatedMilliseconds, notAfter };
  const newWithOld = await issueCross(old, { certificate, ...validity });
  const oldWithNew = await issueCross(root, { certificate: newest.certificate, ...validity });
  await write(files, crossFile(directory, number, newest.number), newWithOld);
  await write(files, crossFile(directory, newest.number, number), oldWithNew);
  await write(files, certificateFile(directory, 'root', number), certificate.raw);
  await rollIssuing({ ...place, rootKey: rootOut, again: true });
  return number;
}
