/** Lives of boxes, and the rounds that change them: one transaction each. */
import { Refusal } from '#contract/problems.js';
import { Conflict, type Fence, type FleetRound } from '../fleet.js';
import type { LifeRecord } from '../lives.js';
import { copySamples } from './copy.js';
import { arrayOf, type Cold, json, type LifeRow, lifeOf, split } from './rows.js';
import type { Session, Sessions } from './sessions.js';

export interface Rounds {
  lives(boxes: readonly string[]): Promise<Map<string, LifeRecord>>;
  allLives(withinSeconds?: number): AsyncIterable<[string, LifeRecord]>;
  commit(round: FleetRound): Promise<void>;
}

const mostRemembered = 10_000;
const mostInPage = 1000;

export function createRounds(sessions: Sessions): Rounds {
  /** What was written or read last of the part that seldom changes: objects are replaced when they change. */
  const remembered = new Map<string, { version: number; cold: Cold }>();

  function remember(box: string, version: number, cold: Cold): void {
    remembered.delete(box);
    remembered.set(box, { version, cold });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= mostRemembered) break;
      remembered.delete(oldest);
    }
  }

  function isSame(box: string, version: number, cold: Cold): boolean {
    const before = remembered.get(box);
    if (before?.version !== version - 1) return false;
    const keys = new Set([...Object.keys(cold), ...Object.keys(before.cold)]) as Set<keyof Cold>;
    return [...keys].every((key) => cold[key] === before.cold[key]);
  }

  async function hold(session: Session, fences: readonly Fence[]): Promise<void> {
    if (fences.length === 0) return;
    const { rows } = await session.query<{ shard: string }>(
      `SELECT shard FROM shards JOIN unnest($1::text[], $2::bigint[]) AS mine (shard, token) USING (shard, token)
       ORDER BY shard FOR SHARE OF shards`,
      [fences.map(({ shard }) => shard), fences.map(({ token }) => token)],
    );
    const held = new Set(rows.map(({ shard }) => shard));
    const lost = fences.flatMap(({ shard }) => (held.has(shard) ? [] : [shard]));
    if (lost.length > 0) throw new Refusal('shard-lost', lost.join(', '));
  }

  async function writeLives(session: Session, rows: readonly LifeRow[], online: FleetRound['online']): Promise<void> {
    const write = async (some: typeof rows, text: string) => {
      if (some.length === 0) return;
      const { rowCount } = await session.query(text, [
        arrayOf(some.map(({ box }) => box)),
        some.map(({ version }) => version),
        some.map(({ seen }) => seen),
        arrayOf(some.map(({ hot }) => json(hot))),
        arrayOf(some.map(({ box, version, cold }) => (isSame(box, version, cold) ? null : json(cold)))),
      ]);
      if (rowCount !== some.length) throw new Conflict('a life was written by somebody else');
    };
    const given =
      'unnest($1::text[], $2::bigint[], $3::bigint[], $4::json[], $5::json[]) AS n (box, version, seen, hot, cold)';
    await write(
      rows.filter(({ version }) => version === 1),
      `INSERT INTO lives (box, version, seen, hot, cold) SELECT box, version, seen, hot, cold FROM ${given}
       ON CONFLICT DO NOTHING`,
    );
    await write(
      rows.filter(({ version }) => version > 1),
      `UPDATE lives SET version = n.version, changed = clock_timestamp(), seen = n.seen, hot = n.hot, cold = coalesce(n.cold, lives.cold)
       FROM ${given} WHERE lives.box = n.box AND lives.version = n.version - 1`,
    );
    if (online.size > 0)
      await session.query(
        `UPDATE lives SET online = n.online FROM unnest($1::text[], $2::boolean[]) AS n (box, online)
         WHERE lives.box = n.box AND lives.online <> n.online`,
        [[...online.keys()], [...online.values()]],
      );
  }

  return {
    async lives(boxes) {
      const rows = await sessions.ask<LifeRow>(
        'SELECT box, version, seen, hot, cold FROM lives WHERE box = ANY($1::text[])',
        [arrayOf(boxes)],
      );
      return new Map(
        rows.map((row): [string, LifeRecord] => {
          remember(row.box, row.version, row.cold);
          return [row.box, lifeOf(row)];
        }),
      );
    },
    async *allLives(withinSeconds) {
      for (let after = ''; ; ) {
        const rows = await sessions.ask<LifeRow>(
          `SELECT box, version, seen, hot, cold FROM lives WHERE box > $1
           AND ($2::integer IS NULL OR changed > clock_timestamp() - $2 * interval '1 second') ORDER BY box LIMIT ${mostInPage}`,
          [after, withinSeconds ?? null],
        );
        for (const row of rows) yield [row.box, lifeOf(row)];
        const last = rows.at(-1);
        if (!last) return;
        after = last.box;
      }
    },
    async commit(round) {
      const { samples, carried, lives, online, events, fences } = round;
      const rows = [...lives].map(([box, life]) => ({
        ...{ box, version: life.version ?? 1, seen: life.lastSeen },
        ...split(life),
      }));
      await sessions.transact(async (session) => {
        await hold(session, fences);
        await writeLives(session, rows, online);
        await copySamples(session, samples, carried);
        await writeEvents(session, events);
      });
      for (const { box, version, cold } of rows) remember(box, version, cold);
    },
  };
}

/** One that is there already is left. */
export async function writeEvents(session: Pick<Session, 'query'>, events: FleetRound['events']): Promise<void> {
  if (events.length === 0) return;
  await session.query(
    `INSERT INTO events (id, at, type, box, event)
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::json[]) ON CONFLICT DO NOTHING`,
    [
      ...[events.map(({ id }) => id), events.map(({ at }) => at), events.map(({ type }) => type)],
      ...[events.map(({ box }) => box?.replaceAll('\0', '') ?? null), arrayOf(events.map(json))],
    ],
  );
}
