/** A disk that this machine's own kernel writes to, each write and flush recorded: QEMU's block layer, without a guest. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Mounted {
  /** Where the filesystem is mounted. */
  place: string;
  log: string;
  /** All of it is written, and nothing is mounted any more; again is harmless. */
  close(): void;
}

/** @param disk stays as it is: what is written goes into an overlay in `folder` */
export function mountRecorded(disk: string, folder: string, part: { atByte: number; sizeBytes: number }): Mounted {
  const [overlay, log, exported, place, pid] = ['overlay', 'writes', 'exported', 'mounted', 'pid'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string, string, string];
  const run = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8' }).trim();
  run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', disk, overlay);
  for (const file of [log, exported]) writeFileSync(file, '');
  mkdirSync(place);
  run(
    'qemu-storage-daemon',
    ...['--blockdev', `driver=qcow2,node-name=disk,cache.no-flush=on,file.driver=file,file.filename=${overlay}`],
    ...['--blockdev', `driver=file,node-name=log,cache.no-flush=on,filename=${log}`],
    ...['--blockdev', 'driver=blklogwrites,node-name=recorded,file=disk,log=log,log-sector-size=512'],
    ...['--export', `type=fuse,id=recorded,node-name=recorded,writable=on,mountpoint=${exported}`],
    ...['--daemonize', '--pidfile', pid],
  );
  const ending = [() => void process.kill(Number(readFileSync(pid, 'utf8')))];
  const close = (): void => {
    for (const end of ending.splice(0).toReversed()) end();
  };
  try {
    const limits = ['--offset', String(part.atByte), '--sizelimit', String(part.sizeBytes)];
    const loop = run('losetup', '--find', '--show', ...limits, exported);
    ending.push(() => void run('losetup', '--detach', loop));
    run('mount', '-t', 'ext4', '-o', 'noatime,nosuid,nodev', loop, place); // as image/overlay/etc/fstab
    ending.push(() => void run('umount', place));
  } catch (error) {
    close();
    throw error;
  }
  return { place, log, close };
}
