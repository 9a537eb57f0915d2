/**
 * Proof that whoever shows a credential holds its key now (DPoP, RFC 9449 section 4). The key is the one in the
 * credential's `cnf`; as with every JWS here the header names it by `kid` as well.
 */
import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { DpopProof, dpopType, proofSeconds } from '#contract/catalogue.js';
import type { PublicJwk } from '#contract/directory.js';
import { PublicJwk as Jwk } from '#contract/directory.js';
import { check, parseJson } from '#contract/parse.js';
import { publicJwkOf, signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';

const longest = 8 * 1024;

/**
 * Foreign: by another key. Other request: for another method or address. Other credential: `ath` is not of the one that
 * came with it. Stale: of another time than now.
 */
export type DpopFault = 'malformed' | 'foreign' | 'forged' | 'other-request' | 'other-credential' | 'stale';
export type VerifiedDpop = { ok: true; jti: string } | { ok: false; fault: DpopFault };

const hashOf = (credential: string): string => createHash('sha256').update(credential).digest('base64url');

/** Without query and fragment (section 4.2, `htu`), normalised as RFC 3986 section 6.2.2 has it. */
function targetOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

export interface DpopWish {
  /** The compact JWS that goes with it as the token. */
  credential: string;
  method: string;
  /** Whole, as it is called. */
  url: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** @throws TypeError when the address is none */
export async function signDpop({
  key,
  credential,
  method,
  url,
  at,
}: DpopWish & { key: KeyObject | Signer }): Promise<string> {
  const htu = targetOf(url);
  if (htu === undefined) throw new TypeError(`cannot prove for what is no address: ${url}`);
  const proof: DpopProof = {
    jti: randomBytes(16).toString('base64url'),
    htm: method,
    htu,
    iat: Math.floor(at / 1000),
    ath: hashOf(credential),
  };
  const { kty, crv, x, y } = await publicJwkOf('sign' in key ? key.publicKey : key);
  const header = { jwk: { kty, crv, x, y } };
  return signJws({ type: dpopType, payload: Buffer.from(JSON.stringify(proof)), key, header });
}

/** Takes outside bytes; never throws. That a `jti` serves once is for the caller to see to. */
export async function verifyDpop(
  proof: string,
  { credential, jwk, method, url, at }: DpopWish & { jwk: PublicJwk },
): Promise<VerifiedDpop> {
  if (proof.length > longest) return { ok: false, fault: 'malformed' };
  const verified = await verifyJws(proof, { type: dpopType, keys: [jwk] });
  if (!verified.ok) return verified;
  const named = check(Jwk, { ...Object(verified.header.jwk), kid: jwk.kid });
  const read = parseJson(DpopProof, verified.payload);
  // Section 4.2: the header shows the public key, and no private one.
  if (!read.ok || !named.ok || 'd' in named.value) return { ok: false, fault: 'malformed' };
  if (named.value.x !== jwk.x || named.value.y !== jwk.y) return { ok: false, fault: 'foreign' };
  const { htm, htu, iat, ath, jti } = read.value;
  if (htm !== method || targetOf(htu) === undefined || targetOf(htu) !== targetOf(url))
    return { ok: false, fault: 'other-request' };
  if (ath !== hashOf(credential)) return { ok: false, fault: 'other-credential' };
  if (Math.abs(at - iat * 1000) > proofSeconds * 1000) return { ok: false, fault: 'stale' };
  return { ok: true, jti };
}
