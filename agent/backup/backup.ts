/**
 * The owner's backups: written to a disk or a file, read and looked at, and restored.
 *
 * One at a time. What is written can be opened with the owner's code alone, which the box does not keep; so a backup counts
 * as verified in steps (contract/backup.ts), and as opened only after somebody gave the code and all of it was read.
 */
import { randomBytes } from 'node:crypto';
import { keysOf, newBackupCode, recipientOf } from '#common/backup/code.js';
import { unseal } from '#common/backup/sealed.js';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import type { BackupFound, BackupGlance, BackupJob, BackupSettings, BackupView } from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerSigner } from '../consent/ledger.js';
import type { BackupBook } from './book.js';
import { type Disks, fileNameOf } from './disks.js';
import { estimateOf, type SnapshotParts, takeSnapshot } from './snapshot.js';
import { clearStage, type Staged, stageBackup, stagePlaces } from './stage.js';
import type { RestoreRoom } from './switch.js';
import { dueAt } from './weekly.js';

export interface OwnerBackup {
  view(): Promise<BackupView>;
  glance(): BackupGlance;
  onChange(listener: () => void): () => void;
  /** Shown once. Backups from before need the code from before. */
  newCode(signer: OwnerSigner): Promise<{ code: string }>;
  set(settings: BackupSettings, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `backup-code-none`, `backup-under-way` */
  file(signer: OwnerSigner): Promise<{ name: string; pieces: AsyncIterable<Uint8Array> }>;
  /** Goes on behind the answer: `view` tells how far. @throws Refusal as `file`, `backup-disk-gone` */
  toDisk(disk: string, signer?: OwnerSigner): Promise<void>;
  /** Reads all of it, and keeps it beside. @throws Refusal `backup-…`, `disk-full` */
  look(source: AsyncIterable<Uint8Array>, wish: { code: string; sizeBytes: number | null }): Promise<BackupFound>;
  /** The same behind the answer: `view` tells how it ends. @throws Refusal `backup-code-invalid`, `backup-disk-gone` */
  lookOnDisk(wish: { disk: string; file: string; code: string }): Promise<void>;
  /** What was read goes again. @throws Refusal `backup-under-way` */
  forget(): Promise<void>;
  /**
   * What was read last takes the place of what is here: certain when it resolves, done with the next start.
   * @throws Refusal `backup-not-found`, `backup-other-ledger`, `backup-under-way`, `change-under-way`
   */
  restore(id: string, signer?: OwnerSigner): Promise<void>;
  /** The owner has seen what came back. */
  seen(): Promise<void>;
}

export interface BackupRoom extends OwnerBackup {
  start(): void;
  stop(): Promise<void>;
}

export interface BackupParts extends SnapshotParts {
  dataDir: string;
  files: Files;
  clock: Clock;
  book: BackupBook;
  disks: Disks | undefined;
  restoring: RestoreRoom;
  freeBytes(): number;
  isOwned(): boolean;
  /** Whether something is being done to the box that a restore would cut in two. */
  busyWith(): string | undefined;
  /** What becomes of the ledger. */
  judge(): Promise<BackupFound['ledger']>;
  append(
    decision: { by: 'owner' | 'box'; type: string; facts: Record<string, string | number | boolean> },
    signer?: OwnerSigner,
  ): Promise<unknown>;
  onRefused(refusal: Refusal): void;
}

const lookMilliseconds = 60_000;
/** After one that failed. */
const againMilliseconds = 6 * 3_600_000;

const toldOf = ({ problem: { code, title, remedy, detail } }: Refusal) => ({
  ...{ code, title, remedy },
  ...(detail === undefined ? {} : { detail }),
});
const refusalOf = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });

