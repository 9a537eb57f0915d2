/** How samples and what they came to are packed: what goes in comes out, and what a box sent is kept as it came. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import type { HealthBatch, Sample } from '#contract/health.js';
import { encodeBatch } from '#contract/health-codec.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { emptyLife } from '../../provisioning/fleet/life.js';
import { mergeRows, packBuckets, unpackBuckets } from '../../provisioning/store/bucket-pack.js';
import { dayOf, packsOf, pick, placesIn, unpack } from '../../provisioning/store/pack.js';
import { type Bucket, bucketOf, type Figures, rollUp } from '../../provisioning/store/rollup.js';
import { sampleKey } from '../../provisioning/store/samples.js';
import { openLevelRig } from '../support/fleet-stores.js';
import { sampleKeys } from '../support/stored.js';
import { epoch, quietLog } from '../support/territory.js';

const box = 'box-aaaaaaaa';
const minute = 60_000;
const day = 86_400_000;
const midnight = dayOf(1_700_000_000_000);
const names = ['hw.temperature', 'system.uptime', 'container.restarts{container.name=x.y}', 'a', 'b.c', 'zz{a=b}'];
const anyNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.integer({ min: 0, max: 1000 }).map((whole) => whole / 100),
  fc.integer({ min: 0, max: 1e6 }).map((whole) => whole * 4096),
);
const plain = (value: number): number => value + 0; // -0 is 0, as in JSON
const values = fc.dictionary(fc.constantFrom(...names), anyNumber.map(plain), { maxKeys: names.length });

t.test(
  'samples come out of their packs as they went in, however many there are and of however many days',
  async (t) => {
    const samples = fc.array(
      fc.record({ at: fc.integer({ min: midnight, max: midnight + 3 * day }), values, box: fc.constantFrom('x', 'y') }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(samples, (given) => {
        const all = given.map((sample, index) => ({ ...sample, epoch, seq: index + 1 }));
        const packs = packsOf(all);
        const back = packs.flatMap((pack) => {
          const { epoch: its, samples: some } = unpack(pack.bytes);
          if (some.length !== pack.count || some.some(({ at }) => at < pack.at || at > pack.until)) t.fail('its ends');
          if (dayOf(pack.at) !== dayOf(pack.until)) t.fail('of two days');
          if (placesIn(pack.bytes).some(({ seq }, index) => seq !== some[index]?.seq)) t.fail('its places');
          return some.map((sample) => ({ box: pack.box, epoch: its, ...sample }));
        });
        const wanted = all.map(({ box: its, at, seq, values: said }) => ({
          box: its,
          epoch,
          seq,
          at,
          values: { ...said },
        }));
        back.sort((one, other) => one.seq - other.seq);
        if (!isDeepStrictEqual(back, wanted)) t.strictSame(back, wanted);
        const keys = packs.map((pack) => sampleKey(pack.box, pack.at, pack.epoch, pack.seq));
        t.equal(new Set(keys).size, keys.length, 'no two lie at the same place');
      }),
      { numRuns: 60 },
    );
  },
);

t.test('of packs so many samples are picked as are wanted, and of no other are values made', async (t) => {
  const all = Array.from({ length: 1000 }, (_, index) => ({
    ...{ box, epoch, seq: index + 1, at: midnight + index * minute, values: { a: index } },
  }));
  const packs = packsOf(all).map(({ bytes }) => bytes);
  const span = { from: all[10]!.at, to: all[900]!.at, limit: 50 };
  const picked = pick(packs, span);
  t.equal(picked.length, 50);
  t.strictSame(
    [picked[0], picked.at(-1)],
    [
      { at: span.from, values: { a: 10 } },
      { at: span.to, values: { a: 900 } },
    ],
  );
  t.ok(picked.every(({ at, values: { a } }) => at === midnight + a! * minute));
});

t.test(
  'buckets come out of their packs: ends, counts and counters exactly, averages to the unit of their samples',
  async (t) => {
    const samples = fc.array(fc.record({ at: fc.integer({ min: midnight, max: midnight + day - 1 }), values }), {
      minLength: 1,
      maxLength: 100,
    });
    const bucketsOf = (some: readonly { at: number; values: Sample['values'] }[]) =>
      [
        ...rollUp(
          some.map(({ at, values: said }) => ({ at, bucket: bucketOf(at, said) })),
          5 * minute,
        ),
      ]
        .map(([at, bucket]) => ({ at, bucket }))
        .sort((one, other) => one.at - other.at);
    const isNear = (one: Figures, other: Figures): boolean => {
      if (one.length === 2 || other.length === 2)
        return one.length === other.length && one.every((x, i) => x === other[i]);
      const scale = Math.max(Math.abs(one[1]), Math.abs(one[2]));
      return (
        one[1] === other[1] && one[2] === other[2] && one[3] === other[3] && Math.abs(one[0] - other[0]) <= scale * 1e-8
      );
    };
    const check = (wanted: ReturnType<typeof bucketsOf>, found: ReturnType<typeof bucketsOf>) => {
      t.strictSame(
        found.map(({ at }) => at),
        wanted.map(({ at }) => at),
      );
      for (const [index, { bucket }] of wanted.entries()) {
        const its = found[index]?.bucket ?? {};
        t.strictSame(Object.keys(its).sort(), Object.keys(bucket).sort());
        for (const [name, figures] of Object.entries(bucket))
          if (!isNear(figures, its[name]!)) t.fail(`${name}: ${its[name]} for ${figures}`);
      }
    };
    fc.assert(
      fc.property(samples, fc.nat(), (some, cut) => {
        const all = bucketsOf(some);
        const back = unpackBuckets(packBuckets(all));
        check(all, back);
        t.ok(packBuckets(back).equals(packBuckets(unpackBuckets(packBuckets(back)))), 'packing again changes nothing');
        // What comes late is merged into what was packed before.
        const at = cut % some.length;
        const parts = [some.slice(0, at), some.slice(at)].map(bucketsOf);
        const merged = parts.reduce(
          (there, part) => (part.length === 0 ? there : unpackBuckets(packBuckets(mergeRows([there, part])))),
          [] as ReturnType<typeof bucketsOf>,
        );
        check(all, merged);
      }),
      { numRuns: 60 },
    );
    // A metric that was a counter for one release and a gauge for another, more names than one batch holds, one sample.
    const many: Bucket = Object.fromEntries(
      Array.from({ length: 700 }, (_, index) => [`m${index}`, [index, 0, index, 2]]),
    );
    const odd = [
      { at: midnight, bucket: { ...many, a: [1, midnight] as Figures } },
      { at: midnight + 5 * minute, bucket: { a: [0.5, 0, 1, 2] as Figures } },
    ];
    t.strictSame(unpackBuckets(packBuckets(odd)), odd);
    t.throws(() => unpackBuckets(packBuckets(odd).subarray(0, 50)), /cannot be read/);
    t.throws(() => unpackBuckets(Buffer.from('{}')), /cannot be read/);
  },
);

t.test('what a box sends is stored byte for byte where it is all new; else what is new of it', async (t) => {
  const { fleet, store, clock } = await openLevelRig(t);
  const events = createEventLog({ store, fleet, clock });
  const ingest = createIngest({ fleet, events, clock, log: quietLog, publish: () => {} });
  const now = clock.now(); // a midnight
  const batch = (first: number, last: number, since: number, more: Partial<HealthBatch> = {}) =>
    encodeBatch({
      epoch,
      samples: Array.from({ length: last - first + 1 }, (_, index) => ({
        ...{ seq: first + index, at: since + index * minute, values: { 'hw.temperature': 50 + index / 10 } },
      })),
      ...more,
    });
  const say = (payload: Buffer) => ingest.receive({ box, topic: { box, direction: 'up', kind: 'health' }, payload });
  const packs = () => store.packs.values().all();
  const first = batch(1, 15, now - 60 * minute);
  await say(first);
  t.ok((await packs())[0]?.equals(first));
  await say(first);
  t.equal((await packs()).length, 1, 'none is doubled');
  await say(batch(10, 20, now - 51 * minute));
  await say(batch(21, 30, now - 5 * minute));
  await say(batch(31, 32, now + 9 * day));
  await say(batch(40, 41, now, { lost: [[33, 39]] }));
  const found = (await packs()).map((bytes) => [unpack(bytes).samples.map(({ seq }) => seq), bytes.length]);
  t.strictSame(
    found.map(([sequences]) => sequences),
    [
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
      [16, 17, 18, 19, 20],
      [21, 22, 23, 24, 25],
      [31], // of a time that cannot be: put where it came
      [26, 27, 28, 29, 30],
      [32],
      [40, 41],
    ],
  );
  t.match((await fleet.lives([box])).get(box)?.tracks, { [epoch]: { contiguous: 41, lost: 7 } });
  await ingest.stop();
  await events.stop();
});

t.test(
  'what the release before stored in level is read, put together, and gone when it is past its time',
  async (t) => {
    const keep = { rawDays: 7, minutesDays: 20, hoursDays: 100, eventsDays: 90 };
    const { fleet, store, clock, counted } = await openLevelRig(t, keep);
    const now = clock.now();
    const old = (at: number, seq: number) => ({
      ...{ type: 'put' as const, sublevel: store.samples, key: sampleKey(box, at, epoch, seq), value: { a: seq } },
    });
    const begin = now - 8 * day - (now % 3_600_000);
    const bucket: Bucket = { a: [1, 1, 1, 1] };
    const key = `${box}!${String(begin).padStart(16, '0')}`;
    await store.commit([
      ...[old(begin + 1, 1), old(begin + 2 * day, 2), old(now - minute, 3)],
      { type: 'put', sublevel: store.rollupMinutes, key, value: bucket },
      { type: 'put', sublevel: store.rollupHours, key, value: bucket },
    ]);
    const samples = [{ box, epoch, seq: 4, at: now, values: { a: 4 } }];
    const lives = new Map([[box, { ...emptyLife(), version: 1 }]]);
    await fleet.commit({ samples, lives, events: [], online: new Map(), fences: [] });
    const shown = async () =>
      (await fleet.samples(box, { from: now - 9 * day, to: now, limit: 100 })).map((point) => point.values.a);
    t.strictSame(await shown(), [1, 1, 2, 3, 4]);
    await fleet.sweep(keep, now);
    t.strictSame(await shown(), [1, 2, 3, 4], 'two of the same bucket are one point');
    t.strictSame(await counted(), { minutes: 2, hours: 2 });
    t.equal((await sampleKeys(store, box)).length, 3);
    const sequences: number[] = [];
    for await (const { seq } of fleet.sequences(box)) sequences.push(seq);
    t.strictSame(sequences, [2, 3, 4]);
    await fleet.sweep(keep, now + 200 * day);
    t.strictSame(await counted(), { minutes: 0, hours: 0 });
    t.equal((await sampleKeys(store, box)).length, 0);
  },
);
