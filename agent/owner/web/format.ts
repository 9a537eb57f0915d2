/** Times as people read them. A no-break space keeps a number and its unit together. */
const nbsp = '\u00a0';
const language = 'en-GB';
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const units = (count: number, one: string): string => `${count}${nbsp}${one}${count === 1 ? '' : 's'}`;

/** `5 minutes`, `3 hours`, `9 days`. */
export function span(milliseconds: number): string {
  const length = Math.abs(milliseconds);
  if (length < minute) return 'less than a minute';
  if (length < hour) return units(Math.round(length / minute), 'minute');
  if (length < 2 * day) return units(Math.round(length / hour), 'hour');
  return units(Math.round(length / day), 'day');
}

export function relative(at: number, now: number): string {
  if (Math.abs(now - at) < minute) return 'just now';
  return at > now ? `in ${span(at - now)}` : `${span(now - at)} ago`;
}

const exactFormat = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short' });
const clockFormat = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
const dateFormat = new Intl.DateTimeFormat(language, { dateStyle: 'long' });

export const exact = (at: number): string => exactFormat.format(at);
export const clockTime = (at: number): string => clockFormat.format(at);
export const date = (at: number): string => dateFormat.format(at);

const monthFormat = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' });
/** `November 2026`, of `2026-11`: months are those of UTC. */
export const monthName = (period: string): string => {
  const at = Date.parse(`${period}-01T00:00:00Z`);
  return Number.isNaN(at) ? period : monthFormat.format(at);
};

const sizes = ['bytes', 'kB', 'MB', 'GB'];

/** `12 MB`: powers of a thousand, two digits where one would be coarse. */
export function bytes(count: number): string {
  if (count < 1000) return units(count, 'byte');
  const power = Math.min(Math.floor(Math.log10(count) / 3), sizes.length - 1);
  const value = count / 1000 ** power;
  return `${value < 9.95 ? Math.round(value * 10) / 10 : Math.round(value)}${nbsp}${sizes[power]}`;
}
