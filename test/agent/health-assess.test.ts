/** From samples to conditions: what begins one, what ends it, and that none flaps. Minutes are played, not waited for. */
import fc from 'fast-check';
import t from 'tap';
import { type Condition, Condition as ConditionSchema } from '#contract/conditions.js';
import { conditionTable, conditionText } from '#contract/conditions-table.js';
import { appMetricName } from '#contract/metrics.js';
import { check } from '#contract/parse.js';
import { conditionsOf, hold, keyOf, restore } from '../../agent/health/assess/hold.js';
import type { Reading, Rule } from '../../agent/health/assess/rule.js';
import { assess, type Facts, type Memory, nothingKnown, rules } from '../../agent/health/assess.js';
import type { Values } from '../../agent/health/probe.js';

const inSafeMode = { reason: 'crashes', count: 5, since: 0, triesAt: 0 } as const;
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2026, 10, 1);

/** A box of which a sample is taken each so many milliseconds. */
function watched(apart = minute) {
  let memory: Memory = nothingKnown;
  let tick = 5000;
  const changes: number[] = [];
  const list = (): Condition[] => conditionsOf(memory.held);
  return {
    changes,
    list,
    memory: () => memory,
    find: (kind: string, about?: string) => list().find((one) => one.kind === kind && one.about === about),
    severity: (kind: string) => list().find((one) => one.kind === kind)?.severity,
    /** Samples until so much time has passed. */
    pass(milliseconds: number, values: Values | ((tick: number) => Values), facts: Facts = {}) {
      const end = tick + milliseconds;
      while (tick < end) {
        tick += apart;
        const taken = { tick, at: start + tick, values: typeof values === 'function' ? values(tick) : values, facts };
        const next = assess(memory, taken);
        memory = next.memory;
        if (next.changed) changes.push(tick);
        for (const condition of list()) {
          const read = check(ConditionSchema, condition);
          if (!read.ok) throw new Error(JSON.stringify([condition, read.faults]));
        }
      }
    },
  };
}

const disk = (share: number, limit = 32e9): Values => ({
  'system.filesystem.limit': limit,
  'system.filesystem.usage': share * limit,
  'system.filesystem.utilization': share,
});

t.test('a full disk is told after two minutes, grows worse, and is over once there is room for a while', async (t) => {
  const box = watched();
  box.pass(10 * minute, disk(0.89));
  t.same(box.list(), []);
  box.pass(minute, disk(0.91));
  t.same(box.list(), [], 'not yet');
  box.pass(2 * minute, disk(0.91));
  t.match(box.list(), [{ kind: 'disk-full', severity: 'attention', evidence: '91 % are in use: 29.1 GB of 32 GB.' }]);
  const since = box.find('disk-full')?.since;
  t.equal(since, start + 5000 + 13 * minute);
  box.pass(3 * minute, disk(0.96));
  t.match(box.find('disk-full'), { severity: 'trouble', since }, 'worse, and since when it began');
  box.pass(hour, disk(0.94));
  t.equal(box.severity('disk-full'), 'trouble', 'between the two it stays');
  box.pass(11 * minute, disk(0.9));
  t.equal(box.severity('disk-full'), 'attention');
  box.pass(hour, disk(0.88));
  t.equal(box.severity('disk-full'), 'attention');
  box.pass(5 * minute, disk(0.8));
  box.pass(minute, disk(0.88));
  box.pass(9 * minute, disk(0.8));
  t.equal(box.severity('disk-full'), 'attention', 'ten minutes in a row');
  box.pass(2 * minute, disk(0.8));
  t.same(box.list(), []);
  t.equal(box.changes.length, 4);
});

