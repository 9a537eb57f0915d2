/** Months at the provider: exact, the same however late it is heard, closed once, and summing up for everybody. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import fc from 'fast-check';
import fastify from 'fastify';
import t, { type Test } from 'tap';
import { monthsBetween, nextMonth } from '#common/accounts/days.js';
import { amountOf, minorOf, minorPart, minorRead, minorTimes, percentOf } from '#common/accounts/money.js';
import { type Known, rateBox } from '#common/accounts/rate.js';
import { AccountEntry, AccountMonth, MemberAccount, MemberAccounts, OwnerAccount } from '#contract/accounts.js';
import { SignedAmount } from '#contract/money.js';
import { check } from '#contract/parse.js';
import type { Price } from '#contract/plans.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { createBoxMonths } from '../../provisioning/accounts/box-months.js';
import { declareAccountRoutes } from '../../provisioning/accounts/routes.js';
import {
  type AccountsDesk,
  agreementId,
  boxOf,
  openAccountsDesk,
  recordOf,
  type Told,
} from '../support/accounts-desk.js';
import { ownFolder } from '../support/folder.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const at = (text: string): number => Date.parse(`${text}Z`);
const per = (amount: string, what: 'once' | 'month' | 'year', currency = 'EUR'): Price => ({
  amount,
  currency,
  per: what,
});
const each = (amount: string, unit = 'page', currency = 'EUR'): Price => ({ amount, currency, per: 'unit', unit });
const box = boxOf(1);

const known = (told: Partial<Told>, more: Partial<Known> = {}): Known => {
  const { agreement, since, ended } = recordOf({ number: 1, box, prices: [per('3.00', 'month')], since: 0, ...told });
  return { agreement, since, endedAt: ended?.at ?? null, statements: [], credits: [], ...more };
};
const rated = (all: Known[], from: string, through = from) =>
  rateBox(all, { from, through, isFree: () => false }).map(({ agreement, period, minor }) => [
    Number(agreement.id.slice(-4)),
    period,
    Number(minor),
  ]);

t.test('amounts are whole minor units, rounded half up once', async (t) => {
  t.equal(minorTimes('0.015', '1', 'EUR'), 2n);
  t.equal(minorTimes('0.014999', '1', 'EUR'), 1n);
  t.equal(minorTimes('0.000001', '999999999999.999999', 'EUR'), 100000000n, 'beyond what a float holds');
  t.equal(minorOf('1.2345', 'JPY'), 1n);
  t.equal(minorOf('1.2345', 'KWD'), 1235n);
  t.equal(minorPart('10.00', 'EUR', 1n, 3n), 333n);
  t.equal(percentOf(999n, '12.5'), 124n);
  t.equal(percentOf(999n, '0'), 0n);
  t.equal(percentOf(999n, '100'), 999n);
  const most = minorTimes('999999999999.999999', '9'.repeat(30), 'KWD');
  t.ok(check(SignedAmount, amountOf(most, 'KWD')).ok, 'whatever a hostile box has counted, the month can be read');
  for (const [minor, currency, text] of [
    [0n, 'EUR', '0.00'],
    [-5n, 'EUR', '-0.05'],
    [123456n, 'KWD', '123.456'],
    [-70n, 'JPY', '-70'],
  ] as const) {
    t.equal(amountOf(minor, currency), text);
    t.equal(minorRead(text), minor);
  }
});

t.test('a month costs its days: the first on which the agreement held, and the last', async (t) => {
  const month = (told: Partial<Told>, from: string, through?: string) => rated([known(told)], from, through);
  t.same(month({ since: at('2026-11-01T00:00') }, '2026-11'), [[1, '2026-11', 300]]);
  t.same(month({ since: at('2026-11-30T23:59') }, '2026-11'), [[1, '2026-11', 10]], 'a day of thirty');
  t.same(month({ since: at('2026-11-10T12:00'), ended: at('2026-11-10T12:00') }, '2026-11'), [[1, '2026-11', 10]]);
  t.same(month({ since: at('2026-11-10T12:00'), ended: at('2026-11-12T00:00') }, '2026-11'), [[1, '2026-11', 20]]);
  t.same(month({ since: at('2026-11-10T12:00'), ended: at('2026-11-12T00:01') }, '2026-11'), [[1, '2026-11', 30]]);
  t.same(month({ since: at('2027-02-15T00:00') }, '2027-02'), [[1, '2027-02', 150]]);
  t.same(month({ since: null, at: at('2026-11-01T00:00') }, '2026-11'), [], 'nothing before the app is there');
  t.same(
    month({ since: at('2026-11-20T10:00'), trialDays: 14 }, '2026-11', '2026-12').filter(([, , minor]) => minor !== 0),
    [[1, '2026-12', 261]],
    'twenty-seven days: from the first whole one behind the trial',
  );
  const first = known({ since: at('2026-11-01T09:00'), ended: at('2026-11-16T09:00') });
  const second = known({ number: 2, since: at('2026-11-16T09:00') });
  t.same(rated([second, first], '2026-11'), [
    [1, '2026-11', 150],
    [2, '2026-11', 150],
  ]);
});

t.test('what is due once is due once, and a year comes to its price', async (t) => {
  const first = known({ prices: [per('10.00', 'once')], since: at('2026-11-10T12:00'), trialDays: 30 });
  t.same(rated([first], '2026-10', '2027-01'), [[1, '2026-12', 1000]]);
  t.same(rated([{ ...first, endedAt: at('2026-12-10T12:00') }], '2026-10', '2027-01'), [], 'left with the trial');
  const again = known({ number: 2, prices: [per('12.50', 'once')], since: at('2027-01-10T12:00') });
  t.same(rated([first, again], '2026-10', '2027-01'), [
    [1, '2026-12', 1000],
    [2, '2027-01', 250],
  ]);
  t.same(rated([first, again], '2027-01'), [[2, '2027-01', 250]], 'also where the first was long ago');
  const year = known({ prices: [per('10.00', 'year')], since: at('2025-12-31T12:00') });
  const months = rated([year], '2026-01', '2026-12').map(([, , minor]) => Number(minor));
  t.same(months, [85, 77, 85, 82, 85, 82, 85, 85, 82, 85, 82, 85]);
  t.equal(
    months.reduce((sum, one) => sum + one, 0),
    1000,
  );
});

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

const begin = at('2026-01-01T00:00');
const dayMs = 86_400_000;
const months = monthsBetween('2026-01', '2026-06');
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
const worldArb = fc.record({
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
async function live(desk: AccountsDesk, world: World, hears: (heard: number) => number, gives = false): Promise<void> {
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
async function bookedBy(desk: AccountsDesk): Promise<Record<string, bigint>> {
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
async function splitBy(desk: AccountsDesk): Promise<Record<string, string>> {
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
async function agrees(t: Test, { accounts }: AccountsDesk): Promise<void> {
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

t.test(
  'owners are charged what members, provider and alliance have; what is heard late comes to the same',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(worldArb, async (world) => {
        const late = await openAccountsDesk(await ownFolder(t), begin);
        const early = await openAccountsDesk(await ownFolder(t), begin);
        try {
          await live(late, world, (heard) => heard);
          await live(early, world, () => 0);
          // A last month in which all of it is known to both.
          await agrees(t, late);
          await agrees(t, early);
          t.strictSame(await bookedBy(late), await bookedBy(early), 'heard late, the same');
          t.strictSame(await splitBy(late), await splitBy(early), 'and shared the same');
          t.strictSame(await late.accounts.verify(), { months: months.length, altered: null });
        } finally {
          await late.store.close();
          await early.store.close();
        }
      }),
      { numRuns: 10 },
    );
  },
);

t.test('what is given back is given back by everybody, and nobody gets more back than was due', async (t) => {
  let given = 0;
  await fc.assert(
    fc.asyncProperty(worldArb, async (world) => {
      const desk = await openAccountsDesk(await ownFolder(t), begin);
      try {
        await live(desk, world, (heard) => heard, true);
        await agrees(t, desk);
        given += (await desk.accounts.months()).length;
        for (const sum of Object.values(await bookedBy(desk))) if (sum < 0n) t.fail('more was given back than was due');
        for (const [name, sum] of Object.entries(await splitBy(desk))) if (sum.startsWith('-')) t.fail(name);
      } finally {
        await desk.store.close();
      }
    }),
    { numRuns: 10 },
  );
  t.ok(given > 0);
});

/** A thousand boxes, of which some use what is counted, some are in their trial, some have left. */
async function thousand(desk: AccountsDesk): Promise<void> {
  const told = Array.from({ length: 1000 }, (_, n): Told => {
    const since = at('2026-10-05T08:00') + (n % 50) * dayMs;
    return {
      ...{ number: n + 1, box: boxOf(n + 1), member: n % 3 === 0 ? 'bracken' : 'acme', since },
      prices: [per('2.99', 'month'), each('0.015')],
      ...(n % 7 === 0 ? { trialDays: 14 } : {}),
      ...(n % 11 === 0 ? { ended: since + 20 * dayMs } : {}),
    };
  });
  await desk.tell(...told);
  for (const [statement, period] of ['2026-10', '2026-11'].entries())
    await desk.use(
      ...told
        .filter(({ number }) => number % 2 === 0)
        .map(({ number, box }) => ({
          ...{ number, box, period, statement: statement + 1 },
          quantities: { page: `${number}.${statement}01` },
        })),
    );
  await desk.accounts.setSchedule({
    ...{ from: '2026-10', share: '15', alliance: '1.5', discounts: [{ level: 2, percent: '33.33' }] },
  });
  desk.levels.set('bracken', 2);
}

