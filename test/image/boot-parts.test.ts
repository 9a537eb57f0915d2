/** What the boot partition holds of a system, brought up to it: killed before each command, it always holds something that starts. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { environmentBlock } from '../../image/esp.js';
import { source } from '../../image/places.js';
import { ownFolder } from '../support/folder.js';

const chooser = (number: number): string => `# chooser ${number}\n${'set filler=1\n'.repeat(2000)}# end ${number}\n`;

async function laid(t: Test, ours = 2) {
  const folder = await ownFolder(t);
  const place = (name: string): string => path.join(folder, name);
  const esp = place('esp/EFI/debian');
  for (const name of [esp, place('own')]) mkdirSync(name, { recursive: true });
  for (const name of ['usr/bin/grub-editenv', 'usr/lib/webizen/boot-parts'])
    copyFileSync(source('overlay', name), place(`own/${path.basename(name)}`));
  writeFileSync(path.join(esp, 'choose-a.cfg'), chooser(1));
  writeFileSync(path.join(esp, 'boot.env'), environmentBlock({ USE: 'a', TRY: '' }));
  writeFileSync(place('own/choose.cfg'), chooser(ours));
  const read = (name: string): string | undefined => {
    const file = path.join(esp, name);
    return existsSync(file) ? readFileSync(file, 'latin1') : undefined;
  };
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(read('boot.env') ?? '')?.[1] ?? '';
  const write = (values: Record<string, string>): void =>
    writeFileSync(path.join(esp, 'boot.env'), environmentBlock(values));
  return {
    ...{ value, write, esp },
    /** As boot/grub.cfg: which of the two starts, and what the state is behind it. */
    start(): { by: 'a' | 'b'; number: number } {
      const use = value('USE') === 'b' ? 'b' : 'a';
      const tried = value('TRY');
      const by = tried === 'a' || tried === 'b' ? tried : use;
      if (by === tried) write({ USE: use, TRY: '', TRIED: value('TRIED') });
      const text = read(`choose-${by}.cfg`) ?? '';
      const number = Number(/^# chooser (\d+)\n/.exec(text)?.[1] ?? 0);
      return { by, number: text === chooser(number) ? number : 0 };
    },
    /** Killed before its command of that number; undefined: not at all. Answers whether it came to its end. */
    run(by: string, before?: number): boolean {
      writeFileSync(place('cmdline'), `root=PARTLABEL=rootfs-a rauc.slot=A webizen.chooser=${by} ro quiet\n`);
      const kill = before === undefined ? '' : `n=0; trap '((++n == ${before})) && kill -9 $$ $BASHPID' DEBUG; `;
      const around = [
        ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/lib', '/lib'],
        ...['--symlink', 'usr/lib64', '/lib64', '--dev', '/dev', '--proc', '/proc'],
        ...['--ro-bind', place('own'), '/own'],
        ...['--ro-bind', place('cmdline'), '/proc/cmdline', '--bind', place('esp'), '/boot/esp'],
        ...[
          '--setenv',
          'PATH',
          '/own:/usr/bin:/bin',
          'bash',
          '-c',
          `set -T; ${kill}. /own/boot-parts`,
          '/own/boot-parts',
        ],
      ];
      const { status, stderr } = spawnSync('bwrap', around, { encoding: 'utf8' });
      if (status !== 0 && status !== 137) throw new Error(`it ended with ${status}: ${stderr}`);
      return status === 0;
    },
  };
}

t.test(
  'a newer one is tried once at the next start, and is the one in use once a system has come up by it',
  async (t) => {
    const card = await laid(t);
    card.run('a');
    t.match([card.value('USE'), card.value('TRY'), card.value('TRIED')], ['a', 'b', '2']);
    t.same(card.start(), { by: 'b', number: 2 });
    t.same(card.start(), { by: 'a', number: 1 }, 'cut before it proved itself: the one before');
    card.run('a');
    t.equal(card.value('TRY'), '', 'and it is not tried again');
    card.write({ USE: 'a', TRY: 'b', TRIED: '2' });
    t.same(card.start(), { by: 'b', number: 2 });
    card.run('b');
    t.equal(card.value('USE'), 'b');
    t.same(card.start(), { by: 'b', number: 2 });
  },
);

t.test('an older one is not taken over, as after a way back to the system before', async (t) => {
  const card = await laid(t, 1);
  writeFileSync(path.join(card.esp, 'choose-b.cfg'), chooser(2));
  card.write({ USE: 'b', TRY: '' });
  card.run('b');
  t.same(card.start(), { by: 'b', number: 2 });
});

t.test(
  'killed before any of its commands, and with its sector torn, the box starts, and it goes on from there',
  async (t) => {
    let isThrough = false;
    let steps = 0;
    for (; !isThrough; steps += 1) {
      const card = await laid(t);
      isThrough = card.run('a', steps + 1);
      const { by, number } = card.start();
      t.ok(number > 0, `before command ${steps + 1}: ${by} is whole`);
      card.run(by);
      const next = card.start();
      t.ok(next.number > 0, `and so it is at the next start: ${next.by}`);
      card.run(next.by);
      t.equal(card.start().number, 2, 'the newer one is there in the end');
    }
    t.ok(steps > 10, `${steps} commands`);
    const card = await laid(t);
    writeFileSync(path.join(card.esp, 'boot.env'), '\0'.repeat(1024));
    t.same(card.start(), { by: 'a', number: 1 });
    card.run('a');
    t.match([card.value('USE'), card.value('TRY')], ['a', 'b']);
  },
);
