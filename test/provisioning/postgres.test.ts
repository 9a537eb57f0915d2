/** What only PostgreSQL brings: other workers, restarts and kills of it, its refusals, its partitions. */
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { Ack } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import { shardOf } from '#contract/topics.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { emptyLife } from '../../provisioning/fleet/life.js';
import { createMirror } from '../../provisioning/fleet/mirror.js';
import type { FleetRound } from '../../provisioning/store/fleet.js';
import { checkDatabaseUrl, plainAddress } from '../../provisioning/store/postgres/address.js';
import { openPostgresFleet, type PostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { migrate } from '../../provisioning/store/postgres/migrate.js';
import { migrations } from '../../provisioning/store/postgres/schema.js';
import { openSessions } from '../../provisioning/store/postgres/sessions.js';
import { openPostgresRig } from '../support/fleet-stores.js';
import { testPostgres } from '../support/postgres.js';
import { storedRows } from '../support/stored.js';
import { epoch, health, quietLog } from '../support/territory.js';

// The machine stays up: what was written is there without being synced, and its recovery is quick.
const server = await testPostgres(t, { fsync: 'off' });
const openRig = openPostgresRig(server);
const box = 'box-aaaaaaaa';
const day = 86_400_000;

const roundOf = (version: number, at: number, more: Partial<FleetRound> = {}): FleetRound => ({
  samples: [{ box, epoch, seq: version, at, values: { a: version } }],
  lives: new Map([[box, { ...emptyLife(), version }]]),
  ...{ events: [], online: new Map(), fences: [] },
  ...more,
});
const countOf = async (fleet: PostgresFleet | { sequences: PostgresFleet['sequences'] }, itsBox = box) => {
  const found: number[] = [];
  for await (const { seq } of fleet.sequences(itsBox)) found.push(seq);
  return found.sort((a, b) => a - b);
};

t.test('two who write the same life: the later one is told, and has changed nothing', async (t) => {
  const { fleet, clock } = await openRig(t);
  await fleet.commit(roundOf(1, clock.now()));
  await fleet.commit(roundOf(2, clock.now()));
  await t.rejects(fleet.commit(roundOf(2, clock.now())), /written by somebody else/);
  await t.rejects(fleet.commit(roundOf(1, clock.now())), /written by somebody else/);
  t.strictSame(await countOf(fleet), [1, 2]);
  t.match((await fleet.lives([box])).get(box), { version: 2 });
});

t.test('who has lost a shard to another worker writes nothing any more', async (t) => {
  const rig = await openRig(t);
  const fleet = rig.fleet as PostgresFleet;
  const shard = shardOf(box);
  const owned = () =>
    fleet.sessions.ask<{ token: number }>('UPDATE shards SET token = token + 1 WHERE shard = $1 RETURNING token', [
      shard,
    ]);
  const token = (await owned())[0]?.token ?? 0;
  await fleet.commit(roundOf(1, rig.clock.now(), { fences: [{ shard, token }] }));
  await owned();
  await t.rejects(fleet.commit(roundOf(2, rig.clock.now(), { fences: [{ shard, token }] })), {
    code: 'shard-lost',
    detail: shard,
  });
  t.strictSame(await countOf(fleet), [1]);

  let mine = token;
  const lost: string[] = [];
  const events = createEventLog({ store: rig.store, fleet, clock: rig.clock });
  const ingest = createIngest({
    ...{ fleet, events, clock: systemClock, log: quietLog, publish: () => {} },
    fenceOf: () => ({ shard, token: mine }),
    onShardLost: (fences) => lost.push(...fences.map((fence) => fence.shard)),
  });
  const topic = { box, direction: 'up', kind: 'health' } as const;
  const say = () => ingest.receive({ box, topic, payload: Buffer.from(health(1, 3)) });
  await t.rejects(say(), { code: 'shard-lost' });
  t.strictSame(lost, [shard], 'told once');
  mine = token + 1;
  await say();
  t.strictSame(await countOf(fleet), [1, 1, 2, 3], 'the new owner goes on from what is there');
  await ingest.stop();
  await events.stop();
});

t.test('PostgreSQL is killed in the middle of rounds: what was acknowledged is there, all of it once', async (t) => {
  const rig = await openRig(t);
  const fleet = rig.fleet as PostgresFleet;
  const boxes = Array.from({ length: 20 }, (_, index) => `box-kill-${String(index).padStart(6, '0')}`);
  const acked = new Map<string, number>();
  const events = createEventLog({ store: rig.store, fleet, clock: systemClock });
  let onAck = () => {};
  const ingest = createIngest({
    ...{ fleet, events, log: quietLog },
    clock: { now: systemClock.now, sleep: (_, signal) => systemClock.sleep(20, signal) },
    publish(topic, payload) {
      const ack = parseJson(Ack, payload);
      if (ack.ok) acked.set(topic.split('/')[3] ?? '', ack.value.contiguous);
      onAck();
    },
  });
  const say = (itsBox: string, first: number, last: number) => {
    const topic = { box: itsBox, direction: 'up', kind: 'health' } as const;
    return ingest.receive({ box: itsBox, topic, payload: Buffer.from(health(first, last)) });
  };
  const kills = 4;
  const each = 60;
  const writing = boxes.map(async (itsBox) => {
    for (let first = 1; first <= each; first += 3) {
      await say(itsBox, first, first + 2);
      if (first % 9 === 1) await say(itsBox, Math.max(1, first - 3), first + 2); // as a box that missed the answer
    }
  });
  for (let kill = 1; kill <= kills; kill += 1) {
    const reached = (kill * each) / (kills + 1);
    await new Promise<void>((resolve) => {
      onAck = () => Math.max(0, ...acked.values()) >= reached && resolve();
      onAck();
    });
    await server.kill();
    const promised = new Map(acked);
    await server.start();
    const there = new Set(storedRows(server, new URL(rig.address).pathname.slice(1)));
    for (const [itsBox, contiguous] of promised)
      for (let seq = 1; seq <= contiguous; seq += 1)
        if (!there.has(`${itsBox} ${epoch} ${seq}`)) t.fail(`${itsBox} ${seq} is gone`);
  }
  await Promise.all(writing);
  for (const itsBox of boxes)
    t.strictSame(
      await countOf(fleet, itsBox),
      Array.from({ length: each }, (_, index) => index + 1),
      itsBox,
    );
  await ingest.stop();
  await events.stop();
});

t.test('events of the control plane wait for PostgreSQL, and come once', async (t) => {
  const rig = await openRig(t);
  const { store, fleet, clock } = rig;
  const events = createEventLog({ store, fleet, clock: systemClock });
  events.record({ type: 'x', text: 'before' });
  t.match(await events.recent(10), [{ text: 'before' }]);
  await server.stop();
  const { operation, tell } = events.compose({ type: 'member', text: 'during' });
  await store.commit([operation]);
  tell();
  events.record({ type: 'x', text: 'as well' });
  await t.rejects(events.recent(10), { code: 'database-unreachable' });
  await events.stop();
  t.equal((await store.events.keys().all()).length, 2, 'they wait');
  await server.start();
  const later = createEventLog({ store, fleet, clock });
  t.strictSame(
    (await later.recent(10)).map(({ text }) => text),
    ['before', 'during', 'as well'],
  );
  t.equal((await store.events.keys().all()).length, 0);
  await later.stop();
});

t.test('a box that is revoked is known as such by whoever shares the database', async (t) => {
  const rig = await openRig(t);
  const { store, fleet, clock } = rig;
  const record = { enrolledAt: 5, claim: 'c', certificate: { serial: '0A', notAfter: 9, keyHash: '', der: '' } };
  await store.boxes.put(box, record);
  const events = createEventLog({ store, fleet, clock });
  const mirror = createMirror({ store, fleet, events, clock, log: quietLog });
  await mirror.start();
  t.match((await fleet.admissions([box])).get(box), { enrolledAt: 5 });
  let told: (value: string | undefined) => void = () => {};
  const next = () =>
    new Promise<string | undefined>((resolve) => {
      told = resolve;
    });
  const listening = next();
  const end = fleet.onAdmission((value) => told(value));
  t.equal(await listening, undefined, 'it looks at all of them first');
  const change = next();
  await store.boxes.put(box, { ...record, revokedAt: 7 });
  events.record({ type: 'revoked', box, text: 'revoked' });
  t.equal(await change, box);
  t.match((await fleet.admissions([box])).get(box), { revokedAt: 7 });
  end();
  await mirror.stop();
  await events.stop();
});

t.test('what cannot be opened is refused, and the password is in no word of it', async (t) => {
  const url = server.create('refusals');
  const open = (its: string, territory = 'test') =>
    openPostgresFleet({ url: its, territory, clock: systemClock }).then((fleet) => fleet.close());
  const password = new URL(url).password;
  const wrong = url.replace(password, 'wr0ng-s3cret');
  const nobody = url.replace(String(server.port), '1');
  const cases: [string, string][] = [
    ['mysql://a:hidden@b/c', 'database-address'],
    ['postgres://user:hidden@host', 'database-address'],
    ['hidden', 'database-address'],
    [wrong, 'database-denied'],
    [server.url('nothing-there'), 'database-denied'],
    [nobody, 'database-unreachable'],
  ];
  for (const [address, code] of cases) {
    const error = await open(address).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    t.match(error, { code });
    t.notMatch(`${error?.message} ${error?.stack} ${JSON.stringify(error)}`, /hidden|wr0ng/);
    t.notMatch(`${(error?.cause as Error | undefined)?.message}`, /hidden|wr0ng/);
  }
  await open(url);
  await t.rejects(open(url, 'other'), { code: 'database-elsewhere', detail: 'test' });
  server.ask('refusals', `INSERT INTO migrations VALUES (${migrations.length + 1}, now())`);
  await t.rejects(open(url), { code: 'database-newer' });
  t.equal(checkDatabaseUrl(` ${url}\n`), url);
  t.notMatch(plainAddress(url), password);
});

t.test('many that begin at once make the tables once, and a migration that fails leaves nothing', async (t) => {
  const url = server.create('together');
  const all = await Promise.all(
    Array.from({ length: 4 }, () => openPostgresFleet({ url, territory: 'test', clock: systemClock })),
  );
  t.equal(Number(server.ask('together', 'SELECT count(*) FROM migrations')), migrations.length);
  await Promise.all(all.map((fleet) => fleet.close()));

  const sessions = openSessions(url);
  const broken = [...migrations, 'CREATE TABLE half (a integer); SELECT nothing FROM nowhere'];
  await t.rejects(migrate(sessions, 'test', broken));
  t.equal(server.ask('together', "SELECT to_regclass('half') IS NULL"), 't');
  await migrate(sessions, 'test', [...migrations, 'ALTER TABLE lives ADD COLUMN later bigint']);
  await sessions.end();
  const before = openSessions(url);
  await t.rejects(migrate(before, 'test'), { code: 'database-newer' });
  await before.end();
});

t.test('days are made ahead and dropped whole; what lies outside of them moves in when its day is made', async (t) => {
  const rig = await openRig(t);
  const { fleet, clock } = rig;
  const database = new URL(rig.address).pathname.slice(1);
  const days = () =>
    server.ask(database, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sample_packs'::regclass");
  const others = () => Number(server.ask(database, 'SELECT count(*) FROM sample_packs_other'));
  t.equal(days(), String(7 + 1 + 3 + 1), 'a week behind, today, three ahead, and the others');
  const now = clock.now();
  await fleet.commit(roundOf(1, now + 5 * day));
  await fleet.commit(roundOf(2, now - day));
  await fleet.commit(roundOf(3, now + 900 * day));
  t.equal(others(), 2, 'of clocks that are fast');
  const keep = { rawDays: 7, minutesDays: 90, hoursDays: 730, eventsDays: 90 };
  clock.advance(4 * day);
  await fleet.sweep(keep, clock.now());
  t.equal(others(), 1);
  t.strictSame(await countOf(fleet), [1, 2, 3]);
  clock.advance(30 * day);
  await fleet.sweep(keep, clock.now());
  t.strictSame(await countOf(fleet), [3]);
  t.equal(days(), String(7 + 1 + 3 + 1), 'those that are over are gone');
  t.equal(server.ask(database, 'SELECT count(*) FROM sealed'), '0');
});

t.test('opened again while PostgreSQL is away, a store in use goes on by itself', async (t) => {
  const { fleet, clock } = await openRig(t);
  await fleet.commit(roundOf(1, clock.now()));
  await server.stop();
  await t.rejects(fleet.lives([box]), { code: 'database-unreachable' });
  await t.rejects(fleet.commit(roundOf(2, clock.now())), { code: 'database-unreachable' });
  await server.start();
  await fleet.commit(roundOf(2, clock.now()));
  t.strictSame(await countOf(fleet), [1, 2]);
});
