/**
 * The same tree (proof.ts) for whoever keeps the log: each complete subtree's hash is kept under its level and place, so
 * that adding an entry writes two of them on average, and a proof reads no more of them than the tree is high.
 */
import { type Hash, hashOfEntry, hashOfNothing, hashOfPair } from './proof.js';

/** Level 0: entries. The node at `place` of a level stands over the entries from `place * 2 ** level` on. */
export interface Node {
  level: number;
  place: number;
  hash: Hash;
}

/** @throws when it is not kept */
export type ReadNode = (level: number, place: number) => Promise<Hash>;

/** The nodes that become complete by the entry at `index`. `read` is asked for older ones only. */
export async function nodesOf(index: number, entry: Uint8Array, read: ReadNode): Promise<Node[]> {
  const nodes: Node[] = [{ level: 0, place: index, hash: hashOfEntry(entry) }];
  for (let [level, place] = [0, index]; place % 2 === 1; ) {
    const hash = hashOfPair(await read(level, place - 1), nodes[level]?.hash as Hash);
    [level, place] = [level + 1, Math.floor(place / 2)];
    nodes.push({ level, place, hash });
  }
  return nodes;
}

/** The largest power of two below `count`, which is two or more. */
const splitOf = (count: number): number => 2 ** (Math.ceil(Math.log2(count)) - 1);

/** Of the entries from `start` to before `end`, where `start` is a multiple of the split of any tree above them. */
async function hashOfRange(start: number, end: number, read: ReadNode): Promise<Hash> {
  const count = end - start;
  const level = Math.log2(count);
  if (Number.isInteger(level)) return await read(level, start / count);
  const split = start + splitOf(count);
  return hashOfPair(await hashOfRange(start, split, read), await hashOfRange(split, end, read));
}

/** Of the first `size` entries. */
export async function rootOf(size: number, read: ReadNode): Promise<Hash> {
  return size === 0 ? hashOfNothing : await hashOfRange(0, size, read);
}

/** That the entry at `index` stands in the tree of the first `size` (section 2.1.3.1). @throws RangeError */
export async function inclusionProof(index: number, size: number, read: ReadNode): Promise<Hash[]> {
  if (!(index >= 0 && index < size)) throw new RangeError(`a tree of ${size} has no entry ${index}`);
  const proof: Hash[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const split = start + splitOf(end - start);
    if (index < split) {
      proof.push(await hashOfRange(split, end, read));
      end = split;
    } else {
      proof.push(await hashOfRange(start, split, read));
      start = split;
    }
  }
  return proof.reverse();
}

/** That the tree of the first `size` begins with that of the first `earlier` (section 2.1.4.1). @throws RangeError */
export async function consistencyProof(earlier: number, size: number, read: ReadNode): Promise<Hash[]> {
  if (!(earlier >= 0 && earlier <= size)) throw new RangeError(`a tree of ${size} does not begin with ${earlier}`);
  if (earlier === 0 || earlier === size) return [];
  const proof: Hash[] = [];
  let [start, end] = [0, size];
  while (end !== earlier) {
    const split = start + splitOf(end - start);
    if (earlier <= split) {
      proof.push(await hashOfRange(split, end, read));
      end = split;
    } else {
      proof.push(await hashOfRange(start, split, read));
      start = split;
    }
  }
  // What the earlier tree ends with, unless it is the whole of it, which whoever asks has.
  if (start > 0) proof.push(await hashOfRange(start, end, read));
  return proof.reverse();
}
