import { EventEmitter, once } from 'node:events';
import t, { type Test } from 'tap';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import type { HealthBatch } from '#contract/health.js';
import { decodeBatch, isCompact } from '#contract/health-codec.js';
import type { Refusal } from '#contract/problems.js';
import { createCourier, digestOf, type Strikes } from '../../agent/link/courier.js';
import { createOutbox, type Outbox } from '../../agent/link/outbox.js';

import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const sample = (value: number) => ({ at: 1_000 * value, values: { 'system.uptime': value } });

async function ownOutbox(t: Test, budgetBytes?: number): Promise<Outbox> {
  const { outbox, close } = await openOutbox(await ownFolder(t), budgetBytes);
  t.teardown(close);
  return outbox;
}

async function openOutbox(
  folder: string,
  budgetBytes = 1_000_000,
  at: { machine?: string; onMoved?: () => Promise<void> } = {},
): Promise<{ outbox: Outbox; close: () => Promise<void> }> {
  const db = await openDatabase(folder, 1);
  const commits = createCommits(db);
  const outbox = await createOutbox({ store: { db, commit: commits.commit }, budgetBytes, ...at });
  return { outbox, close: () => db.close() };
}

/** A provider that stores what it is sent, and says so only when told to. */
function desk() {
  const arrived = new EventEmitter();
  const batches: HealthBatch[] = [];
  const payloads: Buffer[] = [];
  return {
    batches,
    payloads,
    next: () => once(arrived, 'batch'),
    send: async (payload: Buffer): Promise<void> => {
      const parsed = decodeBatch(payload);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
      batches.push(parsed.value);
      payloads.push(payload);
      arrived.emit('batch');
    },
  };
}

type Post = Parameters<typeof createCourier>[0];

/** A courier with a clock that stands still and nothing held against it, unless the test says otherwise. */
const courierOf = (post: Pick<Post, 'outbox' | 'send' | 'onRefused'> & Partial<Post>) =>
  createCourier({ maxBytes: 100_000, compact: true, strikes: new Map(), clock: createManualClock(), ...post });

t.test('the outbox gives each sample the next sequence, also after it was emptied and opened again', async (t) => {
  const folder = await ownFolder(t);
  const first = await openOutbox(folder);
  const { epoch } = first.outbox.state();
  for (const value of [1, 2, 3]) await first.outbox.add(sample(value));
  await first.outbox.acknowledge(3);
  t.equal(first.outbox.state().waiting, 0, 'acknowledged samples are gone');
  await first.close();
  const second = await openOutbox(folder);
  t.teardown(second.close);
  t.equal(second.outbox.state().epoch, epoch, 'the epoch lives as long as the store');
  t.equal((await second.outbox.add(sample(4))).seq, 4);
});

t.test(
  'in another machine the store begins a new epoch; a move to another provider is still followed once',
  async (t) => {
    const folder = await ownFolder(t);
    let told = 0;
    const on = async <T>(machine: string | undefined, use: (outbox: Outbox) => Promise<T> | T): Promise<T> => {
      const onMoved = async () => {
        told += 1;
      };
      const { outbox, close } = await openOutbox(folder, undefined, { ...(machine ? { machine } : {}), onMoved });
      const answer = await use(outbox);
      await close();
      return answer;
    };
    const epochOn = (machine?: string) => on(machine, (outbox) => outbox.state().epoch);
    const elected = 'e'.repeat(16);

    const first = await epochOn(); // as an earlier release made it
    t.equal(await epochOn('one'), first);
    t.equal(await epochOn(), first, 'not readable for once');
    await on('one', async (outbox) => {
      for (const at of [1, 2, 3]) await outbox.add({ at, values: {} });
      await outbox.acknowledge(1);
    });
    t.equal(told, 0);
    const moved = await on('two', async (outbox) => {
      t.match(outbox.state(), { last: 2, acknowledged: 0, waiting: 2 });
      t.match(await outbox.read(1, 9, { count: 9, bytes: 9999 }), [
        { seq: 1, at: 2 },
        { seq: 2, at: 3 },
      ]);
      return outbox.state().epoch;
    });
    t.not(moved, first);
    t.equal(told, 1);
    t.equal(await epochOn('two'), moved, 'and stays there');

    await on('two', async (outbox) => {
      await outbox.renumber(first);
      t.equal(outbox.state().epoch, moved, 'the membership still names the epoch before');
      await outbox.renumber(elected);
      t.match(outbox.state(), { epoch: elected, last: 2 });
    });
    const again = await epochOn('three');
    t.notOk([first, moved, elected].includes(again));
    await on('three', async (outbox) => {
      await outbox.renumber(elected);
      t.equal(outbox.state().epoch, again);
    });
    t.not(await epochOn('two'), moved, 'back in a machine where it was it is new all the same');
    t.equal(told, 3);
  },
);

