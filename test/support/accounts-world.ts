/** Made-up worlds of boxes and agreements for months at the provider: what each owed, when it was heard, and what it came to. */
import fc from 'fast-check';
import type { Test } from 'tap';
import { monthsBetween, nextMonth } from '#common/accounts/days.js';
import { amountOf, minorRead } from '#common/accounts/money.js';
import { AccountMonth, MemberAccount, OwnerAccount } from '#contract/accounts.js';
import { check } from '#contract/parse.js';
import type { Price } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import { type AccountsDesk, agreementId, boxOf, type Told } from './accounts-desk.js';

export const at = (text: string): number => Date.parse(`${text}Z`);
export const per = (amount: string, what: 'once' | 'month' | 'year', currency = 'EUR'): Price => ({
  amount,
  currency,
  per: what,
});
export const each = (amount: string, unit = 'page', currency = 'EUR'): Price => ({
  amount,
  currency,
  per: 'unit',
  unit,
});
export const dayMs = 86_400_000;

const amount = fc
  .tuple(fc.bigInt({ min: 0n, max: 99_999n }), fc.integer({ min: 0, max: 99 }))
  .map(([whole, behind]) => `${whole}.${String(behind).padStart(2, '0')}`)
  .filter((text) => /[1-9]/.test(text));
const currencyArb = fc.constantFrom('EUR', 'KWD', 'USD');
const pricesArb = fc
  .tuple(
    currencyArb,
    fc.uniqueArray(fc.constantFrom('once', 'month', 'year', 'page', 'hour'), { minLength: 0, maxLength: 4 }),
    fc.array(amount, { minLength: 4, maxLength: 4 }),
  )
  .map(([currency, whats, amounts]) =>
    whats.map((what, n): Price => {
      const price = amounts[n] ?? '1.00';
      return what === 'page' || what === 'hour' ? each(price, what, currency) : per(price, what, currency);
    }),
  );

