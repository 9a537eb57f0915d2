/** Releases and changes of a member's key: signed, verified, followed. */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import { messagesFault } from '#contract/manifest.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { planFault } from '#contract/plan-digest.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import {
  type Descriptor,
  imageConfigType,
  imageLayerTypes,
  imageManifestType,
  KeyRotation,
  KeyRotations,
  keyRotationType,
  largestArchive,
  largestImageJson,
  largestReleaseJws,
  Release,
  releaseIdOf,
  releaseType,
} from '#contract/release.js';
import { Successions } from '#contract/succession.js';
import { type Header, type JwsFault, signJws, unverifiedHeader, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';

const codes: Record<JwsFault, ProblemCode> = {
  malformed: 'release-malformed',
  foreign: 'release-foreign',
  forged: 'release-forged',
};

/** What the schema cannot say. Undefined when nothing is wrong. */
function faultOf({ manifest, image, blobs }: Release): string | undefined {
  const named = manifest.capabilities.map(({ capability }) => capability);
  const fault = messagesFault(named, manifest.messages);
  if (fault !== undefined) return `its manifest's messages: ${fault}`;
  const terms = planFault(manifest.plans);
  return terms === undefined ? blobsFault(image, blobs) : `its manifest's plans: ${terms}`;
}

function blobsFault(image: Descriptor, blobs: readonly Descriptor[]): string | undefined {
  const [manifest, config, ...layers] = blobs;
  const same = (a: Descriptor, b: Descriptor) =>
    a.digest === b.digest && a.size === b.size && a.mediaType === b.mediaType;
  if (!manifest || !config || !same(manifest, image)) return 'its first blob is not its image';
  if (image.mediaType !== imageManifestType) return `its image is of the kind ${image.mediaType}`;
  if (config.mediaType !== imageConfigType) return `the configuration of its image is of the kind ${config.mediaType}`;
  if (Math.max(image.size, config.size) > largestImageJson)
    return 'manifest or configuration of its image is too large';
  const foreign = layers.find(({ mediaType }) => !imageLayerTypes.includes(mediaType));
  if (foreign) return `a layer is of the kind ${foreign.mediaType}`;
  const known = new Map<string, Descriptor>();
  for (const blob of blobs) {
    const before = known.get(blob.digest);
    // An image may have the same layer twice; nothing else comes twice.
    if (before && (!same(before, blob) || !layers.includes(before))) return `${blob.digest} stands for two things`;
    known.set(blob.digest, blob);
  }
  const bytes = [...known.values()].reduce((sum, { size }) => sum + size, 0);
  return bytes > largestArchive ? `its blobs are ${bytes} bytes` : undefined;
}

/** @throws Refusal `release-malformed` */
function parse(payload: Uint8Array): Release {
  const parsed = parseJson(Release, payload);
  const fault = parsed.ok ? faultOf(parsed.value) : describeFaults(parsed.faults.slice(0, 3));
  if (!parsed.ok || fault) throw new Refusal('release-malformed', fault);
  return parsed.value;
}

/**
 * What a release says before anybody has looked at its signature: good for refusing what does not go with it, such as a
 * blob that it does not name, and for nothing else.
 * @throws Refusal `release-malformed`
 */
export function announcedBy(jws: string): Release {
  if (jws.length > largestReleaseJws || !unverifiedHeader(jws, releaseType)) throw new Refusal('release-malformed');
  return parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url'));
}

/**
 * @param rotation where the member has changed its key: all changes since the first, oldest first
 * @param succession where the app has passed to this member from another: what the territory says of it, oldest first
 * @throws Refusal `release-malformed` when it would not be read back
 */
export async function signRelease(wish: {
  release: Release;
  key: KeyObject | Signer;
  rotation?: readonly string[];
  succession?: readonly string[] | undefined;
}): Promise<{ jws: string; id: string }> {
  const payload = Buffer.from(JSON.stringify(wish.release));
  parse(payload);
  const header = {
    ...(wish.rotation?.length ? { rotation: wish.rotation } : {}),
    ...(wish.succession?.length ? { succession: wish.succession } : {}),
  };
  const jws = await signJws({ type: releaseType, payload, key: wish.key, header });
  if (jws.length > largestReleaseJws) throw new Refusal('release-malformed', `it is ${jws.length} bytes`);
  return { jws, id: releaseIdOf(payload) };
}

/**
 * Takes outside bytes.
 * @param jwk the key that the member's credential names, or the one that `followRotation` came to
 * @throws Refusal `release-malformed`, `release-foreign`, `release-forged`
 */
export async function verifyRelease(jws: string, jwk: PublicJwk): Promise<{ id: string; release: Release }> {
  if (jws.length > largestReleaseJws) throw new Refusal('release-malformed', `it is ${jws.length} bytes`);
  const verified = await verifyJws(jws, { type: releaseType, keys: [jwk] });
  if (!verified.ok) throw new Refusal(codes[verified.fault]);
  return { id: releaseIdOf(verified.payload), release: parse(verified.payload) };
}

/** Statements that the app has passed to whoever signed this release, as it carries them along; unverified. */
export function successionOf(jws: string): string[] | undefined {
  const carried = check(Successions, unverifiedHeader(jws, releaseType)?.succession);
  return carried.ok ? carried.value : undefined;
}

/** The member's own word, by its key of now, that `jwk` is its key from here on. */
export const signRotation = (wish: { member: string; jwk: PublicJwk; at: number; key: KeyObject | Signer }) =>
  signJws({
    type: keyRotationType,
    payload: Buffer.from(JSON.stringify({ member: wish.member, jwk: wish.jwk, at: wish.at } satisfies KeyRotation)),
    key: wish.key,
  });

/**
 * Whether rotations lead from the key that an app is bound to to the one that signed something of its member's: that
 * key, or undefined. Verify what was signed with it: this says nothing of that.
 * @param header unverified, with `rotation` where the member has changed its key
 */
export async function followKeys(
  header: Header,
  { bound, member }: { bound: PublicJwk; member: string | undefined },
): Promise<PublicJwk | undefined> {
  const rotations = check(KeyRotations, header.rotation ?? []);
  if (!rotations.ok) return undefined;
  let key = bound;
  for (const statement of rotations.value) {
    if (key.kid === header.kid) break;
    const verified = await verifyJws(statement, { type: keyRotationType, keys: [key] });
    // Changes from before the bound key are of other keys.
    if (!verified.ok && verified.fault === 'foreign') continue;
    const told = verified.ok ? parseJson(KeyRotation, verified.payload) : undefined;
    if (!told?.ok || told.value.member !== member) return undefined;
    key = told.value.jwk;
  }
  return key.kid === header.kid ? key : undefined;
}

/** The same for a release. */
export async function followRotation(jws: string, bound: PublicJwk): Promise<PublicJwk | undefined> {
  const header = unverifiedHeader(jws, releaseType);
  return header && followKeys(header, { bound, member: memberOf(jws) });
}

function memberOf(jws: string): string | undefined {
  try {
    return announcedBy(jws).member;
  } catch {
    return undefined;
  }
}
