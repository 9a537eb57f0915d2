/**
 * Boxes that are in the territory by right and mean it harm: each attack is contained, counted, and shown to the operator
 * with code and remedy, while the neighbours go on reporting and lose nothing.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { encodeBatch } from '#contract/health-codec.js';
import { isProblemCode, problem } from '#contract/problems.js';
import { subtree } from '#contract/topics.js';
import { mostEventsADay } from '../../provisioning/fleet/told.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { createTestCa } from '../support/certificates.js';
import { openNeighbours } from '../support/siege.js';
import {
  birth,
  type ConnectedBox,
  epoch,
  epoch2,
  health,
  openTerritory,
  type TestBox,
  up,
  within,
} from '../support/territory.js';

const authority = await createTestCa();
t.teardown(() => authority.close());
const territory = await openTerritory({ authority });
t.teardown(() => territory.close());
const { store, clock, events } = territory;
const fleet = createLevelFleet({ store, clock });
const neighbours = await openNeighbours(territory);
const quiet = await neighbours.during(async () => {});

let count = 0;
async function attacker(): Promise<TestBox & ConnectedBox> {
  count += 1;
  const box = await territory.box(`box-hostile-${String(count).padStart(4, '0')}`);
  return { ...box, ...(await territory.connect(box)) };
}
const say = ({ id, client }: TestBox & ConnectedBox, kind: Parameters<typeof up>[1], payload: string | Buffer) =>
  client.publishAsync(up(id, kind), payload, { qos: 1 });
const many = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));
const sampleOf = (seq: number, at = clock.now()) => ({ seq, at, values: { 'system.uptime': 1 } });
const batch = (samples: object[], itsEpoch = epoch) => JSON.stringify({ epoch: itsEpoch, samples });
const newEpoch = () => randomBytes(8).toString('hex');
/** What one box's rows in the store come to. */
const lifeBytes = async (box: string) => JSON.stringify((await fleet.lives([box])).get(box)).length;
async function stored(box: string): Promise<{ epoch: string; seq: number; at: number }[]> {
  const found = [];
  for await (const one of fleet.sequences(box)) found.push(one);
  return found;
}

/** The neighbours report all the while; afterwards each of their samples is there, and the operator was told. */
async function attack(t: Test, codes: string[], box: string | undefined, work: () => Promise<void>): Promise<void> {
  const slowest = await neighbours.during(work);
  t.comment(`the slowest hundredth of the neighbours waited ${slowest.toFixed(1)} ms, ${quiet.toFixed(1)} ms in peace`);
  t.ok(await neighbours.unharmed(), 'every sample of the neighbours is stored, once');
  for (const code of codes) {
    const told = await territory.refused(code, box);
    t.ok(isProblemCode(code) && told.remedy === problem(code).remedy, `${code} is told with its remedy`);
    t.ok((events.refusals.get(told.code as typeof code & Parameters<typeof problem>[0]) ?? 0) > 0, 'and counted');
  }
}

t.test('forged sequences: what is known of a box stays small, whatever it counts', async (t) => {
  const box = await attacker();
  let largest = 0;
  await attack(t, ['message-malformed'], box.id, async () => {
    for (const seq of [-1, 0, 1.5, 2 ** 53, '1', null]) await say(box, 'health', batch([{ ...sampleOf(1), seq }]));
    // Every other number, from far apart, forwards and backwards, in ten epochs.
    for (let turn = 0; turn < 10; turn += 1) {
      const itsEpoch = newEpoch();
      await say(box, 'status', birth(newEpoch(), 0, itsEpoch));
      for (const far of [4e15, 7, 2e9])
        await say(
          box,
          'health',
          batch(
            many(500, (index) => sampleOf(far + index * 2)),
            itsEpoch,
          ),
        );
      largest = Math.max(largest, await lifeBytes(box.id));
    }
    await say(box, 'health', batch([sampleOf(Number.MAX_SAFE_INTEGER), sampleOf(1)]));
    await say(box, 'health', JSON.stringify({ epoch, samples: [], lost: [[1, Number.MAX_SAFE_INTEGER]] }));
    for (let turn = 0; turn < 300; turn += 1) await say(box, 'health', batch([sampleOf(1)], newEpoch()));
    for (let turn = 0; turn < 300; turn += 1) await say(box, 'status', birth(newEpoch(), 2 ** 52, newEpoch()));
  });
  t.ok(largest < 50_000, `never more than ${largest} bytes are known of it`);
  const life = (await fleet.lives([box.id])).get(box.id);
  t.ok(Object.keys(life?.tracks ?? {}).length <= 8);
  t.ok(Number.isSafeInteger(life?.gaps), 'its gaps are a number still');
  const recent = (await events.recent(10_000)).filter((event) => event.box === box.id);
  t.ok(recent.length < 200, `${recent.length} events are kept of it`);
});

