/** What has been migrated once is never altered; and a database of the release before is read, written and emptied. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { emptyLife } from '../../provisioning/fleet/life.js';
import type { LifeRecord } from '../../provisioning/store/lives.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { migrate } from '../../provisioning/store/postgres/migrate.js';
import { partOf } from '../../provisioning/store/postgres/partitions.js';
import { migrations } from '../../provisioning/store/postgres/schema.js';
import { openSessions } from '../../provisioning/store/postgres/sessions.js';
import { createManualClock } from '../support/manual-clock.js';
import { testPostgres } from '../support/postgres.js';
import { epoch } from '../support/territory.js';

/**
 * SHA-256 of each migration that a release or the main line has had. A line is added with a migration; none is altered:
 * what ran somewhere as it was would not run there again.
 */
const landed = [
  '0253d92ac24fd7bafb44a18908b1e65720ecf8a19efd97069cc8abbf367f7afd',
  '641e1a19542066eec7118470fd77c38b896cebdb1ab663a776f2d1f964434f69',
];

t.test('no migration is altered after it has landed', async (t) => {
  const found = migrations.map((text) => createHash('sha256').update(text).digest('hex'));
  t.strictSame(found, landed, 'add the hash of what is new; put back what was altered');
});

const server = await testPostgres(t, { fsync: 'off' });
const hour = 3_600_000;
const day = 24 * hour;
const boxes = ['box-aaaaaaaa', 'box-bbbbbbbb'] as const;
const [box] = boxes;
const keep = { rawDays: 7, minutesDays: 20, hoursDays: 100, eventsDays: 90 };

/** As the first release of these tables wrote: a row a sample, a row a bucket, the newest sample as JSON in the life. */
function fillFirst(database: string, now: number): void {
  const begin = now - 9 * day;
  const ask = (statement: string) => server.ask(database, statement);
  for (const since of [now - 8 * day, now - 7 * day, now - day]) {
    const name = `samples_${new Date(since).toISOString().slice(0, 10).replaceAll('-', '')}`;
    ask(`CREATE TABLE ${name} PARTITION OF samples FOR VALUES FROM (${since}) TO (${since + day})`);
  }
  const part = partOf('minutes', begin);
  ask(`CREATE TABLE ${part.name} PARTITION OF minutes FOR VALUES FROM (${part.since}) TO (${part.before})`);
  // A sample each ten minutes for ten days: some in days of their own, the others among the others.
  ask(
    `INSERT INTO samples (box, at, epoch, seq, vals) SELECT b, ${begin} + n * 600000, '${epoch}', n + 1,
     json_build_object('a', n) FROM unnest(ARRAY['${boxes.join("','")}']) AS b, generate_series(0, 9 * 144 - 1) AS n`,
  );
  for (const table of ['minutes', 'hours'])
    ask(`INSERT INTO ${table} (box, at, bucket) VALUES ('${box}', ${begin}, '{"a":[5,4,6,2]}'),
      ('${box}', ${begin - 3 * day}, '{"a":[7,7,7,1]}')`);
  for (const its of boxes)
    ask(`INSERT INTO lives (box, version, seen, hot, cold) VALUES ('${its}', 3, ${now},
      '{"tracks":{"${epoch}":{"contiguous":1296,"above":[],"lost":0}},"gaps":0,"health":{"at":${now},"values":{"a":1295}}}',
      '{"recentEvents":["x"]}')`);
}

async function first(database: string, now: number): Promise<string> {
  const url = server.create(database);
  const sessions = openSessions(url);
  await migrate(sessions, 'test', migrations.slice(0, 1));
  await sessions.end();
  fillFirst(database, now);
  return url;
}

const sequencesOf = async (fleet: { sequences(box: string): AsyncIterable<{ seq: number }> }, its: string) => {
  const found: number[] = [];
  for await (const { seq } of fleet.sequences(its)) found.push(seq);
  return found;
};
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

