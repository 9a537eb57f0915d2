/**
 * From readings to what stands: a condition begins, changes and ends only after its rule's hold time. Pure.
 *
 * Invariant: between two changes of one condition at least the hold time of the second has passed by the monotonic clock,
 * whatever the readings and whatever the time of day does. What is not measured any more is over after the same time.
 */
import type { Condition } from '#contract/conditions.js';
import { type Level, levelOf, type Reading, type Rule, severityOf } from './rule.js';

interface Pending {
  direction: 'worse' | 'milder';
  sinceTick: number;
  /** What all readings since then allow at least. */
  level: Level;
}

export interface Entry {
  kind: string;
  about?: string;
  level: Level;
  /** When it began, by the time of day; kept for whoever reads it, never compared. */
  since: number;
  evidence: string;
  pending?: Pending;
}

/** By kind and what it is about. */
export type Held = ReadonlyMap<string, Entry>;

export const keyOf = (kind: string, about: string | undefined): string => `${kind} ${about ?? ''}`;

const none: Reading = { up: 0, stay: 0, evidence: '' };

/** What the reading asks for, beside what stands. */
function wish(level: Level, { up, stay }: Reading): Pick<Pending, 'direction' | 'level'> | undefined {
  if (up > level) return { direction: 'worse', level: up };
  return stay < level ? { direction: 'milder', level: stay } : undefined;
}

function pendingOf(before: Pending | undefined, next: Pick<Pending, 'direction' | 'level'>, tick: number): Pending {
  // A clock that went back, which this one does not: the hold begins anew.
  if (before?.direction !== next.direction || tick < before.sinceTick) return { ...next, sinceTick: tick };
  const of = next.direction === 'worse' ? Math.min : Math.max;
  return { ...next, sinceTick: before.sinceTick, level: of(before.level, next.level) as Level };
}

function step(entry: Entry, reading: Reading, rule: Rule, now: { tick: number; at: number }): Entry {
  const { pending: before, ...still } = entry;
  const evidence = reading.stay > 0 && reading.evidence !== '' ? reading.evidence : entry.evidence;
  const next = wish(entry.level, reading);
  if (!next) return { ...still, evidence };
  const pending = pendingOf(before, next, now.tick);
  const hold = pending.direction === 'worse' ? rule.beginMilliseconds : rule.endMilliseconds;
  if (now.tick - pending.sinceTick < hold) return { ...still, evidence, pending };
  return { ...still, evidence, level: pending.level, since: entry.level === 0 ? now.at : entry.since };
}

/** Whether anything began, ended or changed its severity stands beside what holds now. */
export function hold(
  held: Held,
  rules: readonly { rule: Rule; readings: readonly Reading[] }[],
  now: { tick: number; at: number },
): { held: Held; changed: boolean } {
  const next = new Map<string, Entry>();
  let changed = false;
  const known = new Set<string>();
  for (const { rule, readings } of rules) {
    known.add(rule.kind);
    const byKey = new Map(readings.map((reading) => [keyOf(rule.kind, reading.about), reading]));
    for (const [key, entry] of held) if (entry.kind === rule.kind && !byKey.has(key)) byKey.set(key, none);
    for (const [key, reading] of byKey) {
      const before = held.get(key) ?? {
        kind: rule.kind,
        ...(reading.about === undefined ? {} : { about: reading.about }),
        level: 0 as const,
        since: now.at,
        evidence: reading.evidence,
      };
      const after = step(before, reading, rule, now);
      if (after.level !== before.level) changed = true;
      if (after.level > 0 || after.pending) next.set(key, after);
    }
  }
  // Of a rule that this version does not have: nobody could ever end it.
  for (const entry of held.values()) if (!known.has(entry.kind) && entry.level > 0) changed = true;
  return { held: next, changed };
}

/** The worst first, then the newest. */
export function conditionsOf(held: Held): Condition[] {
  return [...held.values()]
    .filter(({ level }) => level > 0)
    .toSorted((a, b) => b.level - a.level || b.since - a.since || (a.kind < b.kind ? -1 : 1))
    .map(({ kind, about, level, since, evidence }) => ({
      kind,
      ...(about === undefined ? {} : { about: about.slice(0, 100) }),
      severity: severityOf(level),
      since,
      evidence: evidence.slice(0, 300),
    }));
}

/** What stood when the agent ended stands until a reading ends it. */
export function restore(conditions: readonly Condition[]): Held {
  return new Map(
    conditions.map(({ kind, about, severity, since, evidence }) => [
      keyOf(kind, about),
      { kind, ...(about === undefined ? {} : { about }), level: levelOf(severity), since, evidence },
    ]),
  );
}
