/** Shards divided among workers: the division itself, and the leases in a PostgreSQL that runs. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import fc from 'fast-check';
import mqtt from 'mqtt';
import mqttPacket from 'mqtt-packet';
import pg from 'pg';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { listen } from '#common/listen.js';
import type { FleetEvent } from '#contract/operator.js';
import { shardOf } from '#contract/topics.js';
import { createPubacks } from '../../provisioning/broker/pubacks.js';
import { createAdmitted } from '../../provisioning/fleet/admitted.js';
import { createEventQueue } from '../../provisioning/fleet/event-queue.js';
import type { Fence, FleetRound } from '../../provisioning/store/fleet.js';
import { placesIn } from '../../provisioning/store/pack.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { createHolding, type Holding } from '../../provisioning/workers/holding.js';
import { createLeases } from '../../provisioning/workers/leases.js';
import { allShards, plan } from '../../provisioning/workers/plan.js';
import { testPostgres } from '../support/postgres.js';
import { runCommand } from '../support/provider.js';
import { epoch, quietLog } from '../support/territory.js';

const countsOf = (owners: Iterable<string>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
};
const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 40 });
const isEven = (counts: readonly number[]) => Math.max(...counts) - Math.min(...counts) <= 1;

t.test('a division gives every shard an owner, evenly, and moves no more than it must', async () => {
  fc.assert(
    fc.property(names, fc.array(fc.nat(50), { minLength: 256, maxLength: 256 }), (workers, draws) => {
      // Some shards belong to the living, some to the dead, some to nobody.
      const current = new Map(
        allShards.flatMap((shard, place) => {
          const owner = draws[place]! < workers.length ? workers[draws[place]!]! : undefined;
          return owner === undefined ? [] : draws[place]! % 7 === 0 ? [[shard, 'dead one']] : [[shard, owner]];
        }),
      );
      const division = plan(current, workers);
      const counts = countsOf(division.values());
      const all = workers.map((worker) => counts.get(worker) ?? 0);
      const before = countsOf([...current.values()]);
      const moved = allShards.filter((shard) => {
        const owner = current.get(shard);
        return owner !== undefined && workers.includes(owner) && division.get(shard) !== owner;
      }).length;
      const least = Math.floor(256 / workers.length);
      const larger = 256 % workers.length;
      // Whatever share each may have at best: the larger ones to who has the most.
      const fewest = workers
        .map((worker) => before.get(worker) ?? 0)
        .sort((one, other) => other - one)
        .reduce((sum, held, place) => sum + Math.max(0, held - least - (place < larger ? 1 : 0)), 0);
      return division.size === 256 && all.reduce((sum, one) => sum + one, 0) === 256 && isEven(all) && moved === fewest;
    }),
  );
});

t.test('the same rows make the same division, and a division that is in place is left alone', async () => {
  fc.assert(
    fc.property(names, (workers) => {
      const first = plan(new Map(), workers);
      const again = plan(new Map([...first].reverse()), [...workers].reverse());
      return allShards.every((shard) => first.get(shard) === again.get(shard));
    }),
  );
});

t.test('every box has a shard of the 256', async () => {
  fc.assert(
    fc.property(fc.string(), (box) => {
      return (
        allShards.includes(shardOf(box)) && createHash('sha256').update(box).digest('hex').startsWith(shardOf(box))
      );
    }),
  );
});

const postgres = await testPostgres(t, { fsync: 'off' });
let databases = 0;

async function table(t: Test) {
  databases += 1;
  const url = postgres.create(`fleet${databases}`);
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  pool.on('error', () => {});
  t.teardown(() => pool.end());
  const leases = createLeases(pool);
  const store = await openPostgresFleet({ url, territory: 'test', clock: systemClock });
  await store.close();
  return { pool, leases, url };
}

interface Worker extends Holding {
  name: string;
}

const parts = {
  ...{ clock: systemClock, log: quietLog, onTaken() {}, onChange() {}, onBuried() {}, onReplaced() {} },
  settled: async () => {},
};

t.test('workers join, leave and die in any order: the shards are owned, evenly, by one each', async (t) => {
  const { pool, leases } = await table(t);
  const act = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const), who: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), who: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), who: fc.nat(9) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('renew' as const), who: fc.nat(9) }) },
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
      await pool.query('DELETE FROM workers');
      run += 1;
      const alive = new Map<number, Worker>();
      const tokens = new Map<string, string>();
      const join = (who: number): Worker => {
        const name = `run ${run}, ${who}`;
        return { name, ...createHolding({ ...parts, leases, name, leaseMilliseconds: 3_600_000 }) };
      };
      /** One holder for each token, whoever believes what. */
      const look = () => {
        for (const [who, worker] of alive)
          for (const shard of worker.shards()) {
            const key = `${shard} ${worker.tokenOf(shard)}`;
            const before = tokens.get(key);
            if (before !== undefined && before !== `${who}`) throw new Error(`${key} is held by ${before} and ${who}`);
            tokens.set(key, `${who}`);
          }
      };
      for (const { kind, who } of acts) {
        const worker = alive.get(who);
        if (kind === 'join' && !worker) alive.set(who, join(who));
        else if (kind === 'renew') await worker?.renew();
        else if (kind === 'leave' && worker) {
          await worker.stop();
          alive.delete(who);
        } else if (kind === 'die' && worker) {
          await pool.query(`UPDATE workers SET expires = now() - interval '1 s' WHERE name = $1`, [worker.name]);
          alive.delete(who);
        } else if (kind === 'expire' && worker)
          // It slept through its end, and does not know.
          await pool.query(`UPDATE workers SET expires = now() - interval '1 s' WHERE name = $1`, [worker.name]);
        look();
      }
      if (alive.size === 0) alive.set(0, join(0));
      for (let round = 0; round < 3; round += 1)
        for (const worker of alive.values()) {
          await worker.renew();
          look();
        }
      const counts = [...alive.values()].map((worker) => worker.shards().length);
      const { shards } = await leases.read();
      for (const worker of alive.values())
        for (const shard of worker.shards())
          if (shards.get(shard)?.token !== worker.tokenOf(shard)) throw new Error(`${shard} is not ${worker.name}'s`);
      return shards.size === 256 && counts.reduce((sum, one) => sum + one, 0) === 256 && isEven(counts);
    }),
    { numRuns: 40 },
  );
});

