/**
 * What one box owes by what is known of it: its agreements, how they stood, and its statements of usage. Pure: the same
 * knowledge comes to the same amounts, whenever it is asked and however often.
 *
 * - by the month, by the year: each day on which the agreement held costs its part of that calendar month or year. A day on
 *   which one agreement about an app followed another is paid under the later one. The parts of a year come to its price.
 * - once: when the app has begun and the trial is over; what was due once for the app on this box counts towards it.
 * - by the unit: what the statement of the month says, the trial aside.
 * - a credit gives back what is due for its month, and never more.
 */
import type { Agreement } from '#contract/agreements.js';
import { endOfPeriod, periodOf, type UsageStatement } from '#contract/metering.js';
import type { Price } from '#contract/plans.js';
import { beforeDayOf, beginOf, day, daysOf, daysWithin, monthsBetween, type Span, spanOf } from './days.js';
import { minorOf, minorPart, minorTimes } from './money.js';

/** Of one agreement. */
export interface Known {
  agreement: Agreement;
  since: number | null;
  endedAt: number | null;
  statements: readonly Pick<UsageStatement, 'period' | 'sums'>[];
  credits: readonly { id: string; period: string; amount: string; reason: string }[];
}

export interface Due {
  agreement: Agreement;
  period: string;
  for: 'once' | 'month' | 'year' | 'unit' | 'credit';
  price: string | null;
  unit: string | null;
  quantity: string | null;
  days: { held: number; of: number } | null;
  credit: string | null;
  reason: string | null;
  /** In minor units; below zero for a credit. */
  minor: bigint;
  currency: string;
}

export interface Wish {
  /** The first and the last month that is looked at. */
  from: string;
  through: string;
  /** Months in which nothing is charged on this box. */
  isFree(period: string): boolean;
}

/** What names a charge of an agreement. */
export const nameOf = (due: Pick<Due, 'period' | 'for' | 'unit' | 'credit'>): string =>
  [due.period, due.for, due.unit ?? due.credit ?? ''].join(' ').trimEnd();

type Per<P extends Price['per']> = Extract<Price, { per: P }>;
const plain = { unit: null, quantity: null, days: null, credit: null, reason: null };

function byTime(agreement: Agreement, price: Price, span: Span, months: readonly string[]): Due[] {
  const isYear = price.per === 'year';
  return months.map((period): Due => {
    const [begin, end] = [beginOf(period), endOfPeriod(period)];
    const year = Number(period.slice(0, 4));
    const from = isYear ? Date.UTC(year, 0, 1) : begin;
    const of = isYear ? daysOf(from, Date.UTC(year + 1, 0, 1)) : daysOf(begin, end);
    const upTo = (moment: number): bigint =>
      minorPart(price.amount, price.currency, BigInt(daysWithin(span, from, moment)), BigInt(of));
    return {
      ...{ ...plain, agreement, period, for: isYear ? 'year' : 'month', price: price.amount },
      ...{ currency: price.currency, days: { held: daysWithin(span, begin, end), of } },
      minor: upTo(end) - upTo(begin),
    };
  });
}

const byUnit = (agreement: Agreement, price: Per<'unit'>, statements: Known['statements']): Due[] =>
  statements.flatMap(({ period, sums }) =>
    sums
      .filter(({ unit }) => unit === price.unit)
      .map(
        ({ unit, quantity }): Due => ({
          ...{
            ...plain,
            agreement,
            period,
            for: 'unit',
            price: price.amount,
            currency: price.currency,
            unit,
            quantity,
          },
          minor: minorTimes(price.amount, quantity, price.currency),
        }),
      ),
  );

/** @param paid what was due once for the app in this currency */
function once({ agreement, since, endedAt }: Known, price: Price, paid: bigint): Due[] {
  if (since === null) return [];
  const at = since + (agreement.plan.trialDays ?? 0) * day;
  if (endedAt !== null && endedAt <= at) return [];
  const minor = minorOf(price.amount, price.currency) - paid;
  const { amount, currency } = price;
  return [
    {
      ...{ ...plain, agreement, period: periodOf(at), for: 'once', price: amount, currency },
      minor: minor > 0n ? minor : 0n,
    },
  ];
}

/** Those of one month take from what is due for it, the older one first. */
function credited({ agreement, credits }: Known, charged: readonly Due[]): Due[] {
  const currency = agreement.plan.prices[0]?.currency;
  if (currency === undefined) return [];
  const left = new Map<string, bigint>();
  for (const { period, minor } of charged) left.set(period, (left.get(period) ?? 0n) + minor);
  return credits.map(({ id, period, amount, reason }): Due => {
    const there = left.get(period) ?? 0n;
    const wanted = minorOf(amount, currency);
    const minor = wanted < there ? wanted : there;
    left.set(period, there - minor);
    return {
      ...{ ...plain, agreement, period, for: 'credit', price: null, currency, credit: id, reason },
      minor: -minor,
    };
  });
}

const inOrder = (a: Known, b: Known): number =>
  (a.since ?? a.agreement.at) - (b.since ?? b.agreement.at) ||
  a.agreement.at - b.agreement.at ||
  (a.agreement.id < b.agreement.id ? -1 : 1);

/** Of one app: oldest first. */
function rateApp(all: readonly Known[], { from, through, isFree }: Wish): Due[] {
  const paidOnce = new Map<string, bigint>();
  return all.flatMap((known, at) => {
    const { agreement, since, endedAt, statements } = known;
    const next = all.slice(at + 1).find((one) => one.since !== null)?.since ?? null;
    const span = since === null ? undefined : spanOf({ since, endedAt, trialDays: agreement.plan.trialDays ?? 0 });
    if (span && next !== null) span.last = Math.min(span.last ?? Number.POSITIVE_INFINITY, beforeDayOf(next));
    const months = since === null ? [] : monthsBetween(from > periodOf(since) ? from : periodOf(since), through);
    const charged = agreement.plan.prices.flatMap((price) => {
      if (price.per === 'unit') return byUnit(agreement, price, statements);
      if (price.per === 'once') {
        const paid = paidOnce.get(price.currency) ?? 0n;
        const due = once(known, price, paid).filter(({ period }) => period <= through && !isFree(period));
        for (const { minor } of due) paidOnce.set(price.currency, paid + minor);
        return due;
      }
      return span ? byTime(agreement, price, span, months) : [];
    });
    const meant = charged.filter(({ period }) => period >= from && period <= through && !isFree(period));
    return [...meant, ...credited(known, meant)].filter(({ period }) => period >= from && period <= through);
  });
}

/** In the order of apps, and in each of what happened. */
export function rateBox(all: readonly Known[], wish: Wish): Due[] {
  const apps = new Map<string, Known[]>();
  for (const known of [...all].sort(inOrder)) {
    const its = apps.get(known.agreement.app);
    if (its) its.push(known);
    else apps.set(known.agreement.app, [known]);
  }
  return [...apps].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, its]) => rateApp(its, wish));
}
