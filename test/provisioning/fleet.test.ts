import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import packets, { type Packet } from 'mqtt-packet';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { Ack } from '#contract/health.js';
import type { LedgerHead } from '#contract/ledger.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Birth } from '#contract/status.js';
import { shardOf, subtree, type Topic } from '#contract/topics.js';
import { createFraming, type Publish, type Sink } from '../../provisioning/broker/framing.js';
import { judgePublish, judgeSubscribe } from '../../provisioning/broker/rules.js';
import { createAbouts } from '../../provisioning/fleet/abouts.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { judgeHead } from '../../provisioning/fleet/heads.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { allGaps, emptyLife, gapsOf, takeBirth, takeHealth } from '../../provisioning/fleet/life.js';
import { describeLost, lostOf } from '../../provisioning/fleet/lost.js';
import { read } from '../../provisioning/fleet/read.js';
import { createRetention } from '../../provisioning/fleet/retention.js';
import { add, emptyTrack, gaps, has, highest, holes, lose, maxRanges } from '../../provisioning/fleet/track.js';
import { createFleet } from '../../provisioning/fleet/view.js';
import type { BoxRecord } from '../../provisioning/store/boxes.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { isCloned } from '../../provisioning/store/lives.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { createPicker } from '../../provisioning/store/thin.js';
import { createManualClock } from '../support/manual-clock.js';
import { sampleKeys } from '../support/stored.js';
import { birth, death, epoch, epoch2, health, quietLog, samples } from '../support/territory.js';

const sequence = fc.integer({ min: 1, max: 60 });
const range = fc.tuple(sequence, sequence).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
const numbers = ([first, last]: readonly [number, number]) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

t.test('a track agrees with a plain set, whatever comes in whatever order', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), range), { maxLength: 40 }), (steps) => {
      const here = new Set<number>();
      const lost = new Set<number>();
      let track = emptyTrack;
      for (const [isLoss, [first, last]] of steps) {
        for (const number of numbers([first, last]))
          if (!lost.has(number) && !here.has(number)) (isLoss ? lost : here).add(number);
        track = isLoss ? lose(track, first, last) : add(track, first, last);
      }
      const covered = (number: number) => here.has(number) || lost.has(number);
      const expected = numbers([1, 70]).filter((number) => !covered(number));
      t.strictSame(holes(track, 70).flatMap(numbers), expected);
      t.ok(numbers([1, 70]).every((number) => has(track, number) === covered(number)));
      t.equal(track.lost, lost.size);
      t.equal(highest(track), Math.max(0, ...here, ...lost));
      t.equal(gaps(track, 70), 70 - here.size);
      t.equal(track.contiguous, (expected[0] ?? 71) - 1);
    }),
  );
  t.end();
});

t.test('why samples are lost is counted by reason, each sequence once, and told in words', async (t) => {
  const epoch = 'e'.repeat(16);
  const birth: Birth = { kind: 'birth', session: epoch, epoch, lastSequence: 20, at: 1, agent: '1', api: '1.0' };
  const { life } = takeBirth(emptyLife(), birth, 1);
  const { life: taken } = takeHealth(life, {
    epoch,
    samples: [{ seq: 20, at: 1, values: {} }],
    lost: [
      [1, 4, 'thinned'],
      [3, 6, 'cut'],
      [7, 7],
      [9, 9, 'dead-letter'],
    ],
  });
  t.same(lostOf(taken), { thinned: 4, cut: 2, 'dead-letter': 1 });
  t.equal(gapsOf(taken, epoch), 8, 'what the birth announced is on its way');
  t.equal(allGaps(taken), 19);
  t.equal(
    describeLost(lostOf(life), lostOf(taken)),
    ' (2 lost to a power cut, at most; 4 thinned out while it could not send; 1 refused)',
  );
  t.equal(describeLost(lostOf(taken), lostOf(taken)), '');
});

