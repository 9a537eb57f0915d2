/** Takes over what another store held of boxes: their lives and what goes with them, in one transaction. */
import type { NewSample } from '../fleet.js';
import type { LifeRecord } from '../lives.js';
import type { Bucket } from '../rollup.js';
import { arrayOf, copySamples, json, split } from './rounds.js';
import type { Session, Sessions } from './sessions.js';

export interface Adopted {
  box: string;
  /** As it is from now on; its `version` is what the table gets. */
  life: LifeRecord;
  /** Those that are not here yet. */
  samples: readonly NewSample[];
  minutes: readonly { at: number; bucket: Bucket }[];
  hours: readonly { at: number; bucket: Bucket }[];
}

async function writeBuckets(session: Session, family: 'minutes' | 'hours', boxes: readonly Adopted[]): Promise<void> {
  const rows = boxes.flatMap((adopted) => adopted[family].map(({ at, bucket }) => ({ box: adopted.box, at, bucket })));
  if (rows.length === 0) return;
  await session.query(
    `INSERT INTO ${family} (box, at, bucket) SELECT * FROM unnest($1::text[], $2::bigint[], $3::json[])
     ON CONFLICT DO NOTHING`,
    [arrayOf(rows.map(({ box }) => box)), rows.map(({ at }) => at), arrayOf(rows.map(({ bucket }) => json(bucket)))],
  );
}

export async function adopt(sessions: Pick<Sessions, 'transact'>, boxes: readonly Adopted[]): Promise<void> {
  if (boxes.length === 0) return;
  await sessions.transact(async (session) => {
    const lives = boxes.map(({ box, life }) => ({ box, life, ...split(life) }));
    await session.query(
      `INSERT INTO lives (box, version, seen, hot, cold)
       SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::json[], $5::json[])
       ON CONFLICT (box) DO UPDATE SET version = excluded.version, changed = clock_timestamp(), seen = excluded.seen, hot = excluded.hot,
         cold = excluded.cold`,
      [
        arrayOf(lives.map(({ box }) => box)),
        lives.map(({ life }) => life.version ?? 1),
        lives.map(({ life }) => life.lastSeen),
        arrayOf(lives.map(({ hot }) => json(hot))),
        arrayOf(lives.map(({ cold }) => json(cold))),
      ],
    );
    await copySamples(
      session,
      boxes.flatMap(({ samples }) => samples),
    );
    await writeBuckets(session, 'minutes', boxes);
    await writeBuckets(session, 'hours', boxes);
  });
}
