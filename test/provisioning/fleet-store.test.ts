import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { Ack } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import type { Reported } from '#contract/status.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { emptyLife } from '../../provisioning/fleet/life.js';
import type { Admission, FleetRound, FleetStore, Keep, NewSample } from '../../provisioning/store/fleet.js';
import { bucketOf, type Figures, mergeBuckets } from '../../provisioning/store/rollup.js';
import { type FleetRig, fleetStores, type OpenRig } from '../support/fleet-stores.js';
import { birth, death, epoch, health, quietLog, told } from '../support/territory.js';

const box = 'box-aaaaaaaa';
const other = 'box-aaaaaaaa-2';
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const round = (more: Partial<FleetRound>): FleetRound => ({
  ...{ samples: [], lives: new Map(), events: [], online: new Map(), fences: [] },
  ...more,
});
const sample = (at: number, seq: number, a: number, itsBox = box): NewSample => ({
  ...{ box: itsBox, epoch, seq, at, values: { a } },
});
const life = (version: number, more = {}) => ({ ...emptyLife(), version, ...more });
const event = (id: string, more = {}) => ({ id, at: Number(id), type: 'x', box: null, text: 'said', ...more });
const everything = { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 100_000 };

function ingestOf({ fleet, store, clock }: FleetRig) {
  const events = createEventLog({ store, fleet, clock });
  const acks: Ack[] = [];
  const ingest = createIngest({
    ...{ fleet, events, log: quietLog },
    clock: { now: clock.now, sleep: (_, signal) => systemClock.sleep(5, signal) },
    publish(_topic, payload) {
      const parsed = parseJson(Ack, payload);
      if (parsed.ok) acks.push(parsed.value);
    },
  });
  const say = (itsBox: string, kind: 'status' | 'health' | 'reported' | 'event', payload: string) =>
    ingest.receive({ box: itsBox, topic: { box: itsBox, direction: 'up', kind }, payload: Buffer.from(payload) });
  return { events, acks, ingest, say };
}

const sequencesOf = async (fleet: FleetStore, itsBox: string): Promise<number[]> => {
  const found: number[] = [];
  for await (const { seq } of fleet.sequences(itsBox)) found.push(seq);
  return found.sort((a, b) => a - b);
};
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

t.test('figures merge in any order to what all samples come to', (t) => {
  const figures = fc.array(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(figures, fc.nat(), (values, cut) => {
      const [left, right] = [values.slice(0, cut % values.length), values.slice(cut % values.length)];
      const all = (some: number[]) =>
        some.map((a, at) => bucketOf(at, { a })).reduce((one, next) => mergeBuckets(one, next), {});
      const [average = 0, least, most, count] = mergeBuckets(all(right), all(left)).a as Figures;
      t.strictSame([least, most, count], [Math.min(...values), Math.max(...values), values.length]);
      const expected = values.reduce((sum, value) => sum + value / values.length, 0);
      const scale = Math.max(1, ...values.map(Math.abs));
      t.ok(Math.abs(average - expected) <= scale * 1e-9, `${average} for ${expected}`);
    }),
  );
  const counter = 'system.network.io{network.io.direction=receive}';
  const late = mergeBuckets(bucketOf(9, { [counter]: 70 }), bucketOf(5, { [counter]: 50 }));
  t.strictSame(late, { [counter]: [70, 9] }, 'a counter is what it last was, also when that came first');
  t.end();
});

/** Sweeps in another process, which is killed after so many commits. Answers whether it came to its end before. */
async function sweepUntil(rig: FleetRig, keep: Keep, now: number, commits: number): Promise<boolean> {
  const program = path.join(import.meta.dirname, '../support/sweep-child.js');
  const args = [rig.fleet.kind, rig.address, JSON.stringify(keep), String(now), String(commits)];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  child.kill('SIGKILL');
  await exit;
  return line === 'done';
}

