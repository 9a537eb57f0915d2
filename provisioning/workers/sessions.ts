/**
 * The way to the database by which a worker renews its lease: apart from that of what boxes say, so that no round keeps
 * it waiting, and given up in less than a lease, so that a network that swallows everything is noticed.
 */
import pg from 'pg';
import type { Sql } from './leases.js';

export interface LeaseSessions extends Sql {
  end(): Promise<void>;
}

/** @param url checked already */
export function openLeaseSessions(url: string, leaseMilliseconds: number): LeaseSessions {
  const patience = Math.ceil(leaseMilliseconds / 2);
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'webizen-provider leases',
    max: 2,
    connectionTimeoutMillis: patience,
    query_timeout: patience,
    statement_timeout: patience,
    keepAlive: true,
  });
  // Of a session that idles: whoever asks next opens another.
  pool.on('error', () => {});
  pool.on('connect', (session) => void session.on('error', () => {})); // unheard it would end the process
  return {
    query: (text, values) => pool.query(text, values),
    end: () => pool.end(),
  };
}
