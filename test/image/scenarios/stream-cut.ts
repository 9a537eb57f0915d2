/**
 * An update that is streamed is cut: once the plug is pulled when half of the slot is written, and once the provider is away
 * for half a minute. It goes on, and what was written before does not travel again.
 */
import { statSync } from 'node:fs';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { rauclines, received, writtenToB } from '../travelled.js';
import { watch } from '../watched.js';

export const name = 'an update that is streamed is cut, and goes on where it was';

const half = 200 * 1024 ** 2;
const awayMilliseconds = 30_000;

export async function run(rig: Rig): Promise<void> {
  const { until, expect, say } = rig;
  const { card, territory, box } = await rig.settled();
  let provider = await rig.serve(territory);
  let seen = watch({ rig, provider, territory, box });
  const { size } = statSync(rig.release.bundle);
  const isWritten = (machine: Machine, bytes: number) => async () => (await writtenToB(machine)) > bytes;
  rig.begin();
  const began = Date.now();
  let machine = rig.start({ name: 'cut', card });
  await until(machine, 'online', () => seen.isHeard(began));
  territory.update(box, rig.release);
  await until(machine, 'half of it is written', isWritten(machine, half));
  say(`${await received(machine)} bytes had come when the plug is pulled`);
  await machine.cut();

  const again = Date.now();
  machine = rig.start({ name: 'again', card });
  await until(machine, 'back', () => seen.isHeard(again));
  const os = await seen.os();
  expect(os?.version === '1.0.0' && os.last === null, `it runs what it ran: ${JSON.stringify(os)}`);
  await until(machine, 'it is written again', isWritten(machine, half / 4));
  await provider.stop();
  await new Promise((resolve) => setTimeout(resolve, awayMilliseconds));
  provider = await rig.serve(territory);
  seen = watch({ rig, provider, territory, box });
  let now = 0;
  await until(machine, 'it is written to its end', async () => {
    const { next, last } = (await seen.os()) ?? {};
    if (last !== null || next?.stage !== 'installing') return true;
    now = await received(machine);
    return false;
  });
  const { last } = await seen.until(machine, 'the new system is kept', (told) => told.last !== null);
  for (const line of rauclines(machine.serial())) say(line);
  expect(last?.outcome === 'done' && last.version === rig.release.version, `it ended well: ${JSON.stringify(last)}`);
  say(`${now} bytes came behind the cut; the bundle has ${size}`);
  expect(now < size / 4, 'what was written before did not travel again');
  await machine.shutDown();
}
