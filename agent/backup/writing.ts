/** Backups that are written: into a file that the owner takes, and onto a disk. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerSigner } from '../consent/ledger.js';
import type { BackupBook } from './book.js';
import { type Disks, fileNameOf } from './disks.js';
import { counted, type Jobs, refusalOf, toldOf } from './job.js';
import { estimateOf, type SnapshotParts, takeSnapshot } from './snapshot.js';

export interface WritingParts extends SnapshotParts {
  book: BackupBook;
  clock: Clock;
  disks: Disks | undefined;
  append(
    decision: { by: 'owner' | 'box'; type: string; facts: Record<string, string | number | boolean> },
    signer?: OwnerSigner,
  ): Promise<unknown>;
  onRefused(refusal: Refusal): void;
}

export interface Writing {
  file(signer: OwnerSigner): Promise<{ name: string; pieces: AsyncIterable<Uint8Array> }>;
  /** Begun when it resolves. */
  toDisk(disk: string, signer?: OwnerSigner): Promise<void>;
  /** When one onto a disk came to nothing last, Unix milliseconds. */
  failedAt(): number | undefined;
  /** What was begun onto a disk has ended. */
  ended(): Promise<void>;
}

export function createWriting(parts: WritingParts, jobs: Jobs, signal: AbortSignal): Writing {
  const { book, clock, disks, onRefused } = parts;
  /** Also where the book could not be written, as on a full box: each minute the disk would be written anew. */
  let failedAt = book.now().failed?.at;
  let working: Promise<void> = Promise.resolve();

  function keys() {
    const known = book.now().keys;
    if (!known) throw new Refusal('backup-code-none');
    return known;
  }

  const nameOf = ({ at, id }: { at: number; id: string }): string =>
    fileNameOf({ box: parts.box().name, ledger: parts.ledger()?.ledger ?? '00000000', at, id });

  async function onto(disk: string, on: Disks): Promise<void> {
    const known = keys();
    try {
      const snapshot = await takeSnapshot(parts);
      const { id, at } = snapshot.head;
      const name = nameOf(snapshot.head);
      try {
        const sizeBytes = await on.write({
          ...{ disk, file: name, signal, told: jobs.progress },
          pieces: snapshot.pieces(known),
        });
        const last = { id, at, to: 'disk', place: `${disk}/${name}`, sizeBytes, verified: 'read-back' } as const;
        await book.set({ last, disk: last, failed: null });
        failedAt = undefined;
      } finally {
        await snapshot.close();
      }
      // Made is made: what could not be removed is told beside it.
      await on.prune(disk, book.now().settings.keep, name).catch((error: unknown) => onRefused(refusalOf(error)));
      jobs.finish();
    } catch (error) {
      if (!signal.aborted) {
        const refusal = refusalOf(error);
        onRefused(refusal);
        failedAt = clock.now();
        await book.set({ failed: { at: failedAt, problem: toldOf(refusal) } }).catch(() => {});
      }
      jobs.finish(error);
    }
  }

  return {
    async file(signer) {
      const known = keys();
      jobs.begin('file', estimateOf(parts));
      try {
        await parts.append({ by: 'owner', type: 'backup.asked', facts: { to: 'file' } }, signer);
        const snapshot = await takeSnapshot(parts);
        const { id, at } = snapshot.head;
        const name = nameOf(snapshot.head);
        let sizeBytes = 0;
        const pieces = counted(snapshot.pieces(known), signal, (bytes) => {
          sizeBytes = bytes;
          jobs.progress('writing', bytes);
        });
        const taken = () => book.set({ last: { id, at, to: 'file', place: name, sizeBytes, verified: 'written' } });
        return {
          name,
          pieces: toItsEnd(pieces, taken, async (error) => {
            await snapshot.close();
            jobs.finish(error);
          }),
        };
      } catch (error) {
        jobs.finish(error);
        throw error;
      }
    },
    async toDisk(disk, signer) {
      keys();
      if (!disks || !(await disks.list()).some(({ id }) => id === disk)) throw new Refusal('backup-disk-gone', disk);
      jobs.begin('disk', estimateOf(parts));
      try {
        if (signer) await parts.append({ by: 'owner', type: 'backup.asked', facts: { to: 'disk' } }, signer);
      } catch (error) {
        jobs.finish(error);
        throw error;
      }
      working = onto(disk, disks);
    },
    failedAt: () => failedAt,
    ended: () => working,
  };
}

/** @param taken all of it was taken @param end called once, however it ends, with what went wrong */
function toItsEnd(
  from: AsyncIterable<Uint8Array>,
  taken: () => Promise<unknown>,
  end: (error?: unknown) => Promise<void>,
): AsyncIterable<Uint8Array> {
  const untaken = new Refusal('upload-broken', 'it was not taken to its end');
  let isEnded = false;
  async function endOnce(error?: unknown): Promise<void> {
    if (isEnded) return;
    isEnded = true;
    await end(error);
  }
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let error: unknown = untaken;
    try {
      yield* from;
      await taken();
      error = undefined;
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      await endOnce(error);
    }
  }
  const source = pieces();
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => source.next(),
    // A generator that was never asked for a piece ends without its `finally`.
    async return() {
      await source.return(undefined);
      await endOnce(untaken);
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
