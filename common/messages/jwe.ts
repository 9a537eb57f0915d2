/** Compact JWE (RFC 7516) with ECDH-ES on P-256 and A256GCM, and nothing else. */
import type { KeyObject } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { PublicJwk } from '#contract/directory.js';
import { maxSealedBytes, sealedType } from '#contract/messages.js';
import { keyOfJwk } from '../jws.js';

const [alg, enc] = ['ECDH-ES', 'A256GCM'] as const;

/** @throws Error when the key is no point of the curve, or not called as it says */
export async function encrypt(text: string, to: PublicJwk): Promise<string> {
  return new CompactEncrypt(Buffer.from(text))
    .setProtectedHeader({ alg, enc, kid: to.kid, typ: sealedType })
    .encrypt(await keyOfJwk(to));
}

/**
 * Takes outside bytes; never throws. Undefined when it is not for one of the keys, or was altered.
 * @param keys private ones, by `kid`
 */
export async function decrypt(
  sealed: string,
  keys: ReadonlyMap<string, KeyObject>,
): Promise<{ text: string; kid: string } | undefined> {
  if (sealed.length > maxSealedBytes) return undefined;
  try {
    const header = decodeProtectedHeader(sealed);
    const { kid, typ, zip } = header;
    const key = keys.get(kid ?? '');
    // What is small and unpacks to a gigabyte is nobody's message.
    if (!key || kid === undefined || typ !== sealedType || zip !== undefined) return undefined;
    const wish = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
    const { plaintext } = await compactDecrypt(sealed, key, wish);
    return { text: Buffer.from(plaintext).toString('utf8'), kid };
  } catch {
    return undefined;
  }
}
