/**
 * The keys and certificates the box holds, in a directory of its membership's own, 0700, files 0600.
 *
 * Invariants: a key and its certificate stand in one file, written whole, so that there is never a certificate without
 * its key. The operational identity is replaced only by one that has been proven. A key is on the disk before anybody
 * is asked to certify it, so that a lost reply can be asked for again.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { type Files, ownDirectory } from '#common/files.js';
import { keyFromPem, keyInFile, keyToPem } from '#common/pki/keys.js';
import { certificatesFromPem, certificateToPem } from '#common/pki/pem.js';
import { commonNameOf } from '#common/pki/subject.js';
import { isBoxId } from '#contract/box-id.js';

export interface Operational {
  box: string;
  key: KeyObject;
  keyPem: string;
  leaf: X509Certificate;
  /** PEM, leaf first, as TLS wants it. */
  chain: string;
}

export interface Identity {
  /** The territory's CA certificates as they were shown last, once a root among them was trusted. */
  authorities(): Promise<X509Certificate[]>;
  /** Those that are trusted: the one that matched the pin first, then those that it and its successors vouched for. */
  roots(): Promise<X509Certificate[]>;
  trust(wish: { roots: readonly X509Certificate[]; below: readonly X509Certificate[] }): Promise<void>;
  operational(): Promise<Operational | undefined>;
  /** The key that waits for its certificate; made when there is none. */
  pendingKey(): Promise<KeyObject>;
  /** A renewed identity, not yet proven. */
  next(): Promise<Operational | undefined>;
  keepNext(key: KeyObject, chain: readonly X509Certificate[]): Promise<Operational>;
  /** For the first enrolment: there is nothing to fall back to, so it becomes operational at once. */
  adopt(key: KeyObject, chain: readonly X509Certificate[]): Promise<Operational>;
  /** The next identity has been proven: it becomes the operational one. */
  promote(): Promise<void>;
}

const pemOf = (certificates: readonly X509Certificate[]): string =>
  certificates.map((one) => certificateToPem(one.raw)).join('');

export async function openIdentity({ directory, files }: { directory: string; files: Files }): Promise<Identity> {
  await ownDirectory(directory);
  const file = {
    authorities: path.join(directory, 'authorities.crt'),
    roots: path.join(directory, 'roots.crt'),
    operational: path.join(directory, 'operational.pem'),
    next: path.join(directory, 'next.pem'),
    pending: path.join(directory, 'pending.key'),
  };

  async function load(name: string): Promise<Operational | undefined> {
    const pem = (await files.read(name))?.toString('utf8');
    if (pem === undefined) return undefined;
    const key = keyFromPem(pem);
    const certificates = certificatesFromPem(pem);
    const leaf = certificates[0];
    const box = leaf && commonNameOf(leaf);
    if (!leaf || !isBoxId(box) || !leaf.checkPrivateKey(key))
      throw new Error(`cannot use ${name}: it holds no key with its certificate`);
    return {
      box,
      key,
      keyPem: keyToPem(key),
      leaf,
      chain: pemOf(certificates),
    };
  }

  const certificatesIn = async (name: string): Promise<X509Certificate[]> =>
    certificatesFromPem((await files.read(name))?.toString('utf8') ?? '');

  async function keep(name: string, key: KeyObject, chain: readonly X509Certificate[]): Promise<Operational> {
    await files.write(name, keyToPem(key) + pemOf(chain), 0o600);
    const kept = await load(name);
    if (!kept) throw new Error(`cannot read ${name} back`);
    return kept;
  }

  return {
    authorities: () => certificatesIn(file.authorities),
    roots: () => certificatesIn(file.roots),
    async trust({ roots, below }) {
      // In this order: a root that is believed is never lost, what lies below is shown again.
      await files.write(file.roots, pemOf(roots), 0o600);
      await files.write(file.authorities, pemOf([...roots, ...below]), 0o600);
    },
    operational: () => load(file.operational),
    async pendingKey() {
      const now = await load(file.operational);
      const pending = await keyInFile(files, file.pending);
      // A cut in `adopt` leaves the key of the operational identity behind: a renewal wants a new one.
      if (!now?.leaf.checkPrivateKey(pending)) return pending;
      await files.remove(file.pending);
      return keyInFile(files, file.pending);
    },
    next: () => load(file.next),
    keepNext: (key, chain) => keep(file.next, key, chain),
    async adopt(key, chain) {
      const kept = await keep(file.operational, key, chain);
      await files.remove(file.pending);
      return kept;
    },
    async promote() {
      const next = await files.read(file.next);
      if (!next) return;
      await files.write(file.operational, next, 0o600);
      // In this order: a cut between the two leaves a next that is promoted again, never a spent key that looks new.
      await files.remove(file.pending);
      await files.remove(file.next);
    },
  };
}
