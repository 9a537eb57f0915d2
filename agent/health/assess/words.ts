/** Numbers in the evidence of conditions, as people read them. */

const sizes = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `29.1 GB`: powers of a thousand, as disks are sold. */
export function bytes(count: number): string {
  const power = Math.min(sizes.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value < 99.5 && power > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${sizes[power]}`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** `40 minutes`, `7 hours`, `9 days`. */
export function span(milliseconds: number): string {
  const minutes = milliseconds / 60_000;
  if (minutes < 90) return counted(Math.max(1, Math.round(minutes)), 'minute');
  if (minutes < 48 * 60) return counted(Math.round(minutes / 60), 'hour');
  return counted(Math.round(minutes / 1440), 'day');
}

export const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
