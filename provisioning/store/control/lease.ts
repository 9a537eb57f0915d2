/**
 * Who may write the control plane: one row, as PostgreSQL knows it. Only the database's clock counts. Each owner has a
 * higher token than the one before, and what is written carries the token (records.ts): an owner that slept through the
 * end of its lease writes nothing, whatever it believes.
 */
import type { Sessions } from '../postgres/sessions.js';

export interface Held {
  token: number;
  /** The number of the last commit. */
  written: number;
}

export interface Standby {
  name: string;
  /** The code of what keeps it from taking over. */
  why: string | null;
}

export interface ControlRow {
  state: 'elsewhere' | 'moving' | 'here';
  origin: string;
  token: number;
  holder: string;
  /** Until the lease of its holder is over, by the database's clock; negative when it is. */
  leftMilliseconds: number;
  written: number;
  pruned: number;
  /** Which machine served last, and the files there. */
  machine: string;
  files: Record<string, string>;
}

export interface ControlLease {
  read(): Promise<ControlRow>;
  /** Undefined while somebody else holds it. */
  take(holder: string, milliseconds: number): Promise<Held | undefined>;
  /** False when another has it. */
  renew(token: number, milliseconds: number): Promise<boolean>;
  /** It stands by, and this keeps it from taking over. */
  standBy(machine: string, name: string, why: string | undefined): Promise<void>;
  /** Who has stood by within so long. */
  standbys(milliseconds: number): Promise<Standby[]>;
  /** In good order: whoever stands by need not wait. */
  giveBack(token: number): Promise<void>;
  /** Which files a standby must have. */
  noteFiles(token: number, machine: string, files: Readonly<Record<string, string>>): Promise<void>;
}

const until = (parameter: string): string => `clock_timestamp() + ${parameter} * interval '1 millisecond'`;

export function createControlLease(sessions: Pick<Sessions, 'ask'>): ControlLease {
  return {
    async read() {
      const [row] = await sessions.ask<ControlRow>(
        `SELECT state, origin, token, holder, written, pruned, machine, files, CASE WHEN expires = '-infinity' THEN -1
         ELSE extract(epoch FROM expires - clock_timestamp()) * 1000 END::float8 AS "leftMilliseconds" FROM control`,
      );
      if (!row) throw new Error('the table of the control plane is empty');
      return row;
    },
    async take(holder, milliseconds) {
      const [held] = await sessions.ask<Held>(
        `UPDATE control SET token = token + 1, holder = $1, expires = ${until('$2')}
         WHERE state = 'here' AND expires < clock_timestamp() RETURNING token, written`,
        [holder, milliseconds],
      );
      return held;
    },
    async renew(token, milliseconds) {
      const rows = await sessions.ask(
        `UPDATE control SET expires = ${until('$2')} WHERE token = $1 RETURNING 1 AS one`,
        [token, milliseconds],
      );
      return rows.length === 1;
    },
    async standBy(machine, name, why) {
      await sessions.ask(
        `INSERT INTO control_standbys (machine, name, why, seen) VALUES ($1, $2, $3, clock_timestamp())
         ON CONFLICT (machine) DO UPDATE SET name = excluded.name, why = excluded.why, seen = excluded.seen`,
        [machine, name, why ?? null],
      );
    },
    standbys: (milliseconds) =>
      sessions.ask<Standby>(
        `SELECT name, why FROM control_standbys
         WHERE seen > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY machine`,
        [milliseconds],
      ),
    async giveBack(token) {
      await sessions.ask(`UPDATE control SET expires = '-infinity', holder = '' WHERE token = $1`, [token]);
    },
    async noteFiles(token, machine, noted) {
      await sessions.ask('UPDATE control SET machine = $2, files = $3 WHERE token = $1', [
        ...[token, machine],
        JSON.stringify(noted),
      ]);
    },
  };
}
