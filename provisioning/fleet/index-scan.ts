/** One pass over the rows: those that match, counted, and of these the first few after a place. Pure. */
import type { FleetFilter, FleetQuery } from '#contract/fleet.js';
import { levelOfRank, rankAt } from './care.js';
import { type After, keyOf, type SortKey, sortOf, wordsOf } from './pages.js';
import type { FleetRow } from './row.js';

const setOf = <T>(values: readonly T[] | undefined): ReadonlySet<T> | undefined => values && new Set(values);

export function matcher(filter: FleetFilter, now: number): (row: FleetRow) => boolean {
  const [states, care, agents] = [setOf(filter.state), setOf(filter.care), setOf(filter.agent)];
  const [models, places] = [setOf(filter.model), setOf(filter.place)];
  const [kinds, severities] = [setOf(filter.condition), setOf(filter.severity)];
  const words = wordsOf(filter.search);
  const isOne = ({ kind, severity }: FleetRow['conditions'][number]) =>
    (kinds?.has(kind) ?? true) && (severities?.has(severity) ?? true);
  return (row) =>
    (states === undefined || states.has(row.state)) &&
    (agents === undefined || agents.has(row.agent)) &&
    (models === undefined || models.has(row.model)) &&
    (places === undefined || places.has(row.place)) &&
    (care === undefined || care.has(levelOfRank(rankAt(row, now)))) &&
    ((kinds === undefined && severities === undefined) || row.conditions.some(isOne)) &&
    words.every((word) => row.text.includes(word));
}

interface Found {
  row: FleetRow;
  key: SortKey;
}

/** Below zero: a comes before b. */
export function compare(keyA: SortKey, idA: string, keyB: SortKey, idB: string): number {
  if (keyA !== keyB) return keyA < keyB ? -1 : 1;
  return idA === idB ? 0 : idA < idB ? -1 : 1;
}

/** @param after where the page before ended */
export function scan(
  rows: Iterable<FleetRow>,
  query: FleetQuery,
  after: After | undefined,
  limit: number,
  now: number,
) {
  const matches = matcher(query, now);
  const sort = sortOf(query);
  const way = query.reverse ? -1 : 1;
  const order = (a: Found, b: Found) => way * compare(a.key, a.row.id, b.key, b.row.id);
  let found: Found[] = [];
  let last: Found | undefined;
  let total = 0;
  // Twice as many as wanted are gathered, then the better half stays: what lies behind the worst kept is never gathered.
  const cut = () => {
    found = found.sort(order).slice(0, limit);
    if (found.length === limit) last = found[limit - 1];
  };
  for (const row of rows) {
    if (!matches(row)) continue;
    total += 1;
    const entry = { row, key: keyOf(sort, row, rankAt(row, now)) };
    if (after && way * compare(entry.key, row.id, after.key, after.id) <= 0) continue;
    if (last && order(entry, last) > 0) continue;
    found.push(entry);
    if (found.length >= 2 * limit) cut();
  }
  cut();
  return { found, total };
}
