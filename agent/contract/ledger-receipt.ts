/**
 * The provider's receipt for a ledger's head: a compact JWS (RFC 7515, ES256) over `{ box, ledger, length, hash, at }`,
 * with the chain of its signer in `x5c`. Who holds one shows that the ledger reached so far when the provider saw it,
 * and an export that ends before that has lost its end.
 */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { type LedgerEntry, LedgerHead } from './ledger.js';
import { parseJson } from './parse.js';

export const receiptType = 'webizen-ledger-receipt+jws';
/** id-kp-documentSigning, RFC 9336: a certificate for nothing but this speaks for the provider, no box's and no server's. */
export const receiptUsage = '1.3.6.1.5.5.7.3.36';
export const longestReceipt = 8192;
/** Signer, issuing CA, and the bridges between roots. */
export const mostInReceipt = 5;

export const LedgerReceipt = Type.Intersect([
  LedgerHead,
  Type.Object({ box: BoxId, at: Time }, { description: 'at: when the provider saw the head' }),
]);
export type LedgerReceipt = Static<typeof LedgerReceipt>;

const Header = Type.Object({
  alg: Type.Literal('ES256'),
  typ: Type.Literal(receiptType),
  x5c: Type.Array(Type.String({ maxLength: longestReceipt }), { minItems: 1, maxItems: mostInReceipt }),
});

export function es256(key: KeyObject, signed: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  return bytes.length === 64 && verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, bytes);
}

const issued = (issuer: X509Certificate, below: X509Certificate): boolean =>
  issuer.ca && below.checkIssued(issuer) && below.verify(issuer.publicKey);

/** From the leaf to the root, both included. After a new root several ways may begin that end nowhere. */
function pathTo(
  root: X509Certificate,
  leaf: X509Certificate,
  between: readonly X509Certificate[],
): X509Certificate[] | undefined {
  if (issued(root, leaf)) return [leaf, root];
  for (const one of between) {
    if (!issued(one, leaf)) continue;
    const rest = pathTo(
      root,
      one,
      between.filter((other) => other !== one),
    );
    if (rest) return [leaf, ...rest];
  }
  return undefined;
}

export type ReadReceipt = { ok: true; receipt: LedgerReceipt } | { ok: false; why: string };

/** Takes outside bytes. @param root of the territory that gave it */
export function readReceipt(jws: string, root: X509Certificate): ReadReceipt {
  const not = (why: string): ReadReceipt => ({ ok: false, why });
  const [header = '', payload = '', signature = '', ...more] = jws.split('.');
  const head = parseJson(Header, Buffer.from(header, 'base64url'));
  if (!head.ok || more.length > 0 || jws.length > longestReceipt) return not('the receipt has an unknown form');
  let chain: X509Certificate[];
  try {
    chain = head.value.x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
  } catch {
    return not('the receipt carries a certificate that cannot be read');
  }
  const [leaf, ...between] = chain;
  if (leaf?.publicKey.asymmetricKeyType !== 'ec' || !es256(leaf.publicKey, `${header}.${payload}`, signature))
    return not("the receipt's signature does not verify");
  // Boxes' own certificates lead to the same root: none of them must speak for its provider.
  if (leaf.ca || leaf.keyUsage?.length !== 1 || leaf.keyUsage[0] !== receiptUsage)
    return not('the receipt is signed by a certificate that is not made for it');
  const path = pathTo(root, leaf, between);
  if (!path) return not('the receipt is not by the territory whose root was given');
  const read = parseJson(LedgerReceipt, Buffer.from(payload, 'base64url'));
  if (!read.ok) return not('the receipt does not name a head');
  const { at } = read.value;
  if (path.some((one) => at < Date.parse(one.validFrom) || at > Date.parse(one.validTo)))
    return not('the receipt was given outside the validity of its certificates');
  return { ok: true, receipt: read.value };
}

/** Undefined when the receipt is right and the entries reach as far as it says; else why not. */
export function receiptFault(jws: string, entries: readonly LedgerEntry[], root: X509Certificate): string | undefined {
  const read = readReceipt(jws, root);
  if (!read.ok) return read.why;
  const { ledger, length, hash } = read.receipt;
  if (entries[0] && entries[0].ledger !== ledger) return 'the receipt is for another ledger';
  if (length > entries.length)
    return `the provider has seen ${length} entries, here are ${entries.length}: the end was cut off`;
  if (length > 0 && entries[length - 1]?.hash !== hash) return `the provider saw another entry ${length - 1}`;
  return undefined;
}
