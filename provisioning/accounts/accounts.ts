/**
 * Months: rated, closed one after the other, once. What becomes known behind a closed month, and what is given back, stands
 * in the next one as entries of its own.
 */
import { randomBytes } from 'node:crypto';
import { monthBefore, nextMonth } from '#common/accounts/days.js';
import { minorOf, percentOf } from '#common/accounts/money.js';
import type { Clock } from '#common/clock.js';
import type {
  AccountMonth,
  Credit,
  DevelopmentBox,
  MemberAccount,
  NewCredit,
  OwnerAccount,
  Schedule,
} from '#contract/accounts.js';
import { monthsBack } from '#contract/accounts.js';
import { periodOf } from '#contract/metering.js';
import { decimalsOf, minorDigits } from '#contract/money.js';
import { Refusal } from '#contract/problems.js';
import type { MonthRecord } from '../store/accounts.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { closeMembers, createMonthHash, ofMonth } from './close.js';
import { closeOwners, isOver, type OwnersStore } from './owners.js';

export interface Page {
  after?: string | undefined;
  limit: number;
}

export interface Accounts {
  /**
   * What is closed already is answered as it is; what was begun and cut goes on.
   * @throws Refusal `month-not-over`, `month-not-next`
   */
  close(month: string): Promise<AccountMonth>;
  /** Oldest first. */
  months(): Promise<AccountMonth[]>;
  /** In the order of boxes; `after` is one. @throws Refusal `month-unknown` */
  owners(month: string, page: Page): Promise<OwnerAccount[]>;
  /** @throws Refusal `month-unknown`, `account-unknown` */
  owner(month: string, box: string): Promise<OwnerAccount>;
  /** `after`: `{territory}!{member}`. @throws Refusal `month-unknown` */
  members(month: string, page: Page): Promise<MemberAccount[]>;
  /** Newest first, of closed months. */
  ofMember(territory: string, member: string, limit: number): Promise<MemberAccount[]>;
  /** Reckons the hash of each closed month again; answers the first that is not as it was closed. */
  verify(): Promise<{ months: number; altered: string | null }>;
  /** @throws Refusal `agreement-unknown`, `credit-too-large` */
  credit(wish: NewCredit): Promise<Credit>;
  /** In the place of what was set for the same month. @throws Refusal `schedule-invalid`, `month-closed` */
  setSchedule(schedule: Schedule): Promise<Schedule>;
  schedules(): Promise<Schedule[]>;
  /** From the first month that is open; or no longer. */
  setDevelopment(box: string, isFree: boolean): Promise<DevelopmentBox[]>;
  developmentBoxes(): Promise<DevelopmentBox[]>;
}

type AccountsStore = OwnersStore & Pick<Store, 'memberAccounts' | 'bookedSplits' | 'schedules' | 'credits'>;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const newId = (): string => `credit-${[...randomBytes(20)].map((byte) => alphabet[byte & 31]).join('')}`;
const shown = ({ upTo: _upTo, ...month }: MonthRecord): AccountMonth => month;

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

