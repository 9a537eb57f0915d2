import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { eventTable, eventTypes } from '#contract/event-table.js';
import { EventBatch } from '#contract/events.js';
import type { Ack } from '#contract/health.js';
import { check, parseJson } from '#contract/parse.js';
import type { Reporting } from '#contract/status.js';
import { keptTold } from '../../agent/events/book.js';
import type { Port } from '../../agent/events/carrier.js';
import { fromLedger } from '../../agent/events/ledger-facts.js';
import { due, type Fresh, type Pace, take } from '../../agent/events/pace.js';
import { started } from '../../agent/events/starts.js';
import { epoch, openEventsRig, type RigWish } from '../support/events-child.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const hour = 3_600_000;
const day = 24 * hour;
const fresh = (at: number, more: Partial<Fresh> = {}): Fresh => ({
  ...{ type: 'agent-crashed', severity: 'attention', at, facts: { at } },
  ...more,
});

t.test('what repeats is told a few times an hour one by one, then together, and nothing is uncounted', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 * hour }), { maxLength: 200 }), (steps) => {
      let pace: Pace | undefined;
      const given: Fresh[] = [];
      let now = 0;
      for (const step of steps) {
        now += step;
        const taken = take(pace, fresh(now), now);
        pace = taken.pace;
        if (taken.give) given.push(taken.give);
      }
      const last = pace && due(pace, now + hour).give;
      if (last) given.push(last);
      const told = given.reduce((sum, { count = 1 }) => sum + count, 0);
      t.equal(told, steps.length);
      t.ok(given.length <= 4 + (now / hour) * 4, `${given.length} in ${now / hour} hours`);
      for (const { at, until = at, facts } of given) t.equal(facts.at, until, 'the facts of the last time');
    }),
  );
  let pace: Pace | undefined;
  let given = 0;
  for (let now = 0; now < day; now += 8640) {
    const taken = take(pace, fresh(now), now);
    pace = taken.pace;
    given += Number(taken.give !== undefined);
  }
  t.ok(given <= 30, `10,000 crashes a day are ${given} events`);
  t.end();
});

t.test('how it starts says how it ended', (t) => {
  const now = { boot: 'two', agent: '2.0.0', reason: undefined, lostSamples: 4 };
  const types = (before: Parameters<typeof started>[0], more = {}) =>
    started(before, { ...now, ...more }).happened.map(({ type }) => type);
  t.same(types(undefined), ['boot']);
  const before = { boot: 'one', ended: true, agent: '2.0.0' };
  t.same(types(before), ['boot']);
  t.same(types({ ...before, ended: false }), ['boot-unexpected']);
  t.same(types({ ...before, boot: 'two' }), ['agent-started']);
  t.same(types({ ...before, boot: 'two', ended: false }), ['agent-crashed']);
  t.same(types({ ...before, agent: '1.0.0' }), ['boot', 'software-changed']);
  const cut = started({ ...before, ended: false }, { ...now, reason: 'the watchdog fired' });
  t.same(cut.happened[0]?.facts, { reason: 'the watchdog fired', lostSamples: 4 });
  t.same(cut.start, { boot: 'two', ended: false, agent: '2.0.0' });
  t.end();
});

t.test('of the ledger only what is named is told, and of it only what is named', (t) => {
  const secret = { passphrase: 'x', capability: 'storage', label: 'mine', text: 'y' };
  const told = (type: string, facts = {}) => fromLedger({ type, facts: { ...facts, ...secret } });
  for (const type of [
    'sign-in',
    'grant.given',
    'grant.taken',
    'app.agreed',
    'passphrase',
    'link.confirmed',
    'jurisdiction',
  ])
    t.equal(told(type), undefined, type);
  t.same(told('app.rolled-back', { app: 'a', version: '2', code: 'app-unhealthy', why: 'long' })?.facts, {
    ...{ app: 'a', version: '2', code: 'app-unhealthy' },
  });
  t.same(told('os.rolled-back', { version: '2.0.0', from: '1.0.0', code: 'system-unhealthy' }), {
    ...{ type: 'system-rolled-back', about: '2.0.0' },
    facts: { version: '2.0.0', from: '1.0.0', code: 'system-unhealthy' },
  });
  t.equal(told('sign-in-failed', { count: 2 }), undefined, 'a slip of the hand');
  t.same(told('sign-in-failed', { count: 30 })?.facts, { door: 'passphrase', tries: 30 });
  t.equal(told('command', { command: 'c', kind: 'reboot', territory: 'au' }), undefined, 'it has only come');
  const ended = { command: 'c', kind: 'reboot', territory: 'au', asked: 'Jo', outcome: 'done' };
  t.same(told('command-result', ended), {
    ...{ type: 'command-ended', about: 'reboot', territory: 'au' },
    facts: { command: 'c', kind: 'reboot', outcome: 'done' },
  });
  t.end();
});

