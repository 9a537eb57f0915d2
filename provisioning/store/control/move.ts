/**
 * The control plane's records go from a level store to PostgreSQL. The store is marked first, so that nothing opens it
 * as its own from then on; when everything is there the database says so, in one commit. Cut anywhere, the same again
 * goes on: until the database says so it is the level store that counts, and nobody writes either.
 */
import path from 'node:path';
import { movedVersion, openDatabase } from '#common/database.js';
import { Refusal } from '#contract/problems.js';
import { checkDatabaseUrl } from '../postgres/address.js';
import { migrate } from '../postgres/migrate.js';
import { openSessions, type Sessions } from '../postgres/sessions.js';
import { createControlLease } from './lease.js';
import { controlMigrations } from './schema.js';

/** What boxes tell has tables of its own, and went there before (fleet/move.ts). */
const notControl = ['!lives!', '!samples!', '!rollupminutes!', '!rolluphours!', '!fleetmoves!'];

const inBatch = 1000;
const bytesInBatch = 4_000_000;

export interface MoveControlParts {
  directory: string;
  url: string;
  territory: string;
  /** That the store has from now on, as the records have it. */
  version: number;
  /** For tests: called before each step that alters something. */
  before?: (step: string) => Promise<void>;
}

async function begin(sessions: Sessions): Promise<boolean> {
  const { state } = await createControlLease(sessions).read();
  if (state === 'here') return false;
  const used = await sessions.ask('SELECT FROM control_records LIMIT 1');
  if (state === 'elsewhere' && used.length > 0) throw new Refusal('database-used');
  await sessions.ask(`UPDATE control SET state = 'moving' WHERE state = 'elsewhere'`);
  return true;
}

/**
 * Nobody else has the store open. Answers how many records are there now; undefined when they were already.
 * @throws Refusal as `openDatabase` and `openPostgresFleet`; `database-used`
 */
export async function moveControl({
  directory,
  url,
  territory,
  version,
  before = async () => {},
}: MoveControlParts): Promise<number | undefined> {
  const sessions = openSessions(checkDatabaseUrl(url));
  try {
    await migrate(sessions, territory);
    await migrate(sessions, territory, controlMigrations, 'control_migrations');
    await before('mark');
    const store = await openDatabase(path.join(directory, 'store'), movedVersion);
    try {
      await before('begin');
      if (!(await begin(sessions))) return undefined;
      let keys: Buffer[] = [];
      let values: Buffer[] = [];
      let size = 0;
      let count = 0;
      const flush = async () => {
        if (keys.length === 0) return;
        await before('copy');
        await sessions.ask(
          `INSERT INTO control_records (key, value, written) SELECT key, value, 1 FROM unnest($1::bytea[], $2::bytea[]) AS n (key, value)
           ON CONFLICT DO NOTHING`,
          [keys, values],
        );
        count += keys.length;
        [keys, values, size] = [[], [], 0];
      };
      const put = (key: Buffer, value: Buffer) => {
        keys.push(key);
        values.push(value);
        size += key.length + value.length;
      };
      const asBytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
      for await (const [key, value] of store.iterator<Buffer, Buffer>(asBytes)) {
        const name = key.toString('latin1');
        if (name === 'version' || notControl.some((prefix) => name.startsWith(prefix))) continue;
        put(key, value);
        if (keys.length === inBatch || size > bytesInBatch) await flush();
      }
      put(Buffer.from('version'), Buffer.from(String(version)));
      await flush();
      await before('done');
      await sessions.ask(`UPDATE control SET state = 'here', written = 1 WHERE state = 'moving'`);
      return count;
    } finally {
      await store.close();
    }
  } finally {
    await sessions.end();
  }
}

/**
 * Level goes on as if nothing had been meant, where the database does not have all of it yet.
 * @throws Refusal `store-moved` when it has
 */
export async function giveUpControl({
  directory,
  url,
  version,
}: Pick<MoveControlParts, 'directory' | 'url' | 'version'>) {
  const sessions = openSessions(checkDatabaseUrl(url));
  try {
    const store = await openDatabase(path.join(directory, 'store'), movedVersion);
    try {
      const there = await sessions.ask<{ state: string }>(
        `UPDATE control SET state = 'elsewhere' WHERE state <> 'here' RETURNING state`,
      );
      if (there.length === 0) throw new Refusal('store-moved');
      await sessions.ask('DELETE FROM control_records');
      await store.put('version', version, { sync: true } as object);
    } finally {
      await store.close();
    }
  } finally {
    await sessions.end();
  }
}
