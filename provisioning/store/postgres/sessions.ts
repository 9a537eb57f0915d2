/** Sessions with the database, and one transaction at a time in each. */
import pg from 'pg';
import { faultOf } from './faults.js';

export type Session = pg.PoolClient;

export interface Sessions {
  /** One statement, a transaction by itself. @throws as `faultOf` */
  ask<R extends object>(text: string, values?: unknown[]): Promise<R[]>;
  /**
   * Done when it resolves. When it rejects nothing has been changed, or, if the connection broke at the very end, all of
   * it may have been: whoever tries again looks first.
   */
  transact<T>(work: (session: Session) => Promise<T>, begin?: string): Promise<T>;
  /** One session of its own, not of the pool. */
  own(): Promise<pg.Client>;
  end(): Promise<void>;
}

/** Longer than any round takes; what hangs longer has lost its network. */
const longestMilliseconds = 20_000;
const mostSessions = 8;
/** int8: every number here is below 2 to the power of 53. */
const int8 = 20;

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

const ignored = (): void => {};

export function openSessions(url: string): Sessions {
  const config = {
    connectionString: url,
    application_name: 'webizen-provider',
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    // A transaction whose client is gone holds its locks no longer than this.
    idle_in_transaction_session_timeout: longestMilliseconds,
    lock_timeout: 5000,
    types: types as pg.CustomTypesConfig,
  };
  const pool = new pg.Pool({ ...config, max: mostSessions });
  // Of a session that idles: whoever asks next opens another.
  pool.on('error', () => {});
  // Of one that is in use and waits for no answer just then: its next statement tells. Unheard it would end the process.
  pool.on('connect', (session) => void session.on('error', () => {}));

  async function transact<T>(work: (session: Session) => Promise<T>, begin = 'BEGIN'): Promise<T> {
    let session: Session | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      const taken = await pool.connect();
      session = taken;
      taken.on('error', ignored); // what it waits for is rejected; this is of the connection
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('timeout: the database does not answer')), longestMilliseconds);
      });
      const whole = async () => {
        await taken.query(begin);
        const done = await work(taken);
        await taken.query('COMMIT');
        return done;
      };
      const done = await Promise.race([whole(), late]);
      taken.off('error', ignored);
      session.release();
      return done;
    } catch (error) {
      // Closed rather than rolled back: nobody knows what it still waits for.
      session?.release(true);
      throw faultOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async ask<R extends object>(text: string, values?: unknown[]) {
      try {
        return (await pool.query<R>({ text, values: values ?? [], query_timeout: longestMilliseconds } as never)).rows;
      } catch (error) {
        throw faultOf(error);
      }
    },
    transact,
    async own() {
      const client = new pg.Client(config);
      client.on('error', () => {}); // its owner hears the end
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => {});
        throw faultOf(error);
      }
    },
    end: () => pool.end(),
  };
}
