/** What a rule is told, and what it says. Rules are pure: the same look, the same reading. */
import type { Severity } from '#contract/conditions.js';
import type { ConditionKind } from '#contract/conditions-table.js';
import type { SafeView } from '#contract/safe.js';
import type { Values } from '../probe.js';
import type { Window } from './window.js';

/** 0: nothing is amiss. */
export const levels = ['none', 'info', 'attention', 'trouble'] as const;
export type Level = 0 | 1 | 2 | 3;

export const severityOf = (level: Level): Severity => (level === 3 ? 'trouble' : level === 2 ? 'attention' : 'info');
export const levelOf = (severity: Severity): Level => (severity === 'trouble' ? 3 : severity === 'attention' ? 2 : 1);

/** What the agent knows beside the samples. */
export interface Facts {
  /** How late the certificate's renewal is, and how long it is still good; undefined where there is none. */
  certificate?: { lateMilliseconds: number; leftMilliseconds: number } | undefined;
  /** Whether the machine went down without ending in good order, and how often of its last starts. */
  starts?: { wasCut: boolean; cuts: number; of: number } | undefined;
  /** Undefined while the box runs as usual. */
  safe?: SafeView | undefined;
}

export interface Look {
  values: Values;
  window: Window;
  facts: Facts;
}

/**
 * `up` is the level by the thresholds at which a condition begins, `stay` by those at which it ends: never below `up`.
 * Between the two, what is stays.
 */
export interface Reading {
  about?: string;
  up: Level;
  stay: Level;
  /** What was measured, in words and numbers. */
  evidence: string;
}

export interface Rule {
  kind: ConditionKind;
  /** So long it must have been so before it begins, or grows worse. */
  beginMilliseconds: number;
  /** So long before it ends, or grows milder. */
  endMilliseconds: number;
  read(look: Look): readonly Reading[];
}

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** From where it begins and until where it stays. */
export interface Threshold {
  level: Level;
  begin: number;
  end: number;
}

/** For what is the worse the more there is of it; `falling` turns it round. */
export function judge(
  value: number,
  thresholds: readonly Threshold[],
  direction: 'rising' | 'falling' = 'rising',
): Pick<Reading, 'up' | 'stay'> {
  const sign = direction === 'rising' ? 1 : -1;
  const highest = (at: 'begin' | 'end'): Level =>
    thresholds.reduce<Level>((most, one) => (sign * value >= sign * one[at] && one.level > most ? one.level : most), 0);
  const up = highest('begin');
  return { up, stay: Math.max(up, highest('end')) as Level };
}

/** One reading where it was measured, none where it was not. */
export function one(value: number | undefined, read: (value: number) => Reading): Reading[] {
  return value === undefined ? [] : [read(value)];
}
