/** What is known of boxes when a month is closed, and what was booked of it before: read for many at once. */

import type { Known } from '#common/accounts/rate.js';
import { type Credit, type DevelopmentBox, monthsBack } from '#contract/accounts.js';
import type { UsageStatement } from '#contract/metering.js';
import type { AgreementRecord } from '../store/agreements.js';
import type { Store } from '../store/store.js';
import type { Booked } from './book.js';

export type KnownStore = Pick<
  Store,
  'agreements' | 'usage' | 'usageHeads' | 'boxes' | 'credits' | 'developmentBoxes' | 'bookedCharges'
>;

const earlier = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** What the territory has set, read once: there is little of it. */
export interface Given {
  /** By agreement and by box. */
  credits: ReadonlyMap<string, readonly Credit[]>;
  free: ReadonlyMap<string, readonly DevelopmentBox[]>;
}

async function grouped<T>(values: AsyncIterable<T>, keyOf: (value: T) => string): Promise<Map<string, T[]>> {
  const groups = new Map<string, T[]>();
  for await (const value of values) {
    const its = groups.get(keyOf(value));
    if (its) its.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}

export const readGiven = async (store: Pick<Store, 'credits' | 'developmentBoxes'>): Promise<Given> => ({
  credits: await grouped(store.credits.values(), ({ agreement }) => agreement),
  free: await grouped(store.developmentBoxes.values(), ({ box }) => box),
});

export interface BoxIds {
  box: string;
  ids: readonly string[];
}

/** One statement a month: no more of them are looked at than months. */
function placesUpTo(head: string | undefined): string[] {
  if (head === undefined) return [];
  const [agreement = '', number = '0'] = head.split('!');
  const last = Number(number);
  const count = Math.min(last, monthsBack + 1);
  return Array.from({ length: count }, (_, n) => `${agreement}!${String(last - count + 1 + n).padStart(10, '0')}`);
}

export interface Stored {
  known: Known;
  before: Booked;
}

/** What is known of some boxes, and what was booked. A box that is gone holds no agreement any more. */
export async function readBoxes(
  store: KnownStore,
  boxes: readonly BoxIds[],
  { credits }: Given,
): Promise<Map<string, Stored[]>> {
  const records = (await store.agreements.getMany(boxes.flatMap(({ ids }) => [...ids]))).filter(
    (one) => one !== undefined && one.agreement.plan.prices.length > 0,
  ) as AgreementRecord[];
  const ids = records.map(({ agreement }) => agreement.id);
  const booked = await store.bookedCharges.getMany(ids);
  const heads = await store.usageHeads.getMany(ids);
  const statements = new Map<string, UsageStatement[]>(ids.map((id) => [id, []]));
  for (const usage of await store.usage.getMany(heads.flatMap(placesUpTo)))
    if (usage) statements.get(usage.statement.agreement)?.push(usage.statement);
  const all = new Map<string, Stored[]>(boxes.map(({ box }) => [box, []]));
  for (const [at, { agreement, since, ended }] of records.entries()) {
    const { id, box } = agreement;
    const endedAt = earlier(ended?.at ?? null, store.boxes.getSync(box)?.revokedAt ?? null);
    const known = { agreement, since, endedAt, statements: statements.get(id) ?? [], credits: credits.get(id) ?? [] };
    all.get(box)?.push({ known, before: booked[at] ?? {} });
  }
  return all;
}
