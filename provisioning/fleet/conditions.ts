/** What has become of what is amiss with a box, from one report to the next. Pure. */
import type { Condition } from '#contract/conditions.js';
import type { ConditionChange } from '#contract/operator.js';

export interface ComparedCondition {
  change: ConditionChange['change'];
  /** As it is now; of one that has ended, as it was. */
  condition: Condition;
}

const nameOf = ({ kind, about }: Condition): string => `${kind}\n${about ?? ''}`;

/**
 * One that has another severity has changed; other evidence is no news, nor is one that began at another moment.
 * @param after undefined: the box does not tell, so nothing is known to have ended
 */
export function compareConditions(
  before: readonly Condition[] = [],
  after: readonly Condition[] | undefined,
): ComparedCondition[] {
  if (!after) return [];
  const were = new Map(before.map((condition) => [nameOf(condition), condition]));
  const are = new Map(after.map((condition) => [nameOf(condition), condition]));
  const compared: ComparedCondition[] = [];
  for (const [name, condition] of were) if (!are.has(name)) compared.push({ change: 'ended', condition });
  for (const [name, condition] of are) {
    const was = were.get(name);
    if (!was) compared.push({ change: 'begun', condition });
    else if (was.severity !== condition.severity) compared.push({ change: 'changed', condition });
  }
  return compared;
}

export const changeOf = ({ change, condition }: ComparedCondition): ConditionChange => {
  const { kind, about, severity, since } = condition;
  return { change, kind, ...(about !== undefined && { about }), severity, since };
};

export function textOf({ change, condition }: ComparedCondition): string {
  const { kind, about, severity, evidence } = condition;
  const name = about === undefined ? kind : `${kind} (${about})`;
  if (change === 'ended') return `${name} is over`;
  return change === 'begun' ? `${severity}: ${name}: ${evidence}` : `${name} is now ${severity}: ${evidence}`;
}