/** A room with a clock that a test moves, and a provider that a test is. */
async function openRoom(t: Test, wish: Partial<RigWish> = {}) {
  const clock = createManualClock();
  const began = clock.now();
  const rig = await openEventsRig({
    ...{ folder: await ownFolder(t), sleep: clock.sleep, monotonic: () => clock.now() - began },
    ...wish,
  });
  const know = () =>
    rig.clock.learn({ date: clock.now(), validity: { notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER } });
  const sent: EventBatch[] = [];
  let arrived = () => {};
  const port = (reads = true): Port => ({
    ...{ reads, maxPacketBytes: 64 * 1024, spreadMilliseconds: 1000 },
    async publish(payload) {
      const batch = parseJson(EventBatch, payload);
      if (!batch.ok) throw new Error(JSON.stringify(batch.faults));
      sent.push(batch.value);
      arrived();
    },
  });
  const until = async (holds: () => boolean) => {
    while (!holds())
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
  };
  const ack = (events: number): Ack => ({ epoch, contiguous: 0, missing: [], events });
  const stored = async (events: number) => {
    while (rig.book.state().acknowledged < events) await systemClock.sleep(1); // a look, not an event
  };
  const passing = async (holds: () => boolean) => {
    while (!holds()) {
      await clock.pass(10_000);
      await new Promise((resolve) => setImmediate(resolve)); // the disk has its turn
    }
  };
  t.teardown(async () => {
    await rig.events.stop();
    await rig.close();
  });
  return { ...rig, ticks: clock, know, sent, port, until, ack, stored, passing };
}

const sequences = (batch: EventBatch | undefined) => batch?.events.map(({ seq }) => seq);

t.test('an event goes out at once and again until the provider has stored it', async (t) => {
  const { events, book, know, sent, port, until, ack, stored, passing, ticks } = await openRoom(t);
  await know();
  await events.start();
  const carrier = await events.open(port());
  await until(() => sent.length === 1);
  t.match(sent[0], { epoch, events: [{ seq: 1, type: 'boot', severity: 'info' }] });
  t.equal(sent[0]?.events[0]?.clock, undefined, 'the time is known');
  await passing(() => sent.length >= 2);
  t.same(sequences(sent[1]), [1], 'nobody has acknowledged it');
  carrier.acknowledged({ epoch, contiguous: 7, missing: [] });
  carrier.acknowledged({ ...ack(1), epoch: 'f'.repeat(16) });
  t.equal(book.state().acknowledged, 0, 'an old provider says nothing of events');
  carrier.acknowledged(ack(1));
  await stored(1);
  await events.record({ type: 'disk-errors', facts: { about: 'mmcblk0' } });
  await until(() => sent.length === 3);
  t.same(sequences(sent[2]), [2]);
  carrier.acknowledged(ack(2));
  await stored(2);
  await ticks.pass(day);
  t.equal(sent.length, 3, 'and rests');
  t.match(events.counts(), { waiting: 0, acknowledged: 2, lost: 0 });
  t.same(
    (await events.newest()).map(({ told }) => told),
    [true, true],
    'the owner can look at them',
  );
  await carrier.stop();
});

t.test('a provider that does not read events is sent none; they wait for one that does', async (t) => {
  const { events, sent, port, until, ticks } = await openRoom(t);
  await events.start();
  const old = await events.open(port(false));
  await events.record({ type: 'network-back', facts: { hours: 3 } });
  await ticks.pass(day);
  t.equal(sent.length, 0);
  await old.stop();
  const carrier = await events.open(port());
  await until(() => sent.length === 1);
  t.same(sequences(sent[0]), [1, 2]);
  t.same(
    sent[0]?.events.map(({ clock }) => clock),
    ['unknown', 'unknown'],
    'the time was not known',
  );
  await carrier.stop();
});

t.test('what was told before the time was known gets its time, where it is known in the same boot', async (t) => {
  const { events, know, sent, port, until, ticks } = await openRoom(t);
  await events.start();
  const at = ticks.now();
  ticks.advance(5000);
  await know();
  const carrier = await events.open(port());
  await until(() => sent.length === 1);
  t.match(sent[0]?.events, [{ at }]);
  t.equal(sent[0]?.events[0]?.clock, undefined);
  await carrier.stop();
});

