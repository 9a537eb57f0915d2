import fc from 'fast-check';
import fastify from 'fastify';
import t from 'tap';
import { AccountEntry, MemberAccounts } from '#contract/accounts.js';
import { check } from '#contract/parse.js';
import type { ProblemCode } from '#contract/problems.js';
import { createBoxMonths } from '../../provisioning/accounts/box-months.js';
import { declareAccountRoutes } from '../../provisioning/accounts/routes.js';
import { type AccountsDesk, boxOf, openAccountsDesk, type Told } from '../support/accounts-desk.js';
import {
  agrees,
  at,
  begin,
  bookedBy,
  dayMs,
  each,
  live,
  months,
  per,
  splitBy,
  worldArb,
} from '../support/accounts-world.js';
import { cutChild } from '../support/cut-child.js';
import { ownFolder } from '../support/folder.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const box = boxOf(1);

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

  await accounts.close('2026-11');
  await t.rejects(accounts.owner('2026-11', boxOf(2)), refuses('account-unknown'), 'nothing is charged there');
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
  const run = (folder: string, cut: number): Promise<string> => cutChild('accounts-child', folder, cut);
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
