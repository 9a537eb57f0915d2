/**
 * Tables of a time each, so that what is old is dropped as a whole. They are made some days ahead; what falls outside of
 * all (a box's clock may say anything) lies in a table of the others.
 */
import type { Session, Sessions } from './sessions.js';

const day = 86_400_000;

/** Each with the width of its parts. */
const families = { sample_packs: day, minute_packs: 10 * day, hour_packs: 100 * day } as const;
/** Of the release before: none is made any more. */
const former = { samples: day, minutes: 10 * day, hours: 100 * day } as const;
const widths = { ...families, ...former };
export type Family = keyof typeof widths;

export interface Part {
  name: string;
  since: number;
  before: number;
}

const daysAhead = 3;

export function partOf(family: Family, at: number): Part {
  const width = widths[family];
  const since = at - (at % width);
  return {
    name: `${family}_${new Date(since).toISOString().slice(0, 10).replaceAll('-', '')}`,
    since,
    before: since + width,
  };
}

/** Of a name that `partOf` made. */
function partNamed(family: Family, name: string): Part | undefined {
  const [, year, month, date] = /_(\d{4})(\d{2})(\d{2})$/.exec(name) ?? [];
  const part = partOf(family, Date.parse(`${year}-${month}-${date}T00:00:00Z`) || 0);
  return part.name === name ? part : undefined;
}

/** Oldest first. */
export async function partsOf(sessions: Pick<Sessions, 'ask'>, family: Family): Promise<Part[]> {
  const rows = await sessions.ask<{ name: string }>(
    'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass',
    [family],
  );
  return rows.flatMap(({ name }) => partNamed(family, name) ?? []).sort((a, b) => a.since - b.since);
}

/** Its rows that lie among the others already come along. */
async function make(session: Session, family: keyof typeof families, { name, since, before }: Part): Promise<void> {
  await session.query(`LOCK TABLE ${family} IN SHARE ROW EXCLUSIVE MODE`);
  const { rows } = await session.query('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
  if (rows[0]?.there) return; // another worker was first
  await session.query(`CREATE TABLE ${name} (LIKE ${family} INCLUDING ALL)`);
  await session.query(
    `WITH moved AS (DELETE FROM ${family}_other WHERE at >= ${since} AND at < ${before} RETURNING *)
     INSERT INTO ${name} SELECT * FROM moved`,
  );
  await session.query(`ALTER TABLE ${family} ATTACH PARTITION ${name} FOR VALUES FROM (${since}) TO (${before})`);
}

/** Those from where samples are raw to some days ahead. @param rawSince milliseconds since 1970, as is `now` */
export async function makeParts(sessions: Sessions, now: number, rawSince: number): Promise<void> {
  for (const family of Object.keys(families) as (keyof typeof families)[]) {
    const there = new Set((await partsOf(sessions, family)).map(({ name }) => name));
    const last = partOf(family, now + daysAhead * day).since;
    const first = family === 'sample_packs' ? rawSince : now;
    for (let at = partOf(family, first).since; at <= last; at += families[family]) {
      const part = partOf(family, at);
      if (!there.has(part.name)) await sessions.transact((session) => make(session, family, part));
    }
  }
}
