/** What decides whether a partition may be formatted, on files: opening a volume needs a kernel of its own, see scenarios/sealed. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { dataOptions } from '../../image/disk.js';
import { filesystemUuid, mebi } from '../../image/layout.js';
import { source } from '../../image/places.js';
import { ownFolder } from '../support/folder.js';

const script = source('overlay/usr/lib/webizen/data');
const withSystemPrograms = `${process.env.PATH}:/usr/sbin:/sbin`;
const command = (program: string, args: string[], input = ''): string =>
  execFileSync(program, args, {
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, PATH: withSystemPrograms },
  });
const data = (...args: string[]): string => command('sh', [script, ...args]).trim();

const smallOptions = dataOptions().map((option) => option.replace('size=32', 'size=4'));

/** As the image brings it. */
function partition(file: string, ...more: string[]): string {
  writeFileSync(file, '');
  truncateSync(file, 32 * mebi);
  const identity = ['-U', filesystemUuid.data, '-L', 'webizen-data'];
  command('mke2fs', ['-q', '-F', '-t', 'ext4', ...smallOptions, ...identity, ...more, file]);
  return file;
}

const header = (file: string, device: string, key: string, text = 'a key of a test'): string => {
  writeFileSync(key, text);
  writeFileSync(file, '');
  truncateSync(file, 16 * mebi);
  const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', key];
  command('cryptsetup', [
    'luksFormat',
    '-q',
    '--type',
    'luks2',
    '--header',
    file,
    '--offset',
    '32768',
    ...quick,
    device,
  ]);
  return file;
};

t.test('only what the image brought, unmounted ever since, may be made anew', async (t) => {
  const home = await ownFolder(t);
  const file = path.join(home, 'partition');
  const debugfs = (request: string) => command('debugfs', ['-w', '-R', request, file]);
  t.equal(data('state', partition(file)), 'pristine');
  debugfs('set_super_value mnt_count 1');
  t.equal(data('state', file), 'plain', 'it was mounted');
  partition(file);
  debugfs('set_super_value mtime 20260101000000');
  t.equal(data('state', file), 'plain', 'it was mounted, and checked since');
  partition(file);
  debugfs('set_super_value last_mounted /data');
  t.equal(data('state', file), 'plain');
  t.equal(data('state', partition(file, '-U', '57455249-0000-4000-8000-0000000000ff')), 'plain', 'of somebody else');
  command('tune2fs', ['-L', 'webizen-making', file]);
  t.equal(data('state', file), 'unfinished');
  writeFileSync(file, Buffer.alloc(mebi));
  t.equal(data('state', file), 'unknown');
  writeFileSync(file, '');
  t.equal(data('state', file), 'unknown');
});

t.test('a volume whose keys are destroyed is nobody’s, and may be made anew', async (t) => {
  const home = await ownFolder(t);
  const [file, key] = [path.join(home, 'partition'), path.join(home, 'key')];
  data('commit', header(path.join(home, 'header'), partition(file), key), file);
  t.equal(data('state', file), 'sealed');
  command('cryptsetup', ['luksErase', '-q', file]);
  t.equal(data('state', file), 'erased');
});

t.test('a volume whose keys cannot be listed is not taken for one without', async (t) => {
  const home = await ownFolder(t);
  const [file, key] = [path.join(home, 'partition'), path.join(home, 'key')];
  data('commit', header(path.join(home, 'header'), partition(file), key), file);
  const programs = path.join(home, 'bin');
  mkdirSync(programs);
  const dump = '#!/bin/sh\n[ "$1" != luksDump ] || exit 1\nPATH=$REST exec cryptsetup "$@"\n';
  writeFileSync(path.join(programs, 'cryptsetup'), dump, { mode: 0o755 });
  const found = command('sh', ['-c', 'REST=$PATH PATH=$1:$PATH exec sh "$2" state "$3"', 'sh', programs, script, file]);
  t.equal(found.trim(), 'sealed');
});

