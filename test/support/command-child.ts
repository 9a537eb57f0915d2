/**
 * A box that kills itself with SIGKILL before one commit, or around the effect, of one command:
 * `node command-child.js FOLDER KIND BOOT CUT`. The provider brings the same command again at each start, as one does that
 * has no answer. Effects go to FOLDER/effects.log, answers to FOLDER/answers.log. A restart ends the process like a cut.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { keyToPem } from '#common/pki/keys.js';
import type { Command } from '#contract/commands.js';
import { commandBox, commandBy, makeKey } from './command-box.js';

const [, , folder = '', kind = '', boot = '', cut = '0'] = process.argv;
const at = (name: string): string => path.join(folder, name);
let counting = false;
let events = 0;
function event(name: string): void {
  if (!counting) return;
  events += 1;
  writeSync(1, `${name}\n`);
  if (events === Number(cut)) process.kill(process.pid, 'SIGKILL');
}

mkdirSync(at('box'), { recursive: true, mode: 0o700 });
const isFirst = !existsSync(at('command.json'));
const key = await makeKey(isFirst ? undefined : readFileSync(at('key.pem'), 'utf8'));
const made = await commandBox({
  ...{ folder: at('box'), keys: [key], boot },
  onCommit: () => event('commit'),
  onEffect({ name }) {
    event(`before ${name}`);
    appendFileSync(at('effects.log'), `${name}\n`);
    event(`behind ${name}`);
    if (name === 'reboot' || name === 'restart-agent') {
      writeSync(1, 'restarting\n');
      process.kill(process.pid, 'SIGKILL');
    }
  },
});
if (isFirst) {
  await made.ledger.appendKey(made.ownerKey, 'owner.set', made.signer);
  for (const ruled of ['reboot', 'diagnostics'] as const) await made.room.owner.rule(ruled, 'allow', made.signer);
  writeFileSync(at('key.pem'), keyToPem(key.key), { mode: 0o600 });
  writeFileSync(at('command.json'), JSON.stringify(made.command(kind)));
}
const command = JSON.parse(readFileSync(at('command.json'), 'utf8')) as Command;
counting = true;
await made.room.start();
made.connect();
made.room.heard(command.id, await commandBy(key, command));
const answer = await made.answer(command.id);
appendFileSync(at('answers.log'), `${JSON.stringify(answer)}\n`);
await made.room.idle();
await made.close();
writeSync(1, 'done\n');
