/** What is due of a month: exact, rounded once, by the day. */
import t from 'tap';
import { amountOf, minorOf, minorPart, minorRead, minorTimes, percentOf } from '#common/accounts/money.js';
import { type Known, rateBox } from '#common/accounts/rate.js';
import { SignedAmount } from '#contract/money.js';
import { check } from '#contract/parse.js';
import { boxOf, recordOf, type Told } from '../support/accounts-desk.js';
import { at, per } from '../support/accounts-world.js';

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
