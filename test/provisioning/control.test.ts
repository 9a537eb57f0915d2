/** The control plane's records in PostgreSQL: who may write, what a copy holds, how they get there and back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type pg from 'pg';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { createControlLease } from '../../provisioning/store/control/lease.js';
import { giveUpControl, moveControl } from '../../provisioning/store/control/move.js';
import { createWriter } from '../../provisioning/store/control/writer.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openSessions } from '../../provisioning/store/postgres/sessions.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { controlRig } from '../support/control-rig.js';
import { ownFolder } from '../support/folder.js';
import { testPostgres } from '../support/postgres.js';

const server = await testPostgres(t, { fsync: 'off' });
const never = new AbortController().signal;
const put = (store: Store, key: string, bytes: number): Operation => ({
  ...{ type: 'put', sublevel: store.messageUsage, key },
  value: { bytes, count: 1 },
});
const del = (store: Store, key: string): Operation => ({ type: 'del', sublevel: store.messageUsage, key });
const all = (store: Store) => store.messageUsage.iterator().all();

t.test('what one has written the next one reads, deleted or not, from a copy that was behind or is new', async (t) => {
  const rig = await controlRig(t, server);
  const a = await rig.own('a');
  await a.store.commit([put(a.store, 'x', 1), put(a.store, 'y', 1)]);
  t.equal(rig.valueOf('!messageusage!x'), '{"bytes":1,"count":1}', 'in PostgreSQL before the commit answers');
  await a.store.messageUsage.put('z', { bytes: 3, count: 1 });
  t.match(a.store.messageUsage.getSync('z'), { bytes: 3 }, 'and at once in the copy');
  await a.store.close();
  await a.control.stop();

  const b = await rig.own('b');
  t.same(await all(b.store), [
    ['x', { bytes: 1, count: 1 }],
    ['y', { bytes: 1, count: 1 }],
    ['z', { bytes: 3, count: 1 }],
  ]);
  await b.store.commit([del(b.store, 'y'), put(b.store, 'x', 2), put(b.store, 'x', 4)]);
  await b.store.messageUsage.clear({ gte: 'z' });
  const kept: string[] = [];
  for await (const [key] of b.store.snapshot()) kept.push(key);
  t.same(kept, ['!messageusage!x', 'version'], 'which commit a copy holds is no record');
  await b.store.close();
  await b.control.stop();

  const again = await rig.own('a');
  t.same(await all(again.store), [['x', { bytes: 4, count: 1 }]], 'the last of what one commit says of a key');
  await again.store.close();
  await again.control.stop();
  // A copy that missed what was forgotten since cannot know what was deleted: it is read anew.
  server.ask(rig.database, `DELETE FROM control_records WHERE value IS NULL`);
  server.ask(rig.database, `UPDATE control SET pruned = written`);
  const c = await rig.own('a');
  await c.store.commit([put(c.store, 'new', 1)]);
  server.ask(rig.database, `DELETE FROM control_records WHERE key = '!messageusage!x'::bytea`);
  server.ask(rig.database, `UPDATE control SET pruned = written`);
  await c.store.close();
  await c.control.stop();
  const d = await rig.own('b');
  t.same(await all(d.store), [['new', { bytes: 1, count: 1 }]]);
  await d.store.close();
});

t.test('whoever lost the lease writes nothing any more, in no table', async (t) => {
  const rig = await controlRig(t, server);
  const a = await rig.own('a');
  await a.store.commit([put(a.store, 'x', 1)]);
  const fleet = await openPostgresFleet({
    url: rig.url,
    territory: 'test',
    clock: systemClock,
    fence: a.control.token,
  });
  t.teardown(() => fleet.close());
  const admission = { enrolledAt: 1, certificate: { serial: '0A', notAfter: 2 } };
  await fleet.admit(new Map([['box-aaaaaaaa', admission]]));
  server.ask(rig.database, `UPDATE control SET expires = '-infinity'`); // its clock stood still
  const b = await rig.own('b');
  await t.rejects(a.store.commit([put(a.store, 'x', 2)]), { code: 'control-lost' });
  await t.rejects(a.store.commit([put(a.store, 'y', 2)]), { code: 'control-lost' });
  await t.rejects(fleet.admit(new Map([['box-aaaaaaaa', { ...admission, enrolledAt: 9 }]])), { code: 'control-lost' });
  t.match(await a.control.lost, { code: 'control-lost' }, 'and is told');
  t.notOk(a.control.isSure());
  t.same(await all(b.store), [['x', { bytes: 1, count: 1 }]]);
  t.match((await fleet.admissions(['box-aaaaaaaa'])).get('box-aaaaaaaa'), { enrolledAt: 1 });
  await b.store.commit([put(b.store, 'x', 3)]);
});

t.test('a commit whose answer was lost is found out, and counts once', async (t) => {
  const rig = await controlRig(t, server);
  const sessions = openSessions(rig.url);
  t.teardown(() => sessions.end());
  const lease = createControlLease(sessions);
  const held = await lease.take('a', 60_000);
  let lose: 'before' | 'after' | undefined;
  const writer = createWriter({
    sessions: {
      ask: sessions.ask,
      async own() {
        const session = await sessions.own();
        const asked = session.query.bind(session) as (query: { text: string }) => Promise<unknown>;
        const query = async (wanted: { text: string }) => {
          const when = wanted.text.includes('UPDATE control') ? lose : undefined;
          if (when) lose = undefined;
          const done = when === 'before' ? undefined : await asked(wanted);
          if (when) throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
          return done;
        };
        return Object.assign(session, { query }) as unknown as pg.Client;
      },
    },
    ...{ held: held!, leaseMilliseconds: 60_000, onLost: (why) => t.fail(why.message), clock: systemClock },
  });
  t.equal(await writer.write([{ type: 'put', key: 'k', value: '1' }]), 2);
  lose = 'after';
  t.equal(await writer.write([{ type: 'put', key: 'k', value: '2' }]), 3, 'it was there');
  lose = 'before';
  t.equal(await writer.write([{ type: 'put', key: 'k', value: '3' }]), 4, 'it was not');
  t.equal(rig.written(), 4);
  t.equal(rig.valueOf('k'), '3');
});

t.test(
  'while PostgreSQL is away who writes waits some seconds, is told, and nothing of it is there later',
  async (t) => {
    const rig = await controlRig(t, server);
    const sessions = openSessions(rig.url);
    t.teardown(() => sessions.end());
    const held = await createControlLease(sessions).take('a', 600_000);
    let now = 0;
    const writer = createWriter({
      ...{ sessions, held: held!, leaseMilliseconds: 600_000, onLost: (why) => t.fail(why.message) },
      clock: {
        async sleep() {
          now += 1000;
        },
      },
      elapsed: () => now,
    });
    await server.stop();
    await t.rejects(writer.write([{ type: 'put', key: 'k', value: '1' }]), { code: 'database-unreachable' });
    const waited = now;
    t.ok(waited > 9000);
    await t.rejects(writer.write([{ type: 'put', key: 'k', value: '2' }]), { code: 'database-unreachable' });
    t.equal(now, waited, 'the next one at once');
    await server.start();
    t.equal(rig.valueOf('k'), '');
    await writer.write([{ type: 'put', key: 'k', value: '3' }]);
    t.equal(rig.valueOf('k'), '3');
    t.equal(rig.written(), 2);
  },
);

t.test(
  'whose keys are others does not take over, until they are brought; its own changes are no hindrance',
  async (t) => {
    const rig = await controlRig(t, server);
    const files = { 'ca/issuing.key': 'one' };
    const a = await rig.own('a', { files: async () => ({ 'ca/issuing.key': 'two' }) });
    await a.store.close();
    await a.control.stop();
    const b = await rig.open('b', { files: async () => files, leaseMilliseconds: 300 });
    const owning = b.own(never);
    let now = b.standing();
    while (!(now.state === 'standby' && now.why)) {
      await systemClock.sleep(20); // a look, not an event
      now = b.standing();
    }
    t.match(now.why, { code: 'standby-outdated', detail: 'ca/issuing.key' });
    files['ca/issuing.key'] = 'two';
    t.ok(await owning);
    await b.stop();
    const again = await rig.own('b', { files: async () => ({ 'ca/issuing.key': 'three' }) });
    t.equal(again.control.standing().state, 'serving', 'rolled while it did not run');
    await again.store.close();
    await again.control.stop();

    const mine = { 'ca/issuing.key': 'old' };
    const serving = await rig.own('b', { leaseMilliseconds: 600 });
    const other = await rig.open('c', { files: async () => mine, leaseMilliseconds: 600 });
    server.ask(rig.database, `UPDATE control SET files = '{"ca/issuing.key": "new"}'`);
    const waiting = other.own(never);
    const seen = async (why: string | null) => {
      while (serving.control.standbys().find(({ name }) => name === 'c')?.why !== why) await systemClock.sleep(20); // a look
    };
    await seen('standby-outdated');
    mine['ca/issuing.key'] = 'new';
    await seen(null);
    t.pass('whoever serves knows who stands by, and what keeps it from taking over');
    await serving.store.close();
    await serving.control.stop();
    t.ok(await waiting);
  },
);

t.test('a database that has forgotten commits is not served from', async (t) => {
  const rig = await controlRig(t, server);
  const a = await rig.own('a');
  await a.store.commit([put(a.store, 'x', 1)]);
  await a.store.commit([put(a.store, 'x', 2)]);
  server.ask(rig.database, 'UPDATE control SET written = written - 1'); // an older copy of itself took its place
  await t.rejects(a.store.commit([put(a.store, 'x', 3)]), 'while it runs');
  await a.store.close();
  await a.control.stop();
  server.ask(rig.database, 'UPDATE control SET written = 1');
  const again = await rig.open('a');
  await t.rejects(again.own(never), { code: 'database-behind' });
});

t.test(
  'a move is killed before each of its steps: the directory serves nobody, and the same again ends it',
  async (t) => {
    const directory = await ownFolder(t);
    const database = 'moving';
    const url = server.create(database);
    const store = await openStore(directory);
    for (let part = 0; part < 3; part += 1)
      await store.commit(
        Array.from({ length: 1000 }, (_, index) => put(store, `${part * 1000 + index}`.padStart(6, '0'), index)),
      );
    await store.commit([{ type: 'put', sublevel: store.lives, key: 'box-1', value: { lastSeen: 1, tracks: {} } }]);
    await store.close();

    const program = path.join(import.meta.dirname, '../support/move-control-child.js');
    const steps: string[] = [];
    let line = '';
    for (let step = 0; !line.startsWith('done'); step += 1) {
      const child = spawn(process.execPath, [program, directory, url, `${step}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exit = once(child, 'exit');
      [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      child.kill('SIGKILL');
      await exit;
      steps.push(line);
      if (step > 0 && !line.startsWith('done') && !line.endsWith('mark'))
        await t.rejects(openStore(directory), { code: 'store-moved' }, `after ${line}`);
      if (step === 3) {
        await giveUpControl({ directory, url, version: 1 });
        const back = await openStore(directory);
        t.equal((await all(back)).length, 3000, 'given up, level goes on');
        await back.commit([put(back, '000000', 77)]);
        await back.close();
      }
    }
    t.ok(steps.length >= 7, steps.join(', '));
    const parts = { directory, url, territory: 'test', version: 1 };
    t.equal(await moveControl(parts), undefined, 'they are there already');
    await t.rejects(giveUpControl(parts), { code: 'store-moved' });
    t.equal(
      server.ask(database, 'SELECT count(*) FROM control_records'),
      '3001',
      'and what boxes told is not among them',
    );
    t.equal(
      server.ask(
        database,
        `SELECT convert_from(value, 'UTF8') FROM control_records WHERE key = '!messageusage!000000'`,
      ),
      '{"bytes":77,"count":1}',
      'as it was at the end',
    );
    await t.rejects(openStore(directory), { code: 'store-moved' });

    const other = await ownFolder(t);
    await (await openStore(other)).close();
    await t.rejects(moveControl({ ...parts, directory: other }), { code: 'database-used' }, 'by another store');
    await (await openStore(other)).close();
    await t.rejects(moveControl({ ...parts, territory: 'kowhai', directory: other }), { code: 'database-elsewhere' });
    const fresh = server.create('fresh');
    t.equal(await moveControl({ ...parts, directory: other, url: fresh }), 1, 'neither has marked it');
  },
);

t.test('a copy that cannot be written any more is not read any more either', async (t) => {
  const rig = await controlRig(t, server);
  const a = await rig.own('a');
  await a.store.commit([put(a.store, 'x', 1)]);
  Object.assign(a.control.db, { copyIn: () => Promise.reject(new Error('the disk is gone')) });
  await t.rejects(a.store.commit([put(a.store, 'x', 2)]), /the disk is gone/);
  t.match(await a.control.lost, { code: 'store-damaged' });
  await t.rejects(a.store.commit([put(a.store, 'x', 3)]), { code: 'store-damaged' });
  await a.store.close();
  await a.control.stop();
  server.ask(rig.database, `UPDATE control SET expires = '-infinity'`);
  const again = await rig.own('a');
  t.same(await all(again.store), [['x', { bytes: 2, count: 1 }]], 'what was in PostgreSQL is there');
});
