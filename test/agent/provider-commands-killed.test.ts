/** A box that is killed around a command does it at most once, and answers it all the same. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { ownFolder } from '../support/folder.js';

async function run(folder: string, kind: string, boot: string, cut = 0): Promise<string[]> {
  const child = spawn(process.execPath, ['build/test/support/command-child.js', folder, kind, boot, String(cut)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return (await text(child.stdout)).split('\n').filter(Boolean);
}

const linesOf = async (folder: string, name: string): Promise<string[]> =>
  (await readFile(path.join(folder, name), 'utf8').catch(() => '')).split('\n').filter(Boolean);

for (const kind of ['reboot', 'restart-agent', 'rotate-key'])
  t.test(`${kind}, killed before and behind each of its steps`, async (t) => {
    const restarts = kind === 'reboot' || kind === 'restart-agent';
    const whole = await run(await ownFolder(t), kind, 'first');
    t.equal(whole.at(-1), restarts ? 'restarting' : 'done');
    const steps = whole.length - 1;
    t.ok(steps >= 4, whole.join(', '));
    for (let cut = 1; cut <= steps; cut += 1) {
      const folder = await ownFolder(t);
      const before = (await run(folder, kind, 'first', cut)).at(-1);
      // The machine has restarted if it was asked to, and the provider insists.
      const isDone = (await linesOf(folder, 'effects.log')).length > 0;
      for (const boot of [isDone ? 'second' : 'first', 'third', 'third'])
        if ((await linesOf(folder, 'answers.log')).length === 0) await run(folder, kind, boot);
      await run(folder, kind, 'third');
      const answers = await linesOf(folder, 'answers.log');
      t.ok(answers.length >= 2, `killed ${before}: answered`);
      t.equal(new Set(answers).size, 1, `killed ${before}: and each time the same`);
      const effects = await linesOf(folder, 'effects.log');
      const { outcome, code } = JSON.parse(answers[0] ?? '{}') as { outcome?: string; code?: string };
      if (!restarts) t.match(outcome, 'done', `killed ${before}: what bears being done again is done to its end`);
      else if (outcome === 'done') t.ok(effects.length <= 1, `killed ${before}: restarted once`);
      else t.match([effects.length, code], [0, 'command-interrupted'], `killed ${before}: not restarted, and said so`);
    }
  });