t.test('a disk that fills says when it will be full, and one that only breathes does not', async (t) => {
  const box = watched();
  const perDay = 1.2e9;
  const filling = (tick: number) => disk((20e9 + (tick / day) * perDay) / 32e9);
  box.pass(20 * hour, filling);
  t.same(box.list(), [], 'a day is too short to say');
  box.pass(8 * hour, filling);
  t.match(box.find('disk-filling'), {
    severity: 'attention',
    evidence: 'Full in about 9 days: 21.4 GB of 32 GB are in use, and 1.2 GB more each day.',
  });
  const steep = watched();
  steep.pass(10 * hour, (tick) => disk((20e9 + (tick / hour) * 0.5e9) / 32e9));
  t.match(steep.find('disk-filling'), { severity: 'trouble', evidence: /^Full in about 14 hours/ });
  steep.pass(30 * hour, disk(0.7));
  t.same(steep.list(), [], 'it has stopped');

  const breathing = watched();
  breathing.pass(20 * day, (tick) => disk(0.5 + 0.05 * Math.sin((2 * Math.PI * tick) / day)));
  t.same(breathing.list(), []);
  t.ok(breathing.memory().window.disk.length <= 14 * 24 + 1, 'two weeks of hours are remembered');
  t.ok(breathing.memory().window.recent.length <= 62, 'and one hour of minutes');
});

const status = (name: string, value: number): Values => ({ [`hw.status{hw.state=${name}}`]: value });
const restarts = (count: number): Values => ({ [appMetricName('container.restarts', 'example.visits')]: count });

