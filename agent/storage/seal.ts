/**
 * How the rows of an app lie on the disk: sealed with AES-256-GCM (NIST SP 800-38D) under a key of the app's own.
 *
 * form u8 | nonce 12 | ciphertext | tag 16
 *
 * No nonce may come twice under one key. Random ones would meet at the birthday bound; these are 64 bits drawn at random
 * when the agent starts and a count of 32 bits (section 8.2.1), with other random bits once the count is through.
 * What a row is and where it belongs is authenticated with it: a row that was moved to another key, or to another app,
 * does not open. That a row is the newest one is not: who can write to the disk can put an older one back.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { Refusal } from '#contract/problems.js';

/** A value, or the head of a large one; a large value with its head; a page of names. */
export type Kind = 'value' | 'large' | 'page';

export interface Seal {
  /** Where the rows of a key lie: says nothing of the key to who does not have the seal. */
  rowOf(key: string): string;
  /** `name`: what the row is to be found by, within the app and its kind. */
  seal(kind: Kind, name: string, plain: Uint8Array): Buffer;
  /** @throws Refusal `storage-damaged` for anything but what was sealed for this kind and name */
  open(kind: Kind, name: string, sealed: Uint8Array): Buffer;
}

export const keyBytes = 32;
const form = 1;
const nonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';
/** Of base64url, 132 bits: two keys of an app do not meet. */
const rowLength = 22;

export type Nonces = () => Buffer;

/** One for all keys of a process. `first` is for tests of the end of the count. */
export function createNonces({ first = 0 }: { first?: number } = {}): Nonces {
  let prefix = randomBytes(nonceBytes - 4);
  let count = first;
  return () => {
    if (count > 0xffffffff) {
      prefix = randomBytes(nonceBytes - 4);
      count = 0;
    }
    const nonce = Buffer.allocUnsafe(nonceBytes);
    prefix.copy(nonce);
    nonce.writeUInt32BE(count++, nonceBytes - 4);
    return nonce;
  };
}

export function createSeal({ app, key, nonces }: { app: string; key: Uint8Array; nonces: Nonces }): Seal {
  const keyFor = (use: string) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `webizen storage ${use}`, keyBytes)));
  const values = keyFor('values');
  const names = keyFor('names');
  // Neither a kind nor the id of an app has a zero in it: no two places are spelt the same.
  const placeOf = (kind: Kind, name: string): Buffer => Buffer.from(`${kind}\0${app}\0${name}`);

  return {
    rowOf: (key) => createHmac('sha256', names).update(key).digest('base64url').slice(0, rowLength),
    seal(kind, name, plain) {
      const nonce = nonces();
      const cipher = createCipheriv(algorithm, values, nonce);
      cipher.setAAD(placeOf(kind, name));
      const sealed = Buffer.allocUnsafe(1 + nonceBytes + plain.length + tagBytes);
      sealed[0] = form;
      nonce.copy(sealed, 1);
      cipher.update(plain).copy(sealed, 1 + nonceBytes);
      cipher.final();
      cipher.getAuthTag().copy(sealed, sealed.length - tagBytes);
      return sealed;
    },
    open(kind, name, sealed) {
      try {
        if (sealed[0] !== form || sealed.length < 1 + nonceBytes + tagBytes) throw new Error('not a sealed row');
        const head = 1 + nonceBytes;
        const cipher = createDecipheriv(algorithm, values, sealed.subarray(1, head), { authTagLength: tagBytes });
        cipher.setAAD(placeOf(kind, name));
        cipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
        const plain = cipher.update(sealed.subarray(head, sealed.length - tagBytes));
        cipher.final();
        return plain;
      } catch (error) {
        throw new Refusal('storage-damaged', undefined, { cause: error });
      }
    },
  };
}
