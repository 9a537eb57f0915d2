/**
 * Rolls up what is past its time, and drops it. A day of samples is first taken out of the table; then its boxes are put
 * into minutes and hours, some rows a commit, and with each commit stands how far it has come; then the day is dropped.
 * Samples that came late lie among the others and are put away one by one. Cut anywhere it goes on from there.
 */
import { spans } from '../bucket-pack.js';
import { cutsOf, type Keep } from '../fleet.js';
import { samplesIn } from '../pack.js';
import { bucketOf, hoursMilliseconds, minutesMilliseconds, type Row, rollUp } from '../rollup.js';
import { mergeIntoBuckets } from './buckets.js';
import { type Family, makeParts, type Part, partOf, partsOf } from './partitions.js';
import type { Session, Sessions } from './sessions.js';

/** A row of either table of samples. */
interface Raw {
  box: string;
  at: number;
  vals?: Record<string, number>;
  count?: number;
  pack?: Buffer;
}

const raw = ['sample_packs', 'samples'] as const;
type RawFamily = (typeof raw)[number];
/** What a step reads of each, and how many rows at most. */
const columns: Record<RawFamily, string> = { sample_packs: 'box, at, count, pack', samples: 'box, at, vals' };
const mostRows: Record<RawFamily, number> = { sample_packs: 500, samples: 5000 };
/** Samples a commit: some megabytes. */
const mostInStep = 5000;
/** One worker at a time. */
const lock = 0x77656273;

/** So many of them as a step takes, and those at the place of the last. */
function stepOf(rows: readonly Raw[]): readonly Raw[] {
  let samples = 0;
  for (const [index, { box, at, count = 1 }] of rows.entries()) {
    samples += count;
    const next = rows[index + 1];
    if (samples >= mostInStep && next && (next.box !== box || next.at !== at)) return rows.slice(0, index + 1);
  }
  return rows;
}

const samplesOf = ({ at, vals, pack }: Raw): readonly { at: number; values: Record<string, number> }[] =>
  pack ? samplesIn(pack) : [{ at, values: vals ?? {} }];

export async function sweepPostgres(sessions: Sessions, keep: Keep, now: number, signal?: AbortSignal): Promise<void> {
  const cuts = cutsOf(keep, now);

  async function putAway(session: Session, rows: readonly Raw[]): Promise<void> {
    const boxes = new Map<string, Row[]>();
    for (const row of rows) {
      const found = boxes.get(row.box) ?? [];
      boxes.set(row.box, found);
      for (const { at, values } of samplesOf(row)) found.push({ at, bucket: bucketOf(at, values) });
    }
    const merged = (cut: number, width: number) =>
      new Map(
        [...boxes].map(([box, all]): [string, Row[]] => {
          const since = all.filter(({ at }) => at >= cut);
          return [box, [...rollUp(since, width)].map(([at, bucket]) => ({ at, bucket }))];
        }),
      );
    await mergeIntoBuckets(session, 'minute', merged(cuts.minutes, minutesMilliseconds));
    await mergeIntoBuckets(session, 'hour', merged(cuts.hours, hoursMilliseconds));
  }

  const seal = (family: RawFamily, { name, since, before }: Part) =>
    sessions.transact(async (session) => {
      await session.query(`ALTER TABLE ${family} DETACH PARTITION ${name}`);
      await session.query('INSERT INTO sealed (name, since, before) VALUES ($1, $2, $3)', [name, since, before]);
    });

  /** Whether there may be more. */
  const stepOfDay = (family: RawFamily, name: string) =>
    sessions.transact(async (session) => {
      const sealed = await session.query<{ box: string; at: number }>(
        'SELECT box, at FROM sealed WHERE name = $1 FOR UPDATE',
        [name],
      );
      const place = sealed.rows[0];
      if (!place) return false;
      const { rows } = await session.query<Raw>(
        `SELECT ${columns[family]} FROM ${name} WHERE (box, at) > ($1, $2)
         ORDER BY box, at FETCH FIRST ${mostRows[family]} ROWS WITH TIES`,
        [place.box, place.at],
      );
      const step = stepOf(rows);
      const last = step.at(-1);
      if (!last) {
        await session.query('DELETE FROM sealed WHERE name = $1', [name]);
        await session.query(`DROP TABLE ${name}`);
        return false;
      }
      await putAway(session, step);
      await session.query('UPDATE sealed SET box = $2, at = $3 WHERE name = $1', [name, last.box, last.at]);
      return true;
    });

  const stepOfOthers = (family: RawFamily) =>
    sessions.transact(async (session) => {
      const last = family === 'samples' ? 'at' : 'at + span';
      const { rows } = await session.query<Raw>(
        `DELETE FROM ${family}_other WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${family}_other WHERE at < $1 AND ${last} < $1 LIMIT ${mostRows[family]}))
         RETURNING ${columns[family]}`,
        [cuts.raw],
      );
      await putAway(session, rows);
      return rows.length === mostRows[family];
    });

  /** @param width of what a row holds */
  async function dropOld(family: Exclude<Family, RawFamily>, cut: number, width: number): Promise<void> {
    for (const { name, before } of await partsOf(sessions, family))
      if (before <= cut && !signal?.aborted) await sessions.transact((session) => session.query(`DROP TABLE ${name}`));
    await sessions.ask(`DELETE FROM ${family}_other WHERE at < $1`, [cut - width]);
  }

  async function repeat(step: () => Promise<boolean>): Promise<void> {
    while (!signal?.aborted && (await step()));
  }

  async function all(): Promise<void> {
    await makeParts(sessions, now, cuts.raw);
    for (const family of raw) {
      for (const part of await partsOf(sessions, family)) if (part.before <= cuts.raw) await seal(family, part);
      const days = await sessions.ask<{ name: string; since: number }>('SELECT name, since FROM sealed ORDER BY since');
      for (const { name, since } of days)
        if (partOf(family, since).name === name) await repeat(() => stepOfDay(family, name));
      await repeat(() => stepOfOthers(family));
    }
    if (signal?.aborted) return;
    for (const [family, cut] of [['minute', cuts.minutes] as const, ['hour', cuts.hours] as const]) {
      await dropOld(`${family}_packs`, cut, spans[family] - 1);
      await dropOld(`${family}s`, cut, 0);
    }
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
