/**
 * Where a closed month is not what this box knows: prices as they were agreed to, what was counted, on which days an agreement
 * held. The box reckons what is due by the rules by which its provider does (common/accounts), from its own agreements and
 * statements, and holds all that was charged for it until now against that: so a charge that comes late, twice, or is put
 * right later is judged by what it comes to. Pure.
 */
import { monthBefore, nextMonth } from '#common/accounts/days.js';
import { amountOf, minorRead } from '#common/accounts/money.js';
import { type Due, type Known, nameOf, rateBox } from '#common/accounts/rate.js';
import { isSame } from '#common/decimals.js';
import { monthsBack } from '#contract/accounts.js';
import { minorDigits } from '#contract/money.js';
import type { BoxEntry, BoxMonth, BoxSum } from '#contract/months.js';
import type { Difference } from '#contract/owner-months.js';
import type { Price } from '#contract/plans.js';

type Found = Omit<Difference, 'line'>;
const kinds: readonly string[] = ['once', 'month', 'year', 'unit', 'credit'];
const nothing = { said: null, own: null, unit: null };

/** With just the digits of its currency: read otherwise it would be another amount. */
export const hasItsDigits = ({ amount, currency }: BoxSum): boolean =>
  (amount.split('.')[1] ?? '').length === minorDigits(currency);

const placeOf = ({ agreement, period, for: kind, unit, credit }: BoxEntry): string =>
  `${agreement} ${nameOf({ period, for: kind as Due['for'], unit, credit })}`;

const priceText = (amount: string, currency: string): string => `${amount} ${currency}`;

function priceFault({ price, for: kind, unit, currency }: BoxEntry, prices: readonly Price[]): Found[] {
  const agreed = prices.find((one) => one.per === kind && (one.per !== 'unit' || one.unit === unit));
  if (price !== null && agreed?.amount === price && agreed.currency === currency) return [];
  const own = agreed ? priceText(agreed.amount, agreed.currency) : null;
  return [{ is: 'price', said: price === null ? null : priceText(price, currency), own, unit }];
}

/** What stands on the line; what it comes to aside. */
function faultsOf(entry: BoxEntry, known: Known, due: Due | undefined): Found[] {
  const { quantity, days, unit } = entry;
  const found = priceFault(entry, known.agreement.plan.prices);
  const counted = due?.quantity ?? '0';
  if (quantity !== null && !isSame(quantity, counted))
    found.push({ is: 'quantity', said: quantity, own: counted, unit });
  const held = due?.days?.held ?? 0;
  if (days !== null && days.held !== held)
    found.push({ is: 'days', said: String(days.held), own: String(held), unit: null });
  return found;
}

function sumFaults({ entries, sums }: { entries: readonly BoxEntry[]; sums: readonly BoxSum[] }): Difference[] {
  const own = new Map<string, bigint>();
  for (const { currency, amount } of entries) own.set(currency, (own.get(currency) ?? 0n) + minorRead(amount));
  const said = new Map<string, bigint>();
  for (const { currency, amount } of sums) said.set(currency, (said.get(currency) ?? 0n) + minorRead(amount));
  const currencies = [...new Set([...own.keys(), ...said.keys()])].sort();
  return currencies.flatMap((currency): Difference[] => {
    const [a, b] = [said.get(currency) ?? 0n, own.get(currency) ?? 0n];
    if (a === b) return [];
    return [{ line: null, is: 'sum', said: amountOf(a, currency), own: amountOf(b, currency), unit: currency }];
  });
}

/**
 * @param before the months that this box was told before of the same place, oldest first
 * @param known all agreements of this box there, with what it has stated of them
 */
export function differencesOf(
  { month, previous, entries, account }: BoxMonth,
  { before, known }: { before: readonly BoxMonth[]; known: readonly Known[] },
): Difference[] {
  const found: Difference[] = [];
  const last = before.at(-1);
  if (last && (previous !== last.sha256 || month !== nextMonth(last.month)))
    found.push({ ...nothing, line: null, is: 'chain' });
  if (!account) {
    if (entries > 0) found.push({ ...nothing, line: null, is: 'withheld', said: String(entries) });
    return found;
  }
  const charged = new Map<string, bigint>();
  const charge = (entry: BoxEntry): bigint => {
    const so = (charged.get(placeOf(entry)) ?? 0n) + minorRead(entry.amount);
    charged.set(placeOf(entry), so);
    return so;
  };
  for (const earlier of before) for (const entry of earlier.account?.entries ?? []) charge(entry);
  const agreements = new Map(known.map((one) => [one.agreement.id, one]));
  const wish = { from: monthBefore(month, monthsBack), through: month, isFree: () => false };
  const dues = new Map(rateBox(known, wish).map((due) => [`${due.agreement.id} ${nameOf(due)}`, due]));
  for (const [line, entry] of account.entries.entries()) {
    const its = agreements.get(entry.agreement);
    const due = dues.get(placeOf(entry));
    const so = charge(entry);
    const add = (...all: Found[]): void => void found.push(...all.map((one) => ({ line, ...one })));
    if (!its) add({ ...nothing, is: 'agreement' });
    else if (!kinds.includes(entry.for)) add({ ...nothing, is: 'kind', said: entry.for });
    else if (entry.period > month) add({ ...nothing, is: 'period', said: entry.period });
    else {
      if (entry.for !== 'credit') add(...faultsOf(entry, its, due));
      const own = due?.minor ?? 0n;
      const { currency: unit } = entry;
      if (so > own) add({ is: 'amount', said: amountOf(so, unit), own: amountOf(own, unit), unit });
    }
  }
  return [...found, ...sumFaults(account)];
}
