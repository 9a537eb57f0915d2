/** What the machine itself does about a new system that does not prove itself: the scripts, with the machine's places laid around them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { environmentBlock } from '../../image/esp.js';
import { source } from '../../image/places.js';
import { ownFolder } from '../support/folder.js';

interface Laid {
  run(script: string, ...args: string[]): void;
  ended(result: string): void;
  isRestarted(): boolean;
  environment(): string;
  left(): string | undefined;
  place(name: string): string;
}

/** Slot B runs 1.1.0; what is known to work, a test says. */
async function laid(t: Test, good: string | undefined): Promise<Laid> {
  const folder = await ownFolder(t);
  const place = (name: string): string => path.join(folder, name);
  for (const name of ['esp/EFI/debian', 'data', 'run/webizen', 'bin']) mkdirSync(place(name), { recursive: true });
  const program = (name: string, text: string): void => writeFileSync(place(`bin/${name}`), text, { mode: 0o755 });
  copyFileSync(source('overlay/usr/bin/grub-editenv'), place('bin/grub-editenv'));
  for (const name of ['trial', 'agent-ended', 'good']) {
    copyFileSync(source('overlay/usr/lib/webizen', name), place(`bin/${name}`));
    chmodSync(place(`bin/${name}`), 0o755);
  }
  program('systemctl', '#!/bin/sh\necho "$*" >> /run/asked\n');
  program('journalctl', '#!/bin/sh\ncat /run/journal\n');
  const said = 'webizen-agent: store-newer: the database was written by a newer version\n  run it\n';
  writeFileSync(place('run/journal'), said);
  writeFileSync(place('cmdline'), 'root=PARTLABEL=rootfs-b rauc.slot=B ro quiet\n');
  writeFileSync(place('os-release'), 'ID=debian\nIMAGE_VERSION="1.1.0"\n');
  if (good !== undefined) writeFileSync(place('esp/EFI/debian/good.env'), environmentBlock({ GOOD: good }));
  const tries = { ORDER: 'B A', A_OK: '1', A_TRY: '2', B_OK: '1', B_TRY: '1' };
  writeFileSync(place('esp/EFI/debian/grubenv'), environmentBlock(tries));
  const around = [
    ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/lib', '/lib'],
    ...['--symlink', 'usr/lib64', '/lib64', '--dev', '/dev', '--proc', '/proc'],
    ...['--ro-bind', place('cmdline'), '/proc/cmdline', '--ro-bind', place('os-release'), '/etc/os-release'],
    ...['--bind', place('esp'), '/boot/esp', '--bind', place('data'), '/data/webizen', '--bind', place('run'), '/run'],
    ...['--ro-bind', place('bin'), '/own', '--setenv', 'PATH', '/own:/usr/bin:/bin'],
  ];
  const run = (script: string, args: string[], more: string[] = []): void =>
    void execFileSync('bwrap', [...around, ...more, `/own/${script}`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const read = (name: string) => (existsSync(place(name)) ? readFileSync(place(name), 'latin1') : undefined);
  return {
    place,
    run: (script, ...args) => run(script, args),
    ended: (result) => run('agent-ended', [], ['--setenv', 'SERVICE_RESULT', result]),
    isRestarted: () => /--no-block reboot/.test(read('run/asked') ?? ''),
    environment: () => read('esp/EFI/debian/grubenv') ?? '',
    left: () => read('data/left'),
  };
}

t.test('a slot that was never good is left at once for the one that was, and why is written down', async (t) => {
  const { run, isRestarted, environment, left } = await laid(t, 'A');
  run('trial', 'it had not proved itself in time');
  t.ok(isRestarted());
  const now = environment();
  for (const line of ['ORDER=A B', 'B_OK=0', 'A_OK=1', 'A_TRY=0']) t.ok(now.includes(`\n${line}\n`), line);
  t.equal(now.length, 1024);
  t.equal(
    left(),
    '1.1.0\nit had not proved itself in time: store-newer: the database was written by a newer version\n',
  );
});

t.test('a slot that has proved itself, now or once, stays', async (t) => {
  const once = await laid(t, 'B');
  once.run('trial', 'whatever it is');
  t.notOk(once.isRestarted());
  const now = await laid(t, 'A');
  writeFileSync(now.place('run/webizen/os-good'), '');
  now.run('trial', 'whatever it is');
  t.notOk(now.isRestarted());
  t.same([once.left(), now.left()], [undefined, undefined]);
});

t.test('where what the boot loader keeps cannot be reached, its tries lead back, and not without end', async (t) => {
  const { run, isRestarted, environment, place } = await laid(t, undefined);
  const before = environment();
  for (let time = 1; time <= 6; time += 1) {
    run('trial', 'it had not proved itself in time');
    t.ok(isRestarted());
    rmSync(place('run/asked'));
  }
  run('trial', 'it had not proved itself in time');
  t.notOk(isRestarted(), 'the other slot cannot reach it either');
  t.equal(environment(), before);
});

t.test('an agent that ends again and again does not take the whole time of the trial', async (t) => {
  const { ended, isRestarted, left } = await laid(t, 'A');
  for (let time = 1; time < 5; time += 1) ended('exit-code');
  ended('success');
  t.notOk(isRestarted(), 'now and then an agent may end');
  ended('watchdog');
  t.ok(isRestarted());
  t.match(left(), /^1\.1\.0\nthe agent ended 5 times \(watchdog\): store-newer/);
});

t.test('what Node says of an agent that it cannot load is told too', async (t) => {
  const { run, left, place } = await laid(t, 'A');
  writeFileSync(
    place('run/journal'),
    'file:///agent.js:1\nError: libm.so.6: not found\n    at one (two)\nNode.js v20\n',
  );
  run('trial', 'the agent ended 5 times (exit-code)');
  t.equal(left(), '1.1.0\nthe agent ended 5 times (exit-code): Error: libm.so.6: not found\n');
});

t.test('a slot that is written down as good is the one that a torn environment starts', async (t) => {
  const { run, place } = await laid(t, 'A');
  run('good');
  run('good');
  t.match(readFileSync(place('esp/EFI/debian/good.env'), 'latin1'), /^# GRUB Environment Block\nGOOD=B\n#+$/);
});
