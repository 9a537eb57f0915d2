/** The provider is killed with SIGKILL at each commit of a case. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { openCasesDesk } from '../support/cases-desk.js';
import { liveCase, prepareCase } from '../support/cases-life.js';
import { ownFolder } from '../support/folder.js';

const child = path.resolve('build/test/support/cases-child.js');

/** What it says; nothing where it was cut. */
async function run(folder: string, cut: number): Promise<string> {
  const its = spawn(process.execPath, [child, folder, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  its.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(its, 'close');
  return said;
}

t.test('killed at each commit, a case goes on where it stood, and each step is there once', async (t) => {
  const base = await ownFolder(t);
  const desk = await openCasesDesk(base);
  await prepareCase(desk);
  await desk.memberKey('wattle');
  await desk.close();
  const copy = async (): Promise<string> => {
    const folder = await ownFolder(t);
    await cp(base, folder, { recursive: true });
    return folder;
  };
  const live = async (folder: string) => {
    const its = await openCasesDesk(folder);
    try {
      return await liveCase(its);
    } finally {
      await its.close();
    }
  };
  const came = await live(await copy());
  t.match(came, { audited: { ok: true }, standing: 'good', state: 'closed' });
  const commits = Number(await run(await copy(), 0));
  t.ok(commits >= 9);
  for (let cut = 1; cut <= commits; cut += 1)
    for (const side of [cut, -cut]) {
      const folder = await copy();
      t.equal(await run(folder, side), '', 'cut');
      t.same(await live(folder), came, `cut ${side < 0 ? 'behind' : 'before'} commit ${cut}`);
    }
});
