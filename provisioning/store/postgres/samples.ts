/** Samples of one box, read in the resolution that fits. */
import type { StoredSample } from '#contract/operator.js';
import { hoursUntil, join, pointsOf, rawLimit, type Span } from '../chart.js';
import { cutsOf, type Keep } from '../fleet.js';
import { bySequence, dayOf, type Place, pick, placesIn } from '../pack.js';
import type { Row } from '../rollup.js';
import { createPicker } from '../thin.js';
import { readBuckets } from './buckets.js';
import { type Part, partOf } from './partitions.js';
import type { Session, Sessions } from './sessions.js';

interface SealedRow extends Part {
  box: string;
  at: number;
}

const earliest = 0;
const latest = Number.MAX_SAFE_INTEGER;
const bounded = (time: number): number => Math.min(Math.max(Math.trunc(time), earliest), latest);
/** Everything is seen as of one moment: what is rolled up meanwhile is in one place and not in two. */
const asOfNow = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const undefinedTable = '42P01';

/** Where raw samples of these times are, and from what place on they still count. */
async function tables(
  session: Session,
  family: 'samples' | 'sample_packs',
  from: number,
  to: number,
): Promise<{ name: string; after: [string, number] }[]> {
  const { rows } = await session.query<SealedRow>(
    'SELECT name, since, before, box, at FROM sealed WHERE since <= $2 AND before > $1',
    [from, to],
  );
  // The name is compared with what it would be made as: it goes into the text of a statement.
  const sealed = rows.filter(({ name, since }) => partOf(family, since).name === name);
  return [
    { name: family, after: ['', -1] },
    ...sealed.map(({ name, box, at }) => ({ name, after: [box, at] as [string, number] })),
  ];
}

export function createSamples(sessions: Sessions, { keep, now }: { keep: Keep; now: () => number }) {
  /** A day that was put away between two statements is found in its buckets at the second try. */
  async function steadily<T>(read: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await sessions.transact(read, asOfNow);
    } catch (error) {
      if ((error as { code?: string }).code !== undefinedTable) throw error;
      return sessions.transact(read, asOfNow);
    }
  }

  /** As the release before wrote them. */
  async function oneByOne(session: Session, box: string, { from, to }: Span, limit: number): Promise<StoredSample[]> {
    const found: StoredSample[] = [];
    for (const { name, after } of await tables(session, 'samples', from, to)) {
      const where = 'box = $1 AND at >= $2 AND at <= $3 AND (box, at) > ($4, $5)';
      const which = [box, from, to, ...after];
      const places = await session.query<Place>(
        `SELECT at, epoch, seq FROM ${name} WHERE ${where} ORDER BY at, epoch, seq`,
        which,
      );
      const picker = createPicker<Place>(limit);
      for (const place of places.rows) picker.add(place);
      const picked = picker.picked();
      if (picked.length === 0) continue;
      const { rows } = await session.query<{ at: number; vals: StoredSample['values'] }>(
        `SELECT s.at, s.vals FROM unnest($6::bigint[], $7::text[], $8::bigint[]) AS p (at, epoch, seq)
         JOIN ${name} s USING (at, epoch, seq) WHERE s.box = $1 AND s.at >= $2 AND s.at <= $3
         AND (s.box, s.at) > ($4, $5) ORDER BY s.at, s.epoch, s.seq`,
        [...which, picked.map(({ at }) => at), picked.map(({ epoch }) => epoch), picked.map(({ seq }) => seq)],
      );
      found.push(...rows.map(({ at, vals }) => ({ at, values: vals })));
    }
    return found.sort((a, b) => a.at - b.at);
  }

  /** Those of a box whose samples may lie in these times, by their table. */
  async function packs(session: Session, box: string, { from, to }: Pick<Span, 'from' | 'to'>): Promise<Buffer[]> {
    const found: Buffer[] = [];
    for (const { name, after } of await tables(session, 'sample_packs', from, to)) {
      const { rows } = await session.query<{ pack: Buffer }>(
        `SELECT pack FROM ${name} WHERE box = $1 AND at >= $2 AND at <= $3 AND at + span >= $4 AND (box, at) > ($5, $6)`,
        [box, dayOf(from), to, from, ...after],
      );
      for (const { pack } of rows) found.push(pack);
    }
    return found;
  }

  async function raw(session: Session, box: string, span: Span, limit: number): Promise<StoredSample[]> {
    const packed = await packs(session, box, span);
    return join(await oneByOne(session, box, span, limit), pick(packed, { ...span, limit }), limit);
  }

  async function coarse(session: Session, box: string, { from, to }: Span, until: number): Promise<Row[]> {
    return [
      ...(await readBuckets(session, 'hour', box, from, Math.min(to, until - 1))),
      ...(await readBuckets(session, 'minute', box, Math.max(from, until), to)),
    ];
  }

  return {
    samples: (box: string, wanted: Span): Promise<StoredSample[]> =>
      steadily(async (session) => {
        const span = { from: bounded(wanted.from), to: bounded(wanted.to), limit: wanted.limit };
        const cuts = cutsOf(keep, now());
        const rows = await coarse(session, box, span, hoursUntil(span, cuts.minutes, now()));
        const limit = rows.length === 0 ? span.limit : rawLimit(span, cuts.raw, now());
        const newest = await raw(session, box, span, limit);
        const all = [...pointsOf(rows, Math.max(2, span.limit - limit)), ...newest];
        return join(all, [], span.limit);
      }),

    async *sequences(box: string): AsyncGenerator<Place> {
      const places = await steadily(async (session) => {
        const all = (await packs(session, box, { from: earliest, to: latest })).flatMap(placesIn);
        for (const { name, after } of await tables(session, 'samples', earliest, latest)) {
          const found = await session.query<Place>(
            `SELECT at, epoch, seq FROM ${name} WHERE box = $1 AND (box, at) > ($2, $3)`,
            [box, ...after],
          );
          all.push(...found.rows);
        }
        return all;
      });
      yield* places.sort(bySequence);
    },
  };
}
