/**
 * What a directory is worth to a reader who holds some generation of the alliance's keys. Nothing is parsed before the
 * signature over it has been verified; of a header only what chooses a key is read earlier.
 */
import { createHash } from 'node:crypto';
import {
  Directory,
  type DirectoryKeys,
  directoryType,
  largestDirectoryBytes,
  Rotation,
  rotationType,
} from '#contract/directory.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { type JwsFault, unverifiedHeader, verifyJws } from '../jws.js';
import { followRotation, RotationFault } from '../key-generations.js';

export interface VerifiedDirectory {
  directory: Directory;
  /** The generation that signed it: the one held, or a later one that its rotations lead to. */
  keys: DirectoryKeys;
  /** Thumbprints of the signing keys that its rotations left behind, the held one included. */
  retired: string[];
  /** SHA-256 of the payload, hex. A signature can be made again over the same directory. */
  digest: string;
}

const codes: Record<JwsFault, ProblemCode> = {
  malformed: 'directory-malformed',
  foreign: 'directory-foreign',
  forged: 'directory-forged',
};

/**
 * Takes outside bytes.
 * @throws Refusal `directory-too-large`, `directory-malformed`, `directory-foreign`, `directory-forged`
 */
export async function verifyDirectory(jws: string, held: DirectoryKeys): Promise<VerifiedDirectory> {
  if (jws.length > largestDirectoryBytes) throw new Refusal('directory-too-large', `${jws.length} bytes`);
  const header = unverifiedHeader(jws, directoryType);
  const rotation = check(Rotation, header?.rotation ?? []);
  if (!header || !rotation.ok) throw new Refusal('directory-malformed');

  const { keys, retired } = await followRotation(held, rotation.value, { kid: header.kid, type: rotationType }).catch(
    (error: unknown) => {
      throw error instanceof RotationFault ? new Refusal(codes[error.fault], error.message) : error;
    },
  );

  const verified = await verifyJws(jws, { type: directoryType, keys: [keys.keys[0]] });
  if (!verified.ok) throw new Refusal(codes[verified.fault]);
  const parsed = parseJson(Directory, verified.payload);
  if (!parsed.ok) throw new Refusal('directory-malformed', describeFaults(parsed.faults.slice(0, 3)));
  return {
    directory: parsed.value,
    keys,
    retired,
    digest: createHash('sha256').update(verified.payload).digest('hex'),
  };
}