export const begin = at('2026-01-01T00:00');
export const months = monthsBetween('2026-01', '2026-06');
/** What becomes of the agreements of one app on one box, one behind the other; and in which month each fact is heard. */
const chainArb = fc.array(
  fc.record({
    prices: pricesArb,
    gap: fc.integer({ min: 0, max: 40 * dayMs }),
    length: fc.option(fc.integer({ min: 0, max: 120 * dayMs }), { nil: null }),
    trialDays: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    heard: fc.integer({ min: 0, max: 5 }),
    endHeard: fc.integer({ min: 0, max: 5 }),
    used: fc.array(
      fc.record({
        month: fc.integer({ min: 0, max: 5 }),
        page: amount,
        hour: amount,
        heard: fc.integer({ min: 0, max: 5 }),
      }),
      { maxLength: 3 },
    ),
    credit: fc.option(fc.record({ month: fc.integer({ min: 0, max: 5 }), percent: fc.integer({ min: 1, max: 100 }) }), {
      nil: null,
    }),
  }),
  { minLength: 1, maxLength: 3 },
);
export const worldArb = fc.record({
  boxes: fc.array(fc.record({ apps: fc.array(chainArb, { minLength: 1, maxLength: 2 }), isFree: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
  }),
  share: fc.integer({ min: 0, max: 90 }),
  later: fc.integer({ min: 0, max: 90 }),
  discount: fc.integer({ min: 0, max: 100 }),
  alliance: fc.integer({ min: 0, max: 10 }),
});
type World = typeof worldArb extends fc.Arbitrary<infer W> ? W : never;

interface Fact {
  heard: number;
  told: Told;
  ended: { heard: number; at: number } | null;
  used: { heard: number; statement: number; period: string; quantities: Record<string, string> }[];
  credit: { month: number; percent: number } | null;
}

function factsOf(world: World): Fact[] {
  let number = 0;
  return world.boxes.flatMap(({ apps }, b) =>
    apps.flatMap((chain, a) => {
      let moment = begin;
      return chain.map((one): Fact => {
        number += 1;
        const since = moment + one.gap;
        const end = one.length === null ? null : since + one.length;
        moment = end ?? since + 30 * dayMs;
        const periods = [...new Set(one.used.map(({ month }) => month))].sort();
        const units = one.prices.flatMap((price) => (price.per === 'unit' ? [price.unit] : []));
        return {
          heard: one.heard,
          told: {
            ...{ number, box: boxOf(b + 1), app: `acme.app${a}`, member: a === 0 ? 'acme' : 'bracken', since },
            prices: one.prices,
            ...(one.trialDays === undefined ? {} : { trialDays: one.trialDays }),
          },
          ended: end === null ? null : { heard: one.endHeard, at: end },
          used: periods.map((month, n) => {
            const its = one.used.find((use) => use.month === month)!;
            const all: Record<string, string> = { page: its.page, hour: its.hour };
            const quantities = Object.fromEntries(units.map((unit) => [unit, all[unit] ?? '1']));
            return { heard: Math.max(its.heard, month), statement: n + 1, period: months[month]!, quantities };
          }),
          credit: one.credit,
        };
      });
    }),
  );
}

/** Tells what is heard in a month, closes it, and gives back what is to be given back. */
export async function live(
  desk: AccountsDesk,
  world: World,
  hears: (heard: number) => number,
  gives = false,
): Promise<void> {
  const facts = factsOf(world);
  const { accounts } = desk;
  const share = (percent: number, from: string) => ({
    ...{ from, share: String(percent), alliance: String(world.alliance) },
    discounts: [{ level: 2, percent: String(world.discount) }],
  });
  desk.levels.set('bracken', 2);
  await accounts.setSchedule(share(world.share, months[0]!));
  await accounts.setSchedule(share(world.later, months[3]!));
  for (const [b, { isFree }] of world.boxes.entries())
    if (isFree && b > 0) await accounts.setDevelopment(boxOf(b + 1), true);
  for (const [index, month] of months.entries()) {
    for (const { heard, told, ended, used } of facts) {
      if (hears(heard) > index) continue;
      const isOver = ended !== null && hears(Math.max(ended.heard, heard)) <= index;
      await desk.tell({ ...told, ended: isOver ? ended.at : null });
      for (const { heard: when, ...use } of used)
        if (hears(Math.max(when, heard)) <= index) await desk.use({ ...use, number: told.number, box: told.box });
    }
    desk.setTime(at(`${nextMonth(month)}-02T00:00`));
    await accounts.close(month);
    if (gives) await giveBack(desk, facts, index);
  }
}

/** Behind the closing of a month, a part of what each agreement came to in one before. */
async function giveBack({ accounts }: AccountsDesk, facts: Fact[], index: number): Promise<void> {
  for (const { told, credit } of facts) {
    if (!credit || credit.month > index) continue;
    const period = months[credit.month]!;
    const booked = await accounts.owner(months[index]!, told.box).catch(() => undefined);
    const its =
      booked?.entries.filter((one) => one.agreement === agreementId(told.number) && one.period === period) ?? [];
    const sum = its.reduce((all, one) => all + minorRead(one.amount), 0n);
    const part = (sum * BigInt(credit.percent)) / 100n;
    if (part <= 0n) continue;
    const amount = amountOf(part, its[0]?.currency ?? 'EUR');
    const wish = { agreement: agreementId(told.number), period, amount, reason: 'it did not work' };
    await accounts.credit(wish).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
  }
}

/** What has been booked for each agreement and month it is about, over all accounts. */
export async function bookedBy(desk: AccountsDesk): Promise<Record<string, bigint>> {
  const sums: Record<string, bigint> = {};
  for (const { month } of await desk.accounts.months())
    for (const { entries } of await desk.accounts.owners(month, { limit: 1000 }))
      for (const { agreement, period, amount, currency } of entries) {
        const key = `${agreement} ${period} ${currency}`;
        sums[key] = (sums[key] ?? 0n) + minorRead(amount);
      }
  return Object.fromEntries(
    Object.entries(sums)
      .filter(([, sum]) => sum !== 0n)
      .sort(),
  );
}
export async function splitBy(desk: AccountsDesk): Promise<Record<string, string>> {
  const sums: Record<string, bigint> = {};
  for (const { month } of await desk.accounts.months())
    for (const { member, lines } of await desk.accounts.members(month, { limit: 1000 }))
      for (const line of lines)
        for (const part of ['gross', 'share', 'discount', 'alliance', 'income'] as const) {
          const key = `${member} ${line.period} ${line.currency} ${part}`;
          sums[key] = (sums[key] ?? 0n) + minorRead(line[part]);
        }
  return Object.fromEntries(
    Object.entries(sums)
      .filter(([, sum]) => sum !== 0n)
      .map(([key, sum]): [string, string] => [key, String(sum)])
      .sort(),
  );
}

/** Every month agrees with itself, and each account with its entries. */
export async function agrees(t: Test, { accounts }: AccountsDesk): Promise<void> {
  for (const month of await accounts.months()) {
    if (!check(AccountMonth, month).ok) t.fail('is no month');
    const owners = await accounts.owners(month.month, { limit: 1000 });
    const members = await accounts.members(month.month, { limit: 1000 });
    if (!owners.every((one) => check(OwnerAccount, one).ok)) t.fail('is no account of an owner');
    if (!members.every((one) => check(MemberAccount, one).ok)) t.fail('is no account of a member');
    for (const { currency, ...total } of month.totals) {
      const read = (amounts: string[]): bigint => amounts.reduce((sum, one) => sum + minorRead(one), 0n);
      const its = <T extends { currency: string }>(all: T[]): T[] => all.filter((one) => one.currency === currency);
      const charged = read(owners.flatMap(({ entries }) => its(entries).map((one) => one.amount)));
      const lines = members.flatMap((one) => its(one.lines));
      const got = {
        members: read(lines.map(({ income }) => income)),
        provider: read(lines.map(({ share }) => share)) - read(lines.map(({ discount }) => discount)),
        alliance: read(lines.map(({ alliance }) => alliance)),
      };
      const same =
        charged === minorRead(total.owners) &&
        charged === read(owners.flatMap(({ sums }) => its(sums).map((one) => one.amount))) &&
        got.members === read(members.flatMap(({ sums }) => its(sums).map((one) => one.amount))) &&
        got.members === minorRead(total.members) &&
        got.provider === minorRead(total.provider) &&
        got.alliance === minorRead(total.alliance) &&
        got.members + got.provider + got.alliance === charged;
      if (!same) t.fail(`${month.month} does not sum up in ${currency}`);
    }
  }
}
