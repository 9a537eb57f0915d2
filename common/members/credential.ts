/**
 * Membership credentials: W3C Verifiable Credentials 2.0 secured as JWT (VC-JOSE-COSE section 3.1.1) with ES256, bound to
 * the member's key by `cnf` (RFC 7800).
 */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import {
  credentialContext,
  credentialType,
  issuerOf,
  MemberCredential,
  type StatusPurpose,
  subjectOf,
} from '#contract/member.js';
import { parseJson } from '#contract/parse.js';
import { keyOfJwk, signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';
import { timeOf } from './iso.js';

export const credentialTypes = ['VerifiableCredential', 'WebizenMemberCredential'];

/** Nothing that a member is said to be needs more. */
const longest = 16 * 1024;

export function issueCredential({
  key,
  credential,
}: {
  key: KeyObject | Signer;
  credential: MemberCredential;
}): Promise<string> {
  // `cty`: VC-JOSE-COSE section 3.1.1
  const payload = Buffer.from(JSON.stringify(credential));
  return signJws({ type: credentialType, payload, key, header: { cty: 'vc' } });
}

/** Malformed, foreign, forged: as with any JWS. Early, expired: of its time, and right in all else. */
export type CredentialFault = 'malformed' | 'foreign' | 'forged' | 'early' | 'expired';

export type VerifiedCredential =
  | { ok: true; credential: MemberCredential }
  | { ok: false; fault: CredentialFault; credential?: MemberCredential };

export const indexOf = ({ credentialStatus }: MemberCredential, purpose: StatusPurpose): number =>
  Number(credentialStatus.find(({ statusPurpose }) => statusPurpose === purpose)?.statusListIndex ?? Number.NaN);

/** What the schema cannot say: that its parts agree with each other. */
async function isSound(credential: MemberCredential): Promise<boolean> {
  const { issuer, type, credentialSubject: subject, cnf } = credential;
  if (credential['@context'][0] !== credentialContext[0] || !credentialTypes.every((one) => type.includes(one)))
    return false;
  if (issuer !== issuerOf(subject.territory) || subject.id !== subjectOf(subject.territory, subject.member))
    return false;
  if ([credential.validFrom, credential.validUntil, subject.since].some((iso) => Number.isNaN(timeOf(iso))))
    return false;
  if (Number.isNaN(indexOf(credential, 'suspension')) || Number.isNaN(indexOf(credential, 'revocation'))) return false;
  return keyOfJwk(cnf.jwk).then(
    () => true,
    () => false,
  );
}

/**
 * Takes outside bytes; never throws.
 * @param keys of the territory that is believed here
 * @param territory whose keys they are: without it, whoever holds one of the keys speaks for any territory
 * @param at milliseconds since 1970
 */
export async function verifyCredential(
  jwt: string,
  { keys, territory, at }: { keys: readonly PublicJwk[]; territory?: string; at: number },
): Promise<VerifiedCredential> {
  if (jwt.length > longest) return { ok: false, fault: 'malformed' };
  const verified = await verifyJws(jwt, { type: credentialType, keys });
  if (!verified.ok) return verified;
  const read = parseJson(MemberCredential, verified.payload);
  if (!read.ok || !(await isSound(read.value))) return { ok: false, fault: 'malformed' };
  const credential = read.value;
  if (territory !== undefined && credential.credentialSubject.territory !== territory)
    return { ok: false, fault: 'foreign' };
  if (at < timeOf(credential.validFrom)) return { ok: false, fault: 'early', credential };
  if (at >= timeOf(credential.validUntil)) return { ok: false, fault: 'expired', credential };
  return { ok: true, credential };
}

/**
 * Whose credential it says to be, before anything of it is verified: good for finding the keys to verify it with, and for
 * nothing else.
 */
export function unverifiedTerritory(jwt: string): string | undefined {
  if (jwt.length > longest) return undefined;
  const read = parseJson(MemberCredential, Buffer.from(jwt.split('.')[1] ?? '', 'base64url'));
  return read.ok ? read.value.credentialSubject.territory : undefined;
}
