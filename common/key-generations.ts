/**
 * Keys that sign now, and the offline ones that will: how a reader who holds one generation follows the statements that
 * lead to later ones. Each is signed by the next key of the generation before, which is the current one of the generation
 * that it announces: whoever steals a current key signs until the next rotation, and can announce no other.
 */
import { DirectoryKeys } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { unverifiedHeader, verifyJws } from './jws.js';

export class RotationFault extends Error {
  readonly fault: 'forged' | 'malformed';

  constructor(fault: RotationFault['fault'], detail: string) {
    super(detail);
    this.fault = fault;
  }
}

/** One step from the held generation to the next; undefined when the statement is not about that step. */
async function step(held: DirectoryKeys, statement: string, type: string): Promise<DirectoryKeys | undefined> {
  const [, next] = held.keys;
  if (unverifiedHeader(statement, type)?.kid !== next.kid) return undefined;
  const verified = await verifyJws(statement, { type, keys: [next] });
  if (!verified.ok) throw new RotationFault('forged', 'a rotation of keys');
  const told = parseJson(DirectoryKeys, verified.payload);
  if (!told.ok) throw new RotationFault('malformed', `rotation: ${describeFaults(told.faults)}`);
  const { generation, keys } = told.value;
  if (generation !== held.generation + 1 || keys[0].kid !== next.kid)
    throw new RotationFault('malformed', `rotation: not the generation after ${held.generation}`);
  return { generation, keys };
}

/**
 * As far as the one whose current key is `kid`; answers also the thumbprints of the signing keys that were left behind.
 * @param type of the statements, as their headers say
 * @throws RotationFault
 */
export async function followRotation(
  held: DirectoryKeys,
  statements: readonly string[],
  { kid, type }: { kid: string; type: string },
): Promise<{ keys: DirectoryKeys; retired: string[] }> {
  let keys = held;
  const retired: string[] = [];
  for (const statement of statements) {
    if (keys.keys[0].kid === kid) break;
    const after = await step(keys, statement, type);
    if (!after) continue; // a step that this reader has made already
    retired.push(keys.keys[0].kid);
    keys = after;
  }
  return { keys, retired };
}
