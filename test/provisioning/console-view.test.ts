/** What the console concludes and how it says it, without a browser. */
import fc from 'fast-check';
import t from 'tap';
import type { StoredSample } from '#contract/operator.js';
import { standingOf } from '../../provisioning/console/web/care.js';
import {
  queryOf,
  tableAddress,
  withField,
  withoutFilter,
  withSearch,
  withSort,
} from '../../provisioning/console/web/fleet-address.js';
import { bytes, percent, rate, relative } from '../../provisioning/console/web/format.js';
import { columnsOf, gauge, longestStep, merge, perSecond, summaryOf } from '../../provisioning/console/web/series.js';
import { between, endsOf, lastOf, moved, presetOf, zoomed } from '../../provisioning/console/web/span.js';
import { spell, texts } from '../../provisioning/console/web/texts.js';
import { boxOf } from '../support/console.js';
import { withCare } from '../support/fed-table.js';

const now = 1_790_000_000_000;
const minute = 60_000;
const day = 86_400_000;
const received = 'system.network.io{network.io.direction=receive}';
const cpu = (at: number, value = 0.5): StoredSample => ({ at, values: { 'system.cpu.utilization': value } });
const counter = (at: number, value: number): StoredSample => ({ at, values: { [received]: value } });

t.test('a gap is a gap: the line ends, and the time axis stays true', async (test) => {
  const samples = [0, 1, 2, 3, 4, 20, 21, 22, 23, 24, 25].map((step) => cpu(now + step * minute));
  const { times, lines, gaps } = columnsOf(samples, [gauge('system.cpu.utilization')]);
  test.same(gaps, [[(now + 4 * minute) / 1000, (now + 20 * minute) / 1000]]);
  test.equal(lines[0]?.filter((value) => value === null).length, 1);
  test.equal(times.length, samples.length + 1);
  test.equal(longestStep([cpu(now)]), Number.POSITIVE_INFINITY, 'one sample has no gap');
  const slower = [...Array(40).keys()].map((step) => cpu(now + step * minute));
  const faster = [...Array(60).keys()].map((step) => cpu(now + 40 * minute + step * 5000));
  test.same(columnsOf([...slower, ...faster], []).gaps, [], 'a change of the interval is none');
});

t.test('times always ascend and every line has a value for each', async (test) => {
  const sample = fc.record({ at: fc.integer({ min: 0, max: 1e9 }), values: fc.constant({ [received]: 5 }) });
  fc.assert(
    fc.property(fc.array(sample), (samples) => {
      const { times, lines } = columnsOf(merge(samples, [], 0), [perSecond(received), gauge('hw.temperature')]);
      return (
        times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0)) &&
        lines.every((line) => line.length === times.length)
      );
    }),
  );
  test.pass();
});

t.test('a counter becomes a rate, and neither a restart nor a gap becomes a spike', async (test) => {
  const samples = [
    counter(now, 1000),
    counter(now + minute, 61_000),
    counter(now + 2 * minute, 500), // restarted
    counter(now + 3 * minute, 60_500),
    counter(now + 30 * minute, 9_000_000),
  ];
  test.same(columnsOf(samples, [perSecond(received)]).lines[0], [null, 1000, null, 1000, null, null]);
});

t.test('newer samples join the known ones once, and what has left the range is dropped', async (test) => {
  const known = [cpu(now, 0.1), cpu(now + minute, 0.2)];
  const merged = merge(known, [cpu(now + minute, 0.3), cpu(now + 2 * minute, 0.4)], now + 1);
  test.same(
    merged.map(({ values }) => values['system.cpu.utilization']),
    [0.3, 0.4],
  );
  test.same(summaryOf([null, 3, 1, null, 2, null]), { last: 2, least: 1, most: 3 });
  test.equal(summaryOf([null]), undefined);
});

t.test('a box needs care for a reason that is said', async (test) => {
  const healthy = { at: now - minute, values: { 'system.filesystem.utilization': 0.5, 'hw.temperature': 50 } };
  const of = (change: Parameters<typeof boxOf>[2]) =>
    standingOf(withCare(boxOf('box-00000001', now, { health: healthy, ...change }), now), now);
  const certificate = (left: number) => ({ serial: '01', notAfter: now + left });
  test.match(of({}), { tone: 'good', word: 'Online', reasons: [] });
  test.match(of({ state: 'offline', lastSeen: now - 3 * 3_600_000 }), {
    tone: 'trouble',
    reasons: [/not heard from for 3.h/],
  });
  const cloned = { since: now - day, at: now };
  test.match(of({ cloned }), { tone: 'trouble', word: 'Online', reasons: ['two machines report as this box'] });
  test.match(of({ cloned, state: 'offline', lastSeen: now - day }), { reasons: [/^two machines/, /not heard/] });
  test.same(
    of({ state: 'offline', lastSeen: now - minute }),
    { tone: 'unknown', word: 'Offline', reasons: [] },
    'a restart is nothing',
  );
  test.match(of({ state: 'enrolled', enrolledAt: now - minute }), { tone: 'unknown', reasons: [] });
  test.match(of({ state: 'enrolled', enrolledAt: now - day }), { tone: 'attention', reasons: [/never connected/] });
  test.match(of({ health: { at: now, values: { 'system.filesystem.utilization': 0.91 } } }), {
    tone: 'attention',
    reasons: [/disk/i],
  });
  test.match(of({ lastSeen: now - 3_600_000 }), { tone: 'attention', reasons: [/nothing heard for 1.h/] });
  const hot = { kind: 'hot', severity: 'trouble', since: now, evidence: '91 °C' } as const;
  test.match(of({ conditions: [hot] }), { tone: 'trouble', word: 'Online', reasons: [/hot/i] });
  test.same(of({ conditions: [{ ...hot, severity: 'info' }] }), { tone: 'good', word: 'Online', reasons: [] });
  test.match(of({ enrolledAt: now - 28 * day, certificate: certificate(2 * day) }), { reasons: [/ends in 2.days/] });
  test.match(of({ certificate: certificate(-1) }), { reasons: [/certificate has ended/] });
  test.same(
    of({ enrolledAt: now, certificate: certificate(120_000) }).reasons,
    [],
    'short-lived ones renew soon enough',
  );
  test.same(of({ state: 'revoked', lastSeen: now - 9 * day }).reasons, [], 'a revoked box needs none');
});