/** What begins each kind, for how long, and what ends it. */
const lives: {
  kind: string;
  about?: string;
  severity: string;
  evidence: string | RegExp;
  ill: Values | ((tick: number) => Values);
  well: Values;
  facts?: Facts;
  wellFacts?: Facts;
  after: number;
  over: number;
}[] = [
  {
    kind: 'disk-full',
    about: 'the system’s disk',
    severity: 'trouble',
    evidence: '97 % of it are in use.',
    ill: { 'system.filesystem.utilization{system.filesystem.mountpoint=/}': 0.97 },
    well: { 'system.filesystem.utilization{system.filesystem.mountpoint=/}': 0.4 },
    after: 3 * minute,
    over: 11 * minute,
  },
  {
    kind: 'inodes-low',
    severity: 'attention',
    evidence: '93 % of the files that it can hold are there.',
    ill: { 'system.filesystem.inodes.utilization': 0.93 },
    well: {},
    after: 11 * minute,
    over: 31 * minute,
  },
  {
    kind: 'sd-wearing',
    severity: 'attention',
    evidence: 'The card tells that about 10 % of its life are left.',
    ill: { 'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': 0.1 },
    well: { 'hw.physical_disk.pre_eol': 1 },
    after: 11 * minute,
    over: 25 * hour,
  },
  {
    kind: 'sd-wearing',
    severity: 'trouble',
    evidence: /Its spare blocks are all but used up/,
    ill: { 'hw.physical_disk.pre_eol': 3 },
    well: {},
    after: 11 * minute,
    over: 25 * hour,
  },
  {
    kind: 'disk-errors',
    severity: 'attention',
    evidence: 'Errors were noted 2 times.',
    ill: { 'system.filesystem.errors': 2 },
    well: {},
    after: 4 * minute,
    over: 25 * hour,
  },
  {
    kind: 'disk-errors',
    severity: 'trouble',
    evidence: /within the hour/,
    ill: (tick) => ({ 'hw.errors{hw.type=physical_disk}': Math.floor(tick / minute) }),
    well: { 'hw.errors{hw.type=physical_disk}': 1 },
    after: 5 * minute,
    over: 27 * hour,
  },
  {
    kind: 'memory-low',
    severity: 'attention',
    evidence: '94 % are in use: 3.8 GB of 4 GB.',
    ill: { 'system.memory.utilization': 0.94, 'system.memory.usage': 3.76e9, 'system.memory.limit': 4e9 },
    well: { 'system.memory.utilization': 0.5 },
    after: 6 * minute,
    over: 16 * minute,
  },
  {
    kind: 'memory-pressure',
    severity: 'trouble',
    evidence: /^For 45 % of the last minute something waited for memory. 0.5 GB|500 MB had to be moved/,
    ill: { 'system.linux.pressure{system.linux.resource=memory}': 0.45, 'system.paging.usage': 5e8 },
    well: { 'system.linux.pressure{system.linux.resource=memory}': 0.01 },
    after: 11 * minute,
    over: 21 * minute,
  },
  {
    kind: 'disk-pressure',
    severity: 'attention',
    evidence: /70 %/,
    ill: { 'system.linux.pressure{system.linux.resource=io}': 0.7 },
    well: {},
    after: 31 * minute,
    over: 31 * minute,
  },
  {
    kind: 'busy',
    severity: 'info',
    evidence: /99 %/,
    ill: { 'system.cpu.utilization': 0.99 },
    well: { 'system.cpu.utilization': 0.3 },
    after: 31 * minute,
    over: 31 * minute,
  },
  {
    kind: 'hot',
    severity: 'attention',
    evidence: 'It measures 82 °C inside.',
    ill: { 'hw.temperature': 82 },
    well: { 'hw.temperature': 60 },
    after: 6 * minute,
    over: 11 * minute,
  },
  {
    kind: 'under-voltage',
    severity: 'attention',
    evidence: 'The voltage is too low at this moment.',
    ill: status('under_voltage', 1),
    well: status('under_voltage', 0),
    after: minute,
    over: 61 * minute,
  },
  {
    kind: 'under-voltage',
    severity: 'attention',
    evidence: /has been too low since/,
    ill: { ...status('under_voltage', 0), ...status('under_voltage_since_boot', 1) },
    well: status('under_voltage_since_boot', 0),
    after: minute,
    over: 61 * minute,
  },
  {
    kind: 'throttled',
    severity: 'attention',
    evidence: 'The processor runs slower than it could, at 71 °C.',
    ill: { ...status('throttled', 1), 'hw.temperature': 71 },
    well: status('throttled', 0),
    after: 6 * minute,
    over: 16 * minute,
  },
  {
    kind: 'restarted-unexpectedly',
    severity: 'info',
    evidence: 'It was started 10 minutes ago without having been switched off.',
    ill: { 'system.uptime': 600 },
    well: { 'system.uptime': 90_000 },
    facts: { starts: { wasCut: true, cuts: 1, of: 4 } },
    wellFacts: { starts: { wasCut: true, cuts: 1, of: 4 } },
    after: minute,
    over: 61 * minute,
  },
  {
    kind: 'restarted-unexpectedly',
    severity: 'attention',
    evidence: /Of the last 8 starts 3 were like this/,
    ill: { 'system.uptime': 600 },
    well: { 'system.uptime': 600 },
    facts: { starts: { wasCut: true, cuts: 3, of: 8 } },
    wellFacts: { starts: { wasCut: false, cuts: 3, of: 9 } },
    after: minute,
    over: 61 * minute,
  },
  {
    kind: 'safe-mode',
    severity: 'trouble',
    evidence: 'It started 5 times without lasting; the app started last was visits. The last time: Error: no',
    ill: {},
    well: {},
    facts: { safe: { ...inSafeMode, fault: { end: 'error', error: 'Error: no', app: 'visits' } } },
    after: minute,
    over: minute,
  },
  {
    kind: 'clock-untrusted',
    severity: 'attention',
    evidence: /told it the time/,
    ill: { 'system.clock.trusted': 0 },
    well: { 'system.clock.trusted': 1 },
    after: 16 * minute,
    over: 2 * minute,
  },
  {
    kind: 'clock-off',
    severity: 'attention',
    evidence: 'It is 5 minutes slow.',
    ill: { 'system.clock.offset': -300 },
    well: { 'system.clock.offset': 1 },
    after: 11 * minute,
    over: 11 * minute,
  },
  {
    kind: 'wifi-weak',
    severity: 'attention',
    evidence: /-84 dBm/,
    ill: { 'system.network.wireless.signal': -84 },
    well: { 'system.network.wireless.signal': -60 },
    after: 16 * minute,
    over: 16 * minute,
  },
  {
    kind: 'network-errors',
    severity: 'attention',
    evidence: /errors in/,
    ill: (tick) => ({ 'system.network.errors{network.io.direction=receive}': Math.floor(tick / 1000) }),
    well: {},
    after: 25 * minute,
    over: 3 * hour,
  },
  {
    kind: 'certificate-late',
    severity: 'attention',
    evidence: 'It should have been renewed 3 days ago; it is good for 7 days more.',
    ill: {},
    well: {},
    facts: { certificate: { lateMilliseconds: 3 * day, leftMilliseconds: 7 * day } },
    wellFacts: { certificate: { lateMilliseconds: -20 * day, leftMilliseconds: 30 * day } },
    after: 11 * minute,
    over: minute,
  },
  {
    kind: 'certificate-late',
    severity: 'trouble',
    evidence: /it has ended/,
    ill: {},
    well: {},
    facts: { certificate: { lateMilliseconds: 13 * day, leftMilliseconds: -3 * day } },
    after: 11 * minute,
    over: minute,
  },
  {
    kind: 'app-crash-looping',
    about: 'example.visits',
    severity: 'attention',
    evidence: /^It was started again \d+ times within the last hour.$/,
    ill: (tick) => restarts(Math.floor(tick / (5 * minute))),
    well: restarts(0),
    after: 25 * minute,
    over: 100 * minute,
  },
  {
    kind: 'agent-slow',
    severity: 'attention',
    evidence: 'It answered up to 3.4 seconds late, and was 20 % busy.',
    ill: { 'nodejs.eventloop.delay.max': 3.4, 'nodejs.eventloop.utilization': 0.2 },
    well: { 'nodejs.eventloop.delay.max': 0.1 },
    after: 16 * minute,
    over: 16 * minute,
  },
];

