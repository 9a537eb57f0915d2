/**
 * How what owners paid a member for a month is shared. Each share is of the whole sum of that month, as it is known now, and
 * rounded down; what was booked before is taken off. So shares of a charge that is given back are given back to the coin,
 * in however many parts. Pure.
 */

import { amountOf, percentOf } from '#common/accounts/money.js';
import type { MemberLine, Schedule } from '#contract/accounts.js';

export interface Rates {
  share: string;
  discount: string;
  alliance: string;
}

/** Of one member, one month and one currency: minor units, all that has been booked. */
export interface Split {
  gross: bigint;
  share: bigint;
  discount: bigint;
  alliance: bigint;
}

export const nothing: Split = { gross: 0n, share: 0n, discount: 0n, alliance: 0n };
export const noSchedule: Schedule = { from: '1970-01', share: '0', alliance: '0', discounts: [] };

/** @param level null: of a member that the territory has not vetted */
export function ratesFor(schedules: readonly Schedule[], period: string, level: number | null): Rates {
  const its = schedules
    .filter(({ from }) => from <= period)
    .reduce((last, one) => (one.from >= last.from ? one : last), noSchedule);
  const discount = its.discounts.find((one) => one.level === level)?.percent ?? '0';
  return { share: its.share, discount, alliance: its.alliance };
}

/** @param gross not below zero: a credit gives back no more than was due */
export function splitOf(gross: bigint, { share, discount, alliance }: Rates): Split {
  const ofTerritory = percentOf(gross, share);
  return {
    gross,
    share: ofTerritory,
    discount: percentOf(ofTerritory, discount),
    alliance: percentOf(gross, alliance),
  };
}

export const incomeOf = ({ gross, share, discount, alliance }: Split): bigint => gross - share + discount - alliance;

export function lineOf(about: {
  period: string;
  currency: string;
  by: Rates;
  before: Split;
  after: Split;
}): MemberLine {
  const { period, currency, by, before, after } = about;
  const text = (minor: bigint): string => amountOf(minor, currency);
  return {
    ...{ period, currency, gross: text(after.gross - before.gross), share: text(after.share - before.share) },
    discount: text(after.discount - before.discount),
    alliance: text(after.alliance - before.alliance),
    income: text(incomeOf(after) - incomeOf(before)),
    by,
  };
}
