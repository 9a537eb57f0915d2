/**
 * The owner's backups: written to a disk or a file, read and looked at, and restored.
 *
 * One at a time. What is written can be opened with the owner's code alone, which the box does not keep; so a backup counts
 * as verified in steps (contract/backup.ts), and as opened only after somebody gave the code and all of it was read.
 */
import { randomBytes } from 'node:crypto';
import { keysOf, newBackupCode, recipientOf } from '#common/backup/code.js';
import type { BackupFound, BackupGlance, BackupSettings, BackupView } from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerSigner } from '../consent/ledger.js';
import { createJobs, refusalOf } from './job.js';
import { createReading, type ReadingParts } from './reading.js';
import { estimateOf } from './snapshot.js';
import type { RestoreRoom } from './switch.js';
import { dueAt } from './weekly.js';
import { createWriting, type WritingParts } from './writing.js';

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

export interface BackupParts extends WritingParts, ReadingParts {
  restoring: RestoreRoom;
  isOwned(): boolean;
  /** Whether something is being done to the box that a restore would cut in two. */
  busyWith(): string | undefined;
}

const lookMilliseconds = 60_000;
/** After one that failed. */
const againMilliseconds = 6 * 3_600_000;

export function createBackup(parts: BackupParts): BackupRoom {
  const { book, clock, disks } = parts;
  const stopping = new AbortController();
  const listeners = new Set<() => void>();
  let version = 0;
  function tell(): void {
    version += 1;
    for (const listener of [...listeners]) listener();
  }
  const jobs = createJobs(tell);
  const writing = createWriting(parts, jobs, stopping.signal);
  const reading = createReading(parts, jobs, stopping.signal);
  let running: Promise<void> | undefined;
  let endWatching = (): void => {};

  async function weekly(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookMilliseconds, stopping.signal);
      if (stopping.signal.aborted || jobs.isBusy() || !disks) continue;
      const { keys, settings, disk } = book.now();
      if (!keys || !parts.isOwned()) continue;
      const now = clock.now();
      const failedAt = writing.failedAt();
      const due = dueAt({ now, settings, lastAt: disk?.at ?? null });
      const isTooSoon = failedAt !== undefined && Math.abs(now - failedAt) < againMilliseconds;
      if (!due || isTooSoon) continue;
      const there = await disks.list();
      // The one that has them already, else the only one.
      const its =
        there.find(({ backups }) => backups.some(({ own }) => own)) ?? (there.length === 1 ? there[0] : undefined);
      if (its) await writing.toDisk(its.id).catch((error: unknown) => parts.onRefused(refusalOf(error)));
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
        job: jobs.last(),
        found: reading.found()?.found ?? null,
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
    file: writing.file,
    toDisk: writing.toDisk,
    look: reading.look,
    lookOnDisk: reading.lookOnDisk,
    async forget() {
      await reading.forget();
      tell();
    },
    async restore(id, signer) {
      // From here to the next start nothing takes the place of what was looked at.
      const release = jobs.hold();
      try {
        const known = reading.found();
        if (known?.found.id !== id) throw new Refusal('backup-not-found');
        const busy = parts.busyWith();
        if (busy !== undefined) throw new Refusal('change-under-way', busy);
        const isOwned = parts.isOwned();
        const ledger = await parts.judge();
        if (isOwned && ledger === 'other') throw new Refusal('backup-other-ledger');
        const at = clock.now();
        const { head } = known.staged;
        const facts = { backup: id, madeAt: head.at, box: head.box.name };
        const by = signer ? 'owner' : 'box';
        // A ledger that is replaced must not grow beyond what takes its place.
        if (ledger === 'kept') await parts.append({ by, type: 'restore-asked', facts }, signer);
        await parts.restoring.ask({ id: randomBytes(8).toString('hex'), at, takesOwner: !isOwned });
      } catch (error) {
        release();
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
      await writing.ended();
      await reading.ended();
    },
  };
}