t.test('a month without a provider: all of it comes, in its order, a batch at a time', async (t) => {
  const { events, know, sent, port, until, ack, stored, ticks, refused } = await openRoom(t);
  await know();
  await events.start();
  for (let on = 0; on < 30; on += 1) {
    for (let index = 0; index < 10; index += 1)
      await events.record({
        type: 'app-updated',
        about: `app-${index}`,
        facts: { app: `app-${index}`, version: `1.${on}` },
      });
    await ticks.pass(day);
  }
  const carrier = await events.open(port());
  t.equal(sent.length, 0, 'it begins at a moment of its own');
  ticks.advance(1);
  let upTo = 0;
  while (upTo < 301) {
    const before = sent.length;
    carrier.acknowledged(ack(upTo));
    await until(() => sent.length > before);
    const batch = sent.at(-1);
    t.equal(sequences(batch)?.[0], upTo + 1);
    t.ok(JSON.stringify(batch).length <= 16 * 1024);
    upTo = sequences(batch)?.at(-1) ?? 0;
  }
  carrier.acknowledged(ack(upTo));
  await stored(upTo);
  await ticks.pass(day);
  t.match(events.counts(), { waiting: 0, lost: 0, last: 301 });
  t.same(refused, []);
  t.equal((await events.newest()).length, keptTold);
  await carrier.stop();
});

t.test('without room the least and oldest go, are counted, and the provider hears which', async (t) => {
  const { events, book, know, sent, port, until, ticks } = await openRoom(t, { budgetBytes: 20_000 });
  await know();
  await events.start();
  const text = 'x'.repeat(150);
  for (let index = 0; index < 40; index += 1)
    await events.record({ type: 'disk-errors', about: `disk-${index}`, facts: { evidence: text } });
  for (let index = 0; index < 100; index += 1)
    await events.record({ type: 'app-installed', about: `app-${index}`, facts: { evidence: text } });
  const { lost, last, waiting } = book.state();
  t.equal(last, 141);
  t.equal(waiting + lost, last);
  t.ok(lost > 50, `${lost} are given up`);
  const carrier = await events.open(port());
  ticks.advance(1);
  await until(() => sent.length === 1);
  t.same(sent[0]?.lost?.[0], [1, 1], 'the boot was the least and the oldest');
  const { rows } = await book.read(0, { count: 500, bytes: 100_000, lost: 50 });
  t.equal(rows.filter(({ type }) => type === 'disk-errors').length, 40, 'what is trouble stays');
  await carrier.stop();
});

t.test('one that a provider will not take goes alone, again and again, and at last aside', async (t) => {
  const { events, book, know, sent, port, until, ack, passing, refused } = await openRoom(t);
  await know();
  await events.start();
  await events.record({ type: 'disk-errors' });
  const carrier = await events.open(port());
  await until(() => sent.length === 1);
  const refuse = () => {
    const payload = JSON.stringify({ epoch, events: sent.at(-1)?.events });
    const digest = createHash('sha256').update(payload).digest('hex').slice(0, 16);
    carrier.acknowledged({ epoch, contiguous: 0, missing: [], refused: [{ digest, code: 'message-malformed' }] });
  };
  refuse();
  for (let turn = 2; turn <= 6; turn += 1) {
    await passing(() => sent.length >= turn);
    t.same(sequences(sent.at(-1)), [1]);
    refuse();
  }
  await passing(() => sent.length >= 7);
  t.match(sent.at(-1), { lost: [[1, 1]], events: [{ seq: 2 }] }, 'the other one is not held up');
  carrier.acknowledged(ack(2));
  t.same(refused, ['message-malformed']);
  t.equal(book.state().lost, 1);
  await carrier.stop();
});

