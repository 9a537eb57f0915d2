/** Times in a query: milliseconds since 1970, or ISO 8601. */
import { Refusal } from '#contract/problems.js';

const latest = 8_640_000_000_000_000;
const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** Undefined for what is neither. Takes outside bytes. */
export function parseTime(text: string): number | undefined {
  // A plus in a query is a space once decoded; people write the offset unescaped.
  const plain = text.trim().replace(/ (\d{2}:?\d{2})$/, '+$1');
  const time = /^\d{1,16}$/.test(plain) ? Number(plain) : iso.test(plain) ? Date.parse(plain) : Number.NaN;
  return time >= 0 && time <= latest ? time : undefined;
}

const hour = 3_600_000;

/** The range that a query names: the hour before its end, and until now, where it does not say. @throws Refusal `time-invalid` */
export function parseRange(query: { from?: string; to?: string }, now: number): { from: number; to: number } {
  const read = (name: 'from' | 'to', text: string): number => {
    const time = parseTime(text);
    if (time === undefined) throw new Refusal('time-invalid', `${name} is ${JSON.stringify(text.slice(0, 40))}`);
    return time;
  };
  const to = query.to === undefined ? now : read('to', query.to);
  const from = query.from === undefined ? Math.max(0, to - hour) : read('from', query.from);
  if (from > to && query.to !== undefined) throw new Refusal('time-invalid', 'from is after to');
  return { from, to: Math.max(from, to) };
}
