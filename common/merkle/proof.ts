/**
 * A Merkle tree over a log that only grows, as Certificate Transparency has it (RFC 9162 section 2.1, SHA-256): what a
 * stranger needs to check that an entry stands in it, and that a longer one holds a shorter one unchanged.
 */
import { createHash } from 'node:crypto';

/** 32 octets. */
export type Hash = Buffer;

/** Of a tree: of how many entries, and the hash over all of them. */
export interface Head {
  size: number;
  root: Hash;
}

const sha256 = (...parts: readonly Uint8Array[]): Hash => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

// An entry can never pass for two hashes (section 2.1.1).
const [entryPrefix, nodePrefix] = [Buffer.from([0]), Buffer.from([1])];

export const hashOfEntry = (entry: Uint8Array): Hash => sha256(entryPrefix, entry);
export const hashOfPair = (left: Hash, right: Hash): Hash => sha256(nodePrefix, left, right);
export const hashOfNothing: Hash = sha256();

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const half = (value: number): number => Math.floor(value / 2);
const isOdd = (value: number): boolean => value % 2 === 1;

/** Whether the entry with this hash is the one at `index` of that tree (section 2.1.3.2). Takes outside values; never throws. */
export function isIncluded(entry: Hash, index: number, proof: readonly Hash[], { size, root }: Head): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [place, last, hash] = [index, size - 1, entry];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(place) || place === last) {
      hash = hashOfPair(sibling, hash);
      while (!isOdd(place) && place !== 0) [place, last] = [half(place), half(last)];
    } else hash = hashOfPair(hash, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && hash.equals(root);
}

/** Whether the later tree begins with all entries of the earlier one (section 2.1.4.2). Takes outside values; never throws. */
export function isContinued(earlier: Head, later: Head, proof: readonly Hash[]): boolean {
  if (!isCount(earlier.size) || !isCount(later.size) || earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && earlier.root.equals(later.root);
  if (earlier.size === 0) return proof.length === 0 && earlier.root.equals(hashOfNothing);
  let [place, last] = [earlier.size - 1, later.size - 1];
  while (isOdd(place)) [place, last] = [half(place), half(last)];
  // A whole tree stands for itself in the later one.
  const [first, ...rest] = place === 0 ? [earlier.root, ...proof] : proof;
  if (!first) return false;
  let [before, after] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(place) || place === last) {
      [before, after] = [hashOfPair(sibling, before), hashOfPair(sibling, after)];
      while (!isOdd(place) && place !== 0) [place, last] = [half(place), half(last)];
    } else after = hashOfPair(after, sibling);
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && before.equals(earlier.root) && after.equals(later.root);
}
