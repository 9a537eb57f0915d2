/**
 * How the ledger's entries hang together: canonical JSON (RFC 8785), hashes, signatures; and the check of an export,
 * which needs nothing but the export (and the territory's root, where the provider's receipt is to count).
 */
import { createHash, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { Type } from 'typebox';
import type { PublicJwk } from './directory.js';
import type { LedgerEntry, LedgerExport, LedgerHead } from './ledger.js';
import { es256, receiptFault } from './ledger-receipt.js';
import { parseJson } from './parse.js';

/** Enough for what an entry holds; numbers and strings as ECMAScript writes them, which is what RFC 8785 asks for. */
export type Canonical = string | number | boolean | null | readonly Canonical[] | { readonly [key: string]: Canonical };

/** RFC 8785: no blanks, members sorted by the UTF-16 units of their names. @throws TypeError for what JSON cannot say */
export function canonicalJson(value: Canonical): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError('cannot write a number that is not one');
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) throw new TypeError('cannot write a lone surrogate');
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** What is hashed and signed. */
export function entryText({ index, ledger, at, by, type, facts, previous }: Omit<LedgerEntry, 'hash'>): string {
  return canonicalJson({ index, ledger, at, by, type, facts, previous });
}

export const hashOfText = (text: string): string => createHash('sha256').update(text).digest('hex');

const base64url = (data: string | Uint8Array): string => Buffer.from(data).toString('base64url');

/** RFC 7638: of a P-256 key. */
export const thumbprint = ({ x, y }: { x: string; y: string }): string =>
  createHash('sha256')
    .update(canonicalJson({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');

/** Compact JWS with detached payload (RFC 7515 appendix F), ES256. */
export async function signDetached(
  text: string,
  signer: { kid: string; sign(data: Uint8Array): Promise<Uint8Array> },
): Promise<string> {
  const header = base64url(JSON.stringify({ alg: 'ES256', kid: signer.kid }));
  return `${header}..${base64url(await signer.sign(Buffer.from(`${header}.${base64url(text)}`)))}`;
}

const Header = Type.Object({ alg: Type.Literal('ES256'), kid: Type.String() }, { additionalProperties: false });

const keyOf = (jwk: { x: string; y: string }): KeyObject =>
  createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y }, format: 'jwk' });

/** Undefined when it is right, else why not. */
function signatureFault(entry: LedgerEntry, known: ReadonlyMap<string, PublicJwk>): string | undefined {
  if (entry.signature === undefined) return undefined;
  const [header = '', payload, signature = '', ...more] = entry.signature.split('.');
  if (payload !== '' || more.length > 0) return 'its signature is not a detached JWS';
  const read = parseJson(Header, Buffer.from(header, 'base64url'));
  if (!read.ok) return 'its signature has an unknown header';
  const jwk = known.get(read.value.kid);
  if (!jwk) return `it is signed by a key that no entry before it made the owner's`;
  return es256(keyOf(jwk), `${header}.${base64url(entryText(entry))}`, signature)
    ? undefined
    : 'its signature does not verify';
}

/** Undefined when the entry's hash is that of what it says, else why not. */
function hashFault(entry: LedgerEntry): string | undefined {
  try {
    return hashOfText(entryText(entry)) === entry.hash ? undefined : 'it was altered: its hash is another';
  } catch {
    return 'it cannot be written as JSON';
  }
}

/** Of one entry by itself: undefined when its hash and its signature are right, else why not. @param known by thumbprint */
export const entryFault = (entry: LedgerEntry, known: ReadonlyMap<string, PublicJwk>): string | undefined =>
  hashFault(entry) ?? signatureFault(entry, known);

export type Verdict =
  | { ok: true; head: LedgerHead | null; signed: number; receipt: 'none' | 'not-checked' | 'right' }
  /** `index`: of the entry where the chain breaks; null where it is not one entry that is wrong. */
  | { ok: false; index: number | null; why: string };

/** @param root of the territory whose receipt the export carries: without it the receipt is not looked at */
export function verifyLedger({ entries, ownerKeys, receipt }: LedgerExport, root?: X509Certificate): Verdict {
  const given = new Map(ownerKeys.map((jwk) => [thumbprint(jwk), jwk]));
  const known = new Map<string, PublicJwk>();
  let previous: LedgerEntry | undefined;
  let signed = 0;
  for (const [index, entry] of entries.entries()) {
    const broken = (why: string): Verdict => ({ ok: false, index, why });
    if (entry.index !== index) return broken(`it says that it is entry ${entry.index}`);
    if (previous && entry.ledger !== previous.ledger) return broken('it is of another ledger');
    if (entry.previous !== (previous?.hash ?? null)) return broken('it does not follow the entry before it');
    const altered = hashFault(entry);
    if (altered) return broken(altered);
    if (entry.type === 'owner.set' || entry.type === 'owner.key') {
      const { kid } = entry.facts;
      const jwk = typeof kid === 'string' ? given.get(kid) : undefined;
      if (!jwk || typeof kid !== 'string') return broken("the owner's key that it names is not in the export");
      known.set(kid, jwk);
    }
    const fault = signatureFault(entry, known);
    if (fault) return broken(fault);
    if (entry.signature !== undefined) signed += 1;
    previous = entry;
  }
  const head = previous ? { ledger: previous.ledger, length: entries.length, hash: previous.hash } : null;
  if (receipt === undefined) return { ok: true, head, signed, receipt: 'none' };
  if (!root) return { ok: true, head, signed, receipt: 'not-checked' };
  const fault = receiptFault(receipt, entries, root);
  return fault ? { ok: false, index: null, why: fault } : { ok: true, head, signed, receipt: 'right' };
}
