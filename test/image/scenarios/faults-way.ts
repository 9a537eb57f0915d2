/** A bundle that is damaged on its way, again and again: what came whole is kept, and in the end it is installed as it was signed. */
import { onBootPartition } from '../card.js';
import type { Rig } from '../rig.js';
import { watch } from '../watched.js';
import { badWay } from '../way.js';

export const name = 'a bundle that is damaged on its way arrives all the same';

const everyBytes = 30_000_000;

export async function run(rig: Rig): Promise<void> {
  const { expect, until } = rig;
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  const seen = watch({ rig, provider, territory, box });
  const began = Date.now();
  rig.begin();
  // A restart ends it.
  const machine = rig.start({ name: 'way', card, more: ['-no-reboot'] });
  await until(machine, 'online', () => seen.isHeard(began));
  const way = await badWay(everyBytes);
  try {
    territory.update(box, rig.release);
    await seen.until(machine, 'fetching', ({ next }) => next?.stage === 'fetching');
    const { last } = await seen.until(
      machine,
      'whole',
      ({ next, last }) => last !== null || next?.stage === 'installing',
    );
    expect(last === null, `nothing has failed: ${JSON.stringify(last)}`);
    expect(way.damaged() >= 5, `${way.damaged()} times an octet was changed`);
  } finally {
    await way.close();
  }
  while (!machine.ended()) await new Promise((resolve) => setTimeout(resolve, 1000));
  rig.passed('restarted into the new system');
  expect(/^ORDER=B A$/m.test(onBootPartition(card, 'EFI/debian/grubenv')), 'the new slot is what starts');
}