t.test('samples added at once get different sequences, and all are stored', async (t) => {
  const outbox = await ownOutbox(t);
  const added = await Promise.all(Array.from({ length: 50 }, (_, index) => outbox.add(sample(index))));
  t.same(
    added.map((one) => one.seq),
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  t.equal((await outbox.read(1, 50, { count: 100, bytes: 1_000_000 })).length, 50);
  t.same((await outbox.read(1, 50, { count: 100, bytes: 1 })).length, 1, 'at least one, however small the limit');
});

t.test('an acknowledgement of more than was ever taken acknowledges what was taken', async (t) => {
  const outbox = await ownOutbox(t);
  await outbox.add(sample(1));
  await outbox.acknowledge(900);
  t.equal(outbox.state().acknowledged, 1);
  t.equal((await outbox.add(sample(2))).seq, 2);
});

t.test('beyond its budget the outbox gives up the oldest samples, counts them and can name them', async (t) => {
  const outbox = await ownOutbox(t, 300);
  for (let value = 1; value <= 20; value += 1) await outbox.add(sample(value));
  const { waiting, lost } = outbox.state();
  t.ok(waiting >= 1 && waiting < 20);
  t.equal(waiting + lost, 20, 'each is held or counted');
  t.same(await outbox.lostWithin(1, 20), [[1, lost, 'budget']]);
});

t.test('the courier sends what waits in order, and forgets only what the provider has acknowledged', async (t) => {
  const outbox = await ownOutbox(t);
  for (const value of [1, 2, 3]) await outbox.add(sample(value));
  const { epoch } = outbox.state();
  const provider = desk();
  const clock = createManualClock();
  const courier = courierOf({ outbox, send: provider.send, onRefused: t.fail, clock });
  const sent = provider.next();
  courier.flush();
  await sent;
  t.same(
    provider.batches[0]?.samples.map((one) => one.seq),
    [1, 2, 3],
  );
  t.equal(outbox.state().waiting, 3, 'a PUBACK proves nothing');
  courier.acknowledged({ epoch: '0000000000000000', contiguous: 3, missing: [] });
  courier.acknowledged({ epoch, contiguous: 2, missing: [] });
  await courier.stop({ byBroker: false });
  t.equal(outbox.state().waiting, 1, 'another epoch acknowledges nothing here');
});

t.test('what stays unacknowledged for a whole wait is sent again', async (t) => {
  const outbox = await ownOutbox(t);
  await outbox.add(sample(1));
  const provider = desk();
  const clock = createManualClock();
  const courier = courierOf({ outbox, send: provider.send, onRefused: t.fail, clock });
  t.teardown(() => courier.stop({ byBroker: false }));
  const sent = provider.next();
  courier.flush();
  await sent;
  const again = provider.next();
  for (let turn = 0; turn < 3; turn += 1) await clock.pass(30_000);
  await again;
  t.same(provider.payloads[1], provider.payloads[0]);
});

t.test('a range that the provider misses is sent again, and what the box no longer has is declared lost', async (t) => {
  const outbox = await ownOutbox(t);
  for (const value of [1, 2, 3, 4]) await outbox.add(sample(value));
  const { epoch } = outbox.state();
  await outbox.acknowledge(2);
  const provider = desk();
  const courier = courierOf({ outbox, send: provider.send, onRefused: t.fail });
  t.teardown(() => courier.stop({ byBroker: false }));
  let sent = provider.next();
  courier.flush();
  await sent;
  sent = provider.next();
  courier.acknowledged({ epoch, contiguous: 0, missing: [[1, 2]] }); // a provider restored from an older backup
  await sent;
  t.same(provider.batches[1], { epoch, samples: [], lost: [[1, 2]] });
});

t.test(
  'a payload that the provider refuses becomes a dead letter, is told with its code, and is declared lost',
  async (t) => {
    const { outbox, close } = await openOutbox(await ownFolder(t));
    t.teardown(close);
    await outbox.add(sample(1));
    const { epoch } = outbox.state();
    const provider = desk();
    const refusals: Refusal[] = [];
    const courier = courierOf({ outbox, send: provider.send, onRefused: (refusal) => refusals.push(refusal) });
    t.teardown(() => courier.stop({ byBroker: false }));
    let sent = provider.next();
    courier.flush();
    await sent;
    sent = provider.next();
    const digest = digestOf(provider.payloads[0] ?? '');
    courier.acknowledged({ epoch, contiguous: 0, missing: [], refused: [{ digest, code: 'packet-rate' }] });
    await sent;
    t.same(provider.batches[1], { epoch, samples: [], lost: [[1, 1, 'dead-letter']] });
    t.equal(refusals[0]?.code, 'packet-rate');
    t.match(outbox.state(), { deadLetters: 1, lost: 1, waiting: 0 });
  },
);

t.test('a provider that does not read compact batches gets them as JSON, and nothing is lost by it', async (t) => {
  const outbox = await ownOutbox(t);
  for (const value of [1, 2]) await outbox.add(sample(value));
  const { epoch } = outbox.state();
  const provider = desk();
  const courier = courierOf({ outbox, send: provider.send, onRefused: t.fail });
  t.teardown(() => courier.stop({ byBroker: false }));
  let sent = provider.next();
  courier.flush();
  await sent;
  const [first = Buffer.alloc(0)] = provider.payloads;
  t.ok(isCompact(first));
  sent = provider.next();
  const refused = [{ digest: digestOf(first), code: 'message-malformed' }];
  courier.acknowledged({ epoch, contiguous: 0, missing: [], refused });
  await sent;
  t.match(JSON.parse(String(provider.payloads[1])), { epoch, samples: [{ seq: 1 }, { seq: 2 }] });
  t.match(outbox.state(), { deadLetters: 0, lost: 0, waiting: 2 });
});

t.test('a sample at which the broker ends five sessions is set aside, and the next one goes through', async (t) => {
  const outbox = await ownOutbox(t);
  await outbox.add(sample(1));
  await outbox.add(sample(2));
  const strikes: Strikes = new Map();
  const refusals: Refusal[] = [];
  const onRefused = (refusal: Refusal) => void refusals.push(refusal);
  for (let session = 1; session <= 5; session += 1) {
    const reached = new EventEmitter();
    const arrived = once(reached, 'sent');
    const send = (): Promise<void> => {
      reached.emit('sent');
      return new Promise(() => {}); // no PUBACK ever: the session ends first
    };
    const courier = courierOf({ outbox, send, onRefused, strikes });
    courier.flush();
    await arrived;
    await courier.stop({ byBroker: true });
  }
  t.same(
    refusals.map((refusal) => refusal.code),
    ['publish-refused'],
  );
  t.match(outbox.state(), { deadLetters: 1, waiting: 1 });
  const provider = desk();
  const courier = courierOf({ outbox, send: provider.send, onRefused, strikes });
  t.teardown(() => courier.stop({ byBroker: false }));
  const sent = provider.next();
  courier.flush();
  await sent;
  t.match(provider.batches[0], { samples: [{ seq: 2 }], lost: [[1, 1, 'dead-letter']] });
});

t.test('a session that fell silent or was stopped blames no sample', async (t) => {
  const outbox = await ownOutbox(t);
  await outbox.add(sample(1));
  const strikes: Strikes = new Map();
  for (let session = 1; session <= 6; session += 1) {
    const reached = new EventEmitter();
    const arrived = once(reached, 'sent');
    const send = (): Promise<void> => {
      reached.emit('sent');
      return new Promise(() => {});
    };
    const clock = createManualClock();
    const courier = courierOf({ outbox, send, onRefused: t.fail, strikes, clock });
    courier.flush();
    await arrived;
    await courier.stop({ byBroker: false });
  }
  t.match(outbox.state(), { deadLetters: 0, waiting: 1 });
});
