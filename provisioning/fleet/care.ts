/** Whether a box needs care, and why. Pure. What only time brings about is known in advance. */
import type { Condition, Severity } from '#contract/conditions.js';
import type { BoxState, Care, CareLevel } from '#contract/operator.js';

export interface CareFacts {
  state: BoxState;
  enrolledAt: number;
  /** By our clock; null: never. */
  lastSeen: number | null;
  certificateUntil: number;
  cloned: { since: number } | null;
  conditions: readonly Pick<Condition, 'kind' | 'severity' | 'since'>[];
}

const hour = 3_600_000;
const day = 24 * hour;
/** A box renews at two thirds of the lifetime, ten days before the end of thirty: half of that has gone by unrenewed. */
const endingMilliseconds = 5 * day;
/** More than two batches of the longest interval, a quarter of an hour, are missing. */
const quietMilliseconds = 40 * 60_000;
/**
 * Who is restarted, or loses its line for a moment, is back by then; and so are all of them after the provider itself was
 * restarted, though the last batch of some was a quarter of an hour old.
 */
const silentMilliseconds = 20 * 60_000;

const levels: readonly CareLevel[] = ['trouble', 'attention', 'good', 'none'];
/** 0 is the worst. */
export const rankOf = (level: CareLevel): number => levels.indexOf(level);
export const levelOfRank = (rank: number): CareLevel => levels[rank] ?? 'none';
const severities: readonly Severity[] = ['trouble', 'attention', 'info'];
export const severityRank = (severity: Severity): number => severities.indexOf(severity);

/** What is amiss, the worst first, the longest first among equals. */
export const worstFirst = <C extends Pick<Condition, 'severity' | 'since'>>(conditions: readonly C[]): C[] =>
  [...conditions].sort((a, b) => severityRank(a.severity) - severityRank(b.severity) || a.since - b.since);

/** When the certificate asks for care. A territory whose certificates live for hours renews within hours: that is not late. */
const renewalLateAt = ({ certificateUntil, enrolledAt }: CareFacts): number =>
  certificateUntil - enrolledAt > 3 * endingMilliseconds ? certificateUntil - endingMilliseconds : certificateUntil;

const isGone = ({ state }: CareFacts): boolean => state === 'revoked' || state === 'left';

/** When time alone brings it about that the box needs care, if nothing is heard and done, and how much. */
export interface Late {
  /** Infinity: never. */
  at: number;
  rank: number;
}

export function lateness(facts: CareFacts): Late {
  const { state, enrolledAt, lastSeen } = facts;
  if (isGone(facts)) return { at: Number.POSITIVE_INFINITY, rank: 3 };
  if (state === 'offline') return { at: (lastSeen ?? 0) + silentMilliseconds, rank: 0 };
  const renewal = renewalLateAt(facts);
  const silent = state === 'enrolled' ? enrolledAt + hour : (lastSeen ?? 0) + quietMilliseconds;
  return { at: Math.min(renewal, silent), rank: 1 };
}

/** The rank of what needs no time to show. */
export function plainRank(facts: CareFacts): number {
  if (isGone(facts)) return 3;
  if (facts.cloned) return 0;
  const worst = Math.min(2, ...facts.conditions.map(({ severity }) => severityRank(severity)));
  return facts.state !== 'online' && worst === 2 ? 3 : worst;
}

export const rankAt = (row: { rank: number; late: Late }, now: number): number =>
  now >= row.late.at ? Math.min(row.rank, row.late.rank) : row.rank;

/** @param now milliseconds since 1970, by our clock */
export function careOf(facts: CareFacts, now: number): Care {
  if (isGone(facts)) return { level: 'none', reasons: [] };
  const { state, enrolledAt, lastSeen, certificateUntil, cloned } = facts;
  const reasons: Care['reasons'] = [];
  if (cloned) reasons.push({ kind: 'cloned', since: cloned.since });
  if (state === 'offline' && now >= (lastSeen ?? 0) + silentMilliseconds)
    reasons.push({ kind: 'silent', ...(lastSeen !== null && { since: lastSeen }) });
  for (const { kind, severity, since } of worstFirst(facts.conditions))
    if (severity !== 'info') reasons.push({ kind: 'condition', condition: kind, since });
  if (now >= certificateUntil) reasons.push({ kind: 'certificate-ended', since: certificateUntil });
  else if (now >= renewalLateAt(facts)) reasons.push({ kind: 'certificate-ending', since: renewalLateAt(facts) });
  if (state === 'enrolled' && now >= enrolledAt + hour) reasons.push({ kind: 'never-online', since: enrolledAt });
  if (state === 'online' && now >= (lastSeen ?? 0) + quietMilliseconds)
    reasons.push({ kind: 'no-reports', ...(lastSeen !== null && { since: lastSeen }) });
  const rank = rankAt({ rank: plainRank(facts), late: lateness(facts) }, now);
  return { level: levelOfRank(rank), reasons };
}