t.test('cut at any sector of the last writes, it is unfinished or it opens', async (t) => {
  const home = await ownFolder(t);
  const [file, key] = [path.join(home, 'partition'), path.join(home, 'key')];
  partition(file);
  const made = header(path.join(home, 'header'), file, key);
  command('tune2fs', ['-L', 'webizen-making', file]);
  const before = readFileSync(file);
  data('commit', made, file);
  const headerBytes = 16 * mebi;
  const whole = readFileSync(file);
  t.ok(whole.subarray(0, headerBytes).equals(readFileSync(made)), 'all of the header is there');

  const [sector, copy] = [512, 16 * 1024];
  const disk = openSync(file, 'r+');
  t.teardown(() => closeSync(disk));
  /** Of the two copies, the sectors that have reached the disk; the keys have. */
  function state(reached: Iterable<number>): string {
    const start = Buffer.from(before.subarray(0, 2 * copy));
    for (const one of reached) whole.copy(start, one * sector, one * sector, (one + 1) * sector);
    writeSync(disk, start, 0, start.length, 0);
    const found = data('state', file);
    if (found === 'sealed') command('cryptsetup', ['open', '--test-passphrase', '--key-file', key, file]);
    return found;
  }
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  const one = copy / sector;
  const [first, second] = [range(0, one), range(one, 2 * one)];
  const seen = new Set<string>();
  for (const reached of [0, 1, 8, 16, one - 1, one])
    t.equal(state(second.slice(0, reached)), 'unfinished', `${reached} sectors of the second copy`);
  for (const reached of range(0, one + 1)) seen.add(state([...second, ...first.slice(0, reached)]));
  // Disks write in whatever order they like between two flushes.
  const some = fc.subarray(first);
  fc.assert(
    fc.property(some, (reached) => void seen.add(state([...second, ...reached]))),
    { numRuns: 10 },
  );
  t.strictSame([...seen].toSorted(), ['sealed', 'unfinished']);
});

const storageKey = Array.from({ length: 8 }, () => 'cbdefghi').join('-');