t.test('times that cannot be true: samples lie where they came, and go when their neighbours go', async (t) => {
  const box = await attacker();
  const now = clock.now();
  const times = [Date.UTC(2300, 0), 0, 8_640_000_000_000_000, now + 3 * 86_400_000, Date.UTC(1999, 0), now - 60_000];
  await attack(t, ['sample-time'], box.id, async () => {
    for (const [index, at] of times.entries())
      await say(
        box,
        'health',
        batch([sampleOf(1 + index * 2, at - (at > 60_000 ? 60_000 : 0)), sampleOf(2 + index * 2, at)]),
      );
  });
  const found = (await stored(box.id)).sort((one, other) => one.seq - other.seq);
  t.equal(found.length, times.length * 2, 'none is lost');
  t.ok(
    found.every(({ at }) => at > now - 86_400_000 && at <= now + 86_400_000),
    'none lies in another age',
  );
  t.equal(found[1]?.at, now, 'the last of a batch when it came');
  t.equal(found[0]?.at, now - 60_000, 'and what came before it as long before it');
  t.equal(found.at(-1)?.at, now - 60_000, 'a time that can be true is left alone');
  const { health: latest } = (await fleet.lives([box.id])).get(box.id) ?? {};
  t.equal(latest?.at, now - 60_000);
});

t.test('small messages that unpack to much: the box is held to what it may store, and nobody else waits', async (t) => {
  const box = await attacker();
  let sequence = 0;
  const bomb = (names: number, samples: number) =>
    encodeBatch({
      epoch,
      samples: many(samples, () => ({
        seq: ++sequence,
        at: clock.now(),
        values: Object.fromEntries(many(names, (index) => [`m${index}`, 7])),
      })),
    });
  t.ok(bomb(256, 128).length < 4000, 'which is 32,768 values');
  t.ok(bomb(256, 129).length > 200_000, 'one more is not written in this form');
  await attack(t, ['box-over-budget'], box.id, async () => {
    for (let turn = 0; turn < 110; turn += 1) await say(box, 'health', bomb(256, 128));
  });
  const rows = (await stored(box.id)).length;
  t.ok(rows > 0 && rows < 13_000, `${rows} of ${sequence} samples were taken`);
  t.ok(box.client.connected, 'it is not cut: a good box sends them again');
  clock.advance(3_600_000);
  await say(box, 'health', health(1_000_001, 1_000_002));
  t.equal((await stored(box.id)).length, rows + 2, 'after an hour it is heard again');
});

t.test('payloads that cost much to refuse: they are refused for little', async (t) => {
  const box = await attacker();
  const costly = [
    JSON.stringify({ epoch, samples: [], lost: many(12_000, () => [9, 2]) }),
    JSON.stringify({ epoch, samples: many(60_000, () => 1) }),
    JSON.stringify({ epoch, samples: [], ...Object.fromEntries(many(15_000, (index) => [`p${index}`, 1])) }),
    '['.repeat(120_000) + ']'.repeat(120_000),
  ];
  await attack(t, ['message-malformed', 'box-over-budget'], box.id, async () => {
    // As much as comes at once before the guard slows it.
    for (let turn = 0; turn < 50; turn += 1) await say(box, 'health', costly[turn % costly.length]!);
  });
  const refused = events.refusals.get('message-malformed') ?? 0;
  t.ok(refused < 40, `${refused} have been looked at since the beginning`);
  t.same(await stored(box.id), []);
});

