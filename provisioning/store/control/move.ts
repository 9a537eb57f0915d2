/**
 * The control plane's records go from a level store to PostgreSQL. The store is marked first, so that nothing opens it
 * as its own from then on; when everything is there the database says so, in one commit. Cut anywhere, the same again
 * goes on: until the database says so it is the level store that counts, and nobody writes either.
 */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Level } from 'level';
import type { Database } from '#common/commits.js';
import { movedVersion, openLevel } from '#common/database.js';
import { Refusal } from '#contract/problems.js';
import { checkDatabaseUrl } from '../postgres/address.js';
import { migrate } from '../postgres/migrate.js';
import { openSessions, type Sessions } from '../postgres/sessions.js';
import { createControlLease } from './lease.js';
import { controlMigrations } from './schema.js';

/** What boxes tell has tables of its own, and went there before (fleet/move.ts). */
const notControl = ['!lives!', '!samples!', '!rollupminutes!', '!rolluphours!', '!fleetmoves!'];

/** Of the store itself. */
const own = new Set(['version', 'moving']);

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

interface Marked {
  db: Database;
  /** Random: which store it is. */
  id: string;
  mark(): Promise<void>;
  unmark(version: number): Promise<void>;
}

const idKey = 'moving';
const synced = { sync: true } as object;

/** Not marked yet, perhaps. @throws Refusal `store-moved` where there is a mark alone, as a standby's directory has it */
async function openMarked(directory: string): Promise<Marked> {
  const place = path.join(directory, 'store');
  const db: Database = await openLevel(new Level<string, unknown>(place, { valueEncoding: 'json' }), place);
  const isMarked = (await db.get('version')) === movedVersion;
  const found = await db.get(idKey);
  if (isMarked && typeof found !== 'string') {
    await db.close();
    throw new Refusal('store-moved', directory);
  }
  const id = isMarked ? String(found) : randomUUID();
  return {
    db,
    id,
    async mark() {
      if (isMarked) return;
      const marks = { version: movedVersion, [idKey]: id };
      await db.batch(
        Object.entries(marks).map(([key, value]) => ({ type: 'put' as const, key, value })),
        synced,
      );
    },
    unmark: (version) =>
      db.batch(
        [
          { type: 'put', key: 'version', value: version },
          { type: 'del', key: idKey },
        ],
        synced,
      ),
  };
}

/** Whether there is something to do. @throws Refusal `database-used` when records of another store are there */
async function look(sessions: Sessions, id: string): Promise<boolean> {
  const { state, origin } = await createControlLease(sessions).read();
  if (origin === id) return state !== 'here';
  const used = await sessions.ask('SELECT FROM control_records LIMIT 1');
  if (state !== 'elsewhere' || used.length > 0) throw new Refusal('database-used');
  return true;
}

async function copy(db: Database, write: (keys: Buffer[], values: Buffer[]) => Promise<void>): Promise<void> {
  let keys: Buffer[] = [];
  let values: Buffer[] = [];
  let size = 0;
  const asBytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  for await (const [key, value] of db.iterator<Buffer, Buffer>(asBytes)) {
    const name = key.toString('latin1');
    if (own.has(name) || notControl.some((prefix) => name.startsWith(prefix))) continue;
    keys.push(key);
    values.push(value);
    size += key.length + value.length;
    if (keys.length < inBatch && size < bytesInBatch) continue;
    await write(keys, values);
    [keys, values, size] = [[], [], 0];
  }
  if (keys.length > 0) await write(keys, values);
}

/**
 * Nobody else has the store open. Answers how many records are there now; undefined when they were already.
 * @throws Refusal as `openLevel` and `openPostgresFleet`; `database-used`, `store-moved`
 */
export async function moveControl({
  directory,
  url,
  territory,
  version,
  before = async () => {},
}: MoveControlParts): Promise<number | undefined> {
  const sessions = openSessions(checkDatabaseUrl(url));
  let store: Marked | undefined;
  try {
    await migrate(sessions, territory);
    await migrate(sessions, territory, controlMigrations, 'control_migrations');
    store = await openMarked(directory);
    const { db, id } = store;
    if (!(await look(sessions, id))) return undefined;
    await before('mark');
    await store.mark();
    await before('begin');
    await sessions.ask(`UPDATE control SET state = 'moving', origin = $1 WHERE state = 'elsewhere'`, [id]);
    let count = 0;
    const write = async (keys: Buffer[], values: Buffer[]) => {
      await before('copy');
      await sessions.ask(
        `INSERT INTO control_records (key, value, written) SELECT key, value, 1
         FROM unnest($1::bytea[], $2::bytea[]) AS n (key, value) ON CONFLICT DO NOTHING`,
        [keys, values],
      );
      count += keys.length;
    };
    await copy(db, write);
    await write([Buffer.from('version')], [Buffer.from(String(version))]);
    await before('done');
    await sessions.ask(`UPDATE control SET state = 'here', written = 1 WHERE state = 'moving' AND origin = $1`, [id]);
    return count;
  } finally {
    await store?.db.close();
    await sessions.end();
  }
}

/**
 * Level goes on as if nothing had been meant, where the database does not have all of it yet.
 * @throws Refusal `store-moved` when it has; `arguments-invalid` when it is another database
 */
export async function giveUpControl({
  directory,
  url,
  version,
}: Pick<MoveControlParts, 'directory' | 'url' | 'version'>) {
  const sessions = openSessions(checkDatabaseUrl(url));
  let store: Marked | undefined;
  try {
    store = await openMarked(directory);
    const { state, origin } = await createControlLease(sessions).read();
    if (origin !== store.id) throw new Refusal('arguments-invalid', 'no move into that database was begun from here');
    if (state === 'here') throw new Refusal('store-moved', directory);
    await sessions.ask('DELETE FROM control_records');
    await store.unmark(version);
    await sessions.ask(`UPDATE control SET state = 'elsewhere', origin = '' WHERE state = 'moving'`);
  } finally {
    await store?.db.close();
    await sessions.end();
  }
}
