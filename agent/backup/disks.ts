/**
 * Disks that the system has mounted for backups, each in a folder of one directory, and the backups on them.
 *
 * A file bears a backup's name only after all of it was written, synced and read back: whatever stands on a disk under
 * that name was once whole.
 */
import { createHash } from 'node:crypto';
import { createReadStream, watch } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isDiskFull } from '#common/database.js';
import { isErrno, syncPath } from '#common/files.js';
import type { BackupDisk } from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';
import { readFromDisk } from './read-back.js';

export interface DiskHost {
  space(directory: string): Promise<{ totalBytes: number; freeBytes: number }>;
  isMountPoint(directory: string): Promise<boolean>;
}

export interface Disks {
  list(): Promise<BackupDisk[]>;
  /**
   * Answers the bytes written, once they were read back.
   * @throws Refusal `backup-disk-gone`, `backup-disk-full`, `backup-disk-broken`, and what the source throws
   */
  write(wish: {
    disk: string;
    file: string;
    pieces: AsyncIterable<Uint8Array>;
    signal: AbortSignal;
    told(stage: 'writing' | 'reading-back', doneBytes: number): void;
  }): Promise<number>;
  /**
   * All but the newest so many of this box go. `written` is the newest whatever its name says: the clock may have gone back.
   * @throws Refusal `backup-disk-gone`, `backup-disk-broken`
   */
  prune(disk: string, keep: number, written: string): Promise<void>;
  /** @throws Refusal `backup-disk-gone`, `backup-disk-broken` */
  read(disk: string, file: string): Promise<{ sizeBytes: number; pieces: AsyncIterable<Uint8Array> }>;
  /** Told when disks may have come or gone. Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

const folderName = 'webizen-backup';
const ending = '.age';
const pieceBytes = 256 * 1024;
const isDiskName = (name: string): boolean => /^[A-Za-z0-9._-]{1,64}$/.test(name) && !name.startsWith('.');

/** `webizen-7k3f-1a2b3c4d-20261127T113000Z-5e6f.age`: the box, its ledger, what it takes for the time, the backup. */
export function fileNameOf({ box, ledger, at, id }: { box: string; ledger: string; at: number; id: string }): string {
  const time = new Date(at).toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '');
  return `${prefixOf({ box, ledger })}${time}-${id.slice(0, 4)}${ending}`;
}
const prefixOf = ({ box, ledger }: { box: string; ledger: string }): string =>
  `${box.replace(/[^A-Za-z0-9-]/g, '')}-${ledger.slice(0, 8)}-`;

function timeIn(file: string): number | null {
  const found = /-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-[0-9a-f]{4})?\.age$/.exec(file);
  if (!found) return null;
  const [, year, month, day, hour, minute, second] = found;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isFinite(at) && at >= 0 ? at : null;
}

function refused(error: unknown, disk: string): Refusal {
  if (error instanceof Refusal) return error;
  if (isDiskFull(error) || isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG'))
    return new Refusal('backup-disk-full', disk, { cause: error });
  return new Refusal('backup-disk-broken', disk, { cause: error });
}

export function createDisks({
  directory,
  host,
  own,
}: {
  directory: string;
  host: DiskHost;
  /** Which of the files are this box's. */
  own(): { box: string; ledger: string };
}): Disks {
  const isOwn = (file: string): boolean => file.startsWith(prefixOf(own()));

  async function rootOf(disk: string): Promise<string> {
    const root = path.join(directory, disk);
    if (!isDiskName(disk) || !(await host.isMountPoint(root).catch(() => false)))
      throw new Refusal('backup-disk-gone', disk);
    return root;
  }

  async function backupsIn(root: string): Promise<BackupDisk['backups']> {
    const names = await readdir(path.join(root, folderName)).catch(() => [] as string[]);
    const found: BackupDisk['backups'] = [];
    for (const file of names) {
      if (!file.endsWith(ending) || !/^[A-Za-z0-9._-]{1,200}$/.test(file)) continue;
      const its = await stat(path.join(root, folderName, file)).catch(() => undefined);
      if (its?.isFile()) found.push({ file, at: timeIn(file), sizeBytes: its.size, own: isOwn(file) });
    }
    return found.sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
  }

  async function readBack(file: string, told: (bytes: number) => void, signal: AbortSignal): Promise<string> {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of readFromDisk(file, signal)) {
      hash.update(piece);
      bytes += piece.length;
      told(bytes);
    }
    return hash.digest('hex');
  }

  return {
    async list() {
      const names = await readdir(directory).catch(() => [] as string[]);
      const disks: BackupDisk[] = [];
      for (const id of names.filter(isDiskName).sort().slice(0, 16))
        try {
          const root = await rootOf(id);
          const { totalBytes, freeBytes } = await host.space(root);
          disks.push({ id, totalBytes, freeBytes, backups: (await backupsIn(root)).slice(0, 200) });
        } catch {
          // pulled out while it was looked at
        }
      return disks;
    },
    async write({ disk, file, pieces, signal, told }) {
      const root = await rootOf(disk);
      const folder = path.join(root, folderName);
      const part = path.join(folder, `${file}.part`);
      try {
        await mkdir(folder, { recursive: true });
        for (const name of await readdir(folder))
          if (name.endsWith('.part') && isOwn(name)) await rm(path.join(folder, name), { force: true });
        const hash = createHash('sha256');
        let bytes = 0;
        const handle = await open(part, 'wx', 0o600);
        try {
          for await (const piece of pieces) {
            signal.throwIfAborted();
            await handle.writeFile(piece);
            hash.update(piece);
            bytes += piece.length;
            told('writing', bytes);
          }
          await handle.sync();
        } finally {
          await handle.close();
        }
        const back = await readBack(part, (done) => told('reading-back', done), signal);
        if (back !== hash.digest('hex')) throw new Refusal('backup-disk-broken', `${disk} answers other bytes`);
        await rename(part, path.join(folder, file));
        await syncPath(folder);
        return bytes;
      } catch (error) {
        await rm(part, { force: true }).catch(() => {}); // a disk that is gone takes it along
        if (signal.aborted) throw error;
        await rootOf(disk); // pulled out
        throw refused(error, disk);
      }
    },
    async prune(disk, keep, written) {
      const root = await rootOf(disk);
      const others = (await backupsIn(root)).filter(({ own, file }) => own && file !== written);
      for (const { file } of others.slice(keep - 1))
        await rm(path.join(root, folderName, file), { force: true }).catch((error: unknown) => {
          throw refused(error, disk);
        });
    },
    async read(disk, file) {
      const place = path.join(await rootOf(disk), folderName, path.basename(file));
      const { size } = await stat(place).catch((error: unknown) => {
        throw refused(error, disk);
      });
      async function* pieces(): AsyncGenerator<Uint8Array> {
        try {
          yield* createReadStream(place, { highWaterMark: pieceBytes });
        } catch (error) {
          await rootOf(disk);
          throw refused(error, disk);
        }
      }
      return { sizeBytes: size, pieces: pieces() };
    },
    onChange(listener) {
      try {
        const watcher = watch(directory, { persistent: false }, () => listener());
        watcher.on('error', () => watcher.close());
        return () => watcher.close();
      } catch {
        return () => {}; // the directory is not there: the weekly look finds what comes later
      }
    },
  };
}
