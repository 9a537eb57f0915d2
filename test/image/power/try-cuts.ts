/** The power is cut in a recorded run, again and again, on copies of what the disk then held; each has to be a box that works. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { mebi } from '../../../image/layout.js';
import type { Architecture } from '../../../image/places.js';
import { randomFrom } from '../../support/random.js';
import { lookAtAgent } from './agent-data.js';
import { lookAtBootPartition, readFixed } from './boot-partition.js';
import { type Cut, chooseCuts, flushedBelow, survivors } from './cut.js';
import { repairData, takeOut, tornFiles } from './data-partition.js';
import { copyParts, openPartedDisk, type Part, partsOf, splitDisk, touches, wholeOf } from './disk-parts.js';
import { type Note, promisedBy } from './notes.js';
import { openWriteLog } from './write-log.js';

export interface Recorded {
  architecture: Architecture;
  /** As it was before the run. */
  disk: string;
  diskBytes: number;
  log: string;
  notes: readonly Note[];
  /** Whose storage `notes` speak of. */
  app: string;
  /** What slot B holds once it may be started. */
  nextRootfs: string;
}

export interface CutResult extends Cut {
  unflushed: number;
  survived: number;
  faults: string[];
}

/** The second system brings the chooser that the first one has. */
const neverWritten = (architecture: Architecture): string[] => [
  architecture === 'amd64' ? 'EFI/BOOT/BOOTX64.EFI' : 'EFI/BOOT/BOOTAA64.EFI',
  ...['grub.cfg', 'choose-a.cfg', 'boot.env'].map((name) => `EFI/debian/${name}`),
];
const watched = ['webizen/agent', 'system'];
/**
 * Level's own files, what is written beside before it takes its name or is still being fetched, and what others keep without
 * need of it: RAUC does not sync its index of blocks, and takes a block that it does not find by it from the bundle.
 */
export const passing = /^(store|NetworkManager|systemd|network)(\/|$)|\.new(\/|$)|\.gone$|\.part$|\/block-hash-index$/;

/** As the kernel finds the partitions: by the table, or by its copy at the end. */
function tableFaults(folder: string, table: Part, last: Part): string[] {
  const whole = path.join(folder, 'whole');
  execFileSync('truncate', ['--size', String(last.toByte), whole]);
  const dd = (from: string, skip: number, seek: number) =>
    execFileSync('dd', [
      ...[`if=${path.join(folder, from)}`, `of=${whole}`, 'bs=1M', 'count=1', `skip=${skip}`, `seek=${seek}`],
      ...['conv=notrunc', 'status=none'],
    ]);
  dd(table.name, 0, 0);
  dd(last.name, (last.toByte - last.fromByte) / mebi - 1, last.toByte / mebi - 1);
  const { stdout, stderr } = spawnSync('sfdisk', ['--json', whole], { encoding: 'utf8' });
  rmSync(whole);
  try {
    const { partitiontable } = JSON.parse(stdout);
    return partitiontable.label === 'gpt' && partitiontable.partitions.length === 4 ? [] : [`the table is ${stdout}`];
  } catch {
    return [`the table of partitions cannot be read: ${stderr.trim()}`];
  }
}

/** @param told of each cut. In `home` there is room for the used part of two disks. */
export async function tryCuts(
  recorded: Recorded,
  { home, count, seed, told }: { home: string; count: number; seed: number; told: (result: CutResult) => void },
): Promise<{ entries: number; flushes: number; results: CutResult[] }> {
  const parts = partsOf(recorded.architecture, recorded.diskBytes);
  const [table, esp, slotA, slotB, data] = parts as [Part, Part, Part, Part, Part];
  const [before, cutHome] = [path.join(home, 'before'), path.join(home, 'cut')];
  for (const place of [before, cutHome]) {
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
  }
  splitDisk(recorded.disk, before, parts);
  const fixed = readFixed(path.join(before, esp.name), neverWritten(recorded.architecture));
  const log = openWriteLog(recorded.log);
  const flushed = openPartedDisk(before, parts, log.data);
  const results: CutResult[] = [];
  try {
    const { entries } = log;
    const kindOf = (entry: (typeof entries)[number]): string => parts.find((part) => touches(part, entry))?.name ?? '';
    const onA = entries.find((entry) => entry.sizeBytes > 0 && touches(slotA, entry));
    if (onA) throw new Error(`slot A was written to while it ran, at ${onA.atByte}`);
    let done = 0;
    for (const cut of chooseCuts(entries, { count, random: randomFrom(seed), kindOf })) {
      const below = flushedBelow(entries, cut.at);
      flushed.write(entries.slice(done, below).map(wholeOf));
      done = Math.max(done, below);
      results.push(await tryOne(cut, below));
      told(results.at(-1) as CutResult);
    }
    return { entries: entries.length, flushes: entries.filter(({ flush }) => flush).length, results };
  } finally {
    flushed.close();
    log.close();
    for (const place of [before, cutHome]) rmSync(place, { recursive: true, force: true });
  }

  async function tryOne(cut: Cut, below: number): Promise<CutResult> {
    rmSync(cutHome, { recursive: true, force: true });
    mkdirSync(cutHome);
    const unflushed = log.entries.slice(below, cut.at);
    const left = survivors(unflushed, randomFrom(cut.seed));
    const put = (names: Part[]): void => {
      const copied = names.map(({ name }) => name);
      copyParts(before, cutHome, copied);
      const disk = openPartedDisk(cutHome, names, log.data);
      disk.write(left);
      disk.close();
    };
    put([table, esp, data]);
    const faults = tableFaults(cutHome, table, data);
    const booting = lookAtBootPartition(path.join(cutHome, esp.name), fixed);
    faults.push(...booting.faults);
    if (booting.slot === 'B') {
      put([slotB]);
      const same = spawnSync('cmp', [
        '-n',
        String(statSync(recorded.nextRootfs).size),
        recorded.nextRootfs,
        path.join(cutHome, slotB.name),
      ]);
      if (same.status !== 0) faults.push(`slot B would be started, and is not what was installed: ${same.stdout}`);
    }
    const partition = path.join(cutHome, data.name);
    faults.push(...repairData(partition));
    takeOut(partition, watched, cutHome);
    faults.push(...watched.flatMap((name) => tornFiles(path.join(cutHome, name), passing)));
    const logBytes = log.entries[cut.at - 1]?.endsAt ?? 0;
    const promised = promisedBy(recorded.notes, logBytes);
    faults.push(...(await lookAtAgent(path.join(cutHome, 'webizen/agent'), recorded.app, promised)));
    return { ...cut, unflushed: unflushed.length, survived: left.length, faults };
  }
}