t.test('a box that leaves holes without end has the lowest given up, and counted', (t) => {
  let track = emptyTrack;
  for (let sequence = 2; sequence <= 2 * (maxRanges + 5); sequence += 2) track = add(track, sequence, sequence);
  t.equal(track.above.length, maxRanges);
  t.equal(track.lost, 5);
  t.equal(track.contiguous, 10);
  t.equal(gaps(track, 0), maxRanges + 5);
  const far = add(emptyTrack, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  t.equal(gaps(far, 0), Number.MAX_SAFE_INTEGER - 1, 'the largest sequence there is');
  t.end();
});

const connect: Packet = {
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clientId: 'x',
  clean: true,
  keepalive: 0,
};
const anyPacket = fc.oneof(
  fc
    .record({
      payload: fc.uint8Array({ maxLength: 400 }),
      qos: fc.constantFrom(0 as const, 1 as const),
      retain: fc.boolean(),
    })
    .map(
      ({ payload, qos, retain }): Packet => ({
        cmd: 'publish',
        topic: 'a/b',
        payload: Buffer.from(payload),
        qos,
        retain,
        dup: false,
        messageId: 7,
      }),
    ),
  fc.constantFrom<Packet>(
    { cmd: 'pingreq' },
    { cmd: 'puback', messageId: 9 },
    { cmd: 'subscribe', messageId: 3, subscriptions: [{ topic: 'c/#', qos: 1 }] },
    { cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['c/#'] },
  ),
);

function following() {
  const seen = { published: [] as Publish[], others: [] as Buffer[] };
  const sink: Sink = { publish: (packet) => seen.published.push(packet), other: (bytes) => seen.others.push(bytes) };
  return { seen, sink };
}

t.test('the guard sees the same packets however a valid stream is cut, and ends garbage without throwing', (t) => {
  fc.assert(
    fc.property(fc.array(anyPacket, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 30 }), (list, cuts) => {
      const bytes = Buffer.concat([connect, ...list].map((packet) => packets.generate(packet)));
      const { sink, seen } = following();
      const framing = createFraming({ maxPacketBytes: 600 }, sink);
      const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
      for (const [index, place] of [...places, bytes.length].entries())
        t.equal(framing.feed(bytes.subarray(index === 0 ? 0 : places[index - 1], place)), undefined);
      t.equal(framing.packets, list.length + 1);
      t.notOk(framing.unfinished);
      const isPublish = (packet: Packet) => packet.cmd === 'publish';
      t.strictSame(
        seen.published,
        list.flatMap((packet) =>
          packet.cmd !== 'publish'
            ? []
            : [
                {
                  ...{ topic: packet.topic, payload: packet.payload, qos: packet.qos, retain: packet.retain },
                  messageId: packet.qos === 0 ? 0 : packet.messageId,
                },
              ],
        ),
        'each PUBLISH whole',
      );
      const others = [connect, ...list].filter((packet) => !isPublish(packet));
      t.strictSame(
        Buffer.concat(seen.others),
        Buffer.concat(others.map((packet) => packets.generate(packet))),
        'all else byte by byte',
      );
      const cutShort = createFraming({ maxPacketBytes: 600 }, following().sink);
      cutShort.feed(bytes.subarray(0, -1));
      t.ok(cutShort.unfinished);
    }),
    { numRuns: 60 },
  );
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.boolean(), (chunks, begun) => {
      const whole = createFraming({ maxPacketBytes: 300 }, following().sink);
      const cut = createFraming({ maxPacketBytes: 300 }, following().sink);
      if (begun) for (const framing of [whole, cut]) framing.feed(packets.generate(connect));
      const all = whole.feed(Buffer.concat(chunks));
      const each = chunks.map((chunk) => cut.feed(Buffer.from(chunk)));
      t.strictSame(each.at(-1), all);
    }),
    { numRuns: 300 },
  );
  const limit = createFraming({ maxPacketBytes: 300 }, following().sink);
  limit.feed(packets.generate(connect));
  t.equal(limit.feed(Buffer.from([0x30, 0xa9, 0x02])), undefined, '297 and 3 bytes of header');
  const above = createFraming({ maxPacketBytes: 300 }, following().sink);
  above.feed(packets.generate(connect));
  t.match(above.feed(Buffer.from([0x30, 0xaa, 0x02])), { code: 'packet-too-large' });
  t.end();
});