function suite(t: Test, open: OpenRig): void {
  t.test('a round is stored as a whole, and is there after a restart', async (t) => {
    const rig = await open(t);
    const at = rig.clock.now();
    const first = life(1, { lastSeen: at, tracks: { [epoch]: { contiguous: 2, above: [], lost: 0 } }, gaps: 3 });
    const told = [event('000000000000001'), event('000000000000002', { box, type: 'y', text: 'a\u0000"\\\n\tb' })];
    await rig.fleet.commit(
      round({ samples: [sample(at, 1, 1), sample(at + 1, 2, 2)], lives: new Map([[box, first]]), events: told }),
    );
    const fleet = await rig.reopen();
    t.match((await fleet.lives([box, other])).get(box), first);
    t.equal((await fleet.lives([box, other])).size, 1);
    t.strictSame(await fleet.samples(box, everything), [
      { at, values: { a: 1 } },
      { at: at + 1, values: { a: 2 } },
    ]);
    t.strictSame(await fleet.samples(other, everything), [], 'whose id begins alike');
    t.equal((await fleet.events({ limit: 10 })).length, 2);
    t.match(await fleet.events({ limit: 10, box }), [{ id: told[1]?.id, text: /^a.*"\\\n\tb$/ }]);
    t.match(await fleet.events({ limit: 10, type: 'x' }), [{ id: told[0]?.id }]);
    t.match(await fleet.events({ limit: 10, before: told[1]?.id }), [{ id: told[0]?.id }]);
    t.match(await fleet.events({ limit: 1 }), [{ id: told[1]?.id }], 'the newest');
    await fleet.record(told);
    t.equal((await fleet.events({ limit: 10 })).length, 2, 'what is there stays once');
  });

  t.test('what boxes say is stored once, however often it comes, and acknowledged', async (t) => {
    const rig = await open(t);
    const { say, acks, ingest, events } = ingestOf(rig);
    await say(box, 'status', birth('1'.repeat(16), 10));
    await Promise.all([
      say(box, 'health', health(1, 4)),
      say(box, 'health', health(3, 6)),
      say(other, 'health', health(1, 2)),
    ]);
    await say(box, 'health', health(1, 6));
    await say(box, 'health', health(9, 9));
    t.strictSame(await sequencesOf(rig.fleet, box), [...upTo(6), 9]);
    t.strictSame(await sequencesOf(rig.fleet, other), [1, 2]);
    t.match(acks.at(-1), { contiguous: 6, missing: [[7, 8]] });
    t.match((await rig.fleet.lives([box])).get(box), {
      gaps: 3,
      lastSeen: rig.clock.now(),
      birth: { lastSequence: 10 },
    });
    await ingest.stop();

    const again = ingestOf({ ...rig, fleet: await rig.reopen() });
    await again.say(box, 'health', health(4, 8));
    t.strictSame(await sequencesOf(rig.fleet, box), upTo(9), 'a new process knows what is here');
    await again.say(box, 'status', death('1'.repeat(16)));
    await again.ingest.stop();
    await again.events.stop();
    await events.stop();
  });

  t.test('conditions that begin, change or end are events, once each', async (t) => {
    const rig = await open(t);
    const { say, events } = ingestOf(rig);
    const report = (conditions?: Reported['conditions']) =>
      say(box, 'reported', JSON.stringify({ at: 1, agent: '1.0.0', apps: [], ...(conditions && { conditions }) }));
    const full = { kind: 'disk-filling', severity: 'attention', since: 5, evidence: 'full in 9 days' } as const;
    const hot = { kind: 'hot', about: 'cpu', severity: 'attention', since: 6, evidence: '81 °C' } as const;
    await report([full]);
    await report([{ ...full, evidence: 'full in 8 days' }, hot]);
    await report([{ ...full, severity: 'trouble', evidence: 'full in 1 day' }, hot]);
    await report();
    const told = await events.find({ limit: 10, box, type: 'condition' });
    t.match(told, [
      { condition: { change: 'begun', kind: 'disk-filling', severity: 'attention', since: 5 }, text: /full in 9 days/ },
      { condition: { change: 'begun', kind: 'hot', about: 'cpu' } },
      { condition: { change: 'changed', kind: 'disk-filling', severity: 'trouble' } },
    ]);
    t.equal(told.length, 3, 'a report that does not tell ends nothing');
    await report([{ ...full, severity: 'trouble' }]);
    await report([]);
    t.match((await events.find({ limit: 10, type: 'condition' })).slice(3), [
      { condition: { change: 'begun' } },
      { text: 'disk-filling is over', condition: { change: 'ended' } },
    ]);
    await events.stop();
  });

  t.test('a chart has at most so many points, the first and the last among them', async (t) => {
    const { fleet, clock } = await open(t);
    const at = clock.now() - 400 * minute;
    await fleet.commit(
      round({
        samples: upTo(400).map((seq) => sample(at + seq * minute, seq, seq)),
        lives: new Map([[box, life(1)]]),
      }),
    );
    const points = await fleet.samples(box, { ...everything, limit: 5 });
    t.strictSame([points.length, points[0]?.values.a, points.at(-1)?.values.a], [5, 1, 400]);
    const some = await fleet.samples(box, { from: at + minute, to: at + 2 * minute, limit: 50 });
    t.equal(some.length, 2, 'both ends');
    t.strictSame(await fleet.samples(box, { from: at + 5 * minute, to: at, limit: 5 }), [], 'a range turned round');
    t.equal((await fleet.samples(box, { ...everything, limit: 1 })).length, 1);
  });

  t.test('old samples are put together, late ones too, and none counts twice or never', async (t) => {
    const keep = { rawDays: 7, minutesDays: 20, hoursDays: 100, eventsDays: 90 };
    const rig = await open(t, keep);
    const { fleet, clock } = rig;
    const now = clock.now();
    let [seq, version] = [0, 0];
    const write = async (times: readonly number[]) => {
      version += 1;
      const written = times.map((at) => sample(at, ++seq, at % 1000, box));
      await fleet.commit(round({ samples: written, lives: new Map([[box, life(version)]]) }));
    };
    const every = (from: number, to: number, step: number) =>
      Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);
    await write(every(now - 9 * day, now, 10 * minute));
    await fleet.sweep(keep, now);
    const raw = await sequencesOf(fleet, box);
    t.equal(raw.length, 7 * 144, 'a week of them stays as it came');
    t.strictSame(await rig.counted(), { minutes: 2 * 144, hours: 2 * 144 });

    await write([
      now - 8 * day + 1,
      now - 15 * day,
      now - 40 * day,
      now - 99 * day,
      now - 101 * day,
      5,
      now + 300 * day,
    ]);
    await fleet.sweep(keep, now);
    await fleet.sweep(keep, now);
    t.strictSame(await rig.counted(), { minutes: 2 * 144 + 2, hours: 2 * 144 + 4 }, 'what is past the last is gone');
    t.equal((await sequencesOf(fleet, box)).length, raw.length + 1, 'a time to come stays');

    const week = await fleet.samples(box, { from: now - 9 * day, to: now, limit: 100_000 });
    t.ok(week.length > raw.length && week.every(({ at }, index) => at >= (week[index - 1]?.at ?? 0)), 'oldest first');
    t.match(week.at(-1), { values: { a: Number } });
    t.notOk(week.at(-1)?.min, 'a sample as it came');
    const year = await fleet.samples(box, { from: now - 120 * day, to: now, limit: 60 });
    t.ok(year.length <= 60 && year.length > 5);
    for (const { values, min, max } of year)
      if (min && max) t.ok(min.a! <= values.a! && values.a! <= max.a!, 'the average lies between');

    clock.advance(30 * day);
    await fleet.sweep(keep, clock.now());
    await fleet.sweep(keep, clock.now());
    t.equal((await sequencesOf(fleet, box)).length, 1);
    t.strictSame((await rig.counted()).hours, 9 * 144 + 3);
    const old = await fleet.samples(box, { from: now - 9 * day, to: now, limit: 10_000 });
    t.ok(old.length >= 9 * 24 && old.length <= 9 * 24 + 2, `hours: ${old.length}`);
  });

  t.test('killed at each step of putting samples together, none counts twice or never', async (t) => {
    const keep = { rawDays: 7, minutesDays: 20, hoursDays: 100, eventsDays: 90 };
    const rig = await open(t, keep);
    const now = rig.clock.now();
    const boxes = [box, other, 'box-bbbbbbbb'];
    const each = 300;
    for (const itsBox of boxes)
      await rig.fleet.commit(
        round({
          samples: upTo(each).map((seq) => sample(now - 10 * day + seq * 10 * minute, seq, seq, itsBox)),
          lives: new Map([[itsBox, life(1)]]),
        }),
      );
    const late = sample(now - 30 * day, each + 1, 7);
    await rig.fleet.commit(round({ samples: [late], lives: new Map([[box, life(2)]]) }));
    let done = false;
    for (let commits = 0; !done; commits += 1) {
      const ended = await rig.whileClosed(() => sweepUntil(rig, keep, now, commits % 4));
      const hours = (await rig.counted()).hours;
      let raw = 0;
      for (const itsBox of boxes) raw += (await sequencesOf(rig.fleet, itsBox)).length;
      t.equal(hours + raw, boxes.length * each + 1, `${hours} put away, ${raw} to go`);
      // A session of one that was killed may hold the lock for a moment: who comes then leaves the work to it.
      done = ended && raw === 0;
      if (commits > 60) throw new Error('it never comes to an end');
    }
    t.equal((await rig.counted()).hours, boxes.length * each + 1);
  });

  t.test('while the store fails nothing is acknowledged, nothing is lost, and no quota is spent', async (t) => {
    const rig = await open(t);
    let failures = 0;
    const failing: FleetStore = {
      ...rig.fleet,
      commit: (wanted) => (failures-- > 0 ? Promise.reject(new Error('away')) : rig.fleet.commit(wanted)),
    };
    const { say, acks, events } = ingestOf({ ...rig, fleet: failing });
    failures = 150;
    await Promise.all([say(box, 'health', health(1, 3)), say(box, 'event', told(1, 1))]);
    t.strictSame(await sequencesOf(rig.fleet, box), upTo(3));
    t.strictSame(
      acks.flatMap(({ refused = [] }) => refused),
      [],
      'an event that was tried 150 times was said once',
    );
    t.equal((await events.find({ limit: 10, type: 'event' })).length, 1);
    await events.stop();
  });

  t.test('events are stored once with what is known of them, and acknowledged when that is on the disk', async (t) => {
    const rig = await open(t);
    const { say, acks, events } = ingestOf(rig);
    await Promise.all([say(box, 'event', told(1, 3)), say(box, 'event', told(2, 5)), say(other, 'event', told(1, 1))]);
    await say(box, 'event', told(1, 5));
    t.match(acks.at(-1), { epoch, contiguous: 0, missing: [], events: 5 });
    await say(box, 'health', health(1, 1));
    t.equal(acks.at(-1)?.events, undefined, 'only where events came');
    const of = async (fleet: FleetStore, itsBox: string) =>
      (await fleet.events({ limit: 100, type: 'event', box: itsBox })).map(({ said }) => said?.seq);
    t.strictSame(await of(rig.fleet, box), upTo(5));
    await say(box, 'event', told(8, 9));
    t.equal(acks.at(-1)?.events, 5, 'a hole waits for the box');
    await say(box, 'event', JSON.stringify({ epoch, events: [], lost: [[6, 7]] }));
    t.equal(acks.at(-1)?.events, 9, 'who says that it has them no more');
    await events.stop();
    const fleet = await rig.reopen();
    t.strictSame(await of(fleet, box), [1, 2, 3, 4, 5, 8, 9]);
    t.strictSame(await of(fleet, other), [1]);
    const again = ingestOf({ ...rig, fleet });
    await again.say(box, 'event', told(4, 9));
    t.strictSame(await of(fleet, box), [1, 2, 3, 4, 5, 8, 9], 'after a restart too');
    t.match(await fleet.events({ limit: 1, type: 'gap' }), [
      { text: '2 of its events are missing: the box has given them up' },
    ]);
    await again.events.stop();
  });

  t.test('what is known of a box is asked for, whoever may not speak included', async (t) => {
    const { fleet, store } = await open(t);
    const certificate = { serial: '0A', notAfter: 9, keyHash: 'k', der: 'd' };
    const record = { enrolledAt: 5, claim: 'c', certificate };
    await store.boxes.put(box, record);
    await store.boxes.put(other, { ...record, revokedAt: 7 });
    const admission = { enrolledAt: 5, certificate: { serial: '0A', notAfter: 9 } };
    const wanted = new Map<string, Admission>([
      [box, admission],
      [other, { ...admission, revokedAt: 7 }],
    ]);
    await fleet.admit(wanted);
    t.strictSame(await fleet.admissions([box, other, 'box-unknown-0']), wanted);
  });

  t.test('samples at the limits of what a box may write come back as they were', async (t) => {
    const { fleet } = await open(t);
    const far = 8_640_000_000_000_000;
    const values = { 'a.b{c=d}': -1.5e-300, 'system.uptime': Number.MAX_SAFE_INTEGER, z: 1.7e308 };
    const odd = [0, far].map(
      (at, index): NewSample => ({
        ...{ box, epoch, seq: index === 0 ? 1 : Number.MAX_SAFE_INTEGER, at, values },
      }),
    );
    await fleet.commit(round({ samples: odd, lives: new Map([[box, life(1)]]) }));
    t.strictSame(
      await fleet.samples(box, everything),
      odd.map(({ at }) => ({ at, values })),
    );
    t.strictSame(await sequencesOf(fleet, box), [1, Number.MAX_SAFE_INTEGER]);
  });
}

for (const { name, open } of await fleetStores(t)) t.test(`in ${name}`, async (t) => suite(t, open));
