/**
 * What a directory is worth to a reader who holds some generation of the alliance's keys. Nothing is parsed before the
 * signature over it has been verified; of a header only what chooses a key is read earlier.
 */
import { createHash } from 'node:crypto';
import {
  Directory,
  DirectoryKeys,
  directoryType,
  largestDirectoryBytes,
  Rotation,
  rotationType,
} from '#contract/directory.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { type JwsFault, unverifiedHeader, verifyJws } from '../jws.js';

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
 * One step from the held generation to the next; undefined when the statement is not about that step.
 * @throws Refusal `directory-forged`, `directory-malformed`
 */
async function step(held: DirectoryKeys, statement: string): Promise<DirectoryKeys | undefined> {
  const [, next] = held.keys;
  if (unverifiedHeader(statement, rotationType)?.kid !== next.kid) return undefined;
  const verified = await verifyJws(statement, { type: rotationType, keys: [next] });
  if (!verified.ok) throw new Refusal('directory-forged', 'a rotation of keys');
  const told = parseJson(DirectoryKeys, verified.payload);
  if (!told.ok) throw new Refusal('directory-malformed', `rotation: ${describeFaults(told.faults)}`);
  const { generation, keys } = told.value;
  if (generation !== held.generation + 1 || keys[0].kid !== next.kid)
    throw new Refusal('directory-malformed', `rotation: not the generation after ${held.generation}`);
  return { generation, keys };
}

/**
 * Takes outside bytes.
 * @throws Refusal `directory-too-large`, `directory-malformed`, `directory-foreign`, `directory-forged`
 */
export async function verifyDirectory(jws: string, held: DirectoryKeys): Promise<VerifiedDirectory> {
  if (jws.length > largestDirectoryBytes) throw new Refusal('directory-too-large', `${jws.length} bytes`);
  const header = unverifiedHeader(jws, directoryType);
  const rotation = check(Rotation, header?.rotation ?? []);
  if (!header || !rotation.ok) throw new Refusal('directory-malformed');

  let keys = held;
  const retired: string[] = [];
  for (const statement of rotation.value) {
    if (keys.keys[0].kid === header.kid) break;
    const after = await step(keys, statement);
    if (!after) continue; // a step that this reader has made already
    retired.push(keys.keys[0].kid);
    keys = after;
  }

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
