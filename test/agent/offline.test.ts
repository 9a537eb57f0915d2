/** A box without its provider for a month, and many that come back at once: every sequence is stored, or lost for a reason. */
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { Ack, type LostRange } from '#contract/health.js';
import { compactHealth, decodeBatch } from '#contract/health-codec.js';
import { parseJson } from '#contract/parse.js';
import { createCourier } from '../../agent/link/courier.js';
import { createLink, type Link } from '../../agent/link/link.js';
import { createOutbox, type Outbox } from '../../agent/link/outbox.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { lostOf } from '../../provisioning/fleet/lost.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore } from '../../provisioning/store/store.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { createHealthLife } from '../support/health-life.js';
import { createManualClock } from '../support/manual-clock.js';
import { randomFrom } from '../support/random.js';
import { sampleKeys } from '../support/stored.js';
import { openTerritory, quietLog, type TestTerritory } from '../support/territory.js';

const minute = 60_000;

async function outboxIn(t: Test, folder: string, parts: { budgetBytes: number; batch: number }): Promise<Outbox> {
  const db = await openDatabase(path.join(folder, 'box'), 1);
  t.teardown(() => db.close());
  return createOutbox({ store: { db, commit: createCommits(db).commit }, ...parts });
}

const sequencesOf = (keys: readonly string[]): number[] =>
  keys.map((key) => Number(key.split('!')[3])).sort((a, b) => a - b);
const lengthOf = ([first, last]: LostRange): number => last - first + 1;

t.test('after thirty days without a provider each sequence is stored, or thinned out and counted', async (t) => {
  const folder = await ownFolder(t);
  const outbox = await outboxIn(t, folder, { budgetBytes: 6_000_000, batch: 15 });
  const random = randomFrom(30);
  const life = createHealthLife(random);
  const days = 30;
  const clock = createManualClock();
  const count = days * 1440;
  for (let index = 0; index < count; index += 1) {
    clock.advance(minute);
    await outbox.add({ at: clock.now(), values: life(index) });
  }
  await outbox.commit();
  const { epoch, last, lost, waiting } = outbox.state();
  t.equal(last, count);
  t.equal(waiting + lost, count, 'each is held or counted');

  const store = await openStore(path.join(folder, 'provider'));
  t.teardown(() => store.close());
  const box = 'box-in-a-cellar';
  const declared: LostRange[] = [];
  let isDone = (): void => {};
  const done = new Promise<void>((resolve) => {
    isDone = resolve;
  });
  const ingest = createIngest({
    ...{ fleet: createLevelFleet({ store, clock }), events: createEventLog({ store, clock }), clock, log: quietLog },
    publish(_topic, text) {
      const ack = parseJson(Ack, text);
      if (!ack.ok) throw new Error('an ack that is none');
      courier.acknowledged(ack.value);
      if (ack.value.contiguous === count) isDone();
    },
  });
  let bytes = 0;
  const courier = createCourier({
    ...{ outbox, compact: true, maxBytes: 128 * 1024, strikes: new Map(), clock, onRefused: t.fail },
    async send(payload) {
      bytes += payload.length;
      const batch = decodeBatch(payload);
      if (batch.ok) declared.push(...(batch.value.lost ?? []));
      await ingest.receive({ box, topic: { box, direction: 'up', kind: 'health' }, payload });
    },
  });
  courier.flush();
  await done;
  await courier.stop({ byBroker: false });
  await ingest.stop();

  const stored = sequencesOf(await sampleKeys(store, box));
  t.equal(new Set(stored).size, stored.length, 'none is doubled');
  t.equal(stored.length, waiting);
  const absent = declared.reduce((sum, range) => sum + lengthOf(range), 0);
  t.equal(stored.length + absent, count, 'every sequence is stored or was declared');
  t.notOk(
    declared.some(([from, to]) => stored.some((sequence) => sequence >= from && sequence <= to)),
    'and none is both',
  );
  t.same([...new Set(declared.map(([, , reason]) => reason))], ['thinned']);
  t.same(lostOf(await store.lives.get(box)), { thinned: lost });
  t.match(outbox.state(), { epoch, waiting: 0, acknowledged: count });

  const keptOf = (from: number, to: number) => stored.filter((sequence) => sequence > from && sequence <= to).length;
  t.equal(keptOf(count - 1440, count), 1440, 'the newest day is whole');
  t.ok(keptOf(count - 2 * 1440, count - 1440) >= 288, 'of the day before there is one each five minutes');
  t.ok(keptOf(0, 1440) >= 24, 'of the first day one an hour');
  t.ok(bytes < 400_000, `${bytes} bytes carried the month`);
});