t.test('many at once: nobody gets what another has', async (t) => {
  const { leases } = await table(t);
  const workers = Array.from({ length: 8 }, (_, place) => createHolding({ ...parts, leases, name: `w${place}` }));
  for (let round = 0; round < 4; round += 1) await Promise.allSettled(workers.map((worker) => worker.renew()));
  const held = workers.flatMap((worker) => worker.shards());
  t.equal(held.length, 256);
  t.equal(new Set(held).size, 256);
  t.strictSame([...new Set(workers.map((worker) => worker.shards().length))], [32]);
  for (const worker of workers) await worker.stop();
  t.equal((await leases.read()).shards.size, 0, 'who leaves gives everything back');
});

t.test(
  'what a former owner commits is refused whole, and a new owner waits for a commit that is under way',
  async (t) => {
    const { pool, leases, url } = await table(t);
    const store = await openPostgresFleet({ url, territory: 'test', clock: systemClock });
    t.teardown(() => store.close());
    const [first, second] = ['a', 'b'].map((name) => createHolding({ ...parts, leases, name }));
    if (!first || !second) throw new Error('two were asked for');
    await first.renew();
    const box = Array.from({ length: 5000 }, (_, n) => `box-${n}aaaa`).find((id) => shardOf(id) === '2a') ?? '';
    const round = (version: number, fences: Fence[]): FleetRound => ({
      samples: [{ box, epoch, seq: version, at: 1_700_000_000_000 + version, values: {} }],
      lives: new Map([[box, { lastSeen: 1, tracks: {}, version }]]),
      ...{ events: [], online: new Map([[box, true]]), fences },
    });
    const fence = { shard: '2a', token: first.tokenOf('2a') ?? 0 };
    await store.commit(round(1, [fence]));
    await t.rejects(store.commit(round(2, [fence, { shard: '2b', token: 999 }])), { code: 'shard-lost', detail: '2b' });

    // A commit that stands still in the middle: somebody else holds a row that it wants.
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM lives WHERE box = $1 FOR UPDATE', [box]);
    const waits = async (count: number) => {
      for (;;) {
        const { rows } = await pool.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
        if (rows.length >= count) return;
      }
    };
    const order: string[] = [];
    const stored = store.commit(round(2, [fence])).then(() => order.push('stored'));
    await waits(1);
    await pool.query(`UPDATE workers SET expires = now() - interval '1 s'`);
    const taken = second.renew().then(() => order.push('taken'));
    await waits(2);
    await holder.query('COMMIT');
    holder.release();
    await Promise.all([stored, taken]);
    t.strictSame(order, ['stored', 'taken']);

    await t.rejects(store.commit(round(3, [fence])), { code: 'shard-lost', detail: '2a' });
    await store.commit(round(3, [{ shard: '2a', token: second.tokenOf('2a') ?? 0 }]));
    const { rows } = await pool.query<{ pack: Buffer }>('SELECT pack FROM sample_packs');
    const there = rows.flatMap(({ pack }) => placesIn(pack).map(({ seq }) => seq)).sort();
    t.strictSame(there, [1, 2, 3], 'of what was refused nothing is there');
    await first.renew();
    t.equal(first.counts().lost, 256, 'the former owner learns of it, and joins anew');
    await Promise.all([first.stop(), second.stop()]);
  },
);