t.test('the same statements come to the same bytes, and a closed month stays as it is', async (t) => {
  const desks = await Promise.all([1, 2].map(async () => openAccountsDesk(await ownFolder(t), at('2026-12-01T00:00'))));
  t.teardown(() => Promise.all(desks.map(({ store }) => store.close())));
  const all = async ({ accounts }: AccountsDesk, month: string) =>
    JSON.stringify([await accounts.owners(month, { limit: 1000 }), await accounts.members(month, { limit: 1000 })]);
  for (const desk of desks) {
    await thousand(desk);
    for (const month of ['2026-10', '2026-11']) await desk.accounts.close(month);
    await agrees(t, desk);
  }
  const [one, other] = desks as [AccountsDesk, AccountsDesk];
  for (const month of ['2026-10', '2026-11']) t.equal(await all(one, month), await all(other, month));
  const hashes = async ({ accounts }: AccountsDesk) => (await accounts.months()).map(({ sha256 }) => sha256);
  t.strictSame(await hashes(one), await hashes(other));
  const [first] = await one.accounts.months();
  t.match(first, { month: '2026-10', state: 'closed', members: 2, previous: null });

  const before = await all(one, '2026-10');
  await one.tell({
    number: 2,
    box: boxOf(2),
    prices: [per('2.99', 'month'), each('0.015')],
    since: at('2026-10-06T08:00'),
    ended: at('2026-10-20T00:00'),
  });
  t.strictSame(await one.accounts.close('2026-10'), first, 'closed again, it is answered as it was');
  one.setTime(at('2027-01-01T00:00'));
  await one.accounts.close('2026-12');
  t.equal(await all(one, '2026-10'), before);
  const late = await one.accounts.owner('2026-12', boxOf(2));
  t.match(
    late.entries.map(({ kind, period, for: what, amount: sum, days }) => [kind, period, what, sum, days?.held]),
    [
      ['correction', '2026-10', 'month', '-1.16', 14],
      ['correction', '2026-11', 'month', '-2.99', 0],
    ],
    'an end that was heard late is a correction of the next month',
  );
  t.ok(late.entries.every((entry) => check(AccountEntry, entry).ok));
  t.strictSame(late.sums, [{ currency: 'EUR', amount: '-4.15' }]);
  t.strictSame(await one.accounts.verify(), { months: 3, altered: null });
  const account = await one.accounts.owner('2026-11', boxOf(4));
  await one.store.commit([
    { type: 'put', sublevel: one.store.ownerAccounts, key: `2026-11!${boxOf(4)}`, value: { ...account, sums: [] } },
  ]);
  t.strictSame(await one.accounts.verify(), { months: 1, altered: '2026-11' }, 'and what is altered shows');
});

