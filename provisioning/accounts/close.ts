/**
 * The second half of closing a month: from the accounts of its boxes, which are on the disk, those of members and of the
 * territory, and the hash over all of them; in one batch with the month's being closed. Nothing is written before it is
 * known that what owners are charged is what the others have.
 */
import { createHash } from 'node:crypto';
import { amountOf, minorRead } from '#common/accounts/money.js';
import type { Operation } from '#common/commits.js';
import type { MemberAccount, MemberLine, MonthTotal, OwnerAccount, Schedule } from '#contract/accounts.js';
import { canonicalJson } from '#contract/ledger-chain.js';
import type { MonthRecord } from '../store/accounts.js';
import type { Store } from '../store/store.js';
import { sumsOf } from './book.js';
import { lineOf, nothing, ratesFor, type Split, splitOf } from './split.js';

export type CloseStore = Pick<
  Store,
  'ownerAccounts' | 'memberAccounts' | 'bookedSplits' | 'accountMonths' | 'schedules' | 'commit'
>;

/** Everything of one month. */
export const ofMonth = (month: string) => ({ gt: `${month}!`, lt: `${month}"` });
export const splitKey = (one: { territory: string; member: string; currency: string; period: string }): string =>
  [one.territory, one.member, one.currency, one.period].join('!');

interface Group {
  territory: string;
  member: string;
  currency: string;
  period: string;
  minor: bigint;
}

/** The hash over the accounts as they are stored, behind that of the month before. */
export function createMonthHash(previous: string | null) {
  const hash = createHash('sha256').update(`${previous ?? ''}\n`);
  return {
    add: (account: OwnerAccount | MemberAccount) => void hash.update(`${canonicalJson(account)}\n`),
    end: (totals: readonly MonthTotal[]) => hash.update(canonicalJson([...totals])).digest('hex'),
  };
}

export function totalsOf(owners: readonly Group[], members: readonly MemberAccount[]): MonthTotal[] {
  const lines = members.flatMap((one) => one.lines);
  const sumOf = (currency: string, amount: (line: MemberLine) => bigint): bigint =>
    lines.filter((line) => line.currency === currency).reduce((sum, line) => sum + amount(line), 0n);
  return sumsOf(owners).map(({ currency, amount }): MonthTotal => {
    const parts = {
      members: sumOf(currency, ({ income }) => minorRead(income)),
      provider: sumOf(currency, ({ share, discount }) => minorRead(share) - minorRead(discount)),
      alliance: sumOf(currency, ({ alliance }) => minorRead(alliance)),
    };
    // Held here as well as by tests: a month that does not agree with itself is never closed.
    if (parts.members + parts.provider + parts.alliance !== minorRead(amount))
      throw new Error(`cannot close: the sums in ${currency} do not agree`);
    const text = (minor: bigint): string => amountOf(minor, currency);
    return {
      ...{ currency, owners: amount, members: text(parts.members) },
      ...{ provider: text(parts.provider), alliance: text(parts.alliance) },
    };
  });
}

export async function closeMembers(
  store: CloseStore,
  begun: MonthRecord,
  {
    now,
    previous,
    levelOf,
  }: { now: number; previous: string | null; levelOf(territory: string, member: string): number | null },
): Promise<MonthRecord> {
  const { month } = begun;
  const groups = new Map<string, Group>();
  const hash = createMonthHash(previous);
  let [owners, entries] = [0, 0];
  for await (const account of store.ownerAccounts.values(ofMonth(month))) {
    hash.add(account);
    owners += 1;
    entries += account.entries.length;
    for (const { territory, member, currency, period, amount } of account.entries) {
      const about = { territory, member, currency, period };
      const key = splitKey(about);
      const group = groups.get(key) ?? { ...about, minor: 0n };
      group.minor += minorRead(amount);
      groups.set(key, group);
    }
  }
  const schedules: Schedule[] = [];
  for await (const schedule of store.schedules.values()) schedules.push(schedule);
  const operations: Operation[] = [];
  const accounts = new Map<string, MemberAccount>();
  for (const [key, { territory, member, currency, period, minor }] of [...groups].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    const record = await store.bookedSplits.get(key);
    const by = record?.by ?? ratesFor(schedules, period, levelOf(territory, member));
    const before: Split = record
      ? {
          ...{ gross: BigInt(record.gross), share: BigInt(record.share) },
          ...{ discount: BigInt(record.discount), alliance: BigInt(record.alliance) },
        }
      : nothing;
    const after = splitOf(before.gross + minor, by);
    const { gross, share, discount, alliance } = after;
    const value = { gross: `${gross}`, share: `${share}`, discount: `${discount}`, alliance: `${alliance}`, by };
    operations.push({ type: 'put', sublevel: store.bookedSplits, key, value });
    const place = `${month}!${territory}!${member}`;
    const account = accounts.get(place) ?? { month, member, territory, lines: [], sums: [] };
    account.lines.push(lineOf({ period, currency, by, before, after }));
    accounts.set(place, account);
  }
  for (const [key, account] of accounts) {
    account.sums = sumsOf(account.lines.map(({ currency, income }) => ({ currency, minor: minorRead(income) })));
    hash.add(account);
    operations.push({ type: 'put', sublevel: store.memberAccounts, key, value: account });
  }
  const totals = totalsOf([...groups.values()], [...accounts.values()]);
  const closed: MonthRecord = {
    ...{ ...begun, state: 'closed', closedAt: now, owners, members: accounts.size, entries, totals, previous },
    sha256: hash.end(totals),
  };
  await store.commit([...operations, { type: 'put', sublevel: store.accountMonths, key: month, value: closed }]);
  return closed;
}
