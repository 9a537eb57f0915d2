/** Room on the filesystems, how worn the card is, and what disks and filesystems count of errors. */
import type { Space } from '../../host/host.js';
import { decimal, hexadecimal, round, total } from './numbers.js';
import type { Kernel, List, Measured } from './values.js';

export interface DiskPlaces {
  /** Files of cards that tell their wear (sysfs of the MMC core). */
  lifeTimes: string[];
  preEols: string[];
  /** ext4's count since the filesystem was last checked (Documentation/ABI/testing/sysfs-fs-ext4). */
  filesystemErrors: string[];
  /** SCSI and SATA disks' count since the start. */
  diskErrors: string[];
}

export async function findDisks(list: List): Promise<DiskPlaces> {
  const [cards, filesystems, blocks] = await Promise.all([
    list('/sys/bus/mmc/devices'),
    list('/sys/fs/ext4'),
    list('/sys/block'),
  ]);
  return {
    lifeTimes: cards.map((card) => `/sys/bus/mmc/devices/${card}/life_time`),
    preEols: cards.map((card) => `/sys/bus/mmc/devices/${card}/pre_eol_info`),
    filesystemErrors: filesystems.flatMap((name) => (name === 'features' ? [] : [`/sys/fs/ext4/${name}/errors_count`])),
    diskErrors: blocks.flatMap((name) => (name.startsWith('sd') ? [`/sys/block/${name}/device/ioerr_cnt`] : [])),
  };
}

/**
 * Share of its life that a card has left, by the worse of its two estimates: 0x01 is up to a tenth used, 0x0b more than
 * all; 0 is not told (JEDEC eMMC 5.0, DEVICE_LIFE_TIME_EST_TYP_A and _B).
 */
export function lifeLeft(text: string | undefined): number | undefined {
  const estimates = (text?.trim().split(/\s+/) ?? []).map(hexadecimal);
  const told = estimates.filter((value) => value !== undefined && value >= 1 && value <= 11) as number[];
  return told.length > 0 ? round(Math.max(0, 1 - Math.max(...told) / 10), 1) : undefined;
}

/** 1, 2 or 3; 0 is not told. */
export function preEol(text: string | undefined): number | undefined {
  const value = hexadecimal(text);
  return value !== undefined && value >= 1 && value <= 3 ? value : undefined;
}

/**
 * Whether the root filesystem itself is (the superblock's options in proc_pid_mountinfo(5)): the agent's own view of it is
 * read-only on machines that are not, too.
 */
export function isReadOnlyRoot(mountinfo: string | undefined): boolean {
  const last = (mountinfo ?? '').split('\n').findLast((line) => line.split(' ')[4] === '/');
  const options = last?.split(' - ')[1]?.split(' ')[2];
  return options?.split(',').includes('ro') ?? false;
}

const share = (used: number, all: number): number => round(Math.min(1, Math.max(0, used / all)), 4);

/** @param root undefined where nothing is ever written to it: an image is full by its making */
export function spaceOf(data: Space, root: Space | undefined): Measured {
  const { totalBytes, freeBytes, inodes, freeInodes } = data;
  const measured: Measured = {
    'system.filesystem.limit': totalBytes,
    'system.filesystem.usage': Math.max(0, totalBytes - freeBytes),
    'system.filesystem.utilization': share(totalBytes - freeBytes, Math.max(1, totalBytes)),
  };
  if (inodes > 0) measured['system.filesystem.inodes.utilization'] = share(inodes - freeInodes, inodes);
  // The same size to the byte: the same filesystem.
  const isOther = root && (root.totalBytes !== totalBytes || root.inodes !== inodes) && root.freeBytes > 0;
  if (isOther && root.totalBytes > 0) {
    measured['system.filesystem.utilization{system.filesystem.mountpoint=/}'] = share(
      root.totalBytes - root.freeBytes,
      root.totalBytes,
    );
    if (root.inodes > 0)
      measured['system.filesystem.inodes.utilization{system.filesystem.mountpoint=/}'] = share(
        root.inodes - root.freeInodes,
        root.inodes,
      );
  }
  return measured;
}

const worst = (values: readonly (number | undefined)[], of: (...numbers: number[]) => number): number | undefined => {
  const told = values.filter((value) => value !== undefined);
  return told.length > 0 ? of(...told) : undefined;
};

export async function readDisks(kernel: Kernel, places: DiskPlaces): Promise<Measured> {
  const all = (files: string[]) => Promise.all(files.map(kernel));
  const [lives, spares, filesystems, disks] = await Promise.all([
    all(places.lifeTimes),
    all(places.preEols),
    all(places.filesystemErrors),
    all(places.diskErrors),
  ]);
  return {
    'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': worst(lives.map(lifeLeft), Math.min),
    'hw.physical_disk.pre_eol': worst(spares.map(preEol), Math.max),
    'system.filesystem.errors': total(filesystems.map(decimal)),
    'hw.errors{hw.type=physical_disk}': total(disks.map(hexadecimal)),
  };
}
