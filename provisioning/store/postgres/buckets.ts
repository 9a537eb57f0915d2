/** What samples came to, in rows of a box and a day, or ten: read, and merged with what is there. */
import { type Buckets, bySpan, mergeRows, packBuckets, rowsWithin, spanOf, unpackBuckets } from '../bucket-pack.js';
import type { Row } from '../rollup.js';
import { arrayOf } from './rows.js';
import type { Session } from './sessions.js';

/** Those of a box that begin in `[from, to]`, what the release before wrote with them; ascending. */
export async function readBuckets(session: Session, kind: Buckets, box: string, from: number, to: number) {
  if (from > to) return [];
  const where = 'WHERE box = $1 AND at >= $2 AND at <= $3';
  const packed = await session.query<{ pack: Buffer }>(`SELECT pack FROM ${kind}_packs ${where}`, [
    ...[box, spanOf(kind, from), to],
  ]);
  const { rows } = await session.query<Row>(`SELECT at, bucket FROM ${kind}s ${where}`, [box, from, to]);
  return rowsWithin([rows, ...packed.rows.map(({ pack }) => unpackBuckets(pack))], from, to);
}

export async function mergeIntoBuckets(
  session: Session,
  kind: Buckets,
  boxes: ReadonlyMap<string, readonly Row[]>,
): Promise<void> {
  const days = [...boxes].flatMap(([box, rows]) => [...bySpan(kind, rows)].map(([at, fresh]) => ({ box, at, fresh })));
  if (days.length === 0) return;
  const places = [arrayOf(days.map(({ box }) => box)), days.map(({ at }) => at)];
  const { rows } = await session.query<{ box: string; at: number; pack: Buffer }>(
    `SELECT t.box, t.at, t.pack FROM unnest($1::text[], $2::bigint[]) AS n (box, at) JOIN ${kind}_packs t USING (box, at)`,
    places,
  );
  const there = new Map(rows.map(({ box, at, pack }) => [`${at} ${box}`, pack]));
  const packs = days.map(({ box, at, fresh }) => {
    const old = there.get(`${at} ${box}`);
    return packBuckets(mergeRows([old ? unpackBuckets(old) : [], fresh]));
  });
  await session.query(
    `INSERT INTO ${kind}_packs (box, at, pack) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])
     ON CONFLICT (box, at) DO UPDATE SET pack = excluded.pack`,
    [...places, packs],
  );
}
