/**
 * What assess remembers of the samples: the last hour, a minute apart, and how full the disk was each hour for two weeks.
 * In memory alone: after a restart of the agent it is gathered anew. By the monotonic clock, whatever is done to the time.
 */
import type { Values } from '../probe.js';

export interface Point {
  tick: number;
  values: Values;
}

export interface DiskPoint {
  tick: number;
  usage: number;
}

export interface Window {
  /** Oldest first. */
  recent: readonly Point[];
  disk: readonly DiskPoint[];
}

export const emptyWindow: Window = { recent: [], disk: [] };

const recentMilliseconds = 3_600_000;
const apartMilliseconds = 55_000;
const diskApartMilliseconds = 3_600_000;
const diskMilliseconds = 14 * 24 * 3_600_000;

export function slide({ recent, disk }: Window, { tick, values }: Point): Window {
  const usage = values['system.filesystem.usage'];
  const last = recent.at(-1);
  const lastDisk = disk.at(-1);
  const isDue = !last || tick - last.tick >= apartMilliseconds;
  const isDiskDue = usage !== undefined && (!lastDisk || tick - lastDisk.tick >= diskApartMilliseconds);
  return {
    recent: isDue ? [...recent.filter((one) => tick - one.tick <= recentMilliseconds), { tick, values }] : recent,
    disk: isDiskDue ? [...disk.filter((one) => tick - one.tick <= diskMilliseconds), { tick, usage }] : disk,
  };
}

/** How much a counter has grown within the window; one that was set back counts from there. */
export function growth({ recent }: Window, name: string): number {
  let grown = 0;
  let before: number | undefined;
  for (const { values } of recent) {
    const value = values[name];
    if (value === undefined) continue;
    if (before !== undefined) grown += value >= before ? value - before : value;
    before = value;
  }
  return grown;
}

/** How long the window looks back. */
export const lookedBack = ({ recent }: Window): number => (recent.at(-1)?.tick ?? 0) - (recent[0]?.tick ?? 0);

export interface Trend {
  /** Bytes a millisecond. */
  slope: number;
  /** Share of the changes that the line explains. */
  fit: number;
}

/** The straight line through the points of the last so many milliseconds (least squares); undefined for too few. */
export function trend(points: readonly DiskPoint[], milliseconds: number, fewest: number): Trend | undefined {
  const end = points.at(-1)?.tick ?? 0;
  const taken = points.filter(({ tick }) => end - tick <= milliseconds);
  if (taken.length < fewest) return undefined;
  const mean = (of: (point: DiskPoint) => number) => taken.reduce((sum, one) => sum + of(one), 0) / taken.length;
  const middle = { tick: mean(({ tick }) => tick), usage: mean(({ usage }) => usage) };
  let [across, squares, all] = [0, 0, 0];
  for (const { tick, usage } of taken) {
    across += (tick - middle.tick) * (usage - middle.usage);
    squares += (tick - middle.tick) ** 2;
    all += (usage - middle.usage) ** 2;
  }
  if (squares === 0 || all === 0) return { slope: 0, fit: 0 };
  return { slope: across / squares, fit: across ** 2 / (squares * all) };
}
