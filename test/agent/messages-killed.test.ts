/** A box that is killed before any one of its writes loses no message, and neither end sees one twice or out of its order. */
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { sequenceOf } from '#contract/messages.js';
import { ownFolder } from '../support/folder.js';
import { downIds } from '../support/messages-child.js';

async function run(folder: string, cut: number): Promise<{ events: string[]; done: boolean }> {
  const child = spawn(process.execPath, ['build/test/support/messages-child.js', folder, String(cut)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const events = (await text(child.stdout)).split('\n').filter(Boolean);
  return { events, done: events.at(-1) === 'done' };
}

async function begin(t: Parameters<typeof ownFolder>[0]): Promise<string> {
  const folder = await ownFolder(t);
  await mkdir(path.join(folder, 'box'), { recursive: true, mode: 0o700 });
  return folder;
}

const linesOf = async (folder: string, name: string): Promise<string[]> =>
  (await readFile(path.join(folder, name), 'utf8')).split('\n').filter(Boolean);

t.test('killed before each of its writes', async (t) => {
  const whole = await run(await begin(t), 0);
  t.ok(whole.done);
  const writes = whole.events.length - 1;
  t.ok(writes >= 9, `${writes} writes`);
  t.ok(
    whole.events.some((event) => event.includes('example.visits.json')),
    'one of them is of the key',
  );
  for (let cut = 1; cut <= writes; cut += 1) {
    const folder = await begin(t);
    const first = await run(folder, cut);
    t.notOk(first.done, `killed ${first.events.at(-1)}`);
    t.ok((await run(folder, 0)).done, 'started again it ends');
    const up = (await linesOf(folder, 'up.log')).map((line) => line.split(' '));
    const of = (name: string) =>
      up.filter(([its]) => its === name).map(([, id = '', body]) => [sequenceOf(id).sequence, body]);
    t.same(of('note'), [
      [1, '"a1"'],
      [2, '"a2"'],
    ]);
    t.same(of('alarm'), [[1, '"b1"']]);
    // What the app read and could not delete before it was killed it reads again.
    const read = await linesOf(folder, 'app.log');
    t.same(
      [...new Set(read)],
      downIds.map((id) => `${id} ${id}`),
    );
    t.ok(read.length <= downIds.length + 1);
  }
});