t.test('each kind begins with what was measured, in words, and ends when it is well again', async (t) => {
  for (const life of lives) {
    const box = watched();
    const name = `${life.kind} ${life.severity}`;
    box.pass(minute, life.well, life.wellFacts);
    t.equal(box.find(life.kind, life.about), undefined, `${name}: not before`);
    box.pass(life.after, life.ill, life.facts);
    t.match(box.find(life.kind, life.about), { severity: life.severity, evidence: life.evidence }, name);
    box.pass(life.over, life.well, life.wellFacts);
    t.equal(box.find(life.kind, life.about), undefined, `${name}: over`);
  }
  const told = new Set([...lives.map(({ kind }) => kind), 'disk-filling']);
  t.same([...told].toSorted(), Object.keys(conditionTable).toSorted(), 'every kind of the table');
  t.same(rules.map(({ kind }) => kind).toSorted(), Object.keys(conditionTable).toSorted(), 'has its one rule');
});

t.test('an app that ends and begins is told by its name, and again and again is trouble', async (t) => {
  const box = watched();
  box.pass(hour, (tick) => restarts(Math.floor(tick / (25 * minute))));
  t.same(box.list(), [], 'twice an hour is no loop');
  box.pass(70 * minute, (tick) => restarts(Math.floor(tick / minute)));
  t.match(box.find('app-crash-looping', 'example.visits'), { severity: 'trouble' });
  box.pass(2 * hour, {});
  t.same(box.list(), [], 'removed, it is over');
});

t.test('what is not measured any more is over after its time, and not before', async (t) => {
  const box = watched();
  box.pass(6 * minute, { 'hw.temperature': 85 });
  box.pass(9 * minute, {});
  t.equal(box.severity('hot'), 'attention');
  box.pass(2 * minute, {});
  t.same(box.list(), []);
});

t.test('samples of each second change nothing about how long a condition takes', async (t) => {
  const box = watched(1000);
  box.pass(4 * minute, { 'hw.temperature': 85 });
  t.same(box.list(), []);
  box.pass(minute + 1000, { 'hw.temperature': 85 });
  t.equal(box.severity('hot'), 'attention');
  t.ok(box.memory().window.recent.length <= 7, 'nor how much is remembered');
});

t.test('what stood before a restart stands after it, with its beginning, until a reading ends it', async (t) => {
  const box = watched();
  box.pass(6 * minute, { ...disk(0.97), 'hw.temperature': 85 });
  const before = box.list();
  const held = restore(before);
  t.same(conditionsOf(held), before);
  const unknown = restore([{ kind: 'of-another-version', severity: 'trouble', since: 1, evidence: 'It was.' }]);
  const next = assess({ ...nothingKnown, held: unknown }, { tick: 1, at: 1, values: {}, facts: {} });
  t.same(conditionsOf(next.memory.held), [], 'what no rule knows, nobody could end');
  t.ok(next.changed);
});

t.test('the table says what to do, to owner and operator, in whole sentences', async (t) => {
  for (const [kind, { title, owner, operator }] of Object.entries(conditionTable)) {
    t.match(kind, /^[a-z][a-z0-9-]{0,39}$/);
    t.match(title, /^[A-Z].*[^.]$/, title);
    for (const text of [owner, operator]) t.match(text, /^[A-Z].*\.$/, text);
    t.notMatch(owner, /inode|PSI|swap|kernel|event loop|EST|NTP|firmware/, `${kind}: the owner reads no jargon`);
  }
  t.equal(conditionText('toString'), undefined);
  t.equal(conditionText('hot')?.title, 'The box is hot');
});

