/** The fleet's data in PostgreSQL, for any number of workers. */
import type { Clock } from '#common/clock.js';
import type { FleetEvent } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { type Admission, cutsOf, type FleetStore, type Keep, usualKeep } from '../fleet.js';
import { checkDatabaseUrl } from './address.js';
import { migrate } from './migrate.js';
import { channel, createNotices } from './notices.js';
import { makeParts } from './partitions.js';
import { createRounds, writeEvents } from './rounds.js';
import { createSamples } from './samples.js';
import { openSessions, type Sessions } from './sessions.js';
import { sweepPostgres } from './sweep.js';

export interface PostgresFleet extends FleetStore {
  readonly kind: 'postgres';
  /** For what else is kept there: shards and their owners. */
  readonly sessions: Sessions;
}

/** More are told as one: look at all of them again. */
const mostTold = 100;

/** @throws Refusal `database-address`, `database-unreachable`, `database-denied`, `database-newer`, `database-elsewhere` */
export async function openPostgresFleet({
  url,
  territory,
  clock,
  keep = usualKeep,
  fence,
}: {
  url: string;
  territory: string;
  clock: Clock;
  keep?: Keep | undefined;
  /** The token of whoever holds the control plane's records, where those are here too: it alone says who is admitted. */
  fence?: number | undefined;
}): Promise<PostgresFleet> {
  const sessions = openSessions(checkDatabaseUrl(url));
  try {
    await migrate(sessions, territory);
    await makeParts(sessions, clock.now(), cutsOf(keep, clock.now()).raw);
  } catch (error) {
    await sessions.end();
    throw error;
  }
  const rounds = createRounds(sessions);
  const reads = createSamples(sessions, { keep, now: clock.now });
  const notices = createNotices(sessions, clock);

  return {
    kind: 'postgres',
    sessions,
    lives: rounds.lives,
    allLives: rounds.allLives,
    commit: rounds.commit,
    samples: reads.samples,
    sequences: reads.sequences,
    record: (events) => sessions.transact((session) => writeEvents(session, events)),
    async eventTypes(since) {
      const rows = await sessions.ask<{ type: string; count: number }>(
        'SELECT type, count(*) AS count FROM events WHERE at >= $1 GROUP BY type',
        [since],
      );
      return new Map(rows.map(({ type, count }) => [type, count]));
    },
    async events({ limit, before, box, type }) {
      const rows = await sessions.ask<{ event: FleetEvent }>(
        `SELECT event FROM events WHERE ($2::text IS NULL OR id < $2) AND ($3::text IS NULL OR box = $3)
         AND ($4::text IS NULL OR type = $4) ORDER BY id DESC LIMIT $1`,
        [limit, before ?? null, box ?? null, type ?? null],
      );
      return rows.map(({ event }) => event).reverse();
    },
    async admit(boxes) {
      if (boxes.size === 0) return;
      await sessions.transact(async (session) => {
        if (fence !== undefined) {
          const held = await session.query('SELECT FROM control WHERE token = $1 FOR SHARE', [fence]);
          if (held.rowCount === 0) throw new Refusal('control-lost');
        }
        const { rows } = await session.query<{ box: string }>(
          `INSERT INTO boxes (box, admission) SELECT * FROM unnest($1::text[], $2::json[])
           ON CONFLICT (box) DO UPDATE SET admission = excluded.admission
           WHERE boxes.admission::text <> excluded.admission::text RETURNING box`,
          [[...boxes.keys()], [...boxes.values()].map((admission) => JSON.stringify(admission))],
        );
        const told = rows.length > mostTold ? [''] : rows.map(({ box }) => box);
        await session.query('SELECT pg_notify($1, told) FROM unnest($2::text[]) AS told', [channel, told]);
      });
    },
    async admissions(boxes) {
      const rows = await sessions.ask<{ box: string; admission: Admission }>(
        'SELECT box, admission FROM boxes WHERE box = ANY($1::text[])',
        [boxes],
      );
      return new Map(rows.map(({ box, admission }) => [box, admission]));
    },
    onAdmission: notices.subscribe,
    async allOffline(shards) {
      // A shard is the first two digits of the SHA-256 of a box's id (contract/topics.ts).
      await sessions.ask(
        `UPDATE lives SET online = false WHERE online
         AND ($1::text[] IS NULL OR left(encode(sha256(convert_to(box, 'UTF8')), 'hex'), 2) = ANY($1))`,
        [shards ?? null],
      );
    },
    sweep: (wanted, now, signal) => sweepPostgres(sessions, wanted, now, signal),
    async close() {
      await notices.stop();
      await sessions.end();
    },
  };
}
