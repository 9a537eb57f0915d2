/**
 * What a disk holds once its power was cut. What was flushed is there; of what came after the last flush any part may be,
 * each write whole, not at all, or torn at its sectors of 512 bytes, and a later one where an earlier one is not.
 */
import type { Entry } from './write-log.js';

const sectorBytes = 512;

/** So many entries had been logged when it came. */
export interface Cut {
  at: number;
  seed: number;
}

/** A stretch of an entry's data that has reached the disk. */
export interface Piece {
  entry: Entry;
  /** Within the entry. */
  from: number;
  to: number;
}

/** Entries below this index were flushed before entry `at` was logged. */
export function flushedBelow(entries: readonly Entry[], at: number): number {
  for (let index = at - 1; index >= 0; index -= 1) if (entries[index]?.flush) return index + 1;
  return 0;
}

/** Of a log with so many bytes: how many entries it held. They are in the order of their ends. */
export function entriesWithin(entries: readonly Entry[], logBytes: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.endsAt ?? 0) <= logBytes) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** So many writes in flight that their order matters. */
const busy = 4;

/**
 * Moments for cuts, ascending: behind an entry that is no flush, so that something unflushed is there. Each kind of entry
 * gets its share, however few of it there are, and so do moments at which much was in flight: a boot partition is written
 * to seldom, and must bear it as well.
 */
export function chooseCuts(
  entries: readonly Entry[],
  { count, random, kindOf }: { count: number; random: () => number; kindOf: (entry: Entry) => string },
): Cut[] {
  const moments = new Map<string, number[]>();
  let unflushed = 0;
  for (const [index, entry] of entries.entries()) {
    if (entry.flush) unflushed = 0;
    if (entry.sizeBytes === 0) continue;
    unflushed += 1;
    const kind = `${kindOf(entry)} ${unflushed >= busy}`;
    if (!moments.get(kind)?.push(index + 1)) moments.set(kind, [index + 1]);
  }
  const kinds = [...moments.values()];
  if (kinds.length === 0) return [];
  const one = (n: number): Cut => {
    const among = kinds[n % kinds.length] as number[];
    return { at: among[Math.floor(random() * among.length)] as number, seed: Math.floor(random() * 2 ** 31) };
  };
  return Array.from({ length: count }, (_, n) => one(n)).sort((a, b) => a.at - b.at);
}

/** What survives of the entries that no flush had covered, in the order in which it is to be written. */
export function survivors(unflushed: readonly Entry[], random: () => number): Piece[] {
  // Now nearly all are lost, now nearly none: the latter finds what relies on the order of two writes.
  const [kept, torn] = [random(), random() * 0.5];
  const pieces: Piece[] = [];
  for (const entry of unflushed) {
    if (entry.sizeBytes === 0) continue;
    const whole = entry.fua || random() < kept;
    const isTorn = !entry.fua && entry.sizeBytes > sectorBytes && !entry.discard && random() < torn;
    if (!isTorn) {
      if (whole) pieces.push({ entry, from: 0, to: entry.sizeBytes });
      continue;
    }
    for (let from = 0; from < entry.sizeBytes; from += sectorBytes) {
      if (random() < 0.5) continue;
      const last = pieces.at(-1);
      if (last?.entry === entry && last.to === from) last.to += sectorBytes;
      else pieces.push({ entry, from, to: from + sectorBytes });
    }
  }
  return pieces;
}
