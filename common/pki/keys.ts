/** Keys, and the one thing that is done with a private key: sign. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Files } from '../files.js';

/**
 * A P-256 private key, wherever it is held: a file here, a TPM or a secure element elsewhere, hence the promise.
 */
export interface Signer {
  readonly publicKey: KeyObject;
  /** ECDSA with SHA-256, DER-encoded (RFC 3279 section 2.2.3). */
  sign(data: Uint8Array): Promise<Buffer>;
}

export const newPrivateKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export const keyToPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** @throws Error when the text holds no P-256 private key */
export function keyFromPem(pem: string | Buffer): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('not a P-256 private key');
  return key;
}

export function signerOf(privateKey: KeyObject): Signer {
  const publicKey = createPublicKey(privateKey);
  return {
    publicKey,
    async sign(data) {
      return sign('sha256', data, privateKey);
    },
  };
}

/** The private key kept in a file of mode 0600, made when there is none. @throws Error when it holds something else */
export async function keyInFile(files: Files, file: string): Promise<KeyObject> {
  const pem = await files.read(file);
  if (pem) return keyFromPem(pem);
  const key = newPrivateKey();
  await files.write(file, keyToPem(key), 0o600);
  return key;
}

/** DER SubjectPublicKeyInfo. */
export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** SHA-256 of a DER SubjectPublicKeyInfo, hex: how a key is known in the store. */
export const spkiHash = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('hex');

export const keyHash = (key: KeyObject): string => spkiHash(spkiOf(key));
