/** Hours of the day that an owner lets the box use: kept in minutes of UTC, shown in the reader's own time. */
import type { OsWindow } from '#contract/os.js';

const day = 1440;

/** Between minutes of UTC and of the reader's own time, as its offset is today. */
const toLocal = (utc: number): number => (utc - new Date().getTimezoneOffset() + 2 * day) % day;
const toUtc = (local: number): number => (local + new Date().getTimezoneOffset() + 2 * day) % day;
const hourOf = (minute: number): string =>
  `${String(Math.floor((minute % day) / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

/** Four hours each: as a value of the list, `local minute/minutes`. */
export const usualWindows = [0, 4, 8, 12, 16, 20].map((hour) => `${hour * 60}/240`);
export const keyOf = (window: OsWindow | null): string => (window ? `${toLocal(window.from)}/${window.minutes}` : '');

export function windowOf(key: string): OsWindow | null {
  const [from = '', minutes = ''] = key.split('/');
  return key === '' ? null : { from: toUtc(Number(from)), minutes: Number(minutes) };
}

export function sayWindow(key: string, between: (from: string, to: string) => string): string {
  const [from = 0, minutes = 0] = key.split('/').map(Number);
  return between(hourOf(from), hourOf(from + minutes));
}