t.test('the first line counts in words', async (test) => {
  const { summary } = texts.glance;
  test.equal(summary(5, 3, 2, 0), 'Two boxes need care.');
  test.equal(summary(5, 4, 1, 0), 'One box needs care.');
  test.equal(summary(3, 3, 0, 0), 'All 3 boxes are online.');
  test.equal(summary(1, 1, 0, 0), 'The box is online.');
  test.equal(summary(3, 2, 0, 1), 'All 2 boxes are online.');
  test.equal(summary(3, 1, 0, 0), 'One of 3 boxes is online.');
  test.equal(summary(1, 0, 0, 1), 'No box is in service.');
  test.equal(summary(20, 4, 12, 0), '12 boxes need care.');
});

t.test('numbers have units, and times are relative', async (test) => {
  const plain = (text: string) => text.replace(/\u00a0/g, ' ');
  test.equal(plain(bytes(4 * 2 ** 30)), '4 GiB');
  test.equal(plain(bytes(1.53 * 2 ** 30)), '1.5 GiB');
  test.equal(plain(rate(41_600)), '41.6 kB/s');
  test.equal(percent(0), '0%');
  test.equal(percent(0.094), '9.4%');
  test.equal(percent(0.0999), '10%');
  test.equal(percent(1), '100%');
  test.equal(plain(relative(now - 12_000, now)), '12 s ago');
  test.equal(plain(relative(now + 18 * day, now)), 'in 18 days');
  test.equal(spell('B69AT'), 'Bravo six nine Alfa Tango');
});

t.test('the charts show the last while, or a time that stands still', async (test) => {
  const hour = 3_600_000;
  test.equal(presetOf(lastOf('7d')), '7d');
  test.same(endsOf(lastOf('1h'), now), { from: now - hour, to: now });
  test.same(moved(lastOf('1h'), -1, now), { kind: 'fixed', from: now - 1.5 * hour, to: now - 0.5 * hour });
  const back = moved(moved(lastOf('1h'), -1, now), 1, now);
  test.same(back, lastOf('1h'), 'what comes back to now moves on with it');
  test.equal(presetOf(moved(lastOf('1h'), -1, now)), undefined);
  test.same(zoomed(lastOf('1h'), 0.5, now), { kind: 'last', milliseconds: hour / 2 }, 'the newest stays');
  test.same(zoomed({ kind: 'fixed', from: now - 4 * hour, to: now - 2 * hour }, 0.5, now), {
    ...{ kind: 'fixed', from: now - 3.5 * hour, to: now - 2.5 * hour },
  });
  test.same(between(now - hour, now + 5, now), lastOf('1h'));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: now }),
      fc.integer({ min: 0, max: now }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      (a, b, factor) => {
        const span = zoomed(between(Math.min(a, b), Math.max(a, b), now), factor, now);
        const { from, to } = endsOf(span, now);
        return to <= now && to - from >= 60_000 && Number.isInteger(from) && Number.isInteger(to);
      },
    ),
  );
});

t.test('the address holds the filter, and nothing that somebody types breaks it', async (test) => {
  test.equal(tableAddress({}), '/boxes');
  const address = tableAddress({ state: ['online', 'offline'], place: ['Ōtaki & co'], search: 'a b', sort: 'id' });
  test.equal(address, '/boxes?state=online&state=offline&place=%C5%8Ctaki+%26+co&search=a+b&sort=id');
  test.same(queryOf(address.slice('/boxes?'.length)).place, ['Ōtaki & co']);
  test.same(queryOf('state=nowhere'), {}, 'no question: everything is shown');
  test.same(
    withField({ cursor: 'x', sort: 'id' }, 'place', ['a']),
    { sort: 'id', place: ['a'] },
    'from its first page',
  );
  test.same(withField({ place: ['a'] }, 'place', []), {});
  test.same(withSearch({ search: 'x' }, '  '), {});
  test.same(withSort({ sort: 'id' }, 'id'), { sort: 'id', reverse: true });
  test.same(withSort({ sort: 'id', reverse: true }, 'id'), { sort: 'id' });
  test.same(withoutFilter({ sort: 'id', place: ['a'], search: 'b', cursor: 'c' }), { sort: 'id' });
  fc.assert(fc.property(fc.string(), (text) => typeof tableAddress(queryOf(text)) === 'string'));
});
