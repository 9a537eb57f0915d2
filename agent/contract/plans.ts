/**
 * Plans: on what terms an app is to be had, as its maker signed them with the release. Free is a plan. Who may take a
 * plan is its audience; what it costs, its prices, all in one currency; what is agreed to, its text, by language with its
 * hash. A maker that changes anything of a plan has made another plan: what was agreed to holds until the owner agrees
 * anew, or the notice of the old one is over.
 */
import { type Static, Type } from 'typebox';
import { Currency, Decimal, decimalsOf, isZero, minorDigits } from './money.js';
import { Words } from './words.js';

const closed = { additionalProperties: false } as const;
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** What an owner is, before the law: five that are everywhere, and what a territory adds as `{territory}:{name}`. */
export const usualAudiences = ['natural-person', 'student', 'non-profit', 'commercial', 'public-body'] as const;
export const Audience = Type.String({
  pattern: `^(?:${usualAudiences.join('|')}|[a-z0-9][a-z0-9-]{0,63}:[a-z][a-z0-9-]{0,39})$`,
  maxLength: 105,
});

export const Unit = Type.String({ pattern: '^[a-z][a-z0-9-]{0,29}$', description: 'what is counted: page, message …' });

export const Price = Type.Union([
  Type.Object(
    {
      amount: Decimal,
      currency: Currency,
      per: Type.Union([Type.Literal('once'), Type.Literal('month'), Type.Literal('year')]),
    },
    closed,
  ),
  Type.Object({ amount: Decimal, currency: Currency, per: Type.Literal('unit'), unit: Unit }, closed),
]);
export type Price = Static<typeof Price>;

export const PlanId = Type.String({ pattern: '^[a-z][a-z0-9-]{0,29}$' });
/** Days between a change being seen and the old terms ending; the law of a territory may want more. */
export const leastNoticeDays = 14;

const common = {
  id: PlanId,
  name: Words(60),
  audience: Type.Array(Audience, { minItems: 1, maxItems: 10, uniqueItems: true }),
  /** None: it is free. */
  prices: Type.Array(Price, { maxItems: 6 }),
  trialDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 365 })),
  noticeDays: Type.Integer({ minimum: leastNoticeDays, maximum: 365 }),
};

const Text = Type.Object({ text: Type.String({ minLength: 1, maxLength: 8000 }), sha256: Hash }, closed);

export const Plan = Type.Object(
  {
    ...common,
    /** By language tag (RFC 5646), `en` always. `sha256` is of the text in UTF-8. */
    text: Type.Object({ en: Text }, { additionalProperties: Text, maxProperties: 12 }),
  },
  closed,
);
export type Plan = Static<typeof Plan>;
export const Plans = Type.Array(Plan, { minItems: 1, maxItems: 12 });

/** A plan as it is agreed to: its text by hash alone. */
export const AgreedPlan = Type.Object(
  { ...common, text: Type.Object({ en: Hash }, { additionalProperties: Hash, maxProperties: 12 }) },
  closed,
);
export type AgreedPlan = Static<typeof AgreedPlan>;

export const isFree = ({ prices }: Pick<Plan, 'prices'>): boolean => prices.length === 0;

export const unitsOf = ({ prices }: Pick<Plan, 'prices'>): string[] =>
  prices.flatMap((price) => (price.per === 'unit' ? [price.unit] : []));

function priceFault({ prices }: Plan): string | undefined {
  const currencies = new Set(prices.map(({ currency }) => currency));
  if (currencies.size > 1) return `has more than one currency: ${[...currencies].join(', ')}`;
  const what = prices.map((price) => (price.per === 'unit' ? `unit ${price.unit}` : price.per));
  const twice = what.find((one, at) => what.indexOf(one) !== at);
  if (twice !== undefined) return `has two prices for ${twice}`;
  for (const { amount, currency, per } of prices) {
    if (isZero(amount)) return 'has a price of nothing: a free plan has no prices';
    if (per !== 'unit' && decimalsOf(amount) > (minorDigits(currency) ?? 0))
      return `has a price of ${amount} ${currency}, which nobody can pay`;
  }
  return undefined;
}

/** What the schema cannot say, of plans that fit it; the hashes aside (plan-digest.ts). */
export function plansFault(plans: readonly Plan[]): string | undefined {
  const ids = plans.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) return `has two plans ${twice}`;
  for (const plan of plans) {
    const fault = priceFault(plan);
    if (fault) return `plan ${plan.id} ${fault}`;
  }
  return undefined;
}
