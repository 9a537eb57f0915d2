/**
 * The territory's certification authority: roots, each of which signed the next, and issuing CAs, which sign boxes and
 * servers. The newest signs; the older ones go on being accepted and shown, so that no box is touched by a rollover.
 *
 * Serving needs the issuing keys only, so that the root's key can be kept offline.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { createIssuer, type Issuer, issueBox, issueDocumentSigner } from '#common/pki/certificate.js';
import type { Csr } from '#common/pki/csr.js';
import { keyFromPem, keyToPem, newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import type { CertificateRecord } from '../store/boxes.js';
import { type Generations, keyFile, readGenerations } from './generations.js';
import { backdatedMilliseconds } from './make.js';

/** As node:tls takes them, PEM. */
export interface Credentials {
  key: string;
  /** Leaf first. */
  cert: string;
}

export interface Ca {
  /** The newest of each. */
  readonly root: X509Certificate;
  /** Newest first. */
  readonly roots: readonly X509Certificate[];
  readonly issuer: Issuer;
  /** Every one whose leaves are still accepted, newest first. Each needs a CRL of its own. */
  readonly issuers: readonly Issuer[];
  /** What `cacerts` shows: issuing CAs, the bridges between the roots, the roots; newest first. */
  readonly authorities: readonly X509Certificate[];
  /** Roots and issuing CAs, PEM: whom a server trusts for its clients. */
  readonly trusted: readonly string[];
  /** PEM, what is shown behind a leaf: who holds the old root alone gets to it by these. */
  readonly below: string;
  /** An operational certificate for the key of the request; the subject is ours to say. */
  issue(box: string, csr: Pick<Csr, 'spki' | 'keyHash'>): Promise<CertificateRecord>;
  /**
   * A key and a clientAuth certificate for a part of the provider itself, made for one use and kept nowhere. It takes a
   * box's name only where the provider must stand in its place to end its session.
   */
  issuePass(commonName: string, lifetimeSeconds: number): Promise<Credentials & { serial: string }>;
  /**
   * A key and a certificate that signs documents for the territory, made for one run and kept nowhere. The chain leads
   * from it to the roots, leaf first, without them.
   */
  issueDocumentSigner(lifetimeSeconds: number): Promise<{ key: KeyObject; chain: X509Certificate[] }>;
  /** Reads the files again, after a rollover. */
  reload(): Promise<void>;
  /** Told after each `reload`. Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

/** With a dot, as no box id has one. */
const documentSignerName = 'documents.webizen';

interface State {
  generations: Generations;
  issuers: [Issuer, ...Issuer[]];
}

const pem = (certificate: X509Certificate): string => certificateToPem(certificate.raw);

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
  async function read(): Promise<State> {
    const generations = await readGenerations(files, directory);
    const issuers = await Promise.all(
      generations.issuing.map(async ({ number, certificate }) => {
        const file = keyFile(directory, 'issuing', number);
        const key = await files.read(file);
        if (!key) throw new Refusal('territory-missing', `${file} is not there`);
        return createIssuer({ certificate, signer: signerOf(keyFromPem(key)) });
      }),
    );
    const [newest, ...older] = issuers;
    if (!newest) throw new Error('there is no issuing CA');
    return { generations, issuers: [newest, ...older] };
  }

  let state = await read();
  const listeners = new Set<() => void>();
  const lifetime = leafLifetimeSeconds * 1000;
  // Boxes' clocks lag a little. A short lifetime is backdated less, or the time of renewal would be past already.
  const backdated = Math.min(backdatedMilliseconds, lifetime / 10);
  const below = () => [state.issuers[0].certificate, ...state.generations.newWithOld].map(pem).join('');
  const endOf = ({ certificate }: Issuer): number => Date.parse(certificate.validTo);

  return {
    get roots() {
      return state.generations.roots.map(({ certificate }) => certificate);
    },
    get root() {
      return state.generations.roots[0]!.certificate;
    },
    get issuer() {
      return state.issuers[0];
    },
    get issuers() {
      return state.issuers;
    },
    get authorities() {
      const { roots, issuing, newWithOld, oldWithNew } = state.generations;
      const of = (some: Generations['roots']) => some.map(({ certificate }) => certificate);
      return [...of(issuing), ...newWithOld, ...oldWithNew, ...of(roots)];
    },
    get trusted() {
      const { roots, issuing } = state.generations;
      return [...roots, ...issuing].map(({ certificate }) => pem(certificate));
    },
    get below() {
      return below();
    },
    async issue(box, csr) {
      const [issuer] = state.issuers;
      const now = clock.now();
      const notAfter = Math.floor(Math.min(now + lifetime, endOf(issuer)) / 1000) * 1000;
      const { der, serial } = await issueBox(issuer, {
        commonName: box,
        spki: csr.spki,
        notBefore: now - backdated,
        notAfter,
      });
      return { serial, notAfter, keyHash: csr.keyHash, der: der.toString('base64') };
    },
    async issuePass(commonName, lifetimeSeconds) {
      const [issuer] = state.issuers;
      const key = newPrivateKey();
      const now = clock.now();
      const { der, serial } = await issueBox(issuer, {
        commonName,
        spki: spkiOf(signerOf(key).publicKey),
        notBefore: now - backdatedMilliseconds,
        notAfter: Math.min(now + lifetimeSeconds * 1000, endOf(issuer)),
      });
      return { key: keyToPem(key), cert: certificateToPem(der) + below(), serial };
    },
    async issueDocumentSigner(lifetimeSeconds) {
      const [issuer] = state.issuers;
      const key = newPrivateKey();
      const now = clock.now();
      const { der } = await issueDocumentSigner(issuer, {
        commonName: documentSignerName,
        spki: spkiOf(signerOf(key).publicKey),
        notBefore: now - backdatedMilliseconds,
        notAfter: Math.min(now + lifetimeSeconds * 1000, endOf(issuer)),
      });
      return { key, chain: [new X509Certificate(der), issuer.certificate, ...state.generations.newWithOld] };
    },
    async reload() {
      state = await read();
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
