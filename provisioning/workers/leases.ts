/**
 * Who owns which shard, as PostgreSQL knows it. A worker lives while its row is there: it puts off its own end again and
 * again, and whoever finds one that has ended takes its row away, with which its shards are free. Only the database's
 * clock counts: a worker's own may be anything, and may stand still.
 *
 * Each owner of a shard has a higher token than the one before. What a worker stores carries its tokens, and is refused
 * whole when one of them is not the shard's any more (store/postgres/rounds.ts, whose room makes the tables too): a worker
 * that slept through its end can do no harm.
 */

/** A pool of `pg`, or one client of it. */
export interface Sql {
  query<R extends object>(text: string, values?: unknown[]): Promise<{ rows: R[]; rowCount: number | null }>;
}

export interface Division {
  /** Names of the living, by id. */
  workers: ReadonlyMap<string, string>;
  /** Of each shard that is owned. */
  shards: ReadonlyMap<string, { owner: string; token: number }>;
}

export interface Leases {
  /**
   * From now on it lives, so long. Whoever goes by this name is no more, if it is to be displaced; else it is left, and
   * the answer is false.
   */
  enlist(worker: { id: string; name: string; leaseMilliseconds: number; displace: boolean }): Promise<boolean>;
  /** False when it lives no more: somebody found that it had ended. */
  renew(id: string, leaseMilliseconds: number): Promise<boolean>;
  /** Takes away whoever has ended; answers their names. */
  bury(): Promise<string[]>;
  read(): Promise<Division>;
  /** Those that were free and are its own now, with the tokens. */
  take(id: string, shards: readonly string[]): Promise<Map<string, number>>;
  giveBack(id: string, shards: readonly string[]): Promise<void>;
  /** In good order: its shards are free at once. */
  dismiss(id: string): Promise<void>;
}

/** Rows are locked in the order of the shards, as a commit locks them: two that wait for each other cannot be. */
const inOrder = (which: string): string => `SELECT shard FROM shards WHERE ${which} ORDER BY shard FOR UPDATE`;

export function createLeases(sql: Sql): Leases {
  return {
    async enlist({ id, name, leaseMilliseconds, displace }) {
      // In one statement, so that a namesake that still runs cannot come back in between; its row is gone first, since
      // it is counted.
      const { rowCount } = await sql.query(
        `WITH former AS (DELETE FROM workers WHERE name = $2 AND $4 RETURNING id)
         INSERT INTO workers (id, name, expires)
         SELECT $1, $2, now() + $3 * interval '1 millisecond' FROM (SELECT count(*) FROM former) AS gone
         ON CONFLICT (name) DO NOTHING`,
        [id, name, leaseMilliseconds, displace],
      );
      return rowCount === 1;
    },
    async renew(id, leaseMilliseconds) {
      const { rowCount } = await sql.query(
        `UPDATE workers SET expires = now() + $2 * interval '1 millisecond' WHERE id = $1`,
        [id, leaseMilliseconds],
      );
      return rowCount === 1;
    },
    async bury() {
      const { rows } = await sql.query<{ name: string }>('DELETE FROM workers WHERE expires < now() RETURNING name');
      return rows.map(({ name }) => name);
    },
    async read() {
      const [workers, shards] = await Promise.all([
        sql.query<{ id: string; name: string }>('SELECT id, name FROM workers'),
        sql.query<{ shard: string; owner: string; token: string }>(
          'SELECT shard, owner, token FROM shards WHERE owner IS NOT NULL',
        ),
      ]);
      return {
        workers: new Map(workers.rows.map(({ id, name }) => [id, name])),
        shards: new Map(shards.rows.map(({ shard, owner, token }) => [shard, { owner, token: Number(token) }])),
      };
    },
    async take(id, wanted) {
      const { rows } = await sql.query<{ shard: string; token: string }>(
        `WITH free AS (${inOrder('shard = ANY($2) AND owner IS NULL')})
         UPDATE shards SET owner = $1, token = token + 1, since = now() FROM free
         WHERE shards.shard = free.shard RETURNING shards.shard, shards.token`,
        [id, wanted],
      );
      return new Map(rows.map(({ shard, token }) => [shard, Number(token)]));
    },
    async giveBack(id, given) {
      await sql.query(
        `WITH own AS (${inOrder('shard = ANY($2) AND owner = $1')})
         UPDATE shards SET owner = NULL, since = now() FROM own WHERE shards.shard = own.shard`,
        [id, given],
      );
    },
    async dismiss(id) {
      await sql.query('DELETE FROM workers WHERE id = $1', [id]);
    },
  };
}