export function createAccounts(parts: {
  store: AccountsStore;
  clock: Clock;
  /** Null for a member that the territory has not vetted. */
  levelOf(territory: string, member: string): number | null;
}): Accounts {
  const { store, clock, levelOf } = parts;
  const turns = createTurns();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => turns.take('accounts', work);
  const put = <V>(sublevel: Parameters<typeof store.commit>[0][number]['sublevel'], key: string, value: V) =>
    store.commit([{ type: 'put', sublevel, key, value }]);

  const newest = async (): Promise<MonthRecord | undefined> =>
    (await all(store.accountMonths.values({ reverse: true, limit: 1 })))[0];

  /** What is set for months that are begun with stays. */
  async function firstOpen(): Promise<string | undefined> {
    const last = await newest();
    return last && nextMonth(last.month);
  }

  async function closed(month: string): Promise<MonthRecord> {
    const record = await store.accountMonths.get(month);
    if (record?.state !== 'closed') throw new Refusal('month-unknown', month);
    return record;
  }

  async function close(month: string): Promise<AccountMonth> {
    const there = await store.accountMonths.get(month);
    if (there?.state === 'closed') return shown(there);
    const last = await newest();
    const next = last && (last.state === 'closing' ? last.month : nextMonth(last.month));
    if (next !== undefined && next !== month) throw new Refusal('month-not-next', next);
    if (!isOver(month, clock.now())) throw new Refusal('month-not-over', month);
    const begun: MonthRecord = there ?? {
      ...{ month, state: 'closing', begunAt: clock.now(), closedAt: null, owners: 0, members: 0, entries: 0 },
      ...{ totals: [], sha256: null, previous: last?.sha256 ?? null, upTo: '' },
    };
    if (!there) await put(store.accountMonths, month, begun);
    await closeOwners(store, begun);
    return shown(await closeMembers(store, begun, { now: clock.now(), previous: begun.previous, levelOf }));
  }

  async function credit(wish: NewCredit): Promise<Credit> {
    const { agreement: id, period, amount } = wish;
    const agreement = (await store.agreements.get(id))?.agreement;
    const currency = agreement?.plan.prices[0]?.currency;
    if (!agreement || currency === undefined) throw new Refusal('agreement-unknown', id);
    const booked = (await store.bookedCharges.get(id)) ?? {};
    let left = 0n;
    for (const [name, minor] of Object.entries(booked)) if (name.startsWith(`${period} `)) left += BigInt(minor);
    for await (const one of store.credits.values({ gt: `${id}!`, lt: `${id}"` }))
      if (one.period === period && booked[`${period} credit ${one.id}`] === undefined)
        left -= minorOf(one.amount, currency);
    const open = await firstOpen();
    const isReached = open !== undefined && period >= monthBefore(open, monthsBack);
    const minor = minorOf(amount, currency);
    if (decimalsOf(amount) > (minorDigits(currency) ?? 0) || minor === 0n || minor > left || !isReached)
      throw new Refusal('credit-too-large', `${amount} ${currency} for ${period}`);
    const made: Credit = { ...wish, id: newId(), box: agreement.box, at: clock.now() };
    await put(store.credits, `${id}!${made.id}`, made);
    return made;
  }

  async function setSchedule(schedule: Schedule): Promise<Schedule> {
    const { from, share, alliance, discounts } = schedule;
    const levels = discounts.map(({ level }) => level);
    const whole = 10_000n;
    if (percentOf(whole, share) + percentOf(whole, alliance) > whole || new Set(levels).size !== levels.length)
      throw new Refusal('schedule-invalid');
    const open = await firstOpen();
    if (open !== undefined && from < open) throw new Refusal('month-closed', from);
    await put(store.schedules, from, schedule);
    return schedule;
  }

  async function setDevelopment(box: string, isFree: boolean): Promise<DevelopmentBox[]> {
    const month = (await firstOpen()) ?? periodOf(clock.now());
    const its = await all(store.developmentBoxes.values({ gt: `${box}!`, lt: `${box}"` }));
    const now = its.find(({ until }) => until === null);
    if (isFree && !now) await put(store.developmentBoxes, `${box}!${month}`, { box, from: month, until: null });
    if (!isFree && now) {
      const key = `${box}!${now.from}`;
      if (month > now.from) await put(store.developmentBoxes, key, { ...now, until: month });
      else await store.commit([{ type: 'del', sublevel: store.developmentBoxes, key }]);
    }
    return all(store.developmentBoxes.values());
  }

  return {
    close: (month) => inTurn(() => close(month)),
    months: async () => (await all(store.accountMonths.values())).map(shown),
    async owners(month, { after = '', limit }) {
      await closed(month);
      return all(store.ownerAccounts.values({ gt: `${month}!${after}`, lt: `${month}"`, limit }));
    },
    async owner(month, box) {
      await closed(month);
      const found = await store.ownerAccounts.get(`${month}!${box}`);
      if (!found) throw new Refusal('account-unknown', `${box} in ${month}`);
      return found;
    },
    async members(month, { after = '', limit }) {
      await closed(month);
      return all(store.memberAccounts.values({ gt: `${month}!${after}`, lt: `${month}"`, limit }));
    },
    async ofMember(territory, member, limit) {
      const found: MemberAccount[] = [];
      for await (const { month, state } of store.accountMonths.values({ reverse: true })) {
        const its = state === 'closed' && (await store.memberAccounts.get(`${month}!${territory}!${member}`));
        if (its) found.push(its);
        if (found.length === limit) break;
      }
      return found;
    },
    async verify() {
      let [months, previous]: [number, string | null] = [0, null];
      for await (const { month, state, sha256, totals, previous: before } of store.accountMonths.values()) {
        if (state !== 'closed') continue;
        const hash = createMonthHash(previous);
        for await (const account of store.ownerAccounts.values(ofMonth(month))) hash.add(account);
        for await (const account of store.memberAccounts.values(ofMonth(month))) hash.add(account);
        if (before !== previous || hash.end(totals) !== sha256) return { months, altered: month };
        months += 1;
        previous = sha256;
      }
      return { months, altered: null };
    },
    credit: (wish) => inTurn(() => credit(wish)),
    setSchedule: (schedule) => inTurn(() => setSchedule(schedule)),
    schedules: () => all(store.schedules.values()),
    setDevelopment: (box, isFree) => inTurn(() => setDevelopment(box, isFree)),
    developmentBoxes: () => all(store.developmentBoxes.values()),
  };
}
