/** What a process holds open, and what its store holds: what may not become more from day to day. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Database } from '#common/commits.js';

/** How many file descriptors, and of each kind of what keeps an event loop alive: timers, sockets, servers. */
export function heldOpen(): Record<string, number> {
  const counts: Record<string, number> = { descriptors: readdirSync('/proc/self/fd').length };
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** How many rows in each sublevel. */
export async function rowsOf(db: Database): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const key of db.keys()) {
    const sublevel = key.slice(1, key.indexOf('!', 1)); // `!name!key` (abstract-level)
    counts[sublevel] = (counts[sublevel] ?? 0) + 1;
  }
  return counts;
}

/** Of the files below a folder that others write to meanwhile. */
export function bytesUnder(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  return sum;
}
