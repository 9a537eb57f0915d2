/**
 * What a month's account of a box says: what is due by all that is known, less what was booked before. So what is known
 * late comes to the same as what was known in time, and nothing that was booked is touched. Pure.
 */

import { amountOf } from '#common/accounts/money.js';
import { type Due, nameOf } from '#common/accounts/rate.js';
import type { AccountEntry } from '#contract/accounts.js';
import type { Agreement } from '#contract/agreements.js';

/** What has been booked of an agreement: minor units by what names the charge. */
export type Booked = Readonly<Record<string, string>>;

/** Of a charge that nothing is due for any more. */
function gone(agreement: Agreement, name: string): Due {
  const [period = '', kind = 'month', rest = null] = name.split(' ');
  const per = kind as Due['for'];
  const price = agreement.plan.prices.find((one) => one.per === per && (one.per !== 'unit' || one.unit === rest));
  return {
    ...{ agreement, period, for: per, price: price?.amount ?? null, quantity: null, days: null, reason: null },
    ...{ unit: per === 'unit' ? rest : null, credit: per === 'credit' ? rest : null, minor: 0n },
    currency: agreement.plan.prices[0]?.currency ?? '',
  };
}

function entryOf(due: Due, minor: bigint, kind: AccountEntry['kind']): AccountEntry {
  const { agreement, period, price, unit, quantity, days, credit, reason, currency } = due;
  const { id, app, plan, member, territory } = agreement;
  return {
    ...{ kind, agreement: id, app, plan: plan.id, member, territory, period, for: due.for, price, unit, quantity },
    ...{ days, credit, reason, amount: amountOf(minor, currency), currency },
  };
}

export interface Rated {
  entries: AccountEntry[];
  /** As it stands behind them. */
  booked: Booked;
}

/**
 * Of one agreement.
 * @param dues of the months from `from` to `month`, which is the one that is closed
 */
export function book(
  agreement: Agreement,
  dues: readonly Due[],
  before: Booked,
  { from, month }: { from: string; month: string },
): Rated {
  const entries: AccountEntry[] = [];
  const booked: Record<string, string> = {};
  const named = new Set(dues.map(nameOf));
  const left = Object.keys(before).filter((name) => !named.has(name) && name.slice(0, 7) >= from);
  for (const due of [...dues, ...left.sort().map((name) => gone(agreement, name))]) {
    const name = nameOf(due);
    const was = before[name];
    const minor = due.minor - BigInt(was ?? 0);
    if (was !== undefined || due.minor !== 0n) booked[name] = String(due.minor);
    if (minor === 0n) continue;
    const first = due.for === 'credit' ? 'credit' : due.period === month ? 'charge' : 'late';
    entries.push(entryOf(due, minor, was === undefined ? first : 'correction'));
  }
  return { entries, booked };
}

/** By currency, in the order of their codes. */
export function sumsOf(amounts: Iterable<{ currency: string; minor: bigint }>): { currency: string; amount: string }[] {
  const sums = new Map<string, bigint>();
  for (const { currency, minor } of amounts) sums.set(currency, (sums.get(currency) ?? 0n) + minor);
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, minor]) => ({ currency, amount: amountOf(minor, currency) }));
}
