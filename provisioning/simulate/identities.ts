/**
 * The keys and certificates of simulated boxes in a folder of their own, so that a second run connects without enrolling,
 * and what each box had said until the last run ended.
 */
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { type Files, ownDirectory } from '#common/files.js';
import { keyToPem, newPrivateKey } from '#common/pki/keys.js';
import { BoxId } from '#contract/box-id.js';
import { BoxEvent } from '#contract/events.js';
import { Epoch, Time } from '#contract/health.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Kept } from './book.js';

/** PEM. */
export interface Identity {
  id: string;
  key: string;
  cert: string;
}

const Stored = Type.Object({
  key: Type.String(),
  claim: Type.String(),
  id: Type.Optional(BoxId),
  cert: Type.Optional(Type.String()),
});
export type Stored = Static<typeof Stored>;

const Count = Type.Integer({ minimum: 0 });
const Books = Type.Record(
  Type.String(),
  Type.Object({
    epoch: Epoch,
    legs: Type.Array(Type.Object({ from: Count, base: Time }), { minItems: 1 }),
    last: Count,
    covered: Count,
    events: Type.Optional(Type.Object({ last: Count, waiting: Type.Array(BoxEvent), until: Time })),
  }),
);

export interface Folder {
  /** Undefined for one that was never begun. */
  box(number: number): Promise<Stored | undefined>;
  /** A key is here before anybody is asked about it: a claim is redeemed for one key. */
  begin(number: number, claim: string): Promise<Stored>;
  enrolled(number: number, stored: Stored, identity: { id: string; cert: string }): Promise<Identity>;
  /**
   * Of the last run that ended in order. They are gone from the folder until the next end: after a cut nobody knows how
   * far each box had come, and each begins a new epoch.
   */
  takeBooks(): Promise<Map<string, Kept>>;
  keepBooks(books: ReadonlyMap<string, Kept>): Promise<void>;
}

/** @throws Refusal `directory-owner`, `simulation-damaged` */
export async function openFolder(files: Files, directory: string): Promise<Folder> {
  await ownDirectory(directory);
  const boxes = path.join(directory, 'boxes');
  const books = path.join(directory, 'books.json');
  await mkdir(boxes, { recursive: true, mode: 0o700 });
  const there = new Set(await readdir(boxes));
  const name = (number: number) => `${String(number).padStart(6, '0')}.json`;
  const file = (number: number) => path.join(boxes, name(number));
  const write = (number: number, stored: Stored) => files.write(file(number), JSON.stringify(stored));

  return {
    async box(number) {
      const bytes = there.has(name(number)) ? await files.read(file(number)) : undefined;
      if (!bytes) return undefined;
      const stored = parseJson(Stored, bytes);
      if (!stored.ok) throw new Refusal('simulation-damaged', `${file(number)}: ${describeFaults(stored.faults)}`);
      return stored.value;
    },
    async begin(number, claim) {
      const stored: Stored = { key: keyToPem(newPrivateKey()), claim };
      await write(number, stored);
      return stored;
    },
    async enrolled(number, stored, { id, cert }) {
      await write(number, { ...stored, id, cert });
      return { id, cert, key: stored.key };
    },
    async takeBooks() {
      const bytes = await files.read(books);
      if (!bytes) return new Map();
      await files.remove(books);
      const kept = parseJson(Books, bytes);
      if (!kept.ok) throw new Refusal('simulation-damaged', `${books}: ${describeFaults(kept.faults)}`);
      return new Map(Object.entries(kept.value));
    },
    keepBooks: (kept) => files.write(books, JSON.stringify(Object.fromEntries(kept))),
  };
}
