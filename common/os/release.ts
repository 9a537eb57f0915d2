/**
 * Releases of the operating system, made and read. Nothing is parsed before the signature over it has been verified, and
 * no clock is asked: a release is as good in 1970 as on the day that it was made.
 */
import type { KeyObject } from 'node:crypto';
import { Rotation } from '#contract/directory.js';
import {
  largestOsRelease,
  type OsKeys,
  OsRelease,
  osKeysType,
  osReleaseIdOf,
  osReleaseType,
} from '#contract/os-release.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { type JwsFault, signJws, unverifiedHeader, verifyJws } from '../jws.js';
import { followRotation, RotationFault } from '../key-generations.js';
import type { Signer } from '../pki/keys.js';

export interface VerifiedOsRelease {
  release: OsRelease;
  /** The generation that signed it: the one held, or a later one that its rotations lead to. */
  keys: OsKeys;
  /** Thumbprints of the signing keys that its rotations left behind. */
  retired: string[];
  /** SHA-256 of the payload, hex. */
  id: string;
}

const codes: Record<JwsFault, ProblemCode> = {
  malformed: 'os-release-malformed',
  foreign: 'os-release-foreign',
  forged: 'os-release-forged',
};

/**
 * Takes outside bytes.
 * @throws Refusal `os-release-too-large`, `os-release-malformed`, `os-release-foreign`, `os-release-forged`
 */
export async function verifyOsRelease(jws: string, held: OsKeys): Promise<VerifiedOsRelease> {
  if (jws.length > largestOsRelease) throw new Refusal('os-release-too-large', `${jws.length} bytes`);
  const header = unverifiedHeader(jws, osReleaseType);
  const rotation = check(Rotation, header?.rotation ?? []);
  if (!header || !rotation.ok) throw new Refusal('os-release-malformed');
  const { keys, retired } = await followRotation(held, rotation.value, { kid: header.kid, type: osKeysType }).catch(
    (error: unknown) => {
      throw error instanceof RotationFault ? new Refusal(codes[error.fault], error.message) : error;
    },
  );
  const verified = await verifyJws(jws, { type: osReleaseType, keys: [keys.keys[0]] });
  if (!verified.ok) throw new Refusal(codes[verified.fault]);
  const parsed = parseJson(OsRelease, verified.payload);
  if (!parsed.ok) throw new Refusal('os-release-malformed', describeFaults(parsed.faults.slice(0, 3)));
  return { release: parsed.value, keys, retired, id: osReleaseIdOf(verified.payload) };
}

/** By the publisher. @param rotation every change of keys since the first, oldest first */
export const signOsRelease = (
  release: OsRelease,
  { key, rotation = [] }: { key: KeyObject | Signer; rotation?: readonly string[] },
): Promise<string> =>
  signJws({
    type: osReleaseType,
    payload: Buffer.from(JSON.stringify(release)),
    key,
    ...(rotation.length > 0 ? { header: { rotation } } : {}),
  });

/** @param key the next one of the generation before, the current one of these */
export const signOsKeys = (keys: OsKeys, key: KeyObject | Signer): Promise<string> =>
  signJws({ type: osKeysType, payload: Buffer.from(JSON.stringify(keys)), key });