t.test('a member is told what it had of closed months, and nobody else’s', async (t) => {
  const desk = await openAccountsDesk(await ownFolder(t), at('2026-12-01T00:00'));
  t.teardown(() => desk.store.close());
  const since = at('2026-10-01T00:00');
  await desk.tell({ number: 1, box, prices: [per('3.00', 'month')], since });
  await desk.tell({ number: 2, box, app: 'bracken.app', member: 'bracken', prices: [per('5.00', 'month')], since });
  const server = fastify();
  t.teardown(() => server.close());
  let who = 'acme';
  const callers = { member: async () => ({ id: who }), box: async () => box };
  const boxMonths = createBoxMonths({ store: desk.store });
  declareAccountRoutes(server, { accounts: desk.accounts, boxMonths, territory: 'north', callers });
  const told = async (): Promise<unknown> => (await server.inject('/v1/accounts')).json();
  t.same(await told(), { accounts: [] });
  await desk.accounts.close('2026-10');
  await desk.accounts.close('2026-11');
  const answer = await told();
  t.ok(check(MemberAccounts, answer).ok);
  t.match(answer, {
    accounts: [
      { month: '2026-11', member: 'acme', sums: [{ currency: 'EUR', amount: '3.00' }] },
      { month: '2026-10', member: 'acme', sums: [{ currency: 'EUR', amount: '3.00' }] },
    ],
  });
  t.notMatch(JSON.stringify(answer), box, 'its maker is not told whose box it is');
  who = 'bracken';
  t.match(await told(), { accounts: [{ member: 'bracken' }, { member: 'bracken' }] });
  who = 'cedar';
  t.same(await told(), { accounts: [] });
});

