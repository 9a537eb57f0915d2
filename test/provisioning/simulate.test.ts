/** The simulator: what it makes up is repeatable, and `webizen-provider simulate` against a provider that runs. */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Value } from 'typebox/value';
import { HealthBatch } from '#contract/health.js';
import { Refusal } from '#contract/problems.js';
import { Birth, Reported } from '#contract/status.js';
import { acknowledge, beginLeg, nextRange, openBook, rewind, take, timeOf } from '../../provisioning/simulate/book.js';
import { absencesOf, parseFaults } from '../../provisioning/simulate/faults.js';
import { day, lifeOf, minute } from '../../provisioning/simulate/life.js';
import { measure } from '../../provisioning/simulate/measure.js';
import { birthOf, conditionsAt, reportedOf } from '../../provisioning/simulate/tell.js';
import { judge } from '../../provisioning/simulate/verify.js';
import { ownFolder } from '../support/folder.js';
import { command, type Finished, testProvider } from '../support/provider.js';

const epoch = 'e0e0e0e0e0e0e0e0';

/** To its end, while the provider in this process goes on. */
const askCommand = (name: string, args: string[]): Promise<Finished> =>
  new Promise((resolve) => {
    execFile(process.execPath, [command(name), ...args], { timeout: 300_000 }, (error, stdout, stderr) => {
      resolve({ status: error ? (typeof error.code === 'number' ? error.code : null) : 0, stdout, stderr });
    });
  });
const now = Date.UTC(2026, 10, 20, 12);

t.test('the same seed tells the same lives, by the contract, and not all are well', async (t) => {
  const kinds = new Set<string>();
  const machines = new Set<string>();
  for (let index = 0; index < 300; index += 1) {
    const life = lifeOf(7, index);
    t.same(life, lifeOf(7, index));
    const samples = Array.from({ length: 20 }, (_, seq) => {
      const at = now + seq * minute;
      return { seq: seq + 1, at, values: measure(life, at) };
    });
    t.same(samples[9]?.values, measure(lifeOf(7, index), now + 9 * minute), 'a sample is measured again');
    t.ok(Value.Check(HealthBatch, { epoch, samples }));
    const received = samples.map(({ values }) => values['system.network.io{network.io.direction=receive}'] ?? 0);
    const booted = samples.some(({ values }) => (values['system.uptime'] ?? 0) < 1200);
    t.ok(booted || received.every((bytes, at) => at === 0 || bytes >= (received[at - 1] ?? 0)), 'counters only grow');
    const conditions = conditionsAt(life, now);
    for (const { kind } of conditions) kinds.add(kind);
    machines.add(`${life.model} ${life.agent}`);
    t.ok(conditions.every(({ since }) => since <= now));
    t.ok(Value.Check(Reported, reportedOf(life, now, conditions)));
    const wish = { session: epoch, epoch, lastSequence: 3, at: now };
    t.ok(Value.Check(Birth, birthOf(life, wish)));
  }
  t.notSame(lifeOf(7, 1), lifeOf(8, 1));
  t.ok(kinds.size >= 5, [...kinds].join(', '));
  t.ok(machines.size >= 5, 'several models and versions');
});

t.test('faults are read from the command line, or refused by what is wrong', async (t) => {
  t.same(parseFaults(''), {});
  t.same(parseFaults('outage=10%:5m,blackout=2m, slow=2.5%,offline=1%:30d'), {
    ...{ outage: { share: 0.1, lasts: 5 * minute }, blackout: { share: 1, lasts: 2 * minute }, slow: 0.025 },
    offline: { share: 0.01, lasts: 30 * day },
  });
  for (const wrong of [
    'flood=1%',
    'slow',
    'slow=101%',
    'slow=-1%',
    'outage=10%',
    'outage=1%:0s',
    'slow=1%,slow=2%',
    'blackout=1%:2m:3',
  ])
    t.throws(() => parseFaults(wrong), { code: 'arguments-invalid' }, wrong);
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseFaults(text);
      } catch (error) {
        return error instanceof Refusal && error.code === 'arguments-invalid';
      }
      return true;
    }),
  );
  const faults = parseFaults('outage=100%:30d,blackout=30d');
  const absences = absencesOf(faults, lifeOf(1, 1), now, now + day);
  t.equal(absences.length, 2);
  t.ok(
    absences.every(({ from, to }) => from >= now && to < now + day && from < to),
    'all are back before the end',
  );
});

t.test('a box counts on through power cuts, sends again what is not covered, and keeps no sample', async (t) => {
  const book = openBook({ epoch, legs: [{ from: 1, base: now }], last: 0, covered: 0 });
  take(book, now + 250 * minute, minute);
  t.equal(book.last, 250);
  book.target = book.last;
  t.same(nextRange(book, 100), { range: [1, 100], again: false });
  t.same(nextRange(book, 100), { range: [101, 200], again: false });
  t.equal(acknowledge(book, { epoch, contiguous: 60, missing: [[81, 90]] }), 60);
  t.same(nextRange(book, 100), { range: [81, 90], again: true }, 'what is asked for');
  t.same(nextRange(book, 100), { range: [201, 250], again: false });
  t.equal(nextRange(book, 100), undefined);
  t.equal(acknowledge(book, { epoch: 'e1e1e1e1e1e1e1e1', contiguous: 250, missing: [] }), 0, 'of another epoch');
  rewind(book);
  t.same(nextRange(book, 500), { range: [61, 250], again: false }, 'a new session sends all that is not covered');
  beginLeg(book, now + 500 * minute, minute);
  take(book, now + 500 * minute, minute);
  t.equal(book.last, 250, 'without power nothing is measured');
  take(book, now + 502 * minute, minute);
  t.equal(book.last, 252);
  t.equal(timeOf(book, 250, minute), now + 250 * minute);
  t.equal(timeOf(book, 251, minute), now + 501 * minute);
});

