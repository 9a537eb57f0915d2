/**
 * An outbox that kills itself with SIGKILL before one of its writes, or behind one: `node outbox-child.js FOLDER BOOT CUT`.
 * It opens, adds four samples, three to a commit, and closes. Prints each write, counted from 1, and `added VALUE` for
 * each sample that it was promised is kept; without a cut it ends with `closed`.
 */
import { writeSync } from 'node:fs';
import path from 'node:path';
import { createCommits, type Operation } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { createOutbox, type Outbox } from '../../agent/link/outbox.js';
import { createSpool, type Spool } from '../../agent/link/spool.js';

export const batch = 3;
export const samples = 4;

export async function openBatched(
  folder: string,
  boot: string,
  around: (name: string, write: () => Promise<void>) => Promise<void> = (_name, write) => write(),
): Promise<{ outbox: Outbox; close(): Promise<void> }> {
  const db = await openDatabase(path.join(folder, 'store'), 1);
  const { commit } = createCommits(db);
  const plain = createSpool({ file: path.join(folder, 'spool'), boot });
  const spool: Spool = {
    ...plain,
    begin: () => around('begin', plain.begin),
    append: (entry) => around('append', () => plain.append(entry)),
    clear: () => around('clear', plain.clear),
  };
  const store = { db, commit: (operations: readonly Operation[]) => around('commit', () => commit(operations)) };
  const outbox = await createOutbox({ store, budgetBytes: 1_000_000, batch, spool });
  return { outbox, close: () => outbox.close().then(() => db.close()) };
}

if (process.argv[1]?.endsWith('outbox-child.js')) {
  const [, , folder = '', boot = '', cut = '0'] = process.argv;
  let events = 0;
  function event(name: string): void {
    events += 1;
    writeSync(1, `${events} ${name}\n`);
    if (events === Number(cut)) process.kill(process.pid, 'SIGKILL');
  }
  const { outbox, close } = await openBatched(folder, boot, async (name, write) => {
    event(`before ${name}`);
    await write();
    if (name === 'append') event('after append'); // written and not promised: elsewhere it is as before the next write
  });
  for (let value = 1; value <= samples; value += 1) {
    await outbox.add({ at: value, values: { 'system.uptime': value } });
    writeSync(1, `added ${value}\n`);
  }
  await close();
  writeSync(1, 'closed\n');
}