t.test('a worker that cannot renew lets go by its own clock, and goes on where nobody took over', async (t) => {
  const { leases } = await table(t);
  let now = 0;
  let changes = 0;
  let broken = false;
  const refused = () => Promise.reject(new Error('no way to the database'));
  const fragile = new Proxy(leases, { get: (own, name) => (broken ? refused : Reflect.get(own, name)) });
  const worker = createHolding({
    ...{ ...parts, leases: fragile, name: 'a', leaseMilliseconds: 60_000, elapsed: () => now },
    onChange() {
      changes += 1;
    },
  });
  await worker.renew();
  const token = worker.tokenOf('00');
  t.ok(token);
  broken = true;
  now = 59_000;
  await t.rejects(worker.renew());
  t.equal(worker.tokenOf('00'), token);
  now = 60_000;
  t.equal(worker.tokenOf('00'), undefined, 'its lease is over, whatever the database says');
  broken = false;
  await worker.renew();
  t.equal(worker.tokenOf('00'), token, 'nobody had taken over: its token is good');
  t.equal(worker.shards().length, 256);
  t.equal(changes, 1);
  await worker.stop();
  t.equal(changes, 2);
});

t.test('a worker that does not hear its boxes leaves them to others, and comes again when it does', async (t) => {
  const { leases } = await table(t);
  let deaf = true;
  const worker = createHolding({ ...parts, leases, name: 'deaf', isAble: () => !deaf });
  await worker.renew();
  t.equal((await leases.read()).workers.size, 0, 'it does not come before it hears');
  deaf = false;
  await worker.renew();
  t.equal(worker.shards().length, 256);
  const before = worker.tokenOf('00') ?? 0;
  deaf = true;
  await worker.renew();
  t.strictSame([worker.shards(), (await leases.read()).workers.size], [[], 0]);
  deaf = false;
  await worker.renew();
  t.equal(worker.tokenOf('00'), before + 1);
  await worker.stop();
});

t.test('of two processes by one name the later one lives, and the former does not fight for it', async (t) => {
  const { leases } = await table(t);
  let young: Holding | undefined;
  const replaced = new Promise<void>((resolve) => {
    const old = createHolding({ ...parts, leases, name: 'twin', renewMilliseconds: 20, onReplaced: resolve });
    t.teardown(() => old.stop());
    old.start();
    young = createHolding({ ...parts, leases, name: 'twin' });
  });
  for (let shards = 0; shards < 256; shards = (await leases.read()).shards.size) await systemClock.sleep(5); // a look
  await young?.renew();
  await replaced;
  t.equal((await leases.read()).workers.size, 1);
  await young?.renew();
  t.equal(young?.shards().length, 256);
  await young?.stop();
});

t.test('roles that cannot be, and folders that are none, are refused in words', async (t) => {
  const serve = (...args: string[]) => runCommand('webizen-provider', ['serve', '--dir', '/nowhere', ...args]);
  t.match(serve('--role', 'est'), { status: 1, stderr: /roles-apart/ });
  t.match(serve('--role', 'est,api,console'), { status: 1, stderr: /roles-apart/ });
  t.match(serve('--role', 'dust'), { status: 2, stderr: /arguments-invalid/ });
  t.match(serve('--role', 'ingest', '--broker', 'mqtts://b:8883'), { status: 2, stderr: /--database is missing/ });
  const database = ['--database', 'postgres://x:y@127.0.0.1:9/z'];
  t.match(serve('--role=ingest', '--broker', 'mqtts://b:8883', ...database), { status: 1, stderr: /worker-missing/ });
});

