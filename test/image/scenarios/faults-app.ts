/** An app that ran does not run under the new system: the gate does not open, and the box goes back to where it runs. */
import { alter } from '../altered.js';
import { shortTrial } from '../broken.js';
import { environment, isLeft } from '../left.js';
import type { Rig } from '../rig.js';
import { installVisits } from '../visits.js';
import { watch } from '../watched.js';

export const name = 'an app that breaks on the new system takes the box back to the one before, where it runs';

const words = 'this system runs no container';

export async function run(rig: Rig): Promise<void> {
  const { expect, until } = rig;
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  const seen = watch({ rig, provider, territory, box });
  const since = Date.now();
  rig.begin();
  // A restart ends it: the new system is changed before it is started for the first time.
  const before = rig.start({ name: 'before', card, more: ['-no-reboot'] });
  await until(before, 'online', () => seen.isHeard(since));
  const visits = await installVisits(rig, { machine: before, card, territory });
  territory.update(box, rig.release);
  await seen.until(before, 'installing', ({ next }) => next?.stage === 'installing');
  while (!before.ended()) await new Promise((resolve) => setTimeout(resolve, 1000));
  rig.passed('restarted into the new system');
  expect(/^ORDER=B A$/m.test(environment(card)), 'the new slot is what starts');
  alter(card, 'rootfs-b', { ...shortTrial(card), '/usr/bin/crun': `#!/bin/sh\necho '${words}' >&2\nexit 1\n` });

  const began = Date.now();
  rig.begin();
  const machine = rig.start({ name: 'after', card });
  const detail = /apps that ran before do not run: example\.visits/;
  await isLeft(rig, { name: 'app', card, machine, provider, seen, box, began, code: /^os-unhealthy$/, detail });
  expect(machine.serial().includes(words), 'it was the app that could not be started');
  await visits.runs(machine, 'under the system before', 2);
}