t.test('whatever a box names, it writes below its own up/ and reads below its own down/', (t) => {
  const mine = 'box-mine-only';
  const other = 'box-other-one';
  const place = (...right: string[]) =>
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...right) }, fc.constantFrom('+', '#', '', '$share'), fc.string());
  const topics = fc
    .tuple(
      ...[place('wz'), place('1'), place(shardOf(mine), shardOf(mine), shardOf(other)), place(mine, mine, other)],
      ...[place('up', 'down'), place('status', 'health', 'ack', '#'), fc.constantFrom('', '/', '/x', '/#')],
    )
    .map((places) => places.slice(0, -1).join('/') + places.at(-1));
  let allowed = 0;
  fc.assert(
    fc.property(topics, fc.nat({ max: 2 }), fc.boolean(), (topic, qos, retain) => {
      const published = judgePublish(mine, { topic, qos, retain });
      const subscribed = judgeSubscribe(mine, { topic, qos });
      if (published.ok) t.ok(topic.startsWith(`${subtree(mine, 'up')}/`) && !/[+#]/.test(topic), topic);
      if (subscribed.ok) t.ok(topic.startsWith(`${subtree(mine, 'down')}/`), topic);
      allowed += Number(published.ok) + Number(subscribed.ok);
    }),
    { numRuns: 500 },
  );
  t.ok(allowed > 0, 'and something is allowed');
  t.end();
});

t.test('any payload on any topic is either read or refused', (t) => {
  const kinds = ['status', 'health', 'event', 'reported'] as const;
  const payload = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.constantFrom(health(1, 3), birth('0'.repeat(16)), death('0'.repeat(16))).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(payload, fc.constantFrom(...kinds), (bytes, kind) => {
      const said = read({ box: 'box-mine-only', direction: 'up', kind }, bytes);
      t.ok(said.kind === kind || said.kind === 'refused');
    }),
  );
  t.end();
});

t.test('thinning picks evenly and keeps the first and the last', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 60_000 }), fc.integer({ min: 2, max: 50 }), (count, limit) => {
      const picker = createPicker<number>(limit);
      for (let index = 0; index < count; index += 1) picker.add(index);
      const picked = picker.picked();
      t.equal(picked.length, Math.min(count, limit));
      if (count > 0) t.strictSame([picked[0], picked.at(-1)], [0, count - 1]);
      const steps = picked.slice(1).map((item, index) => item - picked[index]!);
      const even = (count - 1) / (limit - 1);
      if (count > limit) t.ok(steps.every((step) => step >= 1 && Math.abs(step - even) <= Math.max(1, even / 2)));
    }),
    { numRuns: 30 },
  );
  t.end();
});

const { teardown } = t;

