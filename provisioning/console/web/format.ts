/** Numbers and times as people read them. A no-break space keeps a number and its unit together. */
const nbsp = '\u00a0';
const language = 'en-GB';

function digits(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= base && step < units.length - 1) {
    rest /= base;
    step += 1;
  }
  return `${digits(rest)}${nbsp}${units[step] ?? ''}`;
}

export const bytes = (value: number): string => scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
export const rate = (value: number): string => scaled(value, 1000, ['B/s', 'kB/s', 'MB/s', 'GB/s']);
export const percent = (share: number): string => {
  const value = share * 100;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)}%`;
};
export const celsius = (value: number): string => `${value.toFixed(0)}${nbsp}°C`;

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** `12 s`, `5 min`, `3 h`, `9 days`. */
export function span(milliseconds: number): string {
  const length = Math.abs(milliseconds);
  if (length < minute) return `${Math.max(1, Math.round(length / 1000))}${nbsp}s`;
  if (length < hour) return `${Math.round(length / minute)}${nbsp}min`;
  if (length < 2 * day) return `${Math.round(length / hour)}${nbsp}h`;
  return `${Math.round(length / day)}${nbsp}days`;
}

export function relative(at: number, now: number): string {
  if (Math.abs(now - at) < 2000) return 'just now';
  return at > now ? `in ${span(at - now)}` : `${span(now - at)} ago`;
}

const exactFormat = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
const momentFormat = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const clockFormat = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
const secondsFormat = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(language, { weekday: 'short', day: 'numeric', month: 'short' });
const monthFormat = new Intl.DateTimeFormat(language, { month: 'short', year: 'numeric' });

export const exact = (at: number): string => exactFormat.format(at);
/** To the minute. */
export const moment = (at: number): string => momentFormat.format(at);
export const clockTime = (at: number): string => clockFormat.format(at);
export const secondsTime = (at: number): string => secondsFormat.format(at);
export const dayOf = (at: number): string => dayFormat.format(at);
export const monthOf = (at: number): string => monthFormat.format(at);
