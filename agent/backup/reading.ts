/** A backup that is read and looked at: all of it, with the owner's code, and kept beside what the box has. */
import { keysOf, recipientOf } from '#common/backup/code.js';
import { unseal } from '#common/backup/sealed.js';
import type { Files } from '#common/files.js';
import type { BackupFound } from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';
import type { BackupBook } from './book.js';
import type { Disks } from './disks.js';
import { counted, type Jobs, refusalOf } from './job.js';
import { clearStage, type Staged, stageBackup, stagePlaces } from './stage.js';

export interface ReadingParts {
  dataDir: string;
  storeVersion: number;
  files: Files;
  book: BackupBook;
  disks: Disks | undefined;
  freeBytes(): number;
  /** What becomes of the ledger. */
  judge(): Promise<BackupFound['ledger']>;
  onRefused(refusal: Refusal): void;
}

export interface Reading {
  /** What was read last, whole and right. */
  found(): { staged: Staged; found: BackupFound } | undefined;
  look(source: AsyncIterable<Uint8Array>, wish: { code: string; sizeBytes: number | null }): Promise<BackupFound>;
  /** Begun when it resolves. */
  lookOnDisk(wish: { disk: string; file: string; code: string }): Promise<void>;
  forget(): Promise<void>;
  /** What was begun from a disk has ended. */
  ended(): Promise<void>;
}

export function createReading(parts: ReadingParts, jobs: Jobs, signal: AbortSignal): Reading {
  const { book, disks, files } = parts;
  const places = stagePlaces(parts.dataDir);
  let last: { staged: Staged; found: BackupFound } | undefined;
  let working: Promise<void> = Promise.resolve();

  async function look(
    source: AsyncIterable<Uint8Array>,
    { code, sizeBytes }: { code: string; sizeBytes: number | null },
  ): Promise<BackupFound> {
    const { identity, macKey } = keysOf(code);
    jobs.begin('read', sizeBytes);
    last = undefined;
    try {
      const recipient = await recipientOf(identity);
      let bytes = 0;
      const pieces = counted(source, signal, (done) => {
        bytes = done;
        jobs.progress('reading', done);
      });
      const staged = await stageBackup(unseal(pieces, identity), {
        ...{ places, files, keys: { recipient, macKey }, storeVersion: parts.storeVersion },
        freeBytes: parts.freeBytes,
        sizeBytes: () => bytes,
      });
      const { id, at, box, apps } = staged.head;
      const found = { id, at, box, apps, sizeBytes: bytes, entries: staged.entries, ledger: await parts.judge() };
      last = { staged, found };
      const known = book.now();
      const opened = { verified: 'opened' } as const;
      await book.set({
        ...(known.last?.id === id && { last: { ...known.last, ...opened } }),
        ...(known.disk?.id === id && { disk: { ...known.disk, ...opened } }),
      });
      jobs.finish();
      return found;
    } catch (error) {
      jobs.finish(error);
      throw error;
    }
  }

  return {
    found: () => last,
    look,
    async lookOnDisk({ disk, file, code }) {
      if (!disks) throw new Refusal('backup-disk-gone', disk);
      const { sizeBytes, pieces } = await disks.read(disk, file);
      keysOf(code);
      if (jobs.isBusy()) throw new Refusal('backup-under-way');
      working = look(pieces, { code, sizeBytes }).then(
        () => {},
        (error: unknown) => parts.onRefused(refusalOf(error)), // the job says it too
      );
    },
    async forget() {
      const release = jobs.hold(); // what is read next lies in the same folder
      last = undefined;
      jobs.forget();
      try {
        await clearStage(places);
      } finally {
        release();
      }
    },
    ended: () => working,
  };
}