t.test('the count at the end finds what is missing and what is doubled', async (t) => {
  const kept = { epoch, legs: [{ from: 1, base: now }], last: 10, covered: 10 };
  const wish = { intervalMilliseconds: minute, since: now + 3 * minute, clockOff: 0 };
  const stored = (first: number, last: number, rows = last - first + 1) => ({ epoch, first, last, rows });
  t.same(judge(kept, [stored(1, 10)], wish), { expected: 8, stored: 8, missing: 0, doubled: 0 });
  t.same(judge(kept, [stored(8, 10), stored(3, 5)], wish), { expected: 8, stored: 6, missing: 2, doubled: 0 });
  t.match(judge(kept, [stored(1, 10, 12)], wish), { doubled: 2 });
  t.match(judge(kept, [{ ...stored(1, 10), epoch: 'e1e1e1e1e1e1e1e1' }], wish), { stored: 0, missing: 8 });
});

t.test(
  'boxes enrol over EST, live a day of outages and storms in seconds, and a second run only connects',
  async (t) => {
    const provider = await testProvider(t, { provider: { enrolmentsPerSecond: 1000 } });
    const state = path.join(await ownFolder(t), 'boxes');
    const args = ['simulate', '--boxes', '20', '--est', provider.est, '--dir', provider.directory, '--state', state];
    const short = ['--for', '4s', '--verify', '--json'];
    t.match(await askCommand('webizen-provider', [...args, ...short]), { status: 1, stderr: /not-running/ });
    await provider.start();

    const faults = 'outage=30%:2h,blackout=50%:1h,offline=10%:2d,duplicate=10%,reorder=10%,slow=5%';
    const first = await askCommand('webizen-provider', [...args, ...short, '--speed', '21600', '--faults', faults]);
    t.equal(first.status, 0, first.stderr);
    const report = JSON.parse(first.stdout);
    t.ok(report.samples.taken > 20 * 1000, `${report.samples.taken} samples of a day each`);
    t.equal(report.acknowledged, report.samples.taken);
    t.ok(report.samples.resent > 0 && report.batches.doubled > 0 && report.batches.reordered > 0);
    t.match(report.verdict, { expected: report.samples.taken, stored: report.samples.taken, missing: 0, doubled: 0 });
    const boxes = await provider.boxes();
    t.equal(boxes.length, 20);
    t.ok(
      boxes.every(({ state: itsState, gaps }) => itsState === 'offline' && gaps === 0),
      'each said goodbye',
    );

    const second = await askCommand('webizen-provider', [...args, ...short, '--rate', '200']);
    t.equal(second.status, 0, second.stderr);
    const again = JSON.parse(second.stdout);
    t.ok(again.samples.taken > report.samples.taken, 'their sequences go on');
    t.match(again.verdict, { missing: 0, doubled: 0 });
    t.equal((await provider.boxes()).length, 20, 'nobody enrolled anew');

    // A run that was killed: nobody knows how far the boxes had come.
    await rm(path.join(state, 'books.json'));
    const third = await askCommand('webizen-provider', [...args, ...short, '--speed', '60']);
    t.equal(third.status, 0, third.stderr);
    t.match(JSON.parse(third.stdout).verdict, { missing: 0, doubled: 0 }, 'they begin new epochs');

    const [file = ''] = await readdir(path.join(state, 'boxes'));
    await writeFile(path.join(state, 'boxes', file), '{');
    t.match(await askCommand('webizen-provider', [...args, ...short]), { status: 1, stderr: /simulation-damaged/ });
  },
);

t.test('what the command cannot do it says', async (t) => {
  const folder = await ownFolder(t);
  const run = (...args: string[]) => askCommand('webizen-provider', ['simulate', ...args]);
  const base = ['--boxes', '2', '--est', 'https://127.0.0.1:9', '--state', path.join(folder, 's')];
  t.match(await run('--boxes', '0'), { status: 2, stderr: /--boxes is a whole number/ });
  t.match(await run(...base, '--speed', '2', '--rate', '2'), { stderr: /--speed or --rate/ });
  t.match(await run(...base), { stderr: /--root, or --dir, is missing/ });
  const root = path.join(folder, 'root.crt');
  const claims = path.join(folder, 'claims');
  await writeFile(root, await readFile('test/needs.json'));
  await writeFile(claims, 'none\n');
  t.match(await run(...base, '--root', root, '--claims', claims), { stderr: /simulation-claims/ });
  t.match(await run('--help'), { status: 0, stdout: /blackout=60%:2m/ });
});