t.test('what waits beyond all thinning is given up, the oldest first, with that reason', async (t) => {
  const outbox = await outboxIn(t, await ownFolder(t), { budgetBytes: 20_000, batch: 10 });
  for (let index = 0; index < 4000; index += 1)
    await outbox.add({ at: index * minute, values: { 'system.uptime': index } });
  const { lost, waiting } = outbox.state();
  t.equal(waiting + lost, 4000);
  const declared = await outbox.lostWithin(1, 4000);
  t.same([...new Set(declared.map(([, , reason]) => reason))], ['budget']);
  t.equal(
    declared.reduce((sum, range) => sum + lengthOf(range), 0),
    lost,
  );
});

interface Linked {
  id: string;
  link: Link;
  outbox: Outbox;
}

const batchSeconds = 900;
const waitingBefore = 250;

async function linkedTo(
  t: Test,
  { territory, anchor, id, random }: { territory: TestTerritory; anchor: X509Certificate; id: string; random: number },
): Promise<Linked> {
  const outbox = await outboxIn(t, await ownFolder(t), { budgetBytes: 1_000_000, batch: waitingBefore });
  const { clock, port } = territory;
  for (let index = 0; index < waitingBefore; index += 1)
    await outbox.add({ at: clock.now(), values: { 'system.uptime': index } });
  const { credentials } = await territory.box(id);
  const link = createLink({
    ...{ clock, outbox, batchSeconds, onRefused: t.fail, random: () => random },
    access: async () => ({
      profile: {
        box: id,
        territory: { id: 'north', name: 'North', jurisdiction: 'AU-NSW', law: 'New South Wales' },
        broker: { url: `mqtts://127.0.0.1:${port}`, protocolVersion: 4, maxPacketBytes: 256 * 1024 },
        reads: [compactHealth],
      },
      credentials: {
        identity: { keyPem: credentials.key, chain: credentials.cert },
        trust: { anchors: [anchor] },
      },
    }),
    moment: () => Date.now(), // the certificates are of today
    learnTime: async () => {},
    birth: (session) => ({
      ...{ kind: 'birth', session, epoch: outbox.state().epoch, lastSequence: outbox.state().last },
      ...{ at: clock.now(), agent: '0.1.0', api: '1.0' },
    }),
    reported: () => ({ at: clock.now(), agent: '0.1.0', apps: [] }),
    async onBirth() {
      await outbox.add({ at: clock.now(), values: { 'system.uptime': waitingBefore } });
    },
  });
  t.teardown(() => link.stop());
  return { id, link, outbox };
}

t.test('boxes that come back with much tell their newest sample at once, and the rest at moments apart', async (t) => {
  const authority = await createTestCa();
  t.teardown(() => authority.close());
  const territory = await openTerritory({ authority });
  t.teardown(() => territory.close());
  const { store, clock, told } = territory;
  const anchor = new X509Certificate(authority.ca);
  const places = [0.1, 0.3, 0.6, 0.9];
  const boxes = await Promise.all(
    places.map((random, index) => linkedTo(t, { territory, anchor, id: `box-number-000${index}`, random })),
  );
  const storedOf = async (id: string) => sequencesOf(await sampleKeys(store, id));
  const whole = Array.from({ length: waitingBefore + 1 }, (_, index) => index + 1);

  for (const { link } of boxes) link.start();
  for (const { id } of boxes) {
    await territory.happened(
      ({ type, box, text }) => type === 'health' && box === id && text === '1 sample',
      'the newest',
    );
    t.same(await storedOf(id), [waitingBefore + 1], 'the newest, and nothing else');
  }
  let passed = 0;
  for (const [index, { id, outbox }] of boxes.entries()) {
    const begins = (places[index] ?? 0) * batchSeconds * 1000;
    await clock.pass(begins - passed - 1);
    t.equal((await storedOf(id)).length, 1, 'it waits for its moment');
    await clock.pass(1);
    passed = begins;
    await territory.happened(
      ({ type, box, text }) => type === 'health' && box === id && text !== '1 sample',
      'the rest',
    );
    t.same(await storedOf(id), whole);
    t.equal(outbox.state().last, waitingBefore + 1);
  }
  t.notOk(
    told.some(({ type }) => type === 'gap'),
    'nobody is told of gaps that are about to be filled',
  );
});
