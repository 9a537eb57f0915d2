/**
 * A provider's desk of commands that kills itself with SIGKILL before one commit or one publish:
 * `node command-desk-child.js DIRECTORY CUT`. It asks a box for two things, once; the box answers whatever reaches it.
 */
import { existsSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { box, commandDesk } from './command-desk.js';
import { createManualClock } from './manual-clock.js';

const [, , directory = '', cut = '0'] = process.argv;
const say = (line: string): void => void writeSync(1, `${line}\n`);
let counting = false;
let steps = 0;
function step(name: string): void {
  if (!counting) return;
  steps += 1;
  say(`step ${name}`);
  if (steps === Number(cut)) process.kill(process.pid, 'SIGKILL');
}

const made = await commandDesk({
  directory,
  clock: createManualClock(systemClock.now()),
  onCommit: () => step('commit'),
  onPublish({ command }) {
    step('publish');
    if (!command) return;
    say(`sent ${command.id} ${command.sequence}`);
    setImmediate(() => void made.say({ command: command.id, outcome: 'done', text: 'done', at: 1 }).then(wake));
  },
});
counting = true;
let wake = (): void => {};
for (const kind of ['refresh', 'rotate-key'] as const) {
  const mark = path.join(directory, `${kind}.asked`);
  if (existsSync(mark)) continue;
  const { id } = await made.desk.send(box, { kind, by: 'Ana' });
  writeFileSync(mark, id); // the operator has the answer of the API
  say(`asked ${id}`);
}
made.link.start();
made.born();
while (made.desk.open().length > 0)
  await new Promise<void>((resolve) => {
    wake = resolve;
  });
for (const { id, state } of (await made.desk.list(box)).commands) say(`answered ${id} ${state}`);
counting = false;
await made.close();
say('done');
