/**
 * Rolls up what is past its time, and drops it. A day of samples is first taken out of the table; then its boxes are put
 * into minutes and hours, some rows a commit, and with each commit stands how far it has come; then the day is dropped.
 * Samples that came late lie among the others and are put away one by one. Cut anywhere it goes on from there.
 */
import { cutsOf, type Keep } from '../fleet.js';
import { type Bucket, bucketOf, hoursMilliseconds, mergeBuckets, minutesMilliseconds } from '../rollup.js';
import { type Family, makeParts, type Part, partOf, partsOf } from './partitions.js';
import type { Session, Sessions } from './sessions.js';

interface Raw {
  box: string;
  at: number;
  vals: Record<string, number>;
}

interface Merged {
  box: string;
  at: number;
  bucket: Bucket;
}

/** Rows a commit: some megabytes. */
const mostInStep = 5000;
/** One worker at a time. */
const lock = 0x77656273;

function put(found: Map<string, Merged>, { box, at, vals }: Raw, width: number): void {
  const begin = at - (at % width);
  const key = `${begin} ${box}`;
  found.set(key, { box, at: begin, bucket: mergeBuckets(found.get(key)?.bucket, bucketOf(at, vals)) });
}

async function merge(session: Session, family: Exclude<Family, 'samples'>, merged: Iterable<Merged>): Promise<void> {
  const all = [...merged];
  if (all.length === 0) return;
  const places = [all.map(({ box }) => box), all.map(({ at }) => at)];
  const { rows } = await session.query<Merged>(
    `SELECT t.box, t.at, t.bucket FROM unnest($1::text[], $2::bigint[]) AS n (box, at) JOIN ${family} t USING (box, at)`,
    places,
  );
  const there = new Map(rows.map(({ box, at, bucket }) => [`${at} ${box}`, bucket]));
  const buckets = all.map(({ box, at, bucket }) => JSON.stringify(mergeBuckets(there.get(`${at} ${box}`), bucket)));
  await session.query(
    `INSERT INTO ${family} (box, at, bucket) SELECT * FROM unnest($1::text[], $2::bigint[], $3::json[])
     ON CONFLICT (box, at) DO UPDATE SET bucket = excluded.bucket`,
    [...places, buckets],
  );
}

export async function sweepPostgres(sessions: Sessions, keep: Keep, now: number, signal?: AbortSignal): Promise<void> {
  const cuts = cutsOf(keep, now);

  async function rollUp(session: Session, rows: readonly Raw[]): Promise<void> {
    const [minutes, hours] = [new Map<string, Merged>(), new Map<string, Merged>()];
    for (const row of rows) {
      if (row.at >= cuts.minutes) put(minutes, row, minutesMilliseconds);
      if (row.at >= cuts.hours) put(hours, row, hoursMilliseconds);
    }
    await merge(session, 'minutes', minutes.values());
    await merge(session, 'hours', hours.values());
  }

  const seal = ({ name, since, before }: Part) =>
    sessions.transact(async (session) => {
      await session.query(`ALTER TABLE samples DETACH PARTITION ${name}`);
      await session.query('INSERT INTO sealed (name, since, before) VALUES ($1, $2, $3)', [name, since, before]);
    });

  /** Whether there may be more. */
  const stepOfDay = (name: string) =>
    sessions.transact(async (session) => {
      const sealed = await session.query<{ box: string; at: number }>(
        'SELECT box, at FROM sealed WHERE name = $1 FOR UPDATE',
        [name],
      );
      const place = sealed.rows[0];
      if (!place) return false;
      const { rows } = await session.query<Raw>(
        `SELECT box, at, vals FROM ${name} WHERE (box, at) > ($1, $2)
         ORDER BY box, at FETCH FIRST ${mostInStep} ROWS WITH TIES`,
        [place.box, place.at],
      );
      const last = rows.at(-1);
      if (!last) {
        await session.query('DELETE FROM sealed WHERE name = $1', [name]);
        await session.query(`DROP TABLE ${name}`);
        return false;
      }
      await rollUp(session, rows);
      await session.query('UPDATE sealed SET box = $2, at = $3 WHERE name = $1', [name, last.box, last.at]);
      return true;
    });

  const stepOfOthers = () =>
    sessions.transact(async (session) => {
      const { rows } = await session.query<Raw>(
        `DELETE FROM samples_other WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM samples_other WHERE at < $1 LIMIT ${mostInStep})) RETURNING box, at, vals`,
        [cuts.raw],
      );
      await rollUp(session, rows);
      return rows.length === mostInStep;
    });

  async function dropOld(family: Exclude<Family, 'samples'>, cut: number): Promise<void> {
    for (const { name, before } of await partsOf(sessions, family))
      if (before <= cut && !signal?.aborted) await sessions.transact((session) => session.query(`DROP TABLE ${name}`));
    await sessions.ask(`DELETE FROM ${family}_other WHERE at < $1`, [cut]);
  }

  async function repeat(step: () => Promise<boolean>): Promise<void> {
    while (!signal?.aborted && (await step()));
  }

  async function all(): Promise<void> {
    await makeParts(sessions, now, cuts.raw);
    const open = await partsOf(sessions, 'samples');
    for (const part of open) if (part.before <= cuts.raw) await seal(part);
    const days = await sessions.ask<{ name: string; since: number }>('SELECT name, since FROM sealed ORDER BY since');
    for (const { name, since } of days) if (partOf('samples', since).name === name) await repeat(() => stepOfDay(name));
    await repeat(stepOfOthers);
    if (signal?.aborted) return;
    await dropOld('minutes', cuts.minutes);
    await dropOld('hours', cuts.hours);
    await repeat(async () => {
      const gone = await sessions.ask(
        `DELETE FROM events WHERE id = ANY (ARRAY(SELECT id FROM events WHERE at < $1 ORDER BY id LIMIT ${mostInStep})) RETURNING 1 AS one`,
        [cuts.events],
      );
      return gone.length === mostInStep;
    });
  }

  const session = await sessions.own();
  session.on('error', () => {}); // its lock is gone with it; each step stands by itself
  try {
    const { rows } = await session.query('SELECT pg_try_advisory_lock($1) AS mine', [lock]);
    if (rows[0]?.mine) await all();
  } finally {
    await session.end().catch(() => {});
  }
}
