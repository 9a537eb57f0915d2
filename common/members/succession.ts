/** Successions: signed by a territory, verified and followed by whoever holds an app (contract/succession.ts). */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import { parseJson } from '#contract/parse.js';
import { largestSuccession, Succession, successionType } from '#contract/succession.js';
import { type JwsFault, keyOfJwk, signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';

export function signSuccession({ key, succession }: { key: KeyObject | Signer; succession: Succession }) {
  return signJws({ type: successionType, payload: Buffer.from(JSON.stringify(succession)), key });
}

export type VerifiedSuccession = { ok: true; succession: Succession; kid: string } | { ok: false; fault: JwsFault };

/**
 * Takes outside bytes; never throws.
 * @param keys of the territory that is believed here
 * @param territory whose keys they are: what names another is foreign, whoever signed it
 */
export async function verifySuccession(
  jws: string,
  { keys, territory }: { keys: readonly PublicJwk[]; territory: string },
): Promise<VerifiedSuccession> {
  if (jws.length > largestSuccession) return { ok: false, fault: 'malformed' };
  const verified = await verifyJws(jws, { type: successionType, keys });
  if (!verified.ok) return verified;
  const read = parseJson(Succession, verified.payload);
  if (!read.ok) return { ok: false, fault: 'malformed' };
  if (read.value.territory !== territory) return { ok: false, fault: 'foreign' };
  try {
    await Promise.all([read.value.to.jwk, ...read.value.from.keys].map(keyOfJwk));
  } catch {
    return { ok: false, fault: 'malformed' };
  }
  return { ok: true, succession: read.value, kid: verified.header.kid };
}
