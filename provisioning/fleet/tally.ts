/** Counts over all boxes: what the glance and `/metrics` say. Pure. */
import type { FleetCounts, FleetGlance, Tally } from '#contract/fleet.js';
import { levelOfRank, rankAt, severityRank } from './care.js';
import type { FleetRow } from './row.js';

const mostListed = 20;
const mostConditionRows = 100;
const day = 86_400_000;

/** The most frequent first, equals by name. */
export function tallyOf(counts: ReadonlyMap<string, number>): Tally {
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const rest = sorted.slice(mostListed);
  return {
    values: sorted.slice(0, mostListed).map(([value, boxes]) => ({ value, boxes })),
    others: { values: rest.length, boxes: rest.reduce((sum, [, boxes]) => sum + boxes, 0) },
  };
}

const more = <K>(counts: Map<K, number>, key: K): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);

export const noCounts = (): FleetCounts => ({
  states: { enrolled: 0, online: 0, offline: 0, revoked: 0, left: 0 },
  care: { trouble: 0, attention: 0, good: 0, none: 0 },
  gaps: 0,
});

export function countsOf(rows: Iterable<FleetRow>, now: number): FleetCounts {
  const counts = noCounts();
  for (const row of rows) {
    counts.states[row.state] += 1;
    counts.care[levelOfRank(rankAt(row, now))] += 1;
    counts.gaps += row.gaps;
  }
  counts.gaps = Math.min(counts.gaps, Number.MAX_SAFE_INTEGER);
  return counts;
}

type ConditionCount = FleetGlance['conditions'][number];

/** The worst first, then the most frequent, then by name. */
export const byWeight = (a: ConditionCount, b: ConditionCount): number =>
  severityRank(a.severity) - severityRank(b.severity) || b.boxes - a.boxes || (a.kind < b.kind ? -1 : 1);

export function glanceOf(rows: readonly FleetRow[], now: number): Omit<FleetGlance, 'changes'> {
  const [agents, models, places] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const conditions = new Map<string, ConditionCount>();
  for (const row of rows) {
    if (row.state === 'revoked' || row.state === 'left') continue;
    more(agents, row.agent);
    more(models, row.model);
    more(places, row.place);
    // A kind that it has of two disks is one box that has it; fresh if the newer is.
    const own = new Map<string, FleetRow['conditions'][number]>();
    for (const one of row.conditions) {
      const key = `${one.kind} ${one.severity}`;
      if ((own.get(key)?.since ?? -1) < one.since) own.set(key, one);
    }
    for (const [key, { kind, severity, since }] of own) {
      const { boxes, fresh } = conditions.get(key) ?? { boxes: 0, fresh: 0 };
      conditions.set(key, { kind, severity, boxes: boxes + 1, fresh: fresh + (since > now - day ? 1 : 0) });
    }
  }
  return {
    at: now,
    ...countsOf(rows, now),
    conditions: [...conditions.values()].sort(byWeight).slice(0, mostConditionRows),
    ...{ agents: tallyOf(agents), models: tallyOf(models), places: tallyOf(places) },
  };
}