/** The machine's places laid around the script, which starts a box; what it lies on is the file `vda4`. */
async function box(t: Test, { hasTpm }: { hasTpm: boolean }) {
  const home = await ownFolder(t);
  const place = (name: string): string => path.join(home, name);
  for (const name of ['own', 'esp', 'run', 'sys/class/block/vda2', 'sys/class/block/vda4'])
    mkdirSync(place(name), { recursive: true });
  partition(place('vda4'));
  for (const number of [2, 4]) writeFileSync(place(`sys/class/block/vda${number}/partition`), `${number}\n`);
  for (const name of ['data', 'data.tree']) copyFileSync(source('overlay/usr/lib/webizen', name), place(`own/${name}`));
  writeFileSync(place('own/data.options'), smallOptions.join(' '));
  const program = (name: string, text: string): void =>
    writeFileSync(place(`own/${name}`), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  program('findmnt', 'echo /dev/vda2');
  for (const name of ['modprobe', 'udevadm', 'e2fsck', 'systemd-cryptsetup']) program(name, '');
  const around = [
    ...['--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/sbin', '/sbin'],
    ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64', '--proc', '/proc', '--dev', '/dev'],
    ...['--bind', place('vda4'), '/dev/vda4', '--bind', place('sys'), '/sys'],
    ...(hasTpm ? ['--dev-bind', '/dev/null', '/dev/tpmrm0'] : []),
    ...['--bind', place('esp'), '/boot/esp', '--bind', place('run'), '/run', '--ro-bind', place('own'), '/own'],
    ...['--setenv', 'PATH', '/own:/usr/bin:/bin:/usr/sbin:/sbin'],
  ];
  return {
    place,
    program,
    start: (): void => void command('bwrap', [...around, 'sh', '/own/data', 'open']),
    told: (): unknown => JSON.parse(readFileSync(place('run/webizen-data/state.json'), 'utf8')),
    onBoot: (name: string): string | undefined =>
      existsSync(place(`esp/${name}`)) ? readFileSync(place(`esp/${name}`), 'utf8') : undefined,
  };
}

t.test('a storage key that a cut left behind does not stay beside a lock that the TPM opens', async (t) => {
  const { place, start, told, onBoot } = await box(t, { hasTpm: true });
  data('commit', header(place('header'), place('vda4'), place('key'), storageKey), place('vda4'));
  writeFileSync(place('esp/webizen-storage-key.txt'), 'of another box');
  start();
  t.equal(onBoot('webizen-storage-key.txt'), 'of another box');
  writeFileSync(place('esp/webizen-storage-key.txt'), `${storageKey.toUpperCase()}\r\n`);
  start();
  t.equal(onBoot('webizen-storage-key.txt'), undefined);
  t.strictSame(told(), { encrypted: true, opened: 'tpm2' });
});

t.test('what is unfinished is made plain where there is no TPM, cut once it is cleared too', async (t) => {
  const { place, program, start, told } = await box(t, { hasTpm: false });
  command('tune2fs', ['-L', 'webizen-making', place('vda4')]);
  program('mke2fs', 'for last; do :; done; dd if=/dev/zero of="$last" bs=4K count=1 conv=notrunc; exit 1');
  t.throws(start);
  t.equal(data('state', place('vda4')), 'unknown', 'mke2fs clears the super block first');
  rmSync(place('own/mke2fs'));
  start();
  t.strictSame(told(), { encrypted: false, because: 'no-tpm' });
  t.equal(data('state', place('vda4')), 'plain');
  t.strictSame(readdirSync(place('esp')), [], 'nothing says any more that it may be made anew');
  writeFileSync(place('vda4'), Buffer.alloc(32 * mebi));
  t.throws(start, 'what is unknown is left alone');
  t.equal(data('state', place('vda4')), 'unknown');
});

t.test('what a reset has kept erases the volume that it was kept of, and no other one', async (t) => {
  const { place, program, start, told, onBoot } = await box(t, { hasTpm: true });
  program('systemd-creds', 'cp "$3" "$4"');
  program('systemd-cryptenroll', 'exit 1');
  data('commit', header(place('header'), place('vda4'), place('key'), storageKey), place('vda4'));
  const [before, uuid] = [readFileSync(place('vda4')), command('cryptsetup', ['luksUUID', place('vda4')]).trim()];
  mkdirSync(place('old/webizen/agent'), { recursive: true });
  writeFileSync(place('old/webizen/agent/reset.json'), 'a reset');
  const kept = (of: string): void => {
    writeFileSync(place('old/of'), `${of}\n`);
    command('tar', ['-C', place('old'), '-czf', place('esp/webizen-kept.cred'), 'of', 'webizen']);
  };
  for (const other of ['', '57455249-0000-4000-8000-00000000000d']) {
    kept(other);
    start();
    t.ok(readFileSync(place('vda4')).equals(before), 'nothing is erased');
    t.strictSame(told(), { encrypted: true, opened: 'tpm2' });
    t.equal(onBoot('webizen-kept.cred'), undefined, 'nor is it asked for again');
  }
  kept(uuid);
  start();
  t.strictSame(told(), { encrypted: false, because: 'tpm-refused' });
  const inside = (file: string): string => command('debugfs', ['-R', `cat ${file}`, place('vda4')]);
  t.equal(inside('/webizen/agent/reset.json'), 'a reset');
  t.equal(inside('/of'), '', 'what only the script needs is not there');
});

t.test('a storage key is understood however it was written down', async () => {
  const letters = fc.stringMatching(/^[cbdefghijklnrtuv]{64}$/);
  const between = fc.array(fc.constantFrom('', '-', ' ', '\r\n', '\t', '\ufeff'), { minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(letters, between, fc.boolean(), (key, gaps, isLoud) => {
      const text = [...key].map((letter, index) => letter + gaps[index]).join('');
      const read = command('sh', [script, 'normal'], isLoud ? text.toUpperCase() : text);
      return read === key.match(/.{8}/g)?.join('-');
    }),
    { numRuns: 15 },
  );
});