t.test(
  'a database of the first schema goes on: all is read, new rows are packed, old ones go with their time',
  async (t) => {
    const clock = createManualClock();
    const now = clock.now();
    const url = await first('first', now);
    const fleet = await openPostgresFleet({ url, territory: 'test', clock, keep });
    t.teardown(() => fleet.close());
    const number = (statement: string) => Number(server.ask('first', statement));

    const old = (await fleet.lives([box])).get(box);
    t.strictSame(old, {
      tracks: { [epoch]: { contiguous: 1296, above: [], lost: 0 } },
      ...{ gaps: 0, health: { at: now, values: { a: 1295 } }, recentEvents: ['x'], lastSeen: now, version: 3 },
    });
    for (const its of boxes) t.strictSame(await sequencesOf(fleet, its), upTo(1296));
    const chart = await fleet.samples(box, { from: now - 12 * day, to: now, limit: 10_000 });
    t.equal(chart.length, 1296 + 2, 'samples, and what was put together before');

    const next: LifeRecord = { ...old!, version: 4, health: { at: now + 1, values: { b: 2, a: 1 } } };
    await fleet.commit({
      samples: [1, 2].map((index) => ({ box, epoch, seq: 1296 + index, at: now + index, values: { a: index } })),
      ...{ lives: new Map([[box, next]]), events: [], online: new Map(), fences: [] },
    });
    t.equal(number('SELECT count(*) FROM samples'), 2 * 1296);
    t.equal(number('SELECT sum(count) FROM sample_packs'), 2);
    t.strictSame((await fleet.lives([box])).get(box), next);
    t.strictSame(await sequencesOf(fleet, box), upTo(1298));

    await fleet.sweep(keep, now);
    await fleet.sweep(keep, now);
    t.equal(number('SELECT count(*) FROM samples'), 2 * 7 * 144, 'a week of them stays where it was');
    t.equal(number('SELECT count(*) FROM sealed'), 0);
    t.equal(number('SELECT count(*) FROM minutes'), 2, 'no new ones come among the old');
    t.equal((await fleet.samples(box, { from: now - 12 * day, to: now, limit: 10_000 })).length, 7 * 144 + 2 * 144 + 1);
    const [begun] = await fleet.samples(box, { from: now - 9 * day, to: now - 9 * day, limit: 10 });
    // (5 × 2 + 0) / 3: the bucket that was there, and the sample that came into it.
    t.match(begun, { values: { a: 10 / 3 }, min: { a: 0 }, max: { a: 6 } });

    clock.advance(300 * day);
    await fleet.sweep(keep, clock.now());
    for (const table of ['samples', 'minutes', 'hours', 'sample_packs', 'minute_packs', 'hour_packs'])
      t.equal(number(`SELECT count(*) FROM ${table}`), 0, `${table} is empty`);
  },
);

t.test('a worker of the release before goes on beside this one; one that begins is refused', async (t) => {
  const clock = createManualClock();
  const url = await first('both', clock.now());
  const fleet = await openPostgresFleet({ url, territory: 'test', clock, keep });
  t.teardown(() => fleet.close());
  const known = (await fleet.lives([box])).get(box)!;
  await fleet.commit({
    samples: [{ box, epoch, seq: 1297, at: clock.now(), values: { a: 5 } }],
    lives: new Map([[box, { ...known, version: 4, health: { at: 5, values: { a: 5 } } }]]),
    ...{ events: [], online: new Map(), fences: [] },
  });
  // As it writes: what it does not know it hands back.
  server.ask(
    'both',
    `INSERT INTO samples (box, at, epoch, seq, vals) VALUES ('${box}', ${clock.now() + 1}, '${epoch}', 1298, '{"a":6}');
     UPDATE lives SET version = 5, hot = '{"tracks":{"${epoch}":{"contiguous":1298,"above":[],"lost":0}},
     "health":{"at":6,"values":{"a":6,"c":1}}}' WHERE box = '${box}'`,
  );
  t.match((await fleet.lives([box])).get(box), { version: 5, health: { at: 6, values: { a: 6, c: 1 } } });
  t.strictSame(await sequencesOf(fleet, box), upTo(1298));
  await t.rejects(
    fleet.commit({
      samples: [],
      lives: new Map([[box, { ...emptyLife(), version: 5 }]]),
      ...{ events: [], online: new Map(), fences: [] },
    }),
    /written by somebody else/,
  );
  const before = openSessions(url);
  await t.rejects(migrate(before, 'test', migrations.slice(0, 1)), { code: 'database-newer' });
  await before.end();
});
