/** What a card starts by, whatever stands on its boot partition: our files, read and written by GRUB's own program on a FAT image. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { environmentBlock } from '../../image/esp.js';
import { source } from '../../image/places.js';
import { ownFolder } from '../support/folder.js';

const withSbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
/** The last lines start a kernel: said instead of done. */
const chooser = (number: number): string =>
  readFileSync(source('boot/choose.cfg'), 'utf8')
    .replace(/^# chooser .*/, `# chooser ${number}`)
    .replace(/^linux (.*)\ninitrd .*\nboot\n/m, `echo STARTS ${number} $1\n`);

async function boot(t: Test) {
  const folder = await ownFolder(t);
  const esp = path.join(folder, 'esp');
  writeFileSync(esp, '');
  execFileSync('truncate', ['--size', '8M', esp]);
  execFileSync('mkfs.vfat', [esp], { env: withSbin, stdio: 'ignore' });
  execFileSync('mmd', ['-i', esp, '::EFI', '::EFI/debian']);
  writeFileSync(path.join(folder, 'device.map'), `(hd0) ${esp}\n`);
  const put = (name: string, text: string | Uint8Array): void => {
    writeFileSync(path.join(folder, 'put'), text);
    execFileSync('mcopy', ['-o', '-i', esp, path.join(folder, 'put'), `::EFI/debian/${name}`]);
  };
  put('grub.cfg', readFileSync(source('boot/grub.cfg')));
  put('choose-a.cfg', chooser(1));
  put('boot.env', environmentBlock({ USE: 'a', TRY: '' }));
  put('grubenv', environmentBlock({ ORDER: 'A B', A_OK: '1', A_TRY: '0', B_OK: '0', B_TRY: '0' }));
  put('good.env', environmentBlock({ GOOD: 'A' }));
  return {
    put,
    read: (name: string): string =>
      execFileSync('mtype', ['-i', esp, `::EFI/debian/${name}`], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    /** Answers what it would have started: number of the file that chose, and the slot; undefined: it started anew. */
    start(): { number: number; slot: string; by: string } | undefined {
      const args = ['-m', path.join(folder, 'device.map'), '-r', 'hd0', '-d', '/EFI/debian'];
      const { stdout, status } = spawnSync('grub-emu', args, {
        input: 'exit\n', // a prompt would be the end of it
        env: { ...withSbin, TERM: 'dumb', SDL_VIDEODRIVER: 'dummy' },
        encoding: 'latin1',
        timeout: 60_000,
      });
      t.equal(status, 0, 'no prompt: it starts, or starts anew');
      const found = /STARTS (\d+) .*?rauc\.slot=([AB]) webizen\.chooser=([ab])/.exec(stdout.replace(/\s+/g, ' '));
      return found ? { number: Number(found[1]), slot: found[2] ?? '', by: found[3] ?? '' } : undefined;
    },
  };
}

t.test('a card as it was made, and a newer file that is tried once', async (t) => {
  const card = await boot(t);
  t.same(card.start(), { number: 1, slot: 'A', by: 'a' });
  t.match(card.read('grubenv'), /^A_TRY=1$/m, 'the try of the slot is counted');
  card.put('choose-b.cfg', chooser(2));
  card.put('boot.env', environmentBlock({ USE: 'a', TRY: 'b', TRIED: '2' }));
  t.same(card.start(), { number: 2, slot: 'A', by: 'b' });
  t.match(card.read('boot.env'), /^USE=a\nTRY=\nTRIED=2$/m, 'forgotten before it began');
  t.same(card.start(), { number: 1, slot: 'A', by: 'a' });
  card.put('boot.env', environmentBlock({ USE: 'b', TRY: '' }));
  t.same(card.start(), { number: 2, slot: 'A', by: 'b' }, 'all tries are used up: good.env');
});

t.test('a file that leads nowhere costs one start; torn sectors cost none', async (t) => {
  const card = await boot(t);
  for (const broken of ['# chooser 3\nif [ ; then\nthis leads nowhere\n', '', '\0'.repeat(3000), 'nonsense\n']) {
    card.put('choose-b.cfg', broken);
    card.put('boot.env', environmentBlock({ USE: 'a', TRY: 'b' }));
    card.put('grubenv', environmentBlock({ ORDER: 'A B', A_OK: '1', A_TRY: '0', B_OK: '0', B_TRY: '0' }));
    t.equal(card.start(), undefined);
    t.same(card.start(), { number: 1, slot: 'A', by: 'a' });
  }
  card.put('boot.env', new Uint8Array(1024));
  t.same(card.start(), { number: 1, slot: 'A', by: 'a' });
  card.put('grubenv', new Uint8Array(1024));
  card.put('good.env', environmentBlock({ GOOD: 'B' }));
  t.same(card.start(), { number: 1, slot: 'B', by: 'a' }, 'what was last seen to work');
});
