/**
 * A backup of one moment: the owner's concerns of the store as they are now, however long it takes to read them, and the
 * few files beside it. Apps go on writing meanwhile.
 *
 * Invariant: a key file is on the disk before the first row that needs it, so keys that are read after the snapshot was
 * taken are those of its rows. What is removed in between goes with its key, and cannot be read here either.
 */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { writeBackup } from '#common/backup/format.js';
import type { Row } from '#common/backup/rows.js';
import { seal } from '#common/backup/sealed.js';
import type { Database } from '#common/commits.js';
import { type Files, isErrno } from '#common/files.js';
import { version } from '#common/version.js';
import { AppId } from '#contract/api.js';
import { type BackupApp, type BackupHead, backupFormat, type OwnersConcern } from '#contract/backup.js';
import type { LedgerHead } from '#contract/ledger.js';
import { check } from '#contract/parse.js';

/** An installed app, and what it is made of where that cannot be fetched again. */
export interface KeptApp extends BackupApp {
  blobs: readonly { digest: string; size: number; file: string }[];
}

/** What a backup is made from. */
export interface SnapshotParts {
  db: Database;
  storeVersion: number;
  files: Files;
  /** Where the rooms keep their files. */
  places: { owner: string; keys: string };
  apps(): readonly KeptApp[];
  ledger(): LedgerHead | undefined;
  box(): BackupHead['box'];
  clock: { now(): number };
}

export interface Snapshot {
  head: BackupHead;
  /** The age file. */
  pieces(keys: { recipient: string; macKey: string }): AsyncGenerator<Uint8Array, void, undefined>;
  /** Harmless twice. */
  close(): Promise<void>;
}

export async function takeSnapshot(parts: SnapshotParts): Promise<Snapshot> {
  const { db, files, places } = parts;
  const ledger = parts.ledger() ?? null; // of what is on the disk already, so that the snapshot has it
  const snapshot = db.snapshot();
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await snapshot.close();
  };
  try {
    const apps = parts.apps();
    const keys = await keysIn(places.keys, files);
    const owner = await files.read(places.owner);
    const head: BackupHead = {
      format: `webizen-backup-${backupFormat}`,
      id: randomBytes(8).toString('hex'),
      at: parts.clock.now(),
      store: parts.storeVersion,
      agent: version,
      box: parts.box(),
      ledger,
      apps: apps.map(({ id, name, version, source, usedBytes }) => ({ id, name, version, source, usedBytes })),
    };
    async function* rows(concern: OwnersConcern): AsyncGenerator<Row> {
      const sublevel = db.sublevel<string, Buffer>(concern, { valueEncoding: 'buffer' });
      for await (const [key, value] of sublevel.iterator({ snapshot })) yield { key, value };
    }
    const blobs = [...new Map(apps.flatMap((app) => app.blobs).map((blob) => [blob.digest, blob])).values()];
    return {
      head,
      close,
      async *pieces({ recipient, macKey }) {
        try {
          yield* seal(writeBackup({ head, owner, keys, rows, blobs, macKey }), recipient);
        } finally {
          await close();
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function keysIn(directory: string, files: Files): Promise<Map<string, Buffer>> {
  const names = await readdir(directory).catch((error: unknown): string[] => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const keys = new Map<string, Buffer>();
  for (const name of names) {
    const app = /^(.+)\.key$/.exec(name)?.[1];
    const bytes = app !== undefined && check(AppId, app).ok ? await files.read(path.join(directory, name)) : undefined;
    if (app !== undefined && bytes) keys.set(app, bytes);
  }
  return keys;
}

/** Roughly what a backup will take, in bytes. */
export function estimateOf({ apps, ledger }: Pick<SnapshotParts, 'apps' | 'ledger'>): number {
  const perEntry = 700;
  const data = apps().reduce((sum, { usedBytes, blobs }) => {
    const blobBytes = blobs.reduce((all, { size }) => all + size, 0);
    return sum + usedBytes * 1.1 + blobBytes;
  }, 65_536);
  return Math.ceil(data + (ledger()?.length ?? 0) * perEntry);
}
