/**
 * The sequences of one simulated box: what it has taken, what the provider has covered, what goes out next. No sample is
 * kept: each is measured again from its time.
 */
import type { Ack, Range } from '#contract/health.js';
import type { KeptEvents } from './befall.js';

/** What outlasts a run. */
export interface Kept {
  epoch: string;
  /** From this sequence on, a sample's time is `base + seq * interval`: a power cut begins a new leg. */
  legs: { from: number; base: number }[];
  last: number;
  covered: number;
  /** Missing: of a run before it told any. */
  events?: KeptEvents;
}

export interface Book extends Kept {
  /** The highest that went out in this session. */
  sent: number;
  /** Up to here it may go out: the end of the last whole batch. */
  target: number;
  again: Range[];
}

export const openBook = (kept: Kept): Book => ({ ...kept, sent: kept.covered, target: kept.covered, again: [] });

export const timeOf = ({ legs }: Kept, sequence: number, interval: number): number => {
  const leg = legs.findLast(({ from }) => from <= sequence);
  return (leg?.base ?? 0) + sequence * interval;
};

/** Takes what is due by now. */
export function take(book: Book, now: number, interval: number): void {
  const base = book.legs.at(-1)?.base ?? now;
  book.last = Math.max(book.last, Math.floor((now - base) / interval));
}

/** The power comes back: the next sample is taken an interval from now. */
export function beginLeg(book: Book, now: number, interval: number): void {
  book.legs.push({ from: book.last + 1, base: now - book.last * interval });
}

/** A session begins: whatever is not covered goes out again. */
export function rewind(book: Book): void {
  book.sent = book.covered;
  book.again = [];
}

/** The next range to send, at most so many sequences. */
export function nextRange(book: Book, most: number): { range: Range; again: boolean } | undefined {
  for (let range = book.again.shift(); range; range = book.again.shift()) {
    const from = Math.max(range[0], book.covered + 1);
    if (from > range[1]) continue;
    const to = Math.min(range[1], from + most - 1);
    if (to < range[1]) book.again.unshift([to + 1, range[1]]);
    return { range: [from, to], again: true };
  }
  if (book.sent >= book.target) return undefined;
  const range: Range = [book.sent + 1, Math.min(book.target, book.sent + most)];
  book.sent = range[1];
  return { range, again: false };
}

/** Answers how many sequences are newly covered. */
export function acknowledge(book: Book, { epoch, contiguous, missing }: Ack): number {
  if (epoch !== book.epoch) return 0;
  const before = book.covered;
  book.covered = Math.max(before, Math.min(contiguous, book.last));
  book.sent = Math.max(book.sent, book.covered);
  for (const [from, to] of missing) if (from <= book.sent) book.again.push([from, Math.min(to, book.sent)]);
  return book.covered - before;
}
