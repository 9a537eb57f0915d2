/** A plan's prices as a command prints them. */
import type { AgreedPlan } from '#contract/plans.js';

export const pricesText = ({ prices }: Pick<AgreedPlan, 'prices'>): string =>
  prices
    .map((one) => `${one.amount} ${one.currency} ${one.per === 'unit' ? `per ${one.unit}` : one.per}`)
    .join(' + ') || 'free';
