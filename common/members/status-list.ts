/** Status lists: who is suspended, who expelled, and how a credential stands by them (Bitstring Status List 1.0). */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import {
  credentialContext,
  credentialType,
  issuerOf,
  type MemberCredential,
  type Standing,
  StatusList,
  type StatusLists,
  type StatusPurpose,
  statusPath,
} from '#contract/member.js';
import { parseJson } from '#contract/parse.js';
import { signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';
import { bitAt, packBits, unpackBits } from './bits.js';
import { indexOf } from './credential.js';
import { isoOf, timeOf } from './iso.js';

export interface StatusListWish {
  key: KeyObject | Signer;
  territory: string;
  /** `https://host:port`, where the list can be fetched. */
  origin: string;
  purpose: StatusPurpose;
  /** Whose bits are set. */
  indexes: Iterable<number>;
  sequence: number;
  /** Milliseconds since 1970. */
  validFrom: number;
  validUntil: number;
}

export const statusListUrl = (origin: string, purpose: StatusPurpose): string =>
  `${new URL(origin).origin}${statusPath}/${purpose}`;

/** @throws RangeError for an index beyond the list */
export function issueStatusList(wish: StatusListWish): Promise<string> {
  const { key, territory, purpose, sequence } = wish;
  const id = statusListUrl(wish.origin, purpose);
  const list: StatusList = {
    '@context': [...credentialContext],
    id,
    type: ['VerifiableCredential', 'BitstringStatusListCredential'],
    issuer: issuerOf(territory),
    validFrom: isoOf(wish.validFrom),
    validUntil: isoOf(wish.validUntil),
    sequence,
    credentialSubject: {
      id: `${id}#list`,
      type: 'BitstringStatusList',
      statusPurpose: purpose,
      encodedList: packBits(wish.indexes),
    },
  };
  return signJws({ type: credentialType, payload: Buffer.from(JSON.stringify(list)), key, header: { cty: 'vc' } });
}

export type ListsFault = 'malformed' | 'foreign' | 'forged';
export type VerifiedLists =
  /** `madeAt`: of the older one, milliseconds since 1970. `kids`: of the keys that signed them. */
  | { ok: true; suspension: StatusList; revocation: StatusList; madeAt: number; kids: Record<StatusPurpose, string> }
  | { ok: false; fault: ListsFault };

interface ListWish {
  keys: readonly PublicJwk[];
  territory: string;
}

async function verifyOne(
  jwt: string,
  purpose: StatusPurpose,
  { keys, territory }: ListWish,
): Promise<{ ok: true; list: StatusList; kid: string } | { ok: false; fault: ListsFault }> {
  const verified = await verifyJws(jwt, { type: credentialType, keys });
  if (!verified.ok) return verified;
  const read = parseJson(StatusList, verified.payload);
  if (!read.ok) return { ok: false, fault: 'malformed' };
  const list = read.value;
  if (list.issuer !== issuerOf(territory)) return { ok: false, fault: 'foreign' };
  const { statusPurpose, encodedList } = list.credentialSubject;
  const isSound =
    list.type.includes('BitstringStatusListCredential') &&
    list['@context'][0] === credentialContext[0] &&
    statusPurpose === purpose && // the one in the other's place would lift every suspension
    timeOf(list.validFrom) < timeOf(list.validUntil) &&
    unpackBits(encodedList) !== undefined;
  return isSound ? { ok: true, list, kid: verified.header.kid } : { ok: false, fault: 'malformed' };
}

/**
 * Takes outside bytes; never throws. Says nothing of how old they are: by `madeAt` and `sequence` that is the caller's
 * to judge.
 */
export async function verifyStatusLists(lists: StatusLists, wish: ListWish): Promise<VerifiedLists> {
  const suspension = await verifyOne(lists.suspension, 'suspension', wish);
  if (!suspension.ok) return suspension;
  const revocation = await verifyOne(lists.revocation, 'revocation', wish);
  if (!revocation.ok) return revocation;
  const madeAt = Math.min(timeOf(suspension.list.validFrom), timeOf(revocation.list.validFrom));
  const kids = { suspension: suspension.kid, revocation: revocation.kid };
  return { ok: true, suspension: suspension.list, revocation: revocation.list, madeAt, kids };
}

function isSet({ credentialSubject }: StatusList, index: number): boolean {
  const bytes = unpackBits(credentialSubject.encodedList);
  if (!bytes) throw new RangeError('the list cannot be read');
  return bitAt(bytes, index);
}

/** Of verified ones. @throws RangeError for an index beyond a list: the credential is then malformed, not in good standing */
export function standingOf(
  credential: MemberCredential,
  lists: { suspension: StatusList; revocation: StatusList },
): Standing {
  const isExpelled = isSet(lists.revocation, indexOf(credential, 'revocation'));
  const isSuspended = isSet(lists.suspension, indexOf(credential, 'suspension'));
  return isExpelled ? 'expelled' : isSuspended ? 'suspended' : 'good';
}
