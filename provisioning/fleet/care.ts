/** Whether a box needs care, and why. Pure. What only time brings about is known in advance, as `lateAt`. */
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

/** From when on the box needs care if nothing is heard and done; infinity: never. */
export function lateAt(facts: CareFacts): number {
  if (isGone(facts)) return Number.POSITIVE_INFINITY;
  const renewal = renewalLateAt(facts);
  if (facts.state === 'enrolled') return Math.min(renewal, facts.enrolledAt + hour);
  return facts.state === 'online' ? Math.min(renewal, (facts.lastSeen ?? 0) + quietMilliseconds) : renewal;
}

/** The rank of what needs no time to show. */
export function plainRank(facts: CareFacts): number {
  if (isGone(facts)) return 3;
  if (facts.state === 'offline' || facts.cloned) return 0;
  const worst = Math.min(2, ...facts.conditions.map(({ severity }) => severityRank(severity)));
  return facts.state === 'enrolled' && worst === 2 ? 3 : worst;
}

/** @param now milliseconds since 1970, by our clock */
export function careOf(facts: CareFacts, now: number): Care {
  if (isGone(facts)) return { level: 'none', reasons: [] };
  const { state, enrolledAt, lastSeen, certificateUntil, cloned } = facts;
  const reasons: Care['reasons'] = [];
  if (cloned) reasons.push({ kind: 'cloned', since: cloned.since });
  if (state === 'offline') reasons.push({ kind: 'silent', ...(lastSeen !== null && { since: lastSeen }) });
  for (const { kind, severity, since } of worstFirst(facts.conditions))
    if (severity !== 'info') reasons.push({ kind: 'condition', condition: kind, since });
  if (now >= certificateUntil) reasons.push({ kind: 'certificate-ended', since: certificateUntil });
  else if (now >= renewalLateAt(facts)) reasons.push({ kind: 'certificate-ending', since: renewalLateAt(facts) });
  if (state === 'enrolled' && now >= enrolledAt + hour) reasons.push({ kind: 'never-online', since: enrolledAt });
  if (state === 'online' && now >= (lastSeen ?? 0) + quietMilliseconds)
    reasons.push({ kind: 'no-reports', ...(lastSeen !== null && { since: lastSeen }) });
  const rank = now >= lateAt(facts) ? Math.min(1, plainRank(facts)) : plainRank(facts);
  return { level: levelOfRank(rank), reasons };
}
