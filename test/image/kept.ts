/** What was slow to make, kept by the digest of what it was made from; the newest of a kind alone, and for a day. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Architecture, built } from '../../image/places.js';

/** Certificates and directories that lie in it run out; a box that slept for long is a test of its own. */
const lastsMilliseconds = 12 * 3_600_000;

/** @param from what it is made from, all of it @param make fills the directory it is given */
export async function keep(
  architecture: Architecture,
  kind: string,
  from: readonly (string | Uint8Array)[],
  make: (place: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const one of from) hash.update(String(one.length)).update('\n').update(one);
  const home = built('image-test', architecture, 'kept');
  mkdirSync(home, { recursive: true });
  const name = `${kind}-${hash.digest('hex').slice(0, 16)}`;
  const place = path.join(home, name);
  const isFresh = (there: string) => Date.now() - statSync(there).mtimeMs < lastsMilliseconds;
  if (existsSync(place) && isFresh(place)) return place;
  // What another run may be reading stays until it is old.
  for (const old of readdirSync(home)) {
    const there = path.join(home, old);
    const isOurs = old.startsWith(`${kind}-`);
    if (isOurs && (!isFresh(there) || Date.now() - statSync(there).mtimeMs > 1_800_000))
      rmSync(there, { recursive: true, force: true });
  }
  const part = `${place}.${process.pid}`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part);
  try {
    await make(part);
    if (existsSync(place))
      rmSync(part, { recursive: true }); // another run was faster
    else renameSync(part, place);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
  return place;
}

/** Names and contents below a directory, in order. */
export function contentsOf(directory: string): Buffer[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted()
    .flatMap((file) => [Buffer.from(path.relative(directory, file)), readFileSync(file)]);
}
