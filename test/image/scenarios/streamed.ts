/** An update is streamed: it is written into the other slot as it comes, and only what has changed travels. */
import { statSync } from 'node:fs';
import type { Rig } from '../rig.js';
import { rauclines, received, writtenToB } from '../travelled.js';
import { watch } from '../watched.js';

export const name = 'an update is streamed, and only what has changed travels';

export async function run(rig: Rig): Promise<void> {
  const { until, expect, say } = rig;
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  const seen = watch({ rig, provider, territory, box });
  const { size } = statSync(rig.release.bundle);
  rig.begin();
  const began = Date.now();
  const machine = rig.start({ name: 'streamed', card });
  await until(machine, 'online', () => seen.isHeard(began));
  const before = await received(machine);
  territory.update(box, rig.release);
  await seen.until(machine, 'installing', ({ next }) => next?.stage === 'installing');
  let [now, written] = [before, 0];
  await until(machine, 'it is written', async () => {
    const { next, last } = (await seen.os()) ?? {};
    if (last !== null || next?.stage !== 'installing') return true;
    now = await received(machine);
    written = await writtenToB(machine);
    expect((await machine.run('ls /data/webizen/os')).output.trim() === '', 'nothing of the bundle is on the disk');
    return false;
  });
  const { last } = await seen.until(machine, 'the new system is kept', (os) => os.last !== null);
  for (const line of rauclines(machine.serial())) say(line);
  expect(last?.outcome === 'done' && last.version === rig.release.version, `it ended well: ${JSON.stringify(last)}`);
  say(`${now - before} bytes came meanwhile, ${written} were written; the bundle has ${size}`);
  expect(now - before < size / 4, 'a small part of the bundle travelled');
  await machine.shutDown();
}
