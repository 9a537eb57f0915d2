/**
 * Who owns which shard, as PostgreSQL knows it. A worker lives while its row is there: it puts off its own end again and
 * again, and whoever finds one that has ended takes its row away, with which its shards are free. Only the database's
 * clock counts: a worker's own may be anything, and may stand still.
 *
 * Each owner of a shard has a higher token than the one before. What a worker stores carries its tokens, and is refused
 * whole when one of them is not the shard's any more (store/fleet.ts): a worker that slept through its end can do no harm.
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
  /** Makes the tables, once. */
  prepare(): Promise<void>;
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

/** Two starts at once must not make the same table. */
const preparing = 0x77656269;

const tables = `
CREATE TABLE IF NOT EXISTS workers (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  since timestamptz NOT NULL DEFAULT now(),
  expires timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS shards (
  shard text PRIMARY KEY CHECK (shard ~ '^[0-9a-f]{2}$'),
  owner text REFERENCES workers (id) ON DELETE SET NULL,
  token bigint NOT NULL DEFAULT 0,
  since timestamptz NOT NULL DEFAULT now()
);
INSERT INTO shards (shard) SELECT lpad(to_hex(n), 2, '0') FROM generate_series(0, 255) AS n ON CONFLICT DO NOTHING;
`;

/** Rows are locked in the order of the shards, as a commit locks them: two that wait for each other cannot be. */
const inOrder = (which: string): string => `SELECT shard FROM shards WHERE ${which} ORDER BY shard FOR UPDATE`;

export function createLeases(sql: Sql): Leases {
  return {
    async prepare() {
      await sql.query(`BEGIN; SELECT pg_advisory_xact_lock(${preparing}); ${tables} COMMIT;`);
    },
    async enlist({ id, name, leaseMilliseconds, displace }) {
      if (displace) await sql.query('DELETE FROM workers WHERE name = $1', [name]);
      const { rowCount } = await sql.query(
        `INSERT INTO workers (id, name, expires) VALUES ($1, $2, now() + $3 * interval '1 millisecond')
         ON CONFLICT (name) DO NOTHING`,
        [id, name, leaseMilliseconds],
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

/**
 * Holds these shards until the transaction ends, if they are still owned by these tokens: nobody else can become their
 * owner before it is over. Answers those that are not.
 */
export async function lostShards(sql: Sql, fences: readonly { shard: string; token: number }[]): Promise<string[]> {
  const { rows } = await sql.query<{ shard: string }>(
    `SELECT shard FROM shards JOIN unnest($1::text[], $2::bigint[]) AS mine (shard, token) USING (shard, token)
     ORDER BY shard FOR SHARE OF shards`,
    [fences.map(({ shard }) => shard), fences.map(({ token }) => token)],
  );
  const held = new Set(rows.map(({ shard }) => shard));
  return fences.flatMap(({ shard }) => (held.has(shard) ? [] : [shard]));
}
