import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { Value } from 'typebox/value';
import { bitLength, createBitReader, createBitWriter, riceCost } from '#contract/bits.js';
import { HealthBatch, type LostRange } from '#contract/health.js';
import { decodeBatch, decodeCompact, decodeLazily, encodeBatch, isCompact } from '#contract/health-codec.js';
import { readColumn, writeColumn } from '#contract/health-columns.js';
import { knownNames } from '#contract/health-names.js';
import { appMetricsOf, lifeOf } from '../support/health-life.js';

/** As JSON has it: -0 is 0. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const sequence = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const name = fc.oneof(
  fc.constantFrom(...knownNames),
  fc.constantFrom(...appMetricsOf('org.example.notes')),
  fc.stringMatching(/^[a-z][a-z0-9_.]{0,79}$/),
  fc.stringMatching(/^[a-z][a-z0-9_.]{0,20}\{[a-z0-9_.]{1,40}=[A-Za-z0-9_./:-]{1,80}\}$/),
);
const value = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer({ min: 0, max: 10_000 }).map((whole) => whole / 10_000),
  fc.integer({ min: 0, max: 2 ** 30 }).map((pages) => pages * 4096),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const lost: fc.Arbitrary<LostRange> = fc.oneof(
  fc.tuple(sequence, sequence),
  fc.tuple(sequence, sequence, fc.constantFrom('thinned' as const, 'budget', 'dead-letter', 'cut', 'withheld')),
);
const batch: fc.Arbitrary<HealthBatch> = fc.record(
  {
    epoch: fc.stringMatching(/^[0-9a-f]{16}$/),
    samples: fc.array(
      fc.record({
        seq: sequence,
        at: fc.oneof(fc.integer({ min: 0, max: 2 ** 41 }), fc.integer({ min: 0, max: 8_640_000_000_000_000 })),
        values: fc.dictionary(name, value, { maxKeys: 60 }),
      }),
      { maxLength: 30 },
    ),
    lost: fc.array(lost, { maxLength: 100 }),
  },
  { requiredKeys: ['epoch', 'samples'] },
);

t.test('any batch comes out as it went in', async () => {
  fc.assert(
    fc.property(batch, (given) => {
      const decoded = decodeBatch(encodeBatch(given));
      if (!decoded.ok) throw new Error(JSON.stringify(decoded.faults));
      assert.deepEqual(decoded.value, plain(given));
    }),
    { numRuns: 300 },
  );
});

t.test('any numbers of one metric come out as they went in, at whatever size', async () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 500 }), (values) => {
      const to = createBitWriter();
      writeColumn(to, values);
      const from = createBitReader(to.bytes());
      assert.deepEqual(readColumn(from, values.length), plain(values));
      assert.ok(from.atEnd());
    }),
  );
});

t.test('whole numbers take the bits that were foretold, and come out as they went in', async () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 40 }), (signed, k) => {
      const whole = Math.abs(signed);
      const to = createBitWriter();
      to.rice(whole, k);
      assert.equal(to.bytes().length, Math.ceil(riceCost(whole, k) / 8));
      const from = createBitReader(to.bytes());
      assert.equal(from.rice(k), whole);
      assert.ok(whole < 2 ** bitLength(whole));
      assert.ok(!from.failed());
    }),
  );
});

t.test('whatever bytes arrive, a valid batch comes of them or words, and nothing larger', async () => {
  const judge = (bytes: Uint8Array): void => {
    const decoded = decodeBatch(bytes);
    if (decoded.ok) assert.ok(Value.Check(HealthBatch, decoded.value));
    else assert.ok(decoded.faults.every(({ message }) => message !== ''));
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), judge), { numRuns: 300 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => judge(Buffer.concat([Buffer.of(1), bytes]))),
    { numRuns: 2000 },
  );
  // One that was right, bent: in a byte, cut, or gone on.
  const bytes = encodeBatch(lifeOf({ samples: 15 }));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, other, length) => {
      const bent = Buffer.from(bytes);
      bent[at] = other;
      judge(bent);
      judge(bent.subarray(0, length));
      judge(Buffer.concat([bent, randomBytes(3)]));
    }),
    { numRuns: 1000 },
  );
});

t.test('what is cut short, goes on behind its end, or stands twice is refused', async (t) => {
  const bytes = encodeBatch(lifeOf({ samples: 15 }));
  for (const length of [1, 9, 20, bytes.length - 1]) t.notOk(decodeCompact(bytes.subarray(0, length)).ok);
  t.match(decodeCompact(Buffer.concat([bytes, Buffer.of(0)])), { faults: [{ message: 'goes on behind its end' }] });
  t.notOk(decodeCompact(Buffer.of(2)).ok, 'a later format');
  t.notOk(decodeCompact(Buffer.alloc(0)).ok);
});

t.test('the largest batch that a few bytes can stand for is a batch of the contract', async (t) => {
  const values = Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`a.b${index}`, 1]));
  const samples = Array.from({ length: 511 }, (_, index) => ({ seq: index + 1, at: 60_000 * index, values }));
  const bytes = encodeBatch({ epoch: '0123456789abcdef', samples: samples.slice(0, 128) });
  t.ok(bytes.length < 4000, `${bytes.length} bytes`);
  const decoded = decodeBatch(bytes);
  t.ok(decoded.ok && Value.Check(HealthBatch, decoded.value));
  t.notOk(isCompact(encodeBatch({ epoch: '0123456789abcdef', samples: samples.slice(0, 129) })), 'too many values');
  const few = samples.map((sample) => ({ ...sample, values: { 'a.b': 1 } }));
  const tooMany = encodeBatch({ epoch: '0123456789abcdef', samples: few });
  t.ok(isCompact(tooMany));
  t.notOk(decodeBatch(tooMany).ok, 'more samples than a batch has');
  // A count of samples is nine bits behind format and epoch: one that was forged is found before a value is read.
  const forged = Buffer.from(bytes);
  forged[9] = 0xff;
  t.notOk(decodeBatch(forged).ok, 'a count that was forged');
});

t.test('more names than the form has room for go as JSON, and so does what an old box says', async (t) => {
  const samples = [0, 1].map((half) => ({
    ...{ seq: half + 1, at: half },
    values: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`a${half}.b${index}`, index])),
  }));
  const many = { epoch: '0123456789abcdef', samples };
  const bytes = encodeBatch(many);
  t.notOk(isCompact(bytes));
  t.strictSame(decodeBatch(bytes), { ok: true, value: many });
  t.notOk(decodeBatch(Buffer.from('{"epoch":"0"}')).ok);
});

t.test(
  'a quarter of an hour of a healthy box takes a fifth of what JSON takes deflated, and says all of it',
  async (t) => {
    const quarter = lifeOf({ samples: 15 });
    const bytes = encodeBatch(quarter);
    t.strictSame(decodeBatch(bytes), { ok: true, value: quarter });
    const late = decodeLazily(bytes);
    t.strictSame(late.ok && late.value, quarter, 'values that are made when they are read are the same');
    t.ok(bytes.length < 600, `${bytes.length} bytes`);
    t.ok(Object.keys(quarter.samples[0]?.values ?? {}).length >= 35);
  },
);

t.test('the list of known names is what it was: both sides count in it', async (t) => {
  t.equal(new Set(knownNames).size, knownNames.length);
  t.equal(knownNames.length, 38);
  t.equal(knownNames[0], 'system.cpu.utilization');
  t.equal(knownNames.at(-1), 'container.restarts');
});
