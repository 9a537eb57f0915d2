/** What one more thing makes of a count: its entry, the sums, and whether it may be. Pure. */
import { isAbove, plus, times, total } from '#common/decimals.js';
import {
  endOfPeriod,
  hashOfEntry,
  type NewUsage,
  periodOf,
  type UsageEntry,
  type UsageSum,
} from '#contract/metering.js';
import { isZero } from '#contract/money.js';
import type { AgreedPlan } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import type { Under } from '../terms/terms.js';

/** Under one agreement, in one month. */
export interface Count {
  agreement: string;
  app: string;
  member: string;
  box: string;
  /** Null: nothing is counted that no statement has summed up. */
  period: string | null;
  /** Of the last entry; before the first, `at` is when it was agreed to. */
  entry: number;
  head: string | null;
  at: number;
  /** Of this month: its first entry, what was before it, and what it comes to. */
  from: number;
  before: string | null;
  sums: UsageSum[];
  /** The last statement, and its month: what comes behind it is of a later one, whatever the clock says. */
  number: number;
  stated: string | null;
  previous: string | null;
  /** The oldest entry that is still here. */
  oldest: number;
  /** What the next statement is to name, because it does not follow it: see resume.ts. */
  restarted?: { to: number; head: string | null } | null;
}

const day = 86_400_000;

export const newCount = ({ agreement, app, member, box, at }: Under): Count => ({
  ...{ agreement, app, member, box, period: null, entry: 0, head: null, at, from: 1, before: null, sums: [] },
  ...{ number: 0, stated: null, previous: null, oldest: 1 },
});

/** A clock that was put back makes nothing happen before what has happened. */
export const momentOf = ({ at, stated }: Pick<Count, 'at' | 'stated'>, now: number): number =>
  Math.max(now, at, stated === null ? 0 : endOfPeriod(stated));

/** Of what is counted; the trial costs nothing. */
export function costOf(sums: readonly UsageSum[], { prices }: AgreedPlan): string {
  return total(
    prices.flatMap((price) =>
      price.per === 'unit'
        ? sums.filter(({ unit }) => unit === price.unit).map(({ quantity }) => times(price.amount, quantity))
        : [],
    ),
  );
}

function added(sums: readonly UsageSum[], { unit, quantity, trial }: UsageEntry): UsageSum[] {
  const before = sums.find((sum) => sum.unit === unit) ?? { unit, quantity: '0', trial: '0' };
  const after = trial
    ? { ...before, trial: plus(before.trial, quantity) }
    : { ...before, quantity: plus(before.quantity, quantity) };
  return [...sums.filter((sum) => sum.unit !== unit), after].sort((a, b) => (a.unit < b.unit ? -1 : 1));
}

/**
 * @param count whose month is that of the entry: an earlier one was summed up
 * @throws Refusal `metering-unit`, `metering-quantity`, `metering-capped`
 */
export function countOne(
  count: Count,
  { plan, since }: Under,
  { unit, quantity, key }: NewUsage & { key: string },
  { now, cap }: { now: number; cap: string | null },
): { count: Count; entry: UsageEntry } {
  if (!plan.prices.some((price) => price.per === 'unit' && price.unit === unit))
    throw new Refusal('metering-unit', unit);
  if (isZero(quantity)) throw new Refusal('metering-quantity', quantity);
  const at = momentOf(count, now);
  const trial = plan.trialDays !== undefined && (since === null || at < since + plan.trialDays * day);
  const plain = {
    ...{ agreement: count.agreement, entry: count.entry + 1, at, unit, quantity, key, trial },
    previous: count.head,
  };
  const entry: UsageEntry = { ...plain, hash: hashOfEntry(plain) };
  const isFirst = count.period === null;
  const sums = added(isFirst ? [] : count.sums, entry);
  if (!trial && cap !== null && isAbove(costOf(sums, plan), cap))
    throw new Refusal('metering-capped', `${cap} ${plan.prices[0]?.currency ?? ''} a month`);
  const next: Count = {
    ...count,
    ...{ period: periodOf(at), entry: entry.entry, head: entry.hash, at, sums },
    ...(isFirst ? { from: entry.entry, before: count.head } : {}),
  };
  return { count: next, entry };
}
