/** Filesystems and the whole disk, made without loop devices and the same each time. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { filesystemUuid, hashSeed, mebi, partitions, placed, tableOf } from './layout.js';
import { type Architecture, source } from './places.js';
import { run } from './run.js';
import type { Tools } from './tools.js';
import { clampTimes } from './tree.js';

const blockBytes = 4096;

function measure(directory: string): { files: number; bytes: number } {
  let [files, bytes] = [0, 0];
  for (const name of readdirSync(directory)) {
    const place = path.join(directory, name);
    const status = lstatSync(place);
    files += 1;
    bytes += Math.ceil(status.size / blockBytes) * blockBytes;
    if (!status.isDirectory()) continue;
    const within = measure(place);
    files += within.files;
    bytes += within.bytes;
  }
  return { files, bytes };
}

function emptyFile(file: string, sizeMiB: number): void {
  rmSync(file, { force: true });
  writeFileSync(file, '');
  run('truncate', ['--size', String(sizeMiB * mebi), file]);
}

const shared = ['-q', '-F', '-t', 'ext4', '-b', String(blockBytes), '-m', '0'];
const fixed = `hash_seed=${hashSeed},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0`;

/** A slot's filesystem, no larger than what it holds: it is also what an update carries. */
export function makeSlot(home: string, architecture: Architecture, tree: string, tools: Tools): string {
  const file = path.join(home, 'rootfs.ext4');
  const { files, bytes } = measure(tree);
  const inodes = files + 256;
  const sizeMiB = Math.ceil((bytes * 1.03 + inodes * 256) / mebi / 16) * 16 + 16;
  const most = partitions(architecture).find((one) => one.label === 'rootfs-a')?.sizeMiB ?? 0;
  if (sizeMiB > most) throw new Error(`cannot fit ${sizeMiB} MiB into a slot of ${most}`);
  emptyFile(file, sizeMiB);
  const features = '^has_journal,^metadata_csum_seed,^orphan_file,^resize_inode'; // read-only, and read by GRUB 2.12
  const identity = ['-U', filesystemUuid.slot, '-L', 'webizen-root', '-N', String(inodes), '-E', fixed];
  tools.run('mke2fs', [...shared, '-O', features, ...identity, '-d', tree, file]);
  return file;
}

const ofBox = (name: string): string => readFileSync(source('overlay/usr/lib/webizen', name), 'utf8');

/** What mounts need on `/data`, and how it is formatted: a box that seals it goes by the same files (`overlay/usr/lib/webizen/data`). */
export const dataTree = (): { mode: number; name: string }[] =>
  ofBox('data.tree')
    .trim()
    .split('\n')
    .map((line) => {
      const [mode = '', name = ''] = line.split(' ');
      return { mode: Number.parseInt(mode, 8), name };
    });
export const dataOptions = (): string[] => ofBox('data.options').trim().split(' ');

/** Small: it grows to the card at first boot. What mounts need is in it from the beginning. */
export function makeData(home: string, architecture: Architecture, tools: Tools): string {
  const [file, content] = [path.join(home, 'data.ext4'), path.join(home, 'data')];
  rmSync(content, { recursive: true, force: true });
  for (const { mode, name } of dataTree()) {
    mkdirSync(path.join(content, name), { recursive: true });
    chmodSync(path.join(content, name), mode);
  }
  clampTimes(content, tools.epochSeconds);
  emptyFile(file, partitions(architecture).find((one) => one.label === 'webizen-data')?.sizeMiB ?? 0);
  // Room in the block of group descriptors for a disk of 2 TiB.
  const growing = `${fixed},resize=${(2 * 1024 ** 4) / blockBytes}`;
  const identity = ['-U', filesystemUuid.data, '-L', 'webizen-data', '-d', content];
  tools.run('mke2fs', ['-q', '-F', '-t', 'ext4', ...dataOptions(), ...identity, '-E', growing, file]);
  return file;
}

/** @param contents the filesystems by their partitions' labels; what has none stays empty */
export function makeDisk(
  home: string,
  architecture: Architecture,
  contents: Record<string, string>,
  tools: Tools,
): string {
  const file = path.join(home, 'image');
  const { partitions: all, sizeMiB } = placed(architecture);
  emptyFile(file, sizeMiB);
  tools.run('sfdisk', ['--quiet', '--no-reread', file], tableOf(architecture));
  for (const { label, startMiB } of all) {
    const content = contents[label];
    if (content !== undefined)
      run('dd', [`if=${content}`, `of=${file}`, 'bs=1M', `seek=${startMiB}`, 'conv=notrunc,sparse', 'status=none']);
  }
  return file;
}