t.test('months are closed in order and when they are over, and what is set is set for open ones', async (t) => {
  const desk = await openAccountsDesk(await ownFolder(t), at('2026-12-15T00:00'));
  t.teardown(() => desk.store.close());
  const { accounts } = desk;
  const month = (number: number, since: string, more: Partial<Told> = {}): Told => ({
    ...{ number, box: boxOf(number), prices: [per('3.00', 'month')], since: at(since), ...more },
  });
  await desk.tell(month(1, '2026-09-01T00:00'), month(2, '2026-11-01T00:00'), month(3, '2026-11-01T00:00'));
  await t.rejects(accounts.close('2026-12'), refuses('month-not-over'));
  await accounts.setDevelopment(boxOf(3), true);
  await accounts.setDevelopment(boxOf(3), false);
  await accounts.close('2026-10');
  await t.rejects(accounts.close('2026-12'), refuses('month-not-next'));
  await t.rejects(accounts.close('2026-09'), refuses('month-not-next'), 'what was before the first is late in it');
  t.match((await accounts.owner('2026-10', boxOf(1))).entries, [
    { kind: 'late', period: '2026-09', amount: '3.00' },
    { kind: 'charge', period: '2026-10', amount: '3.00', days: { held: 31, of: 31 } },
  ]);
  await t.rejects(accounts.owner('2026-11', boxOf(1)), refuses('month-unknown'));
  await t.rejects(accounts.owners('2026-11', { limit: 1 }), refuses('month-unknown'));

  const schedule = { from: '2026-11', share: '60', alliance: '40', discounts: [] };
  await t.rejects(accounts.setSchedule({ ...schedule, from: '2026-10' }), refuses('month-closed'));
  await t.rejects(accounts.setSchedule({ ...schedule, share: '60.01' }), refuses('schedule-invalid'));
  const twice = [1, 1].map((level) => ({ level, percent: '10' }));
  await t.rejects(accounts.setSchedule({ ...schedule, discounts: twice }), refuses('schedule-invalid'));
  await accounts.setSchedule(schedule);
  t.strictSame(await accounts.setDevelopment(boxOf(2), true), [{ box: boxOf(2), from: '2026-11', until: null }]);

  const credit = { agreement: agreementId(1), period: '2026-10', amount: '2.50', reason: 'it stood still for days' };
  await t.rejects(accounts.credit({ ...credit, amount: '3.01' }), refuses('credit-too-large'));
  await t.rejects(accounts.credit({ ...credit, period: '2026-11' }), refuses('credit-too-large'), 'is not closed');
  await t.rejects(accounts.credit({ ...credit, amount: '0.001' }), refuses('credit-too-large'));
  await t.rejects(accounts.credit({ ...credit, agreement: agreementId(9) }), refuses('agreement-unknown'));
  const made = await accounts.credit(credit);
  await t.rejects(accounts.credit({ ...credit, amount: '0.51' }), refuses('credit-too-large'), 'not twice');
  await accounts.close('2026-11');
  t.match(await accounts.owner('2026-11', boxOf(1)), {
    entries: [
      { kind: 'charge', amount: '3.00', period: '2026-11' },
      { kind: 'credit', amount: '-2.50', period: '2026-10', credit: made.id, reason: credit.reason },
    ],
    sums: [{ currency: 'EUR', amount: '0.50' }],
  });
  await t.rejects(accounts.owner('2026-11', boxOf(2)), refuses('account-unknown'), 'nothing is charged there');
  t.match(await accounts.members('2026-11', { limit: 10 }), [
    {
      member: 'acme',
      lines: [
        { period: '2026-10', gross: '-2.50', share: '0.00', income: '-2.50', by: { share: '0' } },
        { period: '2026-11', gross: '6.00', share: '3.60', alliance: '2.40', income: '0.00', by: { share: '60' } },
      ],
    },
  ]);
  await agrees(t, desk);
  await desk.store.commit([
    {
      ...{ type: 'put', sublevel: desk.store.boxes, key: boxOf(1) },
      value: { enrolledAt: 0, claim: '', certificate: {}, revokedAt: at('2026-12-11T00:00') },
    },
  ]);
  desk.setTime(at('2027-01-01T00:00'));
  await accounts.close('2026-12');
  t.match(
    (await accounts.owner('2026-12', boxOf(1))).entries,
    [{ days: { held: 10 }, amount: '0.97' }],
    'a box that is gone',
  );
});

t.test('killed at each step, a month is closed once and as if nothing had happened', async (t) => {
  const child = path.resolve('build/test/support/accounts-child.js');
  const run = async (folder: string, cut: number): Promise<string> => {
    const its = spawn(process.execPath, [child, folder, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    its.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await once(its, 'close');
    return said.trim();
  };
  const whole = await run(await ownFolder(t), 0);
  const { commits, sha256, totals } = JSON.parse(whole);
  t.ok(commits >= 4);
  for (let cut = 1; cut <= commits; cut += 1)
    for (const side of [cut, -cut]) {
      const folder = await ownFolder(t);
      t.equal(await run(folder, side), '', 'cut');
      t.match(
        JSON.parse(await run(folder, 0)),
        { sha256, totals },
        `cut ${side < 0 ? 'behind' : 'before'} commit ${cut}`,
      );
    }
});
