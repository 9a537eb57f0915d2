/**
 * The newest directory that was ever accepted, in one file with the keys that it is judged by. What the file says never
 * goes back: neither sequence nor generation of keys, whatever copy is offered and however often the program starts.
 */
import { type Static, Type } from 'typebox';
import { type Directory, DirectoryKeys, directoryType, largestDirectoryBytes } from '#contract/directory.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Files } from '../files.js';
import { unverifiedHeader } from '../jws.js';
import { type VerifiedDirectory, verifyDirectory } from './verify.js';

const State = Type.Object(
  {
    keys: DirectoryKeys,
    retired: Type.Array(Type.String(), { maxItems: 1000 }),
    jws: Type.Optional(Type.String({ maxLength: largestDirectoryBytes })),
  },
  { additionalProperties: true },
);
type State = Static<typeof State>;

export interface HeldDirectory {
  current(): Directory | undefined;
  /** As it was published. */
  jws(): string | undefined;
  keys(): DirectoryKeys;
  /**
   * Durable when it resolves. Calls take turns.
   * @throws Refusal `directory-older`, `directory-fork`, and those of `verifyDirectory`
   */
  accept(jws: string): Promise<'newer' | 'same'>;
}

/** Thumbprints decide: the same keys may be written with other members. */
const sameKeys = (a: DirectoryKeys, b: DirectoryKeys): boolean =>
  a.keys.every((key, index) => key.kid === b.keys[index]?.kid);

/** Whether the pins are an earlier state, or the same, of what the file has learnt since. */
const leadsTo = (pinned: DirectoryKeys, { keys, retired }: State): boolean =>
  pinned.generation === keys.generation
    ? sameKeys(pinned, keys)
    : pinned.generation < keys.generation && retired.includes(pinned.keys[0].kid);

interface Held {
  jws: string;
  verified: VerifiedDirectory;
}

async function reread(jws: string, keys: DirectoryKeys): Promise<Held | undefined> {
  return verifyDirectory(jws, keys).then(
    (verified) => ({ jws, verified }),
    () => undefined,
  );
}

/** Undefined for a file that cannot be read back: the next directory writes it anew. */
async function read(files: Files, file: string): Promise<State | undefined> {
  const found = await files.read(file);
  const parsed = found && parseJson(State, found);
  return parsed?.ok ? parsed.value : undefined;
}

/**
 * @param pinned what the image or the operator trusts. Where it is a later generation than the file's, it counts; where
 *   it is another alliance's, the file is about nothing and is dropped
 * @throws Refusal `directory-keys-missing` without pinned keys and without a file
 */
export async function openHeldDirectory({
  files,
  file,
  pinned,
  onChange,
}: {
  files: Files;
  file: string;
  pinned?: DirectoryKeys | undefined;
  onChange?: ((before: Directory, after: Directory) => void) | undefined;
}): Promise<HeldDirectory> {
  const found = await read(files, file);
  const ahead = found !== undefined && pinned !== undefined && pinned.generation > found.keys.generation;
  const stored = found && (!pinned || ahead || leadsTo(pinned, found)) ? found : undefined;
  const start = ahead || !stored ? pinned : stored.keys;
  if (!start) throw new Refusal('directory-keys-missing', file);
  let keys = start;
  let retired = stored?.retired ?? [];
  let turn: Promise<unknown> = Promise.resolve();
  // By the keys that it was accepted with: under later pins it still serves until a newer one is there.
  let held: Held | undefined = stored?.jws === undefined ? undefined : await reread(stored.jws, stored.keys);

  async function accept(jws: string): Promise<'newer' | 'same'> {
    const kid = unverifiedHeader(jws, directoryType)?.kid;
    if (kid !== undefined && retired.includes(kid)) throw new Refusal('directory-older', 'its key has been replaced');
    const offered = await verifyDirectory(jws, keys);
    const before = held?.verified;
    if (before && offered.keys.generation === before.keys.generation) {
      const [was, is] = [before.directory.sequence, offered.directory.sequence];
      if (is < was) throw new Refusal('directory-older', `sequence ${is}, held is ${was}`);
      if (is === was && offered.digest !== before.digest) throw new Refusal('directory-fork', `sequence ${is}`);
      if (is === was) return 'same';
    }
    const state: State = { keys: offered.keys, retired: [...retired, ...offered.retired].slice(-100), jws };
    await files.write(file, JSON.stringify(state));
    keys = offered.keys;
    retired = state.retired;
    held = { jws, verified: offered };
    if (before) onChange?.(before.directory, offered.directory);
    return 'newer';
  }

  return {
    current: () => held?.verified.directory,
    jws: () => held?.jws,
    keys: () => keys,
    accept(jws) {
      const done = turn.then(() => accept(jws));
      turn = done.catch(() => {});
      return done;
    },
  };
}
