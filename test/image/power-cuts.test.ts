/**
 * The agent's own rooms under load on a real ext4, each write of which is recorded, and the power cut in it wherever. What the
 * scenario `power` does with a whole guest, for what the agent keeps. `CUTS` of them, the same again by `SEED`.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { files } from '#common/files.js';
import { ownFolder } from '../support/folder.js';
import { seed } from '../support/random.js';
import { mountRecorded } from './power/exported-disk.js';
import { keysOf } from './power/load-child.js';
import type { Note } from './power/notes.js';
import { app, architecture, dataBytes, diskBytes, makeSmallDisk, openRooms, startOf } from './power/small-disk.js';
import { tryCuts } from './power/try-cuts.js';

const count = Number(process.env.CUTS ?? 12);
const [lanes, versions] = [4, 12];

t.test('the power may go at any write, and nothing that was acknowledged is lost', async (t) => {
  const folder = await ownFolder(t);
  const disk = await makeSmallDisk(folder);
  const mounted = mountRecorded(disk, folder, { atByte: startOf('webizen-data'), sizeBytes: dataBytes });
  t.teardown(mounted.close);
  const { log } = mounted;
  const notes: Note[] = [];
  const logBytes = () => statSync(log).size;

  const dataDir = path.join(mounted.place, 'webizen/agent');
  const rooms = await openRooms(dataDir);
  const store = async (lane: number): Promise<void> => {
    for (let version = 2; version < versions; version += 1)
      for (const key of keysOf(lane)) {
        await rooms.put(key, version);
        notes.push({ logBytes: logBytes(), kind: 'stored', key, version });
      }
  };
  const decide = async (): Promise<void> => {
    for (let length = 2; length < 30; length += 1) {
      await rooms.ledger.append({ by: 'box', type: 'tried', facts: { length } });
      notes.push({ logBytes: logBytes(), kind: 'ledger', length });
    }
  };
  const sample = async (): Promise<void> => {
    for (let n = 0; n < 30; n += 1) {
      const { seq } = await rooms.outbox.add({ at: n, values: { n } });
      await rooms.outbox.commit();
      notes.push({ logBytes: logBytes(), kind: 'sample', sequence: seq });
    }
  };
  const join = async (): Promise<void> => {
    for (let n = 0; n < 10; n += 1) {
      await files.write(path.join(dataDir, 'membership.json'), JSON.stringify({ n, filler: 'x'.repeat(n * 900) }));
      notes.push({ logBytes: logBytes(), kind: 'member' });
    }
  };
  await Promise.all([...Array.from({ length: lanes }, (_, n) => store(n)), decide(), sample(), join()]);
  await rooms.close();
  mounted.close();

  t.comment(`SEED ${seed}`);
  const recorded = { architecture, disk, diskBytes, log, notes, app, nextRootfs: disk };
  const { entries, flushes, results } = await tryCuts(recorded, { home: folder, count, seed, told: () => {} });
  t.comment(`${entries} writes, ${flushes} of them flushes, ${notes.length} promises, ${results.length} cuts`);
  t.equal(results.length, count);
  t.strictSame(
    results.filter(({ faults }) => faults.length > 0),
    [],
  );
});

t.test(
  'the power may go while the store is made at the first start, and it starts by itself all the same',
  async (t) => {
    const folder = await ownFolder(t);
    const disk = await makeSmallDisk(folder, false);
    const mounted = mountRecorded(disk, folder, { atByte: startOf('webizen-data'), sizeBytes: dataBytes });
    t.teardown(mounted.close);
    const rooms = await openRooms(path.join(mounted.place, 'webizen/agent'));
    await rooms.ledger.append({ by: 'box', type: 'made', facts: {} });
    const notes: Note[] = [{ logBytes: statSync(mounted.log).size, kind: 'ledger', length: 1 }];
    await rooms.close();
    mounted.close();

    const recorded = { architecture, disk, diskBytes, log: mounted.log, notes, app, nextRootfs: disk };
    const { entries, results } = await tryCuts(recorded, { home: folder, count: 4 * count, seed, told: () => {} });
    t.comment(`SEED ${seed}: ${results.length} cuts in ${entries} writes`);
    t.strictSame(
      results.filter(({ faults }) => faults.length > 0),
      [],
    );
  },
);
