/**
 * Octets on their way in. Each member has its own unfinished file of a blob, so that nobody spoils another's; what came
 * before a cut stays, and how much that is, is the file's size. Nothing is believed before the whole is hashed: after a
 * power cut the end of a file may hold anything.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '#common/clock.js';
import { isErrno, ownDirectory } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { largestArchive } from '#contract/release.js';
import { createTurns } from '../store/turns.js';
import type { Piece } from './headers.js';
import type { Shelf } from './shelf.js';

/** Bytes a member may have on the provider's disk. */
export interface Budgets {
  unfinished: number;
  stored: number;
}

const gibi = 1024 ** 3;
export const usualBudgets: Budgets = { unfinished: 4 * gibi, stored: 20 * gibi };
const mostUnfinished = 200;
/** How a request ends that its sender, or a newer one, has cut. */
const cuts = ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR', 'ERR_STREAM_DESTROYED'];

export interface Upload {
  hex: string;
  member: string;
}

export interface Uploads {
  /** Makes its folder, and finds what earlier runs left. @throws Refusal as `ownDirectory` */
  open(): Promise<void>;
  /** Bytes held so far. */
  offset(upload: Upload): Promise<number>;
  /**
   * Answers the offset reached; when that is the whole length, the blob stands on the shelf. A newer call for the same
   * upload ends an older one: a client that was cut is back before this side has noticed.
   * @throws Refusal `upload-offset-wrong` with `Upload-Offset`, `upload-malformed`, `upload-too-large`,
   *   `upload-budget`, `disk-full`, `blob-digest-wrong`
   */
  append(upload: Upload, piece: Piece, source: Readable): Promise<number>;
  /** Removes what was not gone on with since then. */
  sweep(before: number): Promise<void>;
  /** Resolves when nothing is written any more. */
  idle(): Promise<void>;
}

export function createUploads({
  directory,
  shelf,
  clock,
  freeBytes,
  reserveBytes,
  budgets,
}: {
  directory: string;
  shelf: Shelf;
  clock: Clock;
  freeBytes: () => number;
  /** Stays free for everything else that the provider does. */
  reserveBytes: number;
  budgets: Budgets;
}): Uploads {
  const turns = createTurns();
  const writing = new Map<string, Readable>();
  const going = new Set<Promise<number>>();
  /** What each unfinished upload was said to become, by member. */
  const unfinished = new Map<string, Map<string, number>>();

  const nameOf = ({ member, hex }: Upload): string => `${member}!${hex}`;
  const fileOf = (upload: Upload): string => path.join(directory, nameOf(upload));
  const offset = async (upload: Upload): Promise<number> =>
    stat(fileOf(upload)).then(
      ({ size }) => size,
      (error: unknown) => {
        if (isErrno(error, 'ENOENT')) return 0;
        throw error;
      },
    );

  function note({ member, hex }: Upload, length: number): void {
    const its = unfinished.get(member) ?? new Map<string, number>();
    unfinished.set(member, its.set(hex, length));
  }

  function forget({ member, hex }: Upload): void {
    const its = unfinished.get(member);
    its?.delete(hex);
    if (its?.size === 0) unfinished.delete(member);
  }

  /** Whoever says how long the whole will be has that much of the budget from then on. */
  function reserve(upload: Upload, length: number, held: number): void {
    if (length > largestArchive) throw new Refusal('upload-too-large', `${length} of ${largestArchive} bytes`);
    const others = [...(unfinished.get(upload.member) ?? [])].filter(([hex]) => hex !== upload.hex);
    const open = others.reduce((sum, [, bytes]) => sum + bytes, 0);
    if (others.length >= mostUnfinished) throw new Refusal('upload-budget', `${others.length} uploads are unfinished`);
    if (open + length > budgets.unfinished)
      throw new Refusal('upload-budget', `${open} bytes are unfinished, of ${budgets.unfinished}`);
    const stored = shelf.bytesOf(upload.member);
    if (stored + open + length > budgets.stored)
      throw new Refusal('upload-budget', `${stored} bytes are stored, of ${budgets.stored}`);
    if (length - held > freeBytes() - reserveBytes) throw new Refusal('disk-full');
    note(upload, length);
  }

  async function write(upload: Upload, { offset: from, length }: Piece, source: Readable): Promise<number> {
    const file = await open(fileOf(upload), 'a', 0o600);
    let at = from;
    try {
      // Left open when we end first: its sender is to read why.
      for await (const chunk of source.iterator({ destroyOnReturn: false })) {
        const octets = Buffer.from(chunk);
        if (at + octets.length > length) throw new Refusal('upload-malformed', 'there is more than Upload-Length says');
        await file.writeFile(octets);
        at += octets.length;
      }
      return at;
    } catch (error) {
      throw isErrno(error, ...cuts) ? new Refusal('body-timeout', 'it was cut', { cause: error }) : error;
    } finally {
      await file.datasync();
      await file.close();
    }
  }

  async function finish(upload: Upload, length: number): Promise<void> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(fileOf(upload)), hash);
    const isRight = hash.digest('hex') === upload.hex;
    if (isRight) await shelf.keep(upload.hex, { file: fileOf(upload), size: length, member: upload.member });
    else await rm(fileOf(upload), { force: true });
    forget(upload);
    if (!isRight) throw new Refusal('blob-digest-wrong', `sha256:${upload.hex}`);
  }

  async function append(upload: Upload, piece: Piece, source: Readable): Promise<number> {
    const held = await offset(upload);
    if (piece.offset !== held)
      throw new Refusal('upload-offset-wrong', `${held} bytes are here`, { headers: { 'upload-offset': `${held}` } });
    reserve(upload, piece.length, held);
    const at = await write(upload, piece, source);
    if (at === piece.length) await finish(upload, at);
    return at;
  }

  return {
    offset,

    async open() {
      await ownDirectory(directory);
      for (const name of await readdir(directory)) {
        const [member = '', hex = ''] = name.split('!');
        note({ member, hex }, await offset({ member, hex }));
      }
    },

    async append(upload, piece, source) {
      const name = nameOf(upload);
      writing.get(name)?.destroy();
      writing.set(name, source);
      const done = turns.take(name, () => append(upload, piece, source));
      going.add(done);
      try {
        return await done;
      } finally {
        going.delete(done);
        if (writing.get(name) === source) writing.delete(name);
      }
    },

    async sweep(before) {
      for (const name of await readdir(directory)) {
        const [member = '', hex = ''] = name.split('!');
        await turns.take(name, async () => {
          const file = fileOf({ member, hex });
          const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: clock.now() })); // finished meanwhile
          if (mtimeMs >= before) return;
          await rm(file, { force: true });
          forget({ member, hex });
        });
      }
    },

    async idle() {
      await Promise.allSettled(going);
    },
  };
}
