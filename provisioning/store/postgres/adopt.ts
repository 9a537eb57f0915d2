/** Takes over what another store held of boxes: their lives and what goes with them, in one transaction. */
import type { NewSample } from '../fleet.js';
import type { LifeRecord } from '../lives.js';
import type { Row } from '../rollup.js';
import { mergeIntoBuckets } from './buckets.js';
import { copySamples } from './copy.js';
import { arrayOf, json, split } from './rows.js';
import type { Sessions } from './sessions.js';

export interface Adopted {
  box: string;
  /** As it is from now on; its `version` is what the table gets. */
  life: LifeRecord;
  /** Those that are not here yet. */
  samples: readonly NewSample[];
  minutes: readonly Row[];
  hours: readonly Row[];
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
    // Of a box that was there already they came along with it.
    await mergeIntoBuckets(session, 'minute', new Map(boxes.map(({ box, minutes }) => [box, minutes])));
    await mergeIntoBuckets(session, 'hour', new Map(boxes.map(({ box, hours }) => [box, hours])));
  });
}