const level = fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<0 | 1 | 2 | 3>;
const readings = fc
  .uniqueArray(fc.tuple(fc.constantFrom(undefined, 'a', 'b'), level, level), {
    selector: ([about]) => about,
    maxLength: 3,
  })
  .map((all): Reading[] =>
    all.map(([about, one, other]) => ({
      ...(about === undefined ? {} : { about }),
      up: Math.min(one, other) as Reading['up'],
      stay: Math.max(one, other) as Reading['stay'],
      evidence: 'It is so.',
    })),
  );

t.test('whatever is read, no condition changes sooner than its hold times allow', async () => {
  const seconds = fc.integer({ min: 0, max: 600 }).map((value) => value * 1000);
  fc.assert(
    fc.property(
      seconds,
      seconds,
      fc.array(fc.tuple(fc.integer({ min: 0, max: 300_000 }), readings), { maxLength: 80 }),
      (begin, end, looks) => {
        const rule: Rule = { kind: 'hot', beginMilliseconds: begin, endMilliseconds: end, read: () => [] };
        let held = restore([]);
        let tick = 0;
        const last = new Map<string, { tick: number; level: number }>();
        for (const [gone, read] of looks) {
          tick += gone;
          held = hold(held, [{ rule, readings: read }], { tick, at: 0 }).held;
          for (const about of [undefined, 'a', 'b']) {
            const key = keyOf('hot', about);
            const now = held.get(key)?.level ?? 0;
            const before = last.get(key) ?? { tick: Number.NEGATIVE_INFINITY, level: 0 };
            if (now === before.level) continue;
            const needed = now > before.level ? begin : end;
            if (tick - before.tick < needed) throw new Error(`${key} changed after ${tick - before.tick} of ${needed}`);
            if (tick < needed) throw new Error(`${key} changed at ${tick}, before ${needed} had passed`);
            last.set(key, { tick, level: now });
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** As large as the probe lets pass. */
const value = fc.oneof(
  fc.double({ noNaN: true, min: -(2 ** 53), max: 2 ** 53 }),
  fc.nat(100),
  fc.constantFrom(0, 1, -1, 0.91, 0.96, 85, 2 ** 53),
);
const names = fc.constantFrom(
  'system.filesystem.limit',
  'system.filesystem.usage',
  'system.filesystem.utilization',
  'system.memory.utilization',
  'system.linux.pressure{system.linux.resource=memory}',
  'hw.temperature',
  'hw.physical_disk.pre_eol',
  'hw.status{hw.state=under_voltage}',
  'hw.errors{hw.type=physical_disk}',
  'system.filesystem.errors',
  'system.clock.trusted',
  'system.clock.offset',
  'system.network.wireless.signal',
  'system.network.errors{network.io.direction=receive}',
  'container.restarts{webizen.app=an.app}',
  'nodejs.eventloop.delay.max',
);
const samples = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 * hour }), fc.dictionary(names, value)), {
  maxLength: 40,
});

t.test('whatever the samples, conditions are such as the contract has, and the time of day plays no part', async () => {
  fc.assert(
    fc.property(samples, fc.array(fc.nat(8e15), { minLength: 40, maxLength: 40 }), (looks, times) => {
      let [one, other]: Memory[] = [nothingKnown, nothingKnown];
      let tick = 0;
      looks.forEach(([gone, values], index) => {
        tick += gone;
        one = assess(one ?? nothingKnown, { tick, at: tick, values, facts: {} }).memory;
        other = assess(other ?? nothingKnown, { tick, at: times[index] ?? 0, values, facts: {} }).memory;
        const dateless = (memory: Memory) => [...memory.held.values()].map(({ since: _, ...entry }) => entry);
        if (JSON.stringify(dateless(one)) !== JSON.stringify(dateless(other)))
          throw new Error('it looked at the clock');
        for (const condition of conditionsOf(other.held)) {
          const read = check(ConditionSchema, condition);
          if (!read.ok || /NaN|Infinity|undefined/.test(condition.evidence)) throw new Error(JSON.stringify(condition));
        }
      });
    }),
    { numRuns: 300 },
  );
});