async function openRig(
  t: { teardown: typeof teardown; fail(message: string): unknown },
  wrap: (store: Store) => Store = (store) => store,
) {
  const directory = await mkdtemp(path.join(tmpdir(), 'webizen-fleet-'));
  const store = await openStore(directory);
  const clock = createManualClock();
  const events = createEventLog({ store, clock });
  const acks: Ack[] = [];
  const heads: LedgerHead[] = [];
  const ingest = createIngest({
    fleet: createLevelFleet({ store: wrap(store), clock }),
    events,
    clock: { now: clock.now, sleep: (_, signal) => systemClock.sleep(5, signal) },
    log: quietLog,
    onHead: (_box, head) => heads.push(head),
    publish(_topic, payload) {
      const parsed = parseJson(Ack, payload);
      if (parsed.ok) acks.push(parsed.value);
      else t.fail('an ack that is none');
    },
  });
  t.teardown(async () => {
    await ingest.stop();
    await events.stop();
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  const say = (
    box: string,
    kind: Extract<Topic, { direction: 'up' }>['kind'] & ('status' | 'health'),
    payload: string,
  ) => ingest.receive({ box, topic: { box, direction: 'up', kind }, payload: Buffer.from(payload) });
  return { store, fleetStore: createLevelFleet({ store, clock }), clock, events, acks, heads, ingest, say };
}

const record = (more: Partial<BoxRecord> = {}): BoxRecord => ({
  enrolledAt: 5,
  claim: 'c',
  certificate: { serial: '0A', notAfter: 9, keyHash: '', der: '' },
  ...more,
});

t.test('while the store fails nothing is acknowledged and nothing is lost; the operator is told once', async (t) => {
  let full = false;
  let failures = 0;
  const rig = await openRig(t, (store) => ({
    ...store,
    commit(operations) {
      if (!full) return store.commit(operations);
      failures += 1;
      if (failures > 5) full = false;
      return Promise.reject(Object.assign(new Error('IO error: No space left on device'), { code: 'LEVEL_IO_ERROR' }));
    },
  }));
  await rig.say('box-aaaaaaaa', 'health', health(1, 3));
  full = true;
  const acksBefore = rig.acks.length;
  const taken = Promise.all([
    rig.say('box-aaaaaaaa', 'health', health(4, 6)).then(() => t.notOk(full, 'only once it is stored')),
    rig.say('box-bbbbbbbb', 'health', health(1, 2)),
  ]);
  t.equal(rig.acks.length, acksBefore);
  await taken;
  t.equal((await sampleKeys(rig.store)).length, 8);
  t.equal(rig.acks.at(-1)?.contiguous ?? 0, 2);
  const told = (await rig.events.recent(100)).filter((event) => event.code === 'disk-full');
  t.equal(told.length, 1);

  full = true;
  failures = -1e9;
  const refused = t.rejects(rig.say('box-aaaaaaaa', 'health', health(7, 7)), Refusal, 'a stop ends the waiting');
  await rig.ingest.stop();
  await refused;
});

t.test('the operator sees what was issued, what the box said, and whether it is here', async (t) => {
  const { store, fleetStore, ingest, say, acks, clock } = await openRig(t);
  const revoke: string[] = [];
  const fleet = createFleet({
    store,
    fleet: fleetStore,
    clock,
    abouts: createAbouts({ store, clock }),
    online: (box) => ingest.online(box),
    endings: {
      revoke: async (box) => void revoke.push(box),
      reinstate: async () => {},
      object: async () => {},
      settle: async () => {},
    },
  });
  const ids = ['box-aaaaaaaa', 'box-aaaaaaaa-2', 'box-bbbbbbbb', 'box-cccccccc'];
  for (const id of ids) await store.boxes.put(id, record(id === 'box-cccccccc' ? { revokedAt: 7 } : {}));
  await say(ids[0]!, 'status', birth('1'.repeat(16), 10));
  await say(ids[0]!, 'health', health(1, 4));
  await say(ids[1]!, 'status', birth('2'.repeat(16)));
  await say(ids[1]!, 'status', death('3'.repeat(16)));
  await say(ids[1]!, 'health', health(1, 1));
  t.ok(ingest.online(ids[1]!), 'the will of another session');
  await say(ids[1]!, 'status', death('2'.repeat(16), 'stopped'));

  const list = await fleet.list({ limit: 10 });
  t.strictSame(
    list.map(({ id, state }) => [id, state]),
    [
      [ids[0], 'online'],
      [ids[1], 'offline'],
      [ids[2], 'enrolled'],
      [ids[3], 'revoked'],
    ],
  );
  t.match(list[0], { gaps: 6, lastSeen: clock.now(), health: { values: { 'system.memory.usage': 4 } } });
  t.match(list[2], { gaps: 0, lastSeen: null, health: null, certificate: { serial: '0A', notAfter: 9 } });
  t.strictSame(
    (await fleet.list({ after: ids[1], limit: 1 })).map(({ id }) => id),
    [ids[2]],
  );
  t.match(await fleet.show(ids[0]!), { birth: { lastSequence: 10 }, reported: null, revokedAt: null });
  await t.rejects(fleet.show('box-unknown-0'), { code: 'box-unknown' });
  t.match(acks[0], { contiguous: 0, missing: [] }, 'a birth asks for nothing');

  await say(ids[0]!, 'health', JSON.stringify({ epoch, samples: samples(5, 200) }));
  const first = samples(1, 1)[0]!.at;
  const picked = await fleet.health(ids[0]!, { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 5 });
  t.equal(picked.length, 5);
  t.equal(picked[0]?.at, first);
  t.equal(picked.at(-1)?.values['system.memory.usage'], 200);
  t.equal((await fleet.health(ids[0]!, { from: first, to: first + 60_000, limit: 50 })).length, 2, 'both ends');
  await fleet.revoke(ids[0]!);
  t.strictSame(revoke, [ids[0]]);
});

t.test('absurd clocks do not hide what is new, and old samples are put together', async (t) => {
  const { store, fleetStore, clock, say } = await openRig(t);
  const box = 'box-aaaaaaaa';
  const one = (seq: number, at: number) => JSON.stringify({ epoch, samples: [{ seq, at, values: { a: seq } }] });
  const day = 86_400_000;
  await say(box, 'health', one(1, 8_640_000_000_000_000));
  await say(box, 'health', one(2, clock.now() - 31 * day));
  await say(box, 'health', one(3, clock.now() - 29 * day));
  await say('box-aaaaaaaa-2', 'health', one(1, clock.now() - day));
  t.match(await store.lives.get(box), { health: { values: { a: 3 } }, lastSeen: clock.now() });
  const retention = createRetention({ fleet: fleetStore, clock, log: quietLog });
  await retention.clear();
  t.equal((await sampleKeys(store)).length, 2, 'a week of them stays as it came');
  const seen = await fleetStore.samples(box, { from: 0, to: Number.MAX_SAFE_INTEGER, limit: 10 });
  t.strictSame(
    seen.map(({ values }) => values.a),
    [2, 3, 1],
  );
  await retention.stop();
});

t.test('one box cannot fill the log that all share, and its excess is refused by digest', async (t) => {
  const { events, acks, ingest, clock } = await openRig(t);
  const box = 'box-aaaaaaaa';
  const send = (number: number) => {
    const event = { id: String(number).padStart(16, '0'), at: 1, type: 'noise', severity: 'info', text: 'x' };
    return ingest.receive({
      box,
      topic: { box, direction: 'up', kind: 'event' },
      payload: Buffer.from(JSON.stringify(event)),
    });
  };
  await Promise.all(Array.from({ length: 150 }, (_, index) => send(index)));
  const stored = async () => (await events.recent(1000)).filter(({ type }) => type === 'event').length;
  t.equal(await stored(), 100);
  const refused = acks.flatMap((ack) => ack.refused ?? []);
  t.equal(refused.length, 50);
  t.ok(refused.every(({ code }) => code === 'packet-rate'));
  await clock.pass(60_000);
  await send(200);
  t.equal(await stored(), 101, 'later there is room again');
});

t.test('a birth that is stored after its session ended does not put the box online', async (t) => {
  const { ingest, say } = await openRig(t);
  const born = say('box-aaaaaaaa', 'status', birth('1'.repeat(16)));
  ingest.left('box-aaaaaaaa');
  await born;
  await say('box-aaaaaaaa', 'health', health(1, 1));
  t.notOk(ingest.online('box-aaaaaaaa'));
});

t.test('a listener that fails is no reason to store again', async (t) => {
  const { events, say, store } = await openRig(t);
  const end = events.subscribe(() => {
    throw new Error('a listener failed');
  });
  await say('box-aaaaaaaa', 'health', health(1, 2));
  end();
  t.equal((await sampleKeys(store)).length, 2);
});

t.test('at most eight epochs of a box are followed, and the one of its birth always', async (t) => {
  const { store, say } = await openRig(t);
  const box = 'box-aaaaaaaa';
  await say(box, 'status', birth('1'.repeat(16), 0, epoch2));
  for (let index = 0; index < 12; index += 1) await say(box, 'health', health(1, 2, String(index).padStart(16, 'a')));
  const life = await store.lives.get(box);
  t.equal(Object.keys(life?.tracks ?? {}).length, 8);
  t.ok(life?.tracks[epoch2]);
});

t.test('an epoch that comes back after another is two machines; one that is new, or goes on, is not', async (t) => {
  const birthOf = (name: string): Birth => ({
    ...{ kind: 'birth', session: '1'.repeat(16), epoch: name.repeat(16), lastSequence: 0 },
    ...{ at: 1, agent: '0.1.0', api: '1.0' },
  });
  const hour = 3_600_000;
  /** When the operator was told, of births an hour and a bit apart unless said. */
  const told = (names: string, step = hour + 1): number[] => {
    let life = emptyLife();
    return [...names].flatMap((name, index) => {
      const { life: next, isNews } = takeBirth(life, birthOf(name), index * step);
      life = next;
      return isNews ? [index] : [];
    });
  };
  t.same(told('aaaa'), []);
  t.same(told('aab'), [], 'a reset, a restored store, a card that was moved');
  t.same(told('abcdef'), []);
  t.same(told('aabba'), [4]);
  t.same(told('abab'), [2, 3]);
  t.same(told('ababababab', 1000), [2], 'once in an hour');
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...'abcde'), { maxLength: 20 }), (names) => {
      const back = names.some((name, index) => names[index - 1] !== name && names.slice(0, index).includes(name));
      t.equal(told(names.join('')).length > 0, back, names.join(''));
    }),
  );

  let life = emptyLife();
  const record = { enrolledAt: 0, claim: '', certificate: { serial: '', notAfter: 0, keyHash: '', der: '' } };
  const isSeen = (name: string, at: number, settledAt: number) => {
    life = takeBirth(life, birthOf(name), at).life;
    return isCloned({ ...record, settledAt }, life);
  };
  t.same([isSeen('a', 1, 0), isSeen('b', 2, 0), isSeen('a', 3, 0), isSeen('b', 4, 0)], [false, false, true, true]);
  t.same([isSeen('a', 6, 5), isSeen('a', 7, 5)], [false, false], 'the one that stays, after it was settled');
  t.ok(isSeen('b', 8, 5), 'the copy is back');

  // As an earlier release left it, which kept the last birth only.
  const { store, say, events } = await openRig(t);
  const box = 'box-aaaaaaaa';
  await store.lives.put(box, { lastSeen: 1, tracks: {}, birth: { ...birthOf('a'), epoch } });
  await say(box, 'status', birth('2'.repeat(16), 0, epoch2));
  await say(box, 'status', birth('1'.repeat(16), 0, epoch));
  const found = (await events.recent(10)).find(({ type }) => type === 'cloned-box');
  t.match(found, { box, code: 'cloned-box', remedy: /reset both/ });
});
const headOf = (ledger: string, length: number, hash = `${length}`): LedgerHead => ({
  ...{ ledger: ledger.repeat(32), length, hash: hash.padStart(64, '0') },
});

