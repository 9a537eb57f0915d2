/** When the next backup to a disk is due. Pure. */
import type { BackupSettings } from '#contract/backup.js';

const day = 86_400_000;
/** Less than a week by some hours, so that it comes at the same hour of the same weekday. */
const interval = 7 * day - 6 * 3_600_000;
/** Past this the hours that the owner chose do not count: a box that is off at night would never make one. */
const longest = 9 * day;

/** @param lastAt of the newest one on a disk; a clock that went back makes it due */
export function dueAt({
  now,
  settings: { weekly, window },
  lastAt,
}: {
  now: number;
  settings: BackupSettings;
  lastAt: number | null;
}): boolean {
  if (!weekly) return false;
  const since = lastAt === null ? longest : Math.abs(now - lastAt);
  if (since < interval) return false;
  if (window === null || (lastAt !== null && since >= longest)) return true;
  const minute = Math.floor(now / 60_000) % 1440;
  return (minute - window.from + 1440) % 1440 < window.minutes;
}
