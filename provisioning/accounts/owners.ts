/**
 * The first half of closing a month: each box's account and what has been booked with it go to the disk in one batch, some
 * boxes at a time, and with them how far it has come. Cut anywhere, it goes on there; a box is booked once.
 */

import { monthBefore } from '#common/accounts/days.js';
import { minorRead } from '#common/accounts/money.js';
import { type Due, rateBox } from '#common/accounts/rate.js';
import type { Operation } from '#common/commits.js';
import { type DevelopmentBox, monthsBack, type OwnerAccount } from '#contract/accounts.js';
import { endOfPeriod } from '#contract/metering.js';
import type { MonthRecord } from '../store/accounts.js';
import type { Store } from '../store/store.js';
import { type Booked, book, sumsOf } from './book.js';
import { type BoxIds, type KnownStore, readBoxes, readGiven, type Stored } from './known.js';

export type OwnersStore = KnownStore & Pick<Store, 'boxAgreements' | 'ownerAccounts' | 'accountMonths' | 'commit'>;

/** In one batch. */
const boxesTogether = 100;

/** What closing the month makes of one box. */
function accountOf(
  { month, box, free }: { month: string; box: string; free: readonly DevelopmentBox[] },
  stored: readonly Stored[],
): { account: OwnerAccount; booked: Map<string, Booked> } {
  const from = monthBefore(month, monthsBack);
  const dues = new Map<string, Due[]>(stored.map(({ known }) => [known.agreement.id, []]));
  const isFree = (period: string): boolean =>
    free.some((one) => period >= one.from && (one.until === null || period < one.until));
  const all = stored.map(({ known }) => known);
  for (const due of rateBox(all, { from, through: month, isFree })) dues.get(due.agreement.id)?.push(due);
  const entries: OwnerAccount['entries'] = [];
  const booked = new Map<string, Booked>();
  for (const { known, before } of stored) {
    const { agreement } = known;
    const rated = book(agreement, dues.get(agreement.id) ?? [], before, { from, month });
    entries.push(...rated.entries);
    if (JSON.stringify(rated.booked) !== JSON.stringify(before)) booked.set(agreement.id, rated.booked);
  }
  const sums = sumsOf(entries.map(({ currency, amount }) => ({ currency, minor: minorRead(amount) })));
  return { account: { month, box, entries, sums }, booked };
}

/** Boxes behind one, each with the ids of its agreements. */
export async function* boxesBehind(
  store: Pick<Store, 'boxAgreements'>,
  after: string,
): AsyncGenerator<{ box: string; ids: string[] }> {
  let last: { box: string; ids: string[] } | undefined;
  for await (const key of store.boxAgreements.keys({ gt: `${after}"` })) {
    const [box = '', id = ''] = key.split('!');
    if (last?.box === box) last.ids.push(id);
    else {
      if (last) yield last;
      last = { box, ids: [id] };
    }
  }
  if (last) yield last;
}

export async function closeOwners(store: OwnersStore, begun: MonthRecord): Promise<void> {
  const { month } = begun;
  const given = await readGiven(store);
  let together: BoxIds[] = [];

  async function keep(): Promise<void> {
    const upTo = together.at(-1)?.box;
    if (upTo === undefined) return;
    const stored = await readBoxes(store, together, given);
    const made = together.map(({ box }) =>
      accountOf({ month, box, free: given.free.get(box) ?? [] }, stored.get(box) ?? []),
    );
    const operations = made.flatMap(({ account, booked }): Operation[] => [
      ...(account.entries.length === 0
        ? []
        : [{ type: 'put' as const, sublevel: store.ownerAccounts, key: `${month}!${account.box}`, value: account }]),
      ...[...booked].map(
        ([key, value]): Operation => ({ type: 'put', sublevel: store.bookedCharges, key, value: { ...value } }),
      ),
    ]);
    await store.commit([
      ...operations,
      { type: 'put', sublevel: store.accountMonths, key: month, value: { ...begun, upTo } },
    ]);
    together = [];
  }

  for await (const one of boxesBehind(store, begun.upTo)) {
    together.push(one);
    if (together.length === boxesTogether) await keep();
  }
  await keep();
}

export const isOver = (month: string, now: number): boolean => endOfPeriod(month) <= now;
