/**
 * Compact JWS (RFC 7515) with ES256 and nothing else. The reader says which type and which keys it expects; what the
 * header says only chooses among those keys.
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader } from 'jose';
import { PublicJwk } from '#contract/directory.js';
import { check, describeFaults } from '#contract/parse.js';
import { bytes, decode, items, tags } from './pki/der.js';
import type { Signer } from './pki/keys.js';

/** Of a public key, or the public half of a private one. `kid` is the thumbprint (RFC 7638): one name everywhere. */
export async function publicJwkOf(key: KeyObject): Promise<PublicJwk> {
  const { kty, crv, x, y } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  const kid = await calculateJwkThumbprint({ kty: String(kty), crv: String(crv), x: String(x), y: String(y) });
  const made = check(PublicJwk, { kty, crv, x, y, kid });
  if (!made.ok) throw new Error(`not a P-256 key: ${describeFaults(made.faults)}`);
  return made.value;
}

/** @throws Error when the coordinates are no point of the curve, or `kid` is not the key's thumbprint */
export async function keyOfJwk({ kty, crv, x, y, kid }: PublicJwk): Promise<KeyObject> {
  if ((await calculateJwkThumbprint({ kty, crv, x, y })) !== kid) throw new Error(`the key is not called ${kid}`);
  return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
}

/** ECDSA's DER (RFC 3279 section 2.2.3) to the two numbers of 32 bytes that JOSE wants (RFC 7518 section 3.4). */
const rawSignature = (der: Uint8Array): Buffer =>
  Buffer.concat(
    items(decode(der), tags.sequence).map((node) => {
      const number = bytes(node, tags.integer).subarray(-32);
      return Buffer.concat([Buffer.alloc(32 - number.length), number]);
    }),
  );

export interface Signing {
  /** The `typ` of the header. */
  type: string;
  payload: Uint8Array;
  /** Here, or in a security chip behind a `Signer`. */
  key: KeyObject | Signer;
  /** More header parameters, protected like the others. */
  header?: Record<string, unknown>;
  /** What the key is called, for who signs often with the same one; by default it is worked out. */
  kid?: string;
}

/** What a key is called, see `publicJwkOf`. */
export const kidOf = async (key: KeyObject | Signer): Promise<string> =>
  (await publicJwkOf('sign' in key ? key.publicKey : key)).kid;

export async function signJws({ type, payload, key, header = {}, ...wish }: Signing): Promise<string> {
  const whole = { ...header, alg: 'ES256', kid: wish.kid ?? (await kidOf(key)), typ: type };
  const signed = `${Buffer.from(JSON.stringify(whole)).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  const bytes = Buffer.from(signed);
  const signature =
    'sign' in key ? rawSignature(await key.sign(bytes)) : sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

export type Header = Readonly<Record<string, unknown>> & { readonly kid: string };

/**
 * Malformed: not a compact JWS with the wanted algorithm and type. Foreign: its `kid` is none of the keys. Forged: the
 * signature does not verify with the key it names.
 */
export type JwsFault = 'malformed' | 'foreign' | 'forged';
export type Verified = { ok: true; payload: Uint8Array; header: Header } | { ok: false; fault: JwsFault };

const form = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$/;
/** A rotation adds half a kilobyte; nothing needs a header so large. */
const longestHeader = 100_000;

/** The header before anything of it is verified: good for choosing a key, and for nothing else. */
export function unverifiedHeader(jws: string, type: string): Header | undefined {
  if (jws.indexOf('.') > longestHeader || !form.test(jws)) return undefined;
  try {
    const header = decodeProtectedHeader(jws);
    const { alg, typ, kid } = header;
    return alg === 'ES256' && typ === type && typeof kid === 'string' ? { ...header, kid } : undefined;
  } catch {
    return undefined;
  }
}

/** Takes outside bytes. Payload and header are worth reading only when this says `ok`. */
export async function verifyJws(
  jws: string,
  { type, keys }: { type: string; keys: readonly PublicJwk[] },
): Promise<Verified> {
  const header = unverifiedHeader(jws, type);
  if (!header) return { ok: false, fault: 'malformed' };
  const jwk = keys.find(({ kid }) => kid === header.kid);
  if (!jwk) return { ok: false, fault: 'foreign' };
  try {
    const { payload } = await compactVerify(jws, await keyOfJwk(jwk), { algorithms: ['ES256'] });
    return { ok: true, payload, header };
  } catch {
    return { ok: false, fault: 'forged' };
  }
}
