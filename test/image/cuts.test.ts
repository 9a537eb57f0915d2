/** That the power-cut rig sees what it is there to see: a small disk, a log made by hand. No guest is started. */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { mebi } from '../../image/layout.js';
import { ownFolder } from '../support/folder.js';
import { tornFiles } from './power/data-partition.js';
import { keysOf } from './power/load-child.js';
import type { Note } from './power/notes.js';
import { app, architecture, diskBytes, makeSmallDisk, startOf } from './power/small-disk.js';
import { passing, tryCuts } from './power/try-cuts.js';
import { type Asked, buildLog } from './power/write-log.js';

const [key = ''] = keysOf(0);

async function disk(t: Test) {
  const folder = await ownFolder(t);
  const disk = await makeSmallDisk(folder);
  return {
    folder,
    cut: async (asked: Asked[], notes: Note[] = [], count = 4) => {
      const log = path.join(folder, 'log');
      writeFileSync(log, buildLog(asked));
      const recorded = { architecture, disk, diskBytes, log, notes, app, nextRootfs: disk };
      const { results } = await tryCuts(recorded, { home: folder, count, seed: 7, told: () => {} });
      return results.map(({ faults }) => faults.join('; '));
    },
  } as const;
}

/** Of /data: from here on group descriptors, bitmaps and the first inodes lie. */
const inodes = startOf('webizen-data') + 4096;
const zeroes = (atByte: number, sectors: number): Asked => ({
  kind: 'write',
  atByte,
  data: Buffer.alloc(sectors * 512),
});
/** Beyond what anything uses. */
const harmless = zeroes(startOf('webizen-data') + 250 * mebi, 8);
const flush: Asked = { kind: 'flush' };

t.test('a disk to which nothing has happened is whole, and has what was promised', async (t) => {
  const { cut } = await disk(t);
  const notes: Note[] = [
    { logBytes: 0, kind: 'stored', key, version: 1 },
    { logBytes: 0, kind: 'ledger', length: 1 },
  ];
  t.strictSame(await cut([harmless, flush, harmless], notes), ['', '', '', '']);
});

t.test('what was promised and is not there is found, from the moment of the promise on', async (t) => {
  const { cut } = await disk(t);
  const notes: Note[] = [{ logBytes: 512 + 512 + 4096, kind: 'stored', key, version: 2 }];
  const [said = ''] = await cut([harmless], notes, 1);
  t.match(said, /lane-0-0 is of version 1, and 2 was acknowledged/);
  t.strictSame(
    await cut([harmless], [{ ...(notes[0] as Note), logBytes: 6000 }], 1),
    [''],
    'it had not been heard yet',
  );
  t.match((await cut([harmless], [{ logBytes: 0, kind: 'ledger', length: 2 }], 1))[0], /ledger has 1 entries, not 2/);
  t.match((await cut([harmless], [{ logBytes: 0, kind: 'sample', sequence: 1 }], 1))[0], /numbered as another/);
  t.match((await cut([harmless], [{ logBytes: 0, kind: 'member' }], 1))[0], /membership is gone/);
});

t.test('a super block that was torn is taken from its copy, and the journal is played back all the same', async (t) => {
  const { cut, folder } = await disk(t);
  // The first half of it as a mount would have it, the second as it was.
  const first = Buffer.alloc(512);
  const fd = openSync(path.join(folder, 'disk'), 'r');
  readSync(fd, first, 0, first.length, startOf('webizen-data') + 1024);
  closeSync(fd);
  first.writeUInt32LE(Math.round(Date.now() / 1000), 0x2c);
  const torn: Asked = { kind: 'write', atByte: startOf('webizen-data') + 1024, data: first };
  t.strictSame(await cut([torn, flush, harmless], [{ logBytes: 0, kind: 'stored', key, version: 1 }], 4), [
    '',
    '',
    '',
    '',
  ]);
});

t.test('a filesystem that a person would have to repair is found', async (t) => {
  const { cut } = await disk(t);
  t.match(
    (await cut([zeroes(inodes, 16_384), flush, harmless], [], 5)).at(-1),
    /e2fsck/,
    'the last is behind the flush',
  );
});

t.test('a boot partition that has lost its files is found, and so is a table that cannot be read', async (t) => {
  const { cut } = await disk(t);
  const tables = zeroes(startOf('webizen-esp') + 32 * 512, 4200); // where each file's clusters are listed, twice
  t.match((await cut([tables, flush, harmless], [], 2)).at(-1), /grubenv cannot be read/);
  const both = [zeroes(0, 64), zeroes(diskBytes - 64 * 512, 64), flush, harmless];
  t.match((await cut(both, [], 2)).at(-1), /the table of partitions cannot be read/);
  t.equal((await cut([zeroes(512, 1), flush, harmless], [], 2)).at(-1), '', 'of a torn table there is a copy');
});

t.test('a slot that is written to while it runs is found', async (t) => {
  const { cut } = await disk(t);
  await t.rejects(cut([zeroes(startOf('rootfs-a') + 8192, 1)]), /slot A was written to/);
});

t.test('what bears its name is whole; what still grows or lies beside may be anything', async (t) => {
  const folder = await ownFolder(t);
  const put = (name: string, text: string): string => {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
    return name;
  };
  const digest = createHash('sha256').update('a bundle').digest('hex');
  put(`os/${digest}.part`, '');
  put(`os/${digest}.raucb`, 'a bundle');
  put('membership.json.new', '{"hal');
  t.strictSame(tornFiles(folder, passing), []);

  put(`os/${digest}.raucb`, 'a bun\0\0\0');
  put('membership.json', '{"hal');
  put('machine-id', '\0\0');
  t.strictSame(tornFiles(folder, passing).toSorted(), [
    'machine-id is empty',
    'membership.json is torn: "{\\"hal"',
    `os/${digest}.raucb is not what it is called`,
  ]);
});
