/**
 * The copy that a machine keeps of the control plane's records: read from the database, and brought up to it again and
 * again. Which commit it holds stands in it, written with what it is of: a cut takes both back or neither.
 */
import { rm } from 'node:fs/promises';
import { openLevel } from '#common/database.js';
import { Refusal } from '#contract/problems.js';
import type { Sessions } from '../postgres/sessions.js';
import { type Change, placeKey, type Through, ThroughLevel } from './through-level.js';

export interface Copy {
  readonly db: ThroughLevel;
  /**
   * Until nothing is missing, or until it is told to stop. Answers the commit that it holds.
   * @throws Refusal `database-behind` when it knows of commits that the database does not, `database-unreachable`
   */
  follow(signal?: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

export const placeOf = (written: number): Change => ({ type: 'put', key: placeKey, value: String(written) });

interface Row {
  key: Buffer;
  value: Buffer | null;
  written: number;
}

const rowsAtOnce = 2000;

const changeOf = ({ key, value }: Row): Change => (value === null ? { type: 'del', key } : { type: 'put', key, value });

/**
 * @throws Refusal as `openLevel`
 */
export async function openCopy({
  location,
  sessions,
  through,
}: {
  location: string;
  sessions: Pick<Sessions, 'ask'>;
  through: Through;
}): Promise<Copy> {
  const open = () => openLevel(new ThroughLevel(location, through), location);
  let db = await open();
  let held = Number((await db.get<string, string>(placeKey, { valueEncoding: 'utf8' })) ?? Number.NaN);

  /** Everything, from the beginning. Cut in between, it begins again: only at the end does it say what it holds. */
  async function load(signal?: AbortSignal): Promise<void> {
    await db.close();
    await rm(location, { recursive: true, force: true });
    db = await open();
    const [row] = await sessions.ask<{ written: number }>('SELECT written FROM control');
    for (let after: Buffer = Buffer.alloc(0); !signal?.aborted; ) {
      const rows = await sessions.ask<Row>(
        `SELECT key, value, written FROM control_records WHERE key > $1 AND value IS NOT NULL ORDER BY key LIMIT ${rowsAtOnce}`,
        [after],
      );
      const last = rows.at(-1);
      if (!last) break;
      await db.copyIn(rows.map(changeOf));
      after = last.key;
    }
    if (signal?.aborted) return;
    // What was written meanwhile has a higher number, and is read again.
    held = row?.written ?? 0;
    await db.copyIn([placeOf(held)], { sync: true });
  }

  async function follow(signal?: AbortSignal): Promise<number> {
    if (Number.isNaN(held)) await load(signal);
    while (!signal?.aborted) {
      const rows = await sessions.ask<Row>(
        `SELECT key, value, written FROM control_records WHERE written > $1 ORDER BY written
         FETCH FIRST ${rowsAtOnce} ROWS WITH TIES`,
        [held],
      );
      // Asked after the rows: what it forgets from here on was among them.
      const [row] = await sessions.ask<{ written: number; pruned: number }>('SELECT written, pruned FROM control');
      if (!row || row.written < held)
        throw new Refusal('database-behind', `it knows commit ${row?.written}, and the copy here has ${held}`);
      if (row.pruned > held) {
        await load(signal);
        continue;
      }
      const last = rows.at(-1);
      if (!last) break;
      await db.copyIn([...rows.map(changeOf), placeOf(last.written)]);
      held = last.written;
    }
    return held;
  }

  return {
    get db() {
      return db;
    },
    follow,
    close: () => db.close(),
  };
}