t.test('the highest head of a ledger stays known, whatever a box says after it', (t) => {
  const said = fc.record({ ledger: fc.constantFrom('a', 'b', 'c'), length: fc.integer({ min: 1, max: 9 }) });
  fc.assert(
    fc.property(fc.array(said, { maxLength: 30 }), (list) => {
      let known: readonly LedgerHead[] = [];
      const highest = new Map<string, number>();
      for (const { ledger, length } of list) {
        const { heads, good, mismatch } = judgeHead(known, headOf(ledger, length));
        const before = highest.get(ledger) ?? 0;
        t.equal(mismatch === undefined, length >= before);
        t.equal(good === undefined, length < before);
        highest.set(ledger, Math.max(before, length));
        known = heads;
        for (const one of known) t.equal(one.length, highest.get(one.ledger[0] ?? ''));
        t.equal(known.length, highest.size);
      }
    }),
  );
  t.end();
});

t.test(
  'a head that goes on earns a receipt; one that goes back, forks or is gone is told to the operator',
  async (t) => {
    const { store, events, heads, say } = await openRig(t);
    const box = 'box-ledger-01';
    const born = (ledger?: LedgerHead) =>
      say(box, 'status', JSON.stringify({ ...JSON.parse(birth('1'.repeat(16))), ledger }));
    const told = async () => (await events.recent(100)).filter(({ code }) => code === 'ledger-mismatch');
    await born();
    t.strictSame(heads, [], 'a box that has no entry yet');
    for (const head of [headOf('a', 3), headOf('a', 3), headOf('a', 7), headOf('b', 1)]) await born(head);
    t.strictSame(heads, [headOf('a', 3), headOf('a', 3), headOf('a', 7), headOf('b', 1)]);
    t.strictSame(await told(), [], 'a new ledger is no fault');
    await born(headOf('a', 6));
    t.match(await told(), [
      { box, code: 'ledger-mismatch', text: /has 6 entries, and had 7/, remedy: /webizen ledger verify/ },
    ]);
    await born(headOf('b', 1, 'f'));
    await born();
    t.equal(events.refusals.get('ledger-mismatch'), 3);
    t.equal(heads.length, 4);
    t.strictSame((await store.lives.get(box))?.ledgers, [headOf('a', 7), headOf('b', 1)]);
  },
);