export function createBackup(parts: BackupParts): BackupRoom {
  const { book, clock, disks, files, restoring, onRefused } = parts;
  const places = stagePlaces(parts.dataDir);
  const stopping = new AbortController();
  const listeners = new Set<() => void>();
  let version = 0;
  let job: BackupJob | null = null;
  let isBusy = false;
  /** Also where the book could not be written, as on a full box: each minute the disk would be written anew. */
  let failedAt = book.now().failed?.at;
  let staged: { staged: Staged; found: BackupFound } | undefined;
  let working: Promise<unknown> = Promise.resolve();
  let running: Promise<void> | undefined;
  let endWatching = (): void => {};

  function tell(): void {
    version += 1;
    for (const listener of [...listeners]) listener();
  }

  /** Each hundredth is told: a page needs no more. */
  function progress(stage: BackupJob['stage'], doneBytes: number): void {
    if (!job) return;
    const step = Math.max(1024 * 1024, (job.totalBytes ?? 0) / 100);
    const isNews = stage !== job.stage || doneBytes - job.doneBytes >= step;
    if (!isNews) return;
    job = { ...job, stage, doneBytes };
    tell();
  }

  /** @throws Refusal `backup-under-way` */
  function begin(kind: BackupJob['kind'], totalBytes: number | null): void {
    if (isBusy) throw new Refusal('backup-under-way');
    isBusy = true;
    job = { kind, stage: kind === 'read' ? 'reading' : 'writing', doneBytes: 0, totalBytes, problem: null };
    tell();
  }

  function finish(error?: unknown): void {
    isBusy = false;
    const doneBytes = job?.doneBytes ?? 0;
    if (job)
      job = {
        ...job,
        stage: error === undefined ? 'done' : 'failed',
        doneBytes,
        problem: error === undefined ? null : toldOf(refusalOf(error)),
      };
    tell();
  }

  function keys() {
    const known = book.now().keys;
    if (!known) throw new Refusal('backup-code-none');
    return known;
  }

  const nameOf = ({ at, id }: { at: number; id: string }): string =>
    fileNameOf({ box: parts.box().name, ledger: parts.ledger()?.ledger ?? '00000000', at, id });

  async function* counted(pieces: AsyncIterable<Uint8Array>, done: (bytes: number) => void) {
    let bytes = 0;
    for await (const piece of pieces) {
      stopping.signal.throwIfAborted();
      bytes += piece.length;
      done(bytes);
      yield piece;
    }
  }

  async function file(signer: OwnerSigner) {
    const known = keys();
    begin('file', estimateOf(parts));
    try {
      await parts.append({ by: 'owner', type: 'backup.asked', facts: { to: 'file' } }, signer);
      const snapshot = await takeSnapshot(parts);
      const name = nameOf(snapshot.head);
      let isEnded = false;
      async function end(error?: unknown): Promise<void> {
        if (isEnded) return;
        isEnded = true;
        await snapshot.close();
        finish(error);
      }
      const untaken = new Refusal('upload-broken', 'it was not taken to its end');
      async function* pieces(): AsyncGenerator<Uint8Array> {
        let sizeBytes = 0;
        let error: unknown = untaken;
        try {
          yield* counted(snapshot.pieces(known), (bytes) => {
            sizeBytes = bytes;
            progress('writing', bytes);
          });
          const { id, at } = snapshot.head;
          await book.set({ last: { id, at, to: 'file', place: name, sizeBytes, verified: 'written' } });
          error = undefined;
        } catch (caught) {
          error = caught;
          throw caught;
        } finally {
          await end(error);
        }
      }
      const source = pieces();
      const iterator: AsyncIterator<Uint8Array> = {
        next: () => source.next(),
        // A generator that was never asked for a piece ends without its `finally`.
        async return() {
          await source.return(undefined);
          await end(untaken);
          return { done: true, value: undefined };
        },
      };
      return { name, pieces: { [Symbol.asyncIterator]: () => iterator } };
    } catch (error) {
      finish(error);
      throw error;
    }
  }

  const tellRefusal = (error: unknown): void => onRefused(refusalOf(error));

  async function writeToDisk(disk: string, on: Disks): Promise<void> {
    const known = keys();
    try {
      const snapshot = await takeSnapshot(parts);
      const { id, at } = snapshot.head;
      const name = nameOf(snapshot.head);
      try {
        const sizeBytes = await on.write({
          ...{ disk, file: name, signal: stopping.signal, told: progress },
          pieces: snapshot.pieces(known),
        });
        const last = { id, at, to: 'disk', place: `${disk}/${name}`, sizeBytes, verified: 'read-back' } as const;
        await book.set({ last, disk: last, failed: null });
        failedAt = undefined;
      } finally {
        await snapshot.close();
      }
      // Made is made: what could not be removed is told beside it.
      await on.prune(disk, book.now().settings.keep, name).catch(tellRefusal);
      finish();
    } catch (error) {
      finish(error);
      if (stopping.signal.aborted) return;
      const refusal = refusalOf(error);
      onRefused(refusal);
      failedAt = clock.now();
      await book.set({ failed: { at: failedAt, problem: toldOf(refusal) } }).catch(() => {});
      tell();
    }
  }

  async function toDisk(disk: string, signer?: OwnerSigner): Promise<void> {
    keys();
    if (!disks || !(await disks.list()).some(({ id }) => id === disk)) throw new Refusal('backup-disk-gone', disk);
    begin('disk', estimateOf(parts));
    try {
      if (signer) await parts.append({ by: 'owner', type: 'backup.asked', facts: { to: 'disk' } }, signer);
    } catch (error) {
      finish(error);
      throw error;
    }
    working = writeToDisk(disk, disks);
  }

  async function read(source: AsyncIterable<Uint8Array>, code: string, sizeBytes: number | null): Promise<BackupFound> {
    const { identity, macKey } = keysOf(code);
    begin('read', sizeBytes);
    staged = undefined;
    try {
      const recipient = await recipientOf(identity);
      let bytes = 0;
      const pieces = counted(source, (done) => {
        bytes = done;
        progress('reading', done);
      });
      const now = await stageBackup(unseal(pieces, identity), {
        ...{ places, files, keys: { recipient, macKey }, storeVersion: parts.storeVersion },
        freeBytes: parts.freeBytes,
        sizeBytes: () => bytes,
      });
      const { id, at, box, apps } = now.head;
      const found = { id, at, box, apps, sizeBytes: bytes, entries: now.entries, ledger: await parts.judge() };
      staged = { staged: now, found };
      const { last, disk } = book.now();
      const opened = { verified: 'opened' } as const;
      await book.set({
        ...(last?.id === id && { last: { ...last, ...opened } }),
        ...(disk?.id === id && { disk: { ...disk, ...opened } }),
      });
      finish();
      return found;
    } catch (error) {
      finish(error);
      throw error;
    }
  }

  async function weekly(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookMilliseconds, stopping.signal);
      if (stopping.signal.aborted || isBusy || !disks) continue;
      const { keys, settings, disk } = book.now();
      if (!keys || !parts.isOwned()) continue;
      const now = clock.now();
      const due = dueAt({ now, settings, lastAt: disk?.at ?? null });
      const isTooSoon = failedAt !== undefined && Math.abs(now - failedAt) < againMilliseconds;
      if (!due || isTooSoon) continue;
      const there = await disks.list();
      // The one that has them already, else the only one.
      const its =
        there.find(({ backups }) => backups.some(({ own }) => own)) ?? (there.length === 1 ? there[0] : undefined);
      if (its) await toDisk(its.id).catch(tellRefusal);
    }
  }

  return {
    async view() {
      const there = disks ? await disks.list() : null;
      const { keys, last, failed, settings, restored } = book.now(); // of one moment with the job
      return {
        codeAt: keys?.at ?? null,
        estimateBytes: estimateOf(parts),
        last: last ?? null,
        failed: failed ?? null,
        settings,
        disks: there,
        job,
        found: staged?.found ?? null,
        restored: restored ?? null,
      };
    },
    glance() {
      const { last, failed, restored } = book.now();
      return { version, lastAt: last?.at ?? null, failed: failed !== undefined, restored: restored !== undefined };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async newCode(signer) {
      const code = newBackupCode();
      const { identity, macKey } = keysOf(code);
      const recipient = await recipientOf(identity);
      const decision = { by: 'owner', type: 'backup.code', facts: { recipient } } as const;
      await book.set({ keys: { recipient, macKey, at: clock.now() } }, { decisions: [decision], signer });
      tell();
      return { code };
    },
    async set(settings, signer) {
      const { weekly, keep } = settings;
      const decision = { by: 'owner', type: 'backup.settings', facts: { weekly, keep } } as const;
      await book.set({ settings }, { decisions: [decision], signer });
      tell();
    },
    file,
    toDisk,
    look: (source, { code, sizeBytes }) => read(source, code, sizeBytes),
    async lookOnDisk({ disk, file: name, code }) {
      if (!disks) throw new Refusal('backup-disk-gone', disk);
      const { sizeBytes, pieces } = await disks.read(disk, name);
      keysOf(code);
      if (isBusy) throw new Refusal('backup-under-way');
      working = read(pieces, code, sizeBytes).catch(tellRefusal); // the job says it too
    },
    async forget() {
      if (isBusy) throw new Refusal('backup-under-way');
      isBusy = true; // what is read next lies in the same folder
      staged = undefined;
      job = null;
      try {
        await clearStage(places);
      } finally {
        isBusy = false;
      }
      tell();
    },
    async restore(id, signer) {
      if (isBusy) throw new Refusal('backup-under-way');
      if (staged?.found.id !== id) throw new Refusal('backup-not-found');
      const busy = parts.busyWith();
      if (busy !== undefined) throw new Refusal('change-under-way', busy);
      const { head } = staged.staged;
      // From here to the next start nothing takes the place of what was looked at.
      isBusy = true;
      try {
        const isOwned = parts.isOwned();
        const ledger = await parts.judge();
        if (isOwned && ledger === 'other') throw new Refusal('backup-other-ledger');
        const at = clock.now();
        const facts = { backup: id, madeAt: head.at, box: head.box.name };
        const by = signer ? 'owner' : 'box';
        // A ledger that is replaced must not grow beyond what takes its place.
        if (ledger === 'kept') await parts.append({ by, type: 'restore-asked', facts }, signer);
        await restoring.ask({ id: randomBytes(8).toString('hex'), at, takesOwner: !isOwned });
      } catch (error) {
        isBusy = false;
        throw error;
      }
    },
    async seen() {
      await book.set({ restored: null });
      tell();
    },
    start() {
      endWatching = disks?.onChange(tell) ?? endWatching;
      running ??= weekly();
    },
    async stop() {
      stopping.abort();
      endWatching();
      await running;
      await working;
    },
  };
}
