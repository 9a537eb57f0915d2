/**
 * Which sequences of one epoch are here: pure arithmetic over ranges, both ends included.
 *
 * What is declared lost is covered too, so that it is not asked for again, and counted for ever.
 */
import type { LostReason, Range } from '#contract/health.js';
import type { Track } from '../store/lives.js';
import { addLost } from './lost.js';

/** So many separate ranges are kept above `contiguous`; beyond it the lowest hole is given up as lost. */
export const maxRanges = 1000;

export const emptyTrack: Track = { contiguous: 0, above: [], lost: 0 };

/** Index of the first range that ends at or after the sequence. */
function firstReaching(above: readonly Range[], sequence: number): number {
  let low = 0;
  let high = above.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (above[middle]![1] < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function has({ contiguous, above }: Track, sequence: number): boolean {
  if (sequence <= contiguous) return true;
  const range = above[firstReaching(above, sequence)];
  return range !== undefined && range[0] <= sequence;
}

/** `first` must not be above `last`. */
export function add(track: Track, first: number, last: number): Track {
  if (last <= track.contiguous) return track;
  if (first <= track.contiguous + 1 && track.above.length === 0) return { ...track, contiguous: last };

  // Merge with every range that touches or overlaps.
  const from = firstReaching(track.above, first - 1);
  let to = from;
  let low = first;
  let high = last;
  while (to < track.above.length && track.above[to]![0] <= high + 1) {
    low = Math.min(low, track.above[to]![0]);
    high = Math.max(high, track.above[to]![1]);
    to += 1;
  }
  const merged: Range = [low, high];
  const above = [...track.above.slice(0, from), merged, ...track.above.slice(to)];
  return settle({ ...track, above });
}

/** Takes into `contiguous` what has become so, and gives up the lowest hole when there are too many. */
function settle(track: Track, most = maxRanges): Track {
  const { contiguous, above, lost } = track;
  const [lowest, ...rest] = above;
  if (!lowest || (lowest[0] > contiguous + 1 && above.length <= most)) return track;
  const hole = Math.max(0, lowest[0] - contiguous - 1);
  return { ...track, contiguous: lowest[1], above: rest, lost: lost + hole };
}

/** At most so many ranges: the lowest holes are given up as lost. */
export function trim(track: Track, most: number): Track {
  let trimmed = track;
  while (trimmed.above.length > most) trimmed = settle(trimmed, most);
  return trimmed;
}

/** The box says that it has these no more. Those that are here stay here and are not counted. */
export function lose(track: Track, first: number, last: number, reason?: LostReason): Track {
  const absent = holes(track, last).reduce((sum, [from, to]) => sum + Math.max(0, to - Math.max(from, first) + 1), 0);
  const after = add(track, first, last);
  return {
    ...after,
    lost: after.lost + absent,
    ...(reason && absent > 0 && { why: addLost(after.why, reason, absent) }),
  };
}

/** What is not covered, up to and including `last`. */
export function holes({ contiguous, above }: Track, last: number): Range[] {
  const found: Range[] = [];
  let next = contiguous + 1;
  for (const [from, to] of above) {
    if (next > last) break;
    if (from > next) found.push([next, Math.min(from - 1, last)]);
    next = to + 1;
  }
  if (next <= last) found.push([next, last]);
  return found;
}

/** The highest sequence that is covered. */
export const highest = ({ contiguous, above }: Track): number => above.at(-1)?.[1] ?? contiguous;

/** How many of the sequences up to `last` are not here: not covered, or known lost. */
export const gaps = (track: Track, last: number): number =>
  holes(track, Math.max(last, highest(track))).reduce((sum, [from, to]) => sum + to - from + 1, track.lost);
