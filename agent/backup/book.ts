/** What the box remembers of its backups: a few rows of the store. */
import { type Static, type TSchema, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { BackupKeySet, BackupLast, BackupSettings, usualBackupSettings } from '#contract/backup.js';
import { Told } from '#contract/changes.js';
import { Time } from '#contract/health.js';
import { check } from '#contract/parse.js';
import type { Decision, OwnerSigner } from '../consent/ledger.js';

const rowsOf = {
  keys: Type.Object({ ...BackupKeySet.properties, at: Time }),
  settings: BackupSettings,
  last: BackupLast,
  /** The newest on a disk. */
  disk: BackupLast,
  failed: Type.Object({ at: Time, problem: Told }),
  restored: Type.Object({ at: Time, backupAt: Time, box: Type.String() }),
} as const satisfies Record<string, TSchema>;
type RowName = keyof typeof rowsOf;
export type BackupRows = { [Name in RowName]?: Static<(typeof rowsOf)[Name]> };

export const bookConcern = 'backup';

export interface BackupBook {
  now(): Readonly<BackupRows> & { settings: BackupSettings };
  /** Null takes a row away. With its lines of the ledger in one batch; durable when it resolves. */
  set(
    change: { [Name in RowName]?: BackupRows[Name] | null },
    told?: { decisions: readonly Decision[]; signer?: OwnerSigner | undefined },
  ): Promise<void>;
}

export async function openBackupBook({
  db,
  ledger,
}: {
  db: Database;
  ledger: {
    decide(
      work: () => { decisions: readonly Decision[]; operations: readonly Operation[] },
      signer?: OwnerSigner,
    ): Promise<void>;
  };
}): Promise<BackupBook> {
  const sublevel = db.sublevel<string, unknown>(bookConcern, { valueEncoding: 'json' });
  const rows = new Map<string, unknown>();
  for await (const [name, value] of sublevel.iterator())
    if (Object.hasOwn(rowsOf, name) && check(rowsOf[name as RowName], value).ok) rows.set(name, value);

  return {
    now: () => ({ settings: usualBackupSettings, ...(Object.fromEntries(rows) as BackupRows) }),
    async set(change, told = { decisions: [] }) {
      const changed = Object.entries(change).filter(([, value]) => value !== undefined);
      await ledger.decide(
        () => ({
          decisions: told.decisions,
          operations: changed.map(
            ([key, value]): Operation =>
              value === null ? { type: 'del', sublevel, key } : { type: 'put', sublevel, key, value },
          ),
        }),
        told.signer,
      );
      for (const [name, value] of changed)
        if (value === null) rows.delete(name);
        else rows.set(name, value);
    },
  };
}
