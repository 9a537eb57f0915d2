/** Events that are killed around any one of their writes: each fact is told once, and no sequence stands for two. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openEventsRig } from '../support/events-child.js';
import { ownFolder } from '../support/folder.js';

async function run(folder: string, cut: number): Promise<string[]> {
  const child = spawn(process.execPath, ['build/test/support/events-child.js', folder, String(cut)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return (await text(child.stdout)).split('\n').filter(Boolean);
}

const of = (lines: readonly string[], word: string): string[] =>
  lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
const writesOf = (lines: readonly string[]): string[] => lines.filter((line) => /^\d/.test(line));

t.test('killed around each write', async (t) => {
  const all = await ownFolder(t);
  const whole = await run(all, 0);
  t.equal(whole.at(-1), 'closed');
  const moments = writesOf(whole).length;
  t.ok(moments >= 12, `${moments} moments`);

  for (let cut = 1; cut <= moments; cut += 1) {
    const folder = path.join(all, `cut-${cut}`);
    await mkdir(folder);
    const lines = await run(folder, cut);
    const moment = writesOf(lines).at(-1);
    if (cut % 5 === 0) await run(folder, 2); // started again, and killed once more
    const rig = await openEventsRig({ folder });
    await rig.events.start();
    const entries = await rig.ledger.entries({ limit: 100 });
    const found = (await rig.book.newest(100)).reverse();
    const serials = found.flatMap(({ type, facts }) => (type === 'certificate-renewed' ? [facts.serial] : []));
    t.same(
      serials,
      entries.map(({ facts }) => facts.serial),
      `${moment}: each entry of the ledger is told once`,
    );
    t.ok(of(lines, 'decided').every((serial) => serials.includes(serial)));
    const hours = found.flatMap(({ type, facts }) => (type === 'network-back' ? [String(facts.hours)] : []));
    t.same(hours.slice(0, of(lines, 'told').length), of(lines, 'told'), 'all that was promised is there once');
    t.ok(hours.length <= of(lines, 'told').length + 1);
    t.same(
      found.map(({ seq }) => seq),
      found.map((_, index) => index + 1),
      'no sequence is missing',
    );
    t.match(rig.book.state(), { last: found.length, lost: 0 });
    await rig.events.stop();
    await rig.close();
  }
});
