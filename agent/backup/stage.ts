/**
 * A backup that is being read, beside what the box has: `restoring/` in the data directory. Nothing of the box is touched.
 * `found.json` is written last, so a folder without it is of no use and goes.
 */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { type BackupSink, readBackup } from '#common/backup/format.js';
import { createCommits, type Database, type Operation } from '#common/commits.js';
import { isDiskFull, openDatabase } from '#common/database.js';
import { type Files, isErrno, syncPath } from '#common/files.js';
import { BackupHead, BackupKeySet, ownersConcerns } from '#contract/backup.js';
import { type LedgerEntry, LedgerExport } from '#contract/ledger.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** What was read whole and found right, in the folder. */
export const Staged = Type.Object({
  head: BackupHead,
  sizeBytes: Type.Integer({ minimum: 0 }),
  entries: Type.Integer({ minimum: 0 }),
  hasOwner: Type.Boolean(),
  /** Of the code that it was opened with: a box that has none writes its own for them from then on. */
  keys: BackupKeySet,
});
export type Staged = Static<typeof Staged>;

export const stagingName = 'restoring';

export interface StagePlaces {
  folder: string;
  store: string;
  keys: string;
  owner: string;
  blobs: string;
  found: string;
}

export function stagePlaces(dataDir: string): StagePlaces {
  const folder = path.join(dataDir, stagingName);
  const at = (name: string): string => path.join(folder, name);
  return {
    folder,
    store: at('store'),
    keys: at('storage-keys'),
    owner: at('owner.json'),
    blobs: at('blobs'),
    found: at('found.json'),
  };
}

/** Undefined when there is no whole one. */
export async function stagedIn(places: StagePlaces, files: Files): Promise<Staged | undefined> {
  const bytes = await files.read(places.found);
  const read = bytes && parseJson(Staged, bytes);
  return read?.ok ? read.value : undefined;
}

export const clearStage = ({ folder }: StagePlaces): Promise<void> => rm(folder, { recursive: true, force: true });

/** Kept free for everything else on the box, bytes. */
const reserveBytes = 64 * 1024 * 1024;

const broken = (detail: string): Refusal => new Refusal('backup-broken', detail);

interface LedgerMeta {
  ownerKeys?: unknown;
}

/** The whole chain, as an export of it would be checked. */
async function checkLedger(db: Database, head: BackupHead['ledger']): Promise<number> {
  const entries = await db.sublevel<string, unknown>('ledger', { valueEncoding: 'json' }).values().all();
  const meta = await db.sublevel<string, LedgerMeta>('ledgerMeta', { valueEncoding: 'json' }).get('meta');
  const read = check(LedgerExport, { format: 'webizen-ledger-1', ownerKeys: meta?.ownerKeys ?? [], entries });
  if (!read.ok) throw broken(`its ledger: ${describeFaults(read.faults)}`);
  const verdict = verifyLedger(read.value);
  if (!verdict.ok) throw broken(`entry ${verdict.index} of its ledger: ${verdict.why}`);
  if (head && (read.value.entries[head.length - 1] as LedgerEntry | undefined)?.hash !== head.hash)
    throw broken('its ledger is not the one that it says');
  return entries.length;
}

/** JSON of ours is read by the rooms as they read their own; here only that it is JSON, before it is in the store. */
const binary = new Set<string>(['values', 'values-large', 'names', 'storage', 'storage-meta']);

/**
 * @param source the tar, unsealed
 * @throws Refusal `backup-…`, `disk-full`; then nothing is left of it
 */
export async function stageBackup(
  source: AsyncIterable<Uint8Array>,
  wish: {
    places: StagePlaces;
    files: Files;
    keys: BackupKeySet;
    storeVersion: number;
    freeBytes(): number;
    sizeBytes(): number;
  },
): Promise<Staged> {
  const { places, files, freeBytes } = wish;
  await clearStage(places);
  for (const folder of [places.folder, places.keys, places.blobs])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  let db: Database | undefined;
  let writing: FileHandle | undefined;
  let hasOwner = false;
  /** One on its way to the disk while the next is unsealed. */
  let landing: Promise<void> = Promise.resolve();

  function checkRoom(bytes: number): void {
    if (freeBytes() - bytes < reserveBytes) throw new Refusal('disk-full', `${bytes} bytes are needed`);
  }

  async function sinkOf(store: Database): Promise<BackupSink> {
    const commits = createCommits(store);
    const levels = new Map(
      ownersConcerns.map((name) => [name, store.sublevel<string, Buffer>(name, { valueEncoding: 'buffer' })]),
    );
    return {
      head({ apps }) {
        checkRoom(apps.reduce((sum, { usedBytes }) => sum + usedBytes, 0));
      },
      async owner(bytes) {
        hasOwner = true;
        await files.write(places.owner, bytes, 0o600);
      },
      key: (app, bytes) => files.write(path.join(places.keys, `${app}.key`), bytes, 0o600),
      async rows(concern, rows) {
        checkRoom(2 * rows.reduce((sum, { value }) => sum + value.length, 0));
        const sublevel = levels.get(concern);
        if (!sublevel) throw broken(concern);
        if (!binary.has(concern))
          for (const { value } of rows)
            try {
              JSON.parse(Buffer.from(value).toString('utf8'));
            } catch {
              throw broken(`a row of ${concern} is not JSON`);
            }
        await landing;
        landing = commits.commit(rows.map(({ key, value }): Operation => ({ type: 'put', sublevel, key, value })));
        landing.catch(() => {}); // whoever waits for it hears of it
      },
      async blob({ digest, size }) {
        checkRoom(size);
        const handle = await open(path.join(places.blobs, digest), 'wx', 0o600);
        writing = handle;
        return {
          write: async (piece) => void (await handle.writeFile(piece)),
          async end() {
            await handle.sync();
            writing = undefined;
            await handle.close();
          },
        };
      },
    };
  }

  try {
    const store = await openDatabase(places.store, wish.storeVersion);
    db = store;
    const head = await readBackup(source, { ...wish, macKey: wish.keys.macKey, sink: await sinkOf(store) });
    await landing;
    const entries = await checkLedger(store, head.ledger);
    await store.close();
    for (const folder of [places.keys, places.blobs, places.folder]) await syncPath(folder);
    const staged: Staged = { head, sizeBytes: wish.sizeBytes(), entries, hasOwner, keys: wish.keys };
    await files.write(places.found, JSON.stringify(staged), 0o600);
    return staged;
  } catch (error) {
    await landing.catch(() => {});
    await db?.close().catch(() => {});
    await writing?.close().catch(() => {});
    await clearStage(places);
    if (isDiskFull(error) || isErrno(error, 'ENOSPC')) throw new Refusal('disk-full', undefined, { cause: error });
    throw error;
  }
}
