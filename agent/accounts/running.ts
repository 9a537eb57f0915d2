/** What months come to that are not closed, by what this box knows: up to today, where the month is not over. Pure. */
import { monthBefore } from '#common/accounts/days.js';
import { amountOf } from '#common/accounts/money.js';
import { type Due, type Known, rateBox } from '#common/accounts/rate.js';
import { monthsBack } from '#contract/accounts.js';
import { endOfPeriod, periodOf } from '#contract/metering.js';
import type { OpenLine, OpenMonth } from '#contract/owner-months.js';

function lineOf({ agreement, minor, currency, price, unit, quantity, days, for: kind }: Due): OpenLine {
  const { id, app, plan } = agreement;
  return {
    ...{ agreement: id, app, plan: plan.id, for: kind, price, unit, quantity, days },
    ...{ amount: amountOf(minor, currency), currency },
  };
}

/**
 * Newest first.
 * @param known of the current month too, as if it ended now
 * @param closed the last month that was closed
 */
export function openMonths(
  known: readonly Known[],
  { closed, now }: { closed: string | undefined; now: number },
): OpenMonth[] {
  const through = periodOf(now);
  const first = monthBefore(through, monthsBack);
  const until = known.map((one) => ({ ...one, endedAt: Math.min(one.endedAt ?? now, now) }));
  const dues = rateBox(until, { from: first, through, isFree: () => false });
  const months = new Map<string, Due[]>();
  for (const due of dues)
    if (closed === undefined || due.period > closed) {
      if (due.minor === 0n && due.quantity === null) continue;
      const its = months.get(due.period);
      if (its) its.push(due);
      else months.set(due.period, [due]);
    }
  return [...months]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([month, its]): OpenMonth => {
      const sums = new Map<string, bigint>();
      for (const { currency, minor } of its) sums.set(currency, (sums.get(currency) ?? 0n) + minor);
      return {
        month,
        isOver: endOfPeriod(month) <= now,
        lines: its.map(lineOf),
        sums: [...sums].sort().map(([currency, minor]) => ({ currency, amount: amountOf(minor, currency) })),
      };
    });
}
