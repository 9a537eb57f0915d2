/** The power-cut rig by itself: what a disk was asked to write, and what may be left of it. No guest is started. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { environmentBlock } from '../../image/esp.js';
import { ownFolder } from '../support/folder.js';
import { randomFrom } from '../support/random.js';
import { chooseSlot } from './power/boot-choice.js';
import { chooseCuts, entriesWithin, flushedBelow, survivors } from './power/cut.js';
import { contentOf, keysOf, versionIn } from './power/load-child.js';
import { promisedBy } from './power/notes.js';
import { type Asked, buildLog, type Entry, openWriteLog, readEntries } from './power/write-log.js';

const bytesOf = (log: Buffer) => ({
  sizeBytes: log.length,
  read: (at: number, length: number) => log.subarray(at, Math.max(at, Math.min(log.length, at + length))),
});
const sector = fc.integer({ min: 1, max: 2 ** 31 });
const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    atByte: sector.map((at) => at * 512),
    data: fc.integer({ min: 1, max: 6 }).map((sectors) => Buffer.alloc(sectors * 512, sectors)),
    fua: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('flush' as const) }),
  fc.record({
    kind: fc.constant('discard' as const),
    atByte: sector.map((at) => at * 512),
    sizeBytes: fc.integer({ min: 1, max: 4000 }).map((sectors) => sectors * 512),
  }),
  fc.record({ kind: fc.constant('mark' as const), text: fc.stringMatching(/^[a-z ]{1,80}$/) }),
);

t.test('a log is read as it was written', async () => {
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 30 }), (all) => {
      const log = buildLog(all);
      const { entries } = readEntries(bytesOf(log));
      assert.equal(entries.length, all.length);
      for (const [index, one] of all.entries()) {
        const entry = entries[index] as Entry;
        assert.equal(entry.flush, one.kind === 'flush');
        assert.equal(entry.discard, one.kind === 'discard');
        assert.equal(entry.mark, one.kind === 'mark' ? one.text : undefined);
        if (one.kind === 'write') {
          assert.deepEqual([entry.atByte, entry.sizeBytes, entry.fua], [one.atByte, one.data.length, one.fua]);
          assert.ok(log.subarray(entry.dataAt, entry.endsAt).equals(one.data));
        }
        if (one.kind === 'discard') assert.deepEqual([entry.atByte, entry.sizeBytes], [one.atByte, one.sizeBytes]);
      }
    }),
  );
});

t.test('a log that was cut anywhere is read as far as it goes', async () => {
  fc.assert(
    fc.property(fc.array(asked, { minLength: 1, maxLength: 12 }), fc.nat(), (all, where) => {
      const log = buildLog(all, { counted: 0 });
      const whole = readEntries(bytesOf(log)).entries;
      const end = 512 + (where % (log.length - 511));
      const { entries } = readEntries(bytesOf(log.subarray(0, end)));
      assert.deepEqual(entries, whole.slice(0, entries.length));
      assert.equal(entries.length >= entriesWithin(whole, end), true);
      assert.equal(entriesWithin(whole, log.length), whole.length);
    }),
  );
});

t.test('a mark that was cut in its words has not been made', async (t) => {
  const log = buildLog([{ kind: 'flush' }, { kind: 'mark', text: 'a' }], { counted: 0 });
  t.equal(readEntries(bytesOf(log)).entries.length, 2);
  t.equal(readEntries(bytesOf(log.subarray(0, log.length - 480))).entries.length, 1);
});

t.test('what is no log is refused, or read, and nothing else comes of it', async (t) => {
  fc.assert(
    fc.property(
      fc.array(asked, { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
      (all, damage) => {
        const log = buildLog(all);
        for (const [at, value] of damage) log[at % log.length] = value;
        try {
          const { entries } = readEntries(bytesOf(log));
          for (const entry of entries) assert.ok(entry.endsAt <= log.length && Number.isSafeInteger(entry.atByte));
        } catch (error) {
          assert.match((error as Error).message, /^cannot read /);
        }
      },
    ),
  );
  t.throws(() => readEntries(bytesOf(Buffer.alloc(0))), /its magic/);
  t.throws(() => readEntries(bytesOf(buildLog([], { counted: 3 }))), /3 entries are promised, 0 are there/);
});

t.test('what QEMU logs is what was written', async (t) => {
  const folder = await ownFolder(t);
  const [disk, log] = [path.join(folder, 'disk'), path.join(folder, 'log')];
  for (const file of [disk, log]) writeFileSync(file, '');
  truncateSync(disk, 1024 ** 2);
  const file = (node: string, name: string) => `${node}.driver=file,${node}.filename=${name},${node}.cache.no-flush=on`;
  const options = `driver=blklogwrites,${file('file', disk)},${file('log', log)},log-sector-size=512`;
  const commands = [
    'write -P 0x11 0 512',
    'write -P 0x22 4096 8192',
    'flush',
    'write -P 0x33 512 512',
    'write -P 0x44 8192 512',
  ];
  execFileSync('qemu-io', ['--image-opts', options, ...commands.flatMap((command) => ['-c', command])], {
    stdio: 'pipe',
  });
  const opened = openWriteLog(log);
  t.teardown(() => opened.close());
  const { entries } = opened;
  const writes = entries.filter(({ sizeBytes }) => sizeBytes > 0);
  t.strictSame(
    writes.map(({ atByte, sizeBytes, fua }) => [atByte, sizeBytes, fua]),
    [
      [0, 512, false],
      [4096, 8192, false],
      [512, 512, false],
      [8192, 512, false],
    ],
  );
  t.ok(flushedBelow(entries, entries.indexOf(writes[2] as Entry)) > entries.indexOf(writes[1] as Entry));
  t.equal(flushedBelow(entries, entries.indexOf(writes[1] as Entry)), 0);
  const replayed = Buffer.alloc(1024 ** 2);
  for (const entry of writes) opened.data(entry).copy(replayed, entry.atByte);
  t.ok(replayed.equals(readFileSync(disk)), 'the log played back is the disk');
});

const entriesOf = (all: Asked[]): Entry[] => readEntries(bytesOf(buildLog(all))).entries;

t.test('what was flushed is never lost, and what was not may be, in parts of sectors', async () => {
  fc.assert(
    fc.property(fc.array(asked, { minLength: 1, maxLength: 30 }), fc.nat(), (all, seed) => {
      const entries = entriesOf(all);
      const cuts = chooseCuts(entries, { count: 5, random: randomFrom(seed), kindOf: ({ fua }) => String(fua) });
      assert.equal(cuts.length, entries.some(({ sizeBytes }) => sizeBytes > 0) ? 5 : 0);
      for (const { at, seed } of cuts) {
        const below = flushedBelow(entries, at);
        assert.ok(below < at && !entries.slice(below, at).some(({ flush }) => flush));
        assert.ok(below === 0 || entries[below - 1]?.flush);
        const unflushed = entries.slice(below, at);
        const left = survivors(unflushed, randomFrom(seed));
        for (const { entry, from, to } of left) {
          assert.ok(
            unflushed.includes(entry) && from % 512 === 0 && to % 512 === 0 && from < to && to <= entry.sizeBytes,
          );
        }
        for (const entry of unflushed.filter(({ fua, sizeBytes }) => fua && sizeBytes > 0))
          assert.ok(left.some((piece) => piece.entry === entry && piece.from === 0 && piece.to === entry.sizeBytes));
        assert.deepEqual(survivors(unflushed, randomFrom(seed)), left, 'the seed says all');
      }
    }),
  );
});

t.test('over many cuts writes are lost, kept, torn, and kept where an earlier one was lost', async (t) => {
  const writes = Array.from(
    { length: 4 },
    (_, n): Asked => ({ kind: 'write', atByte: n * 8192, data: Buffer.alloc(4096) }),
  );
  const entries = entriesOf(writes);
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed += 1) {
    const left = survivors(entries, randomFrom(seed));
    const sizes = entries.map((entry) =>
      left.filter((piece) => piece.entry === entry).reduce((sum, { from, to }) => sum + to - from, 0),
    );
    if (sizes.every((size) => size === 0)) seen.add('all lost');
    if (sizes.every((size) => size === 4096)) seen.add('all kept');
    if (sizes.some((size) => size > 0 && size < 4096)) seen.add('torn');
    if (sizes[0] === 0 && sizes[3] === 4096) seen.add('the later alone');
  }
  t.strictSame([...seen].sort(), ['all kept', 'all lost', 'the later alone', 'torn']);
});

t.test('a promise holds for every cut behind the moment at which it was heard', async (t) => {
  const notes = [
    { logBytes: 100, kind: 'stored' as const, key: 'k', version: 1 },
    { logBytes: 200, kind: 'stored' as const, key: 'k', version: 2 },
    { logBytes: 200, kind: 'sample' as const, sequence: 7 },
    { logBytes: 300, kind: 'member' as const },
  ];
  t.strictSame(promisedBy(notes, 99).versions, new Map());
  t.strictSame(promisedBy(notes, 100).versions, new Map([['k', 1]]));
  t.match(promisedBy(notes, 200), { versions: new Map([['k', 2]]), sample: 7, isMember: false });
  t.match(promisedBy(notes, 300), { isMember: true });
});

t.test("the load's values tell their version, and what is torn tells none", async (t) => {
  const [key = ''] = keysOf(2);
  for (let version = 1; version < 12; version += 1) {
    const value = contentOf(key, version);
    t.equal(versionIn(key, value), version);
    t.equal(versionIn('another', value), undefined);
    value[value.length - 1] = (value.at(-1) as number) ^ 1;
    t.equal(versionIn(key, value), undefined);
  }
});

t.test('the boot loader’s choice is read as it reads it', async (t) => {
  const good = environmentBlock({ GOOD: 'B' });
  const slots = { A_OK: '1', A_TRY: '0', B_OK: '1', B_TRY: '2' };
  t.match(chooseSlot(environmentBlock({ ORDER: 'A B', ...slots }), good), { slot: 'A', good: false });
  t.match(chooseSlot(environmentBlock({ ORDER: 'B A', ...slots }), good), { slot: 'B', good: false });
  t.match(chooseSlot(environmentBlock({ ORDER: 'B A', ...slots, B_TRY: '3' }), good), { slot: 'A' });
  t.match(chooseSlot(environmentBlock({ ORDER: 'B A', ...slots, A_OK: '0', B_OK: '0' }), good), {
    slot: 'B',
    good: true,
  });
  t.match(chooseSlot('', good), { slot: 'B', good: true });
  t.match(chooseSlot('', ''), { slot: 'A', good: true });
});
