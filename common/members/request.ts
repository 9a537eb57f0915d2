/** A request to be admitted: signed by the key that it names, which proves that whoever asks holds it. */
import type { KeyObject } from 'node:crypto';
import { MemberRequest, memberRequestType } from '#contract/member.js';
import { parseJson } from '#contract/parse.js';
import { publicJwkOf, signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';

const longest = 16 * 1024;

export type RequestFault = 'malformed' | 'forged';
export type VerifiedRequest = { ok: true; request: MemberRequest } | { ok: false; fault: RequestFault };

export async function signMemberRequest({
  key,
  ...wish
}: Omit<MemberRequest, 'jwk'> & { key: KeyObject | Signer }): Promise<string> {
  const jwk = await publicJwkOf('sign' in key ? key.publicKey : key);
  const request = { ...wish, jwk };
  return signJws({ type: memberRequestType, payload: Buffer.from(JSON.stringify(request)), key });
}

/** Takes outside bytes; never throws. */
export async function verifyMemberRequest(jws: string): Promise<VerifiedRequest> {
  if (jws.length > longest) return { ok: false, fault: 'malformed' };
  // It brings its own key, so that is read first; nothing else of it is used before the signature has been verified.
  const read = parseJson(MemberRequest, Buffer.from(jws.split('.')[1] ?? '', 'base64url'));
  if (!read.ok) return { ok: false, fault: 'malformed' };
  const verified = await verifyJws(jws, { type: memberRequestType, keys: [read.value.jwk] });
  if (verified.ok) return { ok: true, request: read.value };
  return { ok: false, fault: verified.fault === 'malformed' ? 'malformed' : 'forged' };
}