t.test('retained messages: what is kept of a box stays small, and what may not be kept ends its session', async (t) => {
  const box = await attacker();
  const filled = (kilobytes: number) => ({ at: 1, agent: '1', apps: [], x: 'x'.repeat(kilobytes * 1024) });
  await attack(t, ['message-malformed', 'retain-refused'], box.id, async () => {
    const retain = { qos: 1, retain: true } as const;
    await box.client.publishAsync(up(box.id, 'status'), `${birth(newEpoch())}${' '.repeat(17 * 1024)}`, retain);
    await box.client.publishAsync(up(box.id, 'event'), 'x'.repeat(17 * 1024), { qos: 1 });
    await box.client.publishAsync(up(box.id, 'reported'), JSON.stringify(filled(129)), retain);
    for (let turn = 0; turn < 200; turn += 1)
      await box.client.publishAsync(up(box.id, 'reported'), JSON.stringify(filled(16)), retain);
    box.client.publish(up(box.id, 'health'), health(1, 1), retain);
    await box.closed;
  });
  const bytes = await lifeBytes(box.id);
  t.ok(bytes < 20_000, `${bytes} bytes are known of it`);
  t.same(await stored(box.id), []);
});

t.test(
  'events without end: so many a day are kept, under no more names than there are, and the rest is counted',
  async (t) => {
    const box = await attacker();
    const event = (seq: unknown, more: object = {}) => ({
      seq,
      at: 1,
      type: 'boot',
      severity: 'info',
      facts: {},
      ...more,
    });
    const told = (list: object[], itsEpoch = epoch) => JSON.stringify({ epoch: itsEpoch, events: list });
    await attack(t, ['message-malformed', 'box-over-budget'], box.id, async () => {
      for (const seq of [-1, 0, 1.5, 2 ** 53, '1', null]) await say(box, 'event', told([event(seq)]));
      await say(box, 'event', told([event(1, { type: 'A'.repeat(99) })]));
      await say(box, 'event', told([event(1, { facts: { text: 'x'.repeat(201) } })]));
      await say(box, 'event', told([event(1, { facts: Object.fromEntries(many(13, (index) => [`f${index}`, 1])) })]));
      await say(box, 'event', told([event(1, { more: 1 })]));
      for (let turn = 0; turn < 20; turn += 1) await say(box, 'event', told([event(2 ** 40 + turn * 2)], newEpoch()));
      for (let from = 1; from <= 20_000; from += 50)
        await say(box, 'event', told(many(50, (index) => event(from + index, { type: `of-mine-${from + index}` }))));
    });
    const kept = (await events.recent(10_000)).filter(({ said, box: whose }) => said && whose === box.id);
    t.equal(kept.length, mostEventsADay);
    const bytes = await lifeBytes(box.id);
    t.ok(bytes < 3000, `${bytes} bytes are known of it`);
    t.ok(box.client.connected, 'it is not cut: a good box sends them again');
  },
);

t.test('a flood of tiny messages: the box is slowed, and loses nothing either', async (t) => {
  const box = await attacker();
  const flood = 12_000;
  await attack(t, ['packet-rate'], box.id, async () => {
    let isOver = false;
    const sent = many(flood, (index) => say(box, 'health', batch([sampleOf(index + 1)])));
    const published = Promise.all(sent).finally(() => {
      isOver = true;
    });
    await territory.refused('packet-rate', box.id);
    while (!isOver) {
      await clock.pass(1000); // until the guard reads on
      await new Promise((resolve) => setImmediate(resolve));
    }
    await published;
  });
  t.equal((await stored(box.id)).length, flood);
});

t.test('one identity in two hands: they put each other out, and nobody else', async (t) => {
  const box = await attacker();
  await say(box, 'status', birth('1'.repeat(16), 0, epoch));
  await attack(t, [], box.id, async () => {
    for (let turn = 0; turn < 150; turn += 1) {
      await clock.pass(6000); // as often as one box may begin a session
      const { client } = await territory.connect(box);
      const itsEpoch = turn % 2 === 0 ? epoch2 : epoch;
      await client.publishAsync(up(box.id, 'status'), birth(newEpoch(), 0, itsEpoch), { qos: 1, retain: true });
    }
  });
  const told = await territory.happened((event) => event.type === 'cloned-box' && event.box === box.id, 'cloned-box');
  t.equal(told.code, 'cloned-box');
  const recent = (await events.recent(10_000)).filter((event) => event.box === box.id);
  t.ok(recent.length <= 130, `${recent.length} events are kept of it: its quota`);
  t.ok(territory.broker.connected() < 12, 'no session is left behind');
});

