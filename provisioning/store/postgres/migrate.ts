/** Brings the tables up to this release. */
import { Refusal } from '#contract/problems.js';
import { migrations } from './schema.js';
import type { Session, Sessions } from './sessions.js';

/** Two that begin at once take turns. */
const lock = 0x77656269;

async function claim(session: Session, territory: string): Promise<void> {
  await session.query('INSERT INTO territory (id) SELECT $1 WHERE NOT EXISTS (SELECT FROM territory)', [territory]);
  const { rows } = await session.query<{ id: string }>('SELECT id FROM territory');
  if (rows[0]?.id !== territory) throw new Refusal('database-elsewhere', rows[0]?.id);
}

/**
 * @param known of this release; a test makes an older or newer one
 * @param table where it stands which of them have run
 * @throws Refusal `database-newer`, `database-elsewhere`
 */
export async function migrate(
  sessions: Sessions,
  territory: string,
  known: readonly string[] = migrations,
  table: 'migrations' | 'control_migrations' = 'migrations',
): Promise<void> {
  const take = (session: Session) => session.query('SELECT pg_advisory_xact_lock($1)', [lock]);
  await sessions.transact(async (session) => {
    await take(session);
    await session.query(`CREATE TABLE IF NOT EXISTS ${table} (number integer PRIMARY KEY, at timestamptz NOT NULL)`);
  });
  const step = () =>
    sessions.transact(async (session) => {
      await take(session);
      const { rows } = await session.query<{ done: number }>(`SELECT count(*)::integer AS done FROM ${table}`);
      const done = rows[0]?.done ?? 0;
      if (done > known.length)
        throw new Refusal('database-newer', `${done} migrations have run; this release knows ${known.length}`);
      const next = known[done];
      if (next === undefined) return false;
      await session.query(next);
      await session.query(`INSERT INTO ${table} VALUES ($1, now())`, [done + 1]);
      return true;
    });
  while (await step());
  await sessions.transact(async (session) => {
    await take(session);
    await claim(session, territory);
  });
}
