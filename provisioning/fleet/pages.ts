/** How a table is filtered, sorted and cut into pages, said once for every store that does it. Pure. */
import { createHash } from 'node:crypto';
import type { FleetQuery, FleetSort } from '#contract/fleet.js';
import { filterNames } from '#contract/fleet-query.js';
import { Refusal } from '#contract/problems.js';
import type { FleetRow } from './row.js';

export const usualLimit = 50;

/** Of the same key the id decides. Text is ASCII, so that every store compares it alike. */
export type SortKey = string | number;

export const sortOf = ({ sort = 'attention' }: FleetQuery): FleetSort => sort;

/** @param rank of care, with what time has brought about */
export function keyOf(sort: FleetSort, row: FleetRow, rank: number): SortKey {
  if (sort === 'attention') return rank;
  if (sort === 'lastSeen') return row.lastSeen;
  return sort === 'agent' ? row.agentKey : '';
}

/** Lower case, as rows hold it; each must be part of the text. */
export const wordsOf = (search: string | undefined): string[] =>
  (search ?? '').toLowerCase().split(/\s+/).filter(Boolean);

/** What a cursor belongs to: another filter or order makes no sense of it. */
function listingOf(query: FleetQuery): string {
  const parts = filterNames.map((name) => query[name] ?? null);
  const text = JSON.stringify([...parts, sortOf(query), query.reverse ?? false]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}

export interface After {
  key: SortKey;
  id: string;
}

export const buildFleetCursor = (query: FleetQuery, { key, id }: After): string =>
  Buffer.from(JSON.stringify([listingOf(query), key, id])).toString('base64url');

/** Where the page goes on; undefined: it is the first. Takes outside bytes. @throws Refusal `cursor-invalid` */
export function parseFleetCursor(query: FleetQuery): After | undefined {
  const { cursor } = query;
  if (cursor === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new Refusal('cursor-invalid');
  }
  const [listing, key, id, ...more]: unknown[] = Array.isArray(parsed) ? parsed : [];
  const isNumber = sortOf(query) === 'attention' || sortOf(query) === 'lastSeen';
  const fits = isNumber ? Number.isSafeInteger(key) : typeof key === 'string';
  if (more.length > 0 || listing !== listingOf(query) || !fits || typeof id !== 'string')
    throw new Refusal('cursor-invalid');
  return { key: key as SortKey, id };
}
