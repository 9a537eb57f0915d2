/**
 * One life of an agent, from a start of it to a restart of the machine or to the end of what it does:
 * `node os-child.js FOLDER CUT`. What it does stands in FOLDER/shelf.json. Each effect and each commit is an event, counted
 * from 1: its name is printed, and before the CUT-th comes SIGKILL.
 */
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type OsShelf, osBox, quickGate, shelfSource, shortGate } from './os-box.js';
import { machineIn } from './two-slots.js';

const [folder = '', cut = '0'] = process.argv.slice(2);
const shelf = JSON.parse(readFileSync(path.join(folder, 'shelf.json'), 'utf8')) as OsShelf;
let count = 0;
const at = (name: string): void => {
  count += 1;
  writeSync(1, `${name}\n`);
  if (count === Number(cut)) process.kill(process.pid, 'SIGKILL');
};
const { booted, slots } = machineIn(folder);
const box = await osBox({
  ...{ folder, at },
  keys: shelf.keys,
  source: shelfSource(shelf, at),
  limits: slots[booted].behaviour.ill === undefined ? quickGate : shortGate,
  reboot: () => process.exit(0),
});
await box.until(({ last }) => last !== null);
for (const { id, endedAt } of box.changes.list()) if (endedAt === null) await box.changes.ended(id);
process.exit(0);