t.test('messages are acknowledged once they are stored, in the order of coming, many at once', async (t) => {
  const acknowledged: number[] = [];
  let told = () => {};
  const server = createServer((socket) => {
    const parser = mqttPacket.parser();
    socket.on('data', (bytes) => parser.parse(bytes));
    socket.on('error', () => {});
    const send = (packet: mqttPacket.Packet) => socket.write(mqttPacket.generate(packet));
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        send({ cmd: 'connack', returnCode: 0, sessionPresent: false });
        for (let messageId = 1; messageId <= 5; messageId += 1)
          send({ cmd: 'publish', topic: 't', payload: `${messageId}`, qos: 1, messageId, dup: false, retain: false });
      } else if (packet.cmd === 'puback') {
        acknowledged.push(packet.messageId ?? 0);
        told();
      }
    });
  });
  const client = mqtt.connect({ protocol: 'mqtt', port: await listen(server, '127.0.0.1', 0), reconnectPeriod: 0 });
  t.teardown(async () => {
    await client.endAsync(true);
    server.close();
  });
  const pubacks = createPubacks(client);
  const store = new Map<string, () => void>();
  const all = new Promise<void>((resolve) => {
    client.handleMessage = (packet, done) => {
      const stored = new Promise<void>((done) => store.set(String(packet.payload), done));
      pubacks.when(packet, stored, () => done(), t.error);
      if (store.size === 5) resolve();
    };
  });
  await all; // each came though none before it was acknowledged
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      told = () => void (acknowledged.length >= count && resolve());
      told();
    });
  store.get('3')?.();
  store.get('2')?.();
  store.get('1')?.();
  await until(3);
  t.strictSame(acknowledged, [1, 2, 3]);
  store.get('5')?.();
  store.get('4')?.();
  await until(5);
  t.strictSame(acknowledged, [1, 2, 3, 4, 5]);
});

t.test(
  'a worker knows of whom it takes: the admitted, at once when that ends, and those whose word is late',
  async (t) => {
    const { url } = await table(t);
    const store = await openPostgresFleet({ url, territory: 'test', clock: systemClock });
    t.teardown(() => store.close());
    const admission = { enrolledAt: 1, certificate: { serial: '01', notAfter: 2 } };
    await store.admit(new Map([['box-first000', admission]]));
    let pauses = 0;
    const clock = {
      now: () => 0,
      async sleep() {
        pauses += 1;
        if (pauses === 2) await store.admit(new Map([['box-late0000', admission]]));
      },
    };
    const admitted = createAdmitted({ fleet: store, clock });
    admitted.start();
    t.teardown(() => admitted.stop());
    t.equal(await admitted.refusal('box-first000'), undefined);
    t.equal(await admitted.refusal('box-late0000'), undefined);
    t.equal(await admitted.refusal('box-stranger'), 'box-unknown');
    await store.admit(new Map([['box-first000', { ...admission, revokedAt: 3 }]]));
    while ((await admitted.refusal('box-first000')) !== 'box-revoked') await systemClock.sleep(5); // a look, not an event
    t.equal(await admitted.refusal('box-late0000'), undefined);
  },
);

t.test('events of a worker wait for the database in their order, and the oldest make room', async (t) => {
  const stored: string[] = [];
  let away = true;
  let resume = () => {};
  const fleet = {
    async record(events: readonly FleetEvent[]) {
      if (away) throw new Error('away');
      stored.push(...events.map(({ text }) => text));
    },
  };
  const sleep = () =>
    new Promise<void>((resolve) => {
      resume = resolve;
    });
  const queue = createEventQueue({ fleet, clock: { now: () => 1, sleep } });
  for (let count = 1; count <= 10_002; count += 1) queue.record({ type: 'worker', text: `${count}` });
  queue.refused('box-unknown', { box: 'box-first000' });
  queue.refused('box-unknown', { box: 'box-first000' });
  t.strictSame(queue.counts(), { waiting: 10_000, dropped: 3 }, 'and who repeats himself is told once');
  away = false;
  while (queue.counts().waiting > 0) {
    resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.strictSame([stored.length, stored[0], stored[9998]], [10_000, '4', '10002']);
  await queue.stop();
});
