/**
 * What an owner reads to the operator who decides about a box: 40 bits of the key's hash in Crockford's alphabet,
 * `XXXX-XXXX`. It tells requests apart; it proves nothing.
 */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** @param keyHash SHA-256 of the SubjectPublicKeyInfo, hex */
export function requestCode(keyHash: string): string {
  const bits = BigInt(`0x${keyHash.slice(0, 10)}`);
  const letters = Array.from({ length: 8 }, (_, place) => alphabet[Number((bits >> BigInt(5 * (7 - place))) & 31n)]);
  return `${letters.slice(0, 4).join('')}-${letters.slice(4).join('')}`;
}