t.test(
  'a box that reconnects without end: it is named and slowed, and others come in from the same address',
  async (t) => {
    const { id, credentials } = await attacker();
    let isOver = false;
    let opened = 0;
    /** Over as soon as the server has shown its certificate: half of them before the box has shown its own. */
    const knock = (isRude: boolean) =>
      new Promise<void>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: territory.port, ca: authority.ca, ...credentials }, () => {
          opened += 1;
          if (isRude) socket.destroy();
          else socket.end();
        });
        socket.resume();
        socket.on('error', () => {});
        socket.once('close', () => resolve());
      });
    const knocking = async (isRude: boolean) => {
      while (!isOver) await knock(isRude);
    };
    await attack(t, ['session-rate'], id, async () => {
      const loops = many(8, (index) => knocking(index % 2 === 0));
      while (territory.broker.handshakes().slowed === 0) await new Promise((resolve) => setImmediate(resolve));
      const before = opened;
      const isNamed = () => (events.refusals.get('session-rate') ?? 0) > 0;
      let seconds = 0;
      for (; seconds < 3 || !isNamed(); seconds += 1) {
        const good = await attacker();
        await say(good, 'health', health(1, 1));
        t.equal((await stored(good.id)).length, 1, 'a box from the same address comes in, and is heard');
        await clock.pass(1000);
      }
      t.ok(opened - before <= (seconds + 1) * 100, `${opened - before} handshakes within ${seconds} s: it is slowed`);
      isOver = true;
      let haveEnded = false;
      const ending = Promise.all(loops).finally(() => {
        haveEnded = true;
      });
      // Those that wait for their turn, and the one that is held.
      while (!haveEnded) {
        await clock.pass(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await ending;
    });
    t.ok(territory.broker.handshakes().wasted > 20, 'counted');
    await clock.pass(100_000);
    t.equal(territory.broker.handshakes().slowed, 0, 'and forgiven when it has stopped');
  },
);

t.test('topics that look like another box, or like the provider: nothing is said or heard in their name', async (t) => {
  const victim = 'box-neighbour-0';
  const before = (await stored(victim)).length;
  const tricks = (own: string) => [
    up(victim, 'health'),
    up(victim, 'health').toUpperCase(),
    `${up(own, 'health')}/../../${victim}/up/health`,
    `/${up(victim, 'health')}`,
    `${up(own, 'health')}/`,
    up(own, 'health').replace('/up/', '//up/'),
    up(own, 'health').replace('wz/1/', 'wz/2/'),
    up(own, 'health').replace(own, `${own}%2f`),
    up(own, 'health').replace(/\/1\/..\//, '/1/zz/'),
    `$share/x/${up(victim, 'health')}`,
    `${subtree(victim, 'down')}/ack`,
    `${subtree(own, 'up')}/app/a/${'n'.repeat(200)}`,
    `${subtree(own, 'up')}/health\u0001`,
    `${subtree(own, 'up')}/${'x/'.repeat(2000)}`,
  ];
  const codes = ['publish-outside'];
  await attack(t, codes, undefined, async () => {
    for (let index = 0; index < tricks('x').length; index += 1) {
      const box = await attacker();
      const topic = tricks(box.id)[index] ?? '';
      box.client.publish(topic, health(900_000, 900_001), { qos: 1 });
      await within(box.closed, `the end of the session after ${topic.slice(0, 80)}`);
      t.same(await stored(box.id), [], topic.slice(0, 80));
    }
  });
  const forged = (await stored(victim)).filter(({ seq }) => seq >= 900_000);
  t.same(forged, []);
  t.ok((await stored(victim)).length > before, 'it has said what it had to say itself');
});