t.test('a provider that takes no more now is not asked again and again', async (t) => {
  const { events, know, sent, port, until, ack, ticks } = await openRoom(t);
  await know();
  await events.start();
  const carrier = await events.open(port());
  await until(() => sent.length === 1);
  for (let turn = 0; turn < 1000; turn += 1) {
    carrier.acknowledged(ack(0));
    await ticks.pass(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.ok(sent.length < 130, `${sent.length} times in 17 hours`);
  await carrier.stop();
});

t.test('what the owner keeps back is not written, and what waits of it is given up', async (t) => {
  let level: Reporting = 'full';
  const { events, ledger, know, sent, port, until } = await openRoom(t, { level: () => level });
  await know();
  await events.start();
  await ledger.append({ by: 'box', type: 'app.installed', facts: { app: 'org.example.diary', version: '1' } });
  await ledger.append({ by: 'box', type: 'renewed', facts: { serial: '0A' } });
  await events.record({ type: 'network-back', facts: { hours: 2 } });
  level = 'minimum';
  await events.reporting();
  await ledger.append({ by: 'box', type: 'app.removed', facts: { app: 'org.example.diary' } });
  await events.record({ type: 'network-back', facts: { hours: 4 } });
  await events.record({ type: 'disk-errors' });
  const carrier = await events.open(port());
  await until(() => sent.length === 1);
  t.same(
    sent[0]?.events.map(({ type }) => type),
    ['boot', 'certificate-renewed', 'disk-errors'],
  );
  t.notMatch(JSON.stringify(sent), /diary/);
  const lost = (sent[0]?.lost ?? []).reduce((sum, [first, last]) => sum + last - first + 1, 0);
  t.equal(lost, 2, 'that there was something it says');
  await carrier.stop();
});

t.test(
  'another provider hears nothing of what was for the one before; a copied store tells all by its new epoch',
  async (t) => {
    let territory = 'au';
    let itsEpoch = epoch;
    const { events, know, sent, port, until, ack } = await openRoom(t, {
      territory: () => territory,
      epoch: () => itsEpoch,
    });
    await know();
    await events.start();
    await events.record({ type: 'disk-errors' });
    const first = await events.open(port());
    await until(() => sent.length === 1);
    first.acknowledged(ack(1));
    await first.stop();
    itsEpoch = 'a'.repeat(16);
    const same = await events.open(port());
    await until(() => sent.length === 2);
    t.match(sent[1], { epoch: itsEpoch, events: [{ seq: 1, type: 'disk-errors' }] });
    await same.stop();
    territory = 'nz';
    itsEpoch = 'b'.repeat(16);
    await events.record({ type: 'clock-stepped' });
    const other = await events.open(port());
    await until(() => sent.length === 3);
    t.match(sent[2], { epoch: itsEpoch, events: [{ seq: 1, type: 'clock-stepped' }] });
    t.equal(sent[2]?.events.length, 1);
    await other.stop();
  },
);

t.test('a box that has reported before begins with what happens from now on', async (t) => {
  const folder = await ownFolder(t);
  const before = await openEventsRig({ folder });
  await before.ledger.append({ by: 'box', type: 'renewed', facts: { serial: '0A' } });
  await before.close();
  const rig = await openEventsRig({ folder, isUsed: true, boot: 'two' });
  await rig.events.start();
  await rig.ledger.append({ by: 'box', type: 'renewed', facts: { serial: '0B' } });
  await rig.events.sawSystem('Debian 13');
  await rig.events.sawSystem('Debian 14');
  const found = (await rig.events.newest()).map(({ event }) => [event.type, event.facts.serial ?? event.facts.to]);
  t.same(found.reverse(), [
    ['boot', undefined],
    ['certificate-renewed', '0B'],
    ['software-changed', 'Debian 14'],
  ]);
  await rig.events.stop();
  await rig.close();
  const again = await openEventsRig({ folder, isUsed: true, boot: 'two', agent: '1.1.0' });
  await again.events.start();
  t.match(
    (await again.events.newest()).slice(0, 2).map(({ event }) => event),
    [{ type: 'software-changed', facts: { what: 'agent', from: '1.0.0', to: '1.1.0' } }, { type: 'agent-started' }],
  );
  await again.events.stop();
  await again.close();
});

t.test('a full disk: events wait in memory and are written when there is room', async (t) => {
  let isFull = false;
  const { events, book, refused } = await openRoom(t, {
    around: (write) => (isFull ? Promise.reject(new Error('ENOSPC: no space left on device')) : write()),
  });
  await events.start();
  isFull = true;
  await events.record({ type: 'disk-errors' });
  t.same(refused, ['disk-full']);
  t.equal(book.state().last, 1);
  isFull = false;
  await events.record({ type: 'clock-stepped' });
  t.equal(book.state().last, 3);
});

t.test('the table of kinds keeps to what a batch may carry', (t) => {
  for (const type of eventTypes) {
    const { severity, title, owner } = eventTable[type];
    const batch = { epoch, events: [{ seq: 1, at: 1, type, severity, facts: {} }] };
    t.ok(check(EventBatch, batch).ok, type);
    t.ok(title && owner);
  }
  t.end();
});
