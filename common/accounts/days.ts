/** Days and months of UTC, and on which days an agreement costs something. Pure. */
import { endOfPeriod, periodOf } from '#contract/metering.js';

export const day = 86_400_000;
const dayOf = (at: number): number => Math.floor(at / day);

export const beginOf = (period: string): number => Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)) - 1, 1);
export const nextMonth = (period: string): string => periodOf(endOfPeriod(period));
export const monthBefore = (period: string, months: number): string =>
  periodOf(Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)) - 1 - months, 1));

/** Every month from the one to the other. */
export function monthsBetween(from: string, to: string): string[] {
  const months: string[] = [];
  for (let month = from; month <= to; month = nextMonth(month)) months.push(month);
  return months;
}

/** Days since 1970; `last` is one of them, and null while there is no end. */
export interface Span {
  first: number;
  last: number | null;
}

/**
 * From the day on which the app began under the agreement, or the first whole day behind its trial, to the day on which the
 * agreement ended. A day on which it held at all is a day.
 */
export function spanOf(its: { since: number; trialDays: number; endedAt: number | null }): Span {
  const { since, trialDays, endedAt } = its;
  const first = trialDays === 0 ? dayOf(since) : Math.ceil((since + trialDays * day) / day);
  return { first, last: endedAt === null ? null : dayOf(Math.max(since, endedAt - 1)) };
}

/** How many days of the span lie from the one moment to before the other. */
export function daysWithin({ first, last }: Span, from: number, to: number): number {
  const begin = Math.max(first, dayOf(from));
  const end = Math.min(last ?? Number.POSITIVE_INFINITY, dayOf(to) - 1);
  return Math.max(0, end - begin + 1);
}

export const daysOf = (from: number, to: number): number => dayOf(to) - dayOf(from);
export const beforeDayOf = (at: number): number => dayOf(at) - 1;
