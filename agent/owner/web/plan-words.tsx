/** A plan in the owner's words: what it costs, and the maker's text, told as theirs. */
import type { AgreedPlan, Plan, Price } from '#contract/plans.js';
import { texts } from './texts.js';
import { nameOf, pick, plain } from './words-of.js';

const words = texts.terms;

export const sayPrice = (price: Price): string =>
  price.per === 'unit'
    ? words.price.unit(price.amount, price.currency, price.unit)
    : words.price[price.per](price.amount, price.currency);

export const sayPrices = ({ prices }: Pick<Plan, 'prices'>): string =>
  prices.length === 0 ? words.free : prices.map(sayPrice).join(', and ');

export const planName = ({ name }: Pick<AgreedPlan, 'name'>): string => nameOf(name);

/** In the reader's language where the plan has it: this one is agreed to. */
export function textOf({ text }: Plan): { language: string; text: string } {
  const by = Object.fromEntries(Object.entries(text).map(([language, one]) => [language, one.text]));
  const { lang, text: found } = pick(by as { en: string });
  return { language: lang, text: plain(found) };
}
