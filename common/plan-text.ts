/** Prices and sums as commands print them. */
import type { MemberStatement } from '#contract/metering.js';
import type { AgreedPlan } from '#contract/plans.js';

export const pricesText = ({ prices }: Pick<AgreedPlan, 'prices'>): string =>
  prices
    .map((one) => `${one.amount} ${one.currency} ${one.per === 'unit' ? `per ${one.unit}` : one.per}`)
    .join(' + ') || 'free';

export const usageHead = ['AGREEMENT', 'APP', 'MONTH', 'STATEMENT', 'ENTRIES', 'USED'];
export const usageRow = ({ agreement, app, period, number, from, to, sums }: MemberStatement): string[] => [
  ...[agreement, app, period, String(number), String(to - from + 1)],
  sums
    .map(({ unit, quantity, trial }) => `${quantity} ${unit}${/[1-9]/.test(trial) ? ` (${trial} in trial)` : ''}`)
    .join(', '),
];
