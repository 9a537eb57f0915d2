/**
 * What chooses a slot is brought up to the system that proved itself: tried once, kept when a good system has come up by it,
 * left when it leads nowhere, and whole when the plug is pulled while it is written, again and again.
 */
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';

export const name = 'what chooses a slot is updated beside the one in use, whatever is pulled';

const patient = { timeoutSeconds: 1200 };
/** The guest answers before all is mounted. */
const environment = 'until mountpoint -q /boot/esp; do sleep 1; done; grub-editenv /boot/esp/EFI/debian/boot.env list';
/** As if this system had come with another one. */
const bring = (make: string): string =>
  `umount /usr/lib/webizen/choose.cfg 2> /dev/null; ${make} > /run/choose.cfg &&
   mount --bind /run/choose.cfg /usr/lib/webizen/choose.cfg && systemctl restart webizen-boot.service && ${environment}`;
const numbered = (number: number): string => `sed 's/^# chooser .*/# chooser ${number}/' /usr/lib/webizen/choose.cfg`;
const isGood = 'until systemctl is-active --quiet webizen-boot.service; do sleep 2; done';

export async function run(rig: Rig): Promise<void> {
  const { expect, say } = rig;
  const { card, territory } = await rig.settled();
  await rig.serve(territory);
  const ask = async (machine: Machine, script: string): Promise<string> => {
    const { status, output } = await machine.run(script, patient);
    if (status !== 0) throw new Error(`the guest answered ${status} to ${script}: ${output}`);
    say(output.trim());
    return output;
  };

  rig.begin();
  const first = rig.start({ name: 'first', card });
  const words = await ask(first, 'cat /proc/cmdline');
  rig.passed('first start');
  expect(/ webizen\.chooser=a ro panic=10 /.test(words), 'a new card starts by the first, with the words of its slot');
  await ask(first, isGood);
  const told = await ask(first, bring(numbered(2)));
  expect(/^USE=a$/m.test(told) && /^TRY=b$/m.test(told), 'a newer one is there to be tried');
  await first.cut();

  rig.begin();
  const second = rig.start({ name: 'second', card });
  expect(/ webizen\.chooser=b /.test(await ask(second, 'cat /proc/cmdline')), 'it is tried');
  rig.passed('second start');
  expect(/^TRY=$/m.test(await ask(second, environment)), 'once');
  await ask(second, isGood);
  expect(/^USE=b$/m.test(await ask(second, environment)), 'and kept by a system that is good');
  const broken = await ask(second, bring("printf '# chooser 3\\nif [ ; then\\nthis leads nowhere\\n'"));
  expect(/^TRY=a$/m.test(broken), 'another one is to be tried, which is broken');
  await second.cut();

  rig.begin();
  const third = rig.start({ name: 'third', card });
  expect(
    / webizen\.chooser=b /.test(await ask(third, 'cat /proc/cmdline')),
    'it led nowhere, and the one in use starts',
  );
  rig.passed('third start');
  await ask(third, isGood);
  expect(/^TRY=$/m.test(await ask(third, environment)), 'it is not tried again');
  say('the plug is pulled while newer ones are written without a pause');
  await ask(
    third,
    `cp /usr/lib/webizen/boot-parts /run/boot-parts; printf '#!/bin/sh\\nn=10; while :; do n=$((n + 1)); { echo "# chooser $n"; tail -n +2 /boot/esp/EFI/debian/choose-b.cfg; } > /run/choose.cfg; sh /run/boot-parts; done\\n' > /run/again; setsid sh /run/again > /dev/null 2>&1 < /dev/null & sleep 7; ${environment}`,
  );
  await third.cut();

  rig.begin();
  const fourth = rig.start({ name: 'fourth', card });
  const last = await ask(fourth, 'cat /proc/cmdline');
  rig.passed('fourth start');
  expect(/ webizen\.chooser=[ab] /.test(last), 'a whole one starts');
  await ask(fourth, isGood);
  await fourth.shutDown();
}
