/** The ways into a territory, and which of them a box may take with what it shows. Pure. */
import type { FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';

export const ways = ['claim', 'manual', 'voucher', 'open-for-accredited-makers'] as const;
export type Way = (typeof ways)[number];
export type Ways = ReadonlySet<Way>;

const isWay = (text: string): text is Way => ways.some((way) => way === text);

/** A list with commas. @throws Refusal `arguments-invalid` */
export function parseWays(text: string): Ways {
  const names = text.split(',').map((name) => name.trim());
  const known = names.filter(isWay);
  if (known.length < names.length)
    throw new Refusal(
      'arguments-invalid',
      `--admission is a list of ${ways.join(', ')}: what is "${names.find((name) => !isWay(name))}"?`,
    );
  return new Set(known);
}

/** What a box shows, as far as it is proven. */
export interface Shown {
  code: string | undefined;
  /** Of the claim, while it was never used or taken back: an expired one tells an operator whose box it is. */
  claimLabel: string | undefined;
  /** A refusal: a certificate was shown and does not serve. */
  factory: FactoryIdentity | Refusal | undefined;
  /** Good for that very device and this territory; or why it is not. */
  voucher: 'good' | Refusal | undefined;
}

export type Verdict =
  | { way: 'claim'; code: string }
  | { way: 'maker' | 'voucher'; factory: FactoryIdentity }
  | { way: 'request' }
  | { way: 'refused'; refusal: Refusal };

const refuse = (refusal: Refusal): Verdict => ({ way: 'refused', refusal });

/** Of all that could be said against a box, what helps its owner most. */
function why(ways: Ways, { code, factory, voucher }: Shown): Refusal {
  if (code !== undefined) return new Refusal('claim-not-taken');
  if (voucher instanceof Refusal) return voucher;
  if (factory instanceof Refusal) return factory;
  if (ways.has('claim')) return new Refusal('claim-missing');
  return new Refusal('admission-closed');
}

/**
 * A claim code that serves comes first: it says whose box it is. One that was never given out is refused even where an
 * operator could decide, because its owner can mend it.
 */
export function decide(ways: Ways, shown: Shown): Verdict {
  const { code, claimLabel, factory, voucher } = shown;
  const decidesOnCode = ways.has('manual') && claimLabel !== undefined;
  if (code !== undefined && ways.has('claim')) return { way: 'claim', code };
  if (code !== undefined && !decidesOnCode) return refuse(why(ways, shown));
  if (factory && !(factory instanceof Refusal)) {
    if (ways.has('open-for-accredited-makers')) return { way: 'maker', factory };
    if (ways.has('voucher') && voucher === 'good') return { way: 'voucher', factory };
    if (ways.has('manual')) return { way: 'request' };
  }
  return ways.has('manual') ? { way: 'request' } : refuse(why(ways, shown));
}
