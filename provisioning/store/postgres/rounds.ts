/** Lives of boxes, and the rounds that change them: one transaction each. */
import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import { Refusal } from '#contract/problems.js';
import { Conflict, type Fence, type FleetRound, type NewSample } from '../fleet.js';
import type { LifeRecord } from '../lives.js';
import type { Session, Sessions } from './sessions.js';

type Cold = Omit<LifeRecord, 'version' | 'lastSeen' | 'tracks' | 'gaps' | 'health'>;
interface LifeRow {
  box: string;
  version: number;
  seen: number;
  hot: Pick<LifeRecord, 'tracks' | 'gaps' | 'health'>;
  cold: Cold;
}

export interface Rounds {
  lives(boxes: readonly string[]): Promise<Map<string, LifeRecord>>;
  allLives(withinSeconds?: number): AsyncIterable<[string, LifeRecord]>;
  commit(round: FleetRound): Promise<void>;
}

const mostRemembered = 10_000;
const mostInPage = 1000;

/** COPY's text form: JSON has no tab and no line end, and what it escapes is escaped once more. */
const copied = (text: string): string => (text.includes('\\') ? text.replaceAll('\\', '\\\\') : text);

function linesOf(samples: readonly NewSample[]): Buffer {
  let text = '';
  for (const { box, at, epoch, seq, values } of samples)
    text += `${box}\t${at}\t${epoch}\t${seq}\t${copied(JSON.stringify(values))}\n`;
  return Buffer.from(text);
}

/** The literal of an array of texts. `pg` writes it too, at several times the cost. */
export const arrayOf = (texts: readonly (string | null)[]): string =>
  `{${texts.map((text) => (text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;

export function split({ version: _version, lastSeen: _seen, tracks, gaps, health, ...cold }: LifeRecord) {
  return { hot: { tracks, ...(gaps !== undefined && { gaps }), ...(health && { health }) }, cold };
}

/** PostgreSQL cannot store the character of number 0 in a text, and says so of JSON only when it is read. */
export const json = (value: unknown): string => JSON.stringify(value).replaceAll('\\u0000', '\\ufffd');

export async function copySamples(session: Session, samples: readonly NewSample[]): Promise<void> {
  if (samples.length === 0) return;
  const stream = session.query(copyFrom('COPY samples (box, at, epoch, seq, vals) FROM STDIN'));
  stream.on('error', () => {}); // once more when the connection closes
  const done = once(stream, 'finish');
  stream.end(linesOf(samples));
  await done;
}

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

  async function writeLives(session: Session, lives: FleetRound['lives'], online: FleetRound['online']): Promise<void> {
    const rows = [...lives].map(([box, life]) => {
      const { hot, cold } = split(life);
      const version = life.version ?? 1;
      return { box, version, seen: life.lastSeen, hot, cold: isSame(box, version, cold) ? null : json(cold) };
    });
    const write = async (some: typeof rows, text: string) => {
      if (some.length === 0) return;
      const { rowCount } = await session.query(text, [
        arrayOf(some.map(({ box }) => box)),
        some.map(({ version }) => version),
        some.map(({ seen }) => seen),
        arrayOf(some.map(({ hot }) => json(hot))),
        arrayOf(some.map(({ cold }) => cold)),
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
        rows.map(({ box, version, seen, hot, cold }): [string, LifeRecord] => {
          remember(box, version, cold);
          return [box, { ...cold, ...hot, lastSeen: seen, version }];
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
        for (const { box, version, seen, hot, cold } of rows) yield [box, { ...cold, ...hot, lastSeen: seen, version }];
        const last = rows.at(-1);
        if (!last) return;
        after = last.box;
      }
    },
    async commit(round) {
      const { samples, lives, online, events, fences } = round;
      await sessions.transact(async (session) => {
        await hold(session, fences);
        await writeLives(session, lives, online);
        await copySamples(session, samples);
        await writeEvents(session, events);
      });
      for (const [box, life] of lives) remember(box, life.version ?? 1, split(life).cold);
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
