/** Leases: an app holds its own update, or a restart of the box: bounded, durable, whatever clock and power do. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import {
  type Lease,
  longestHoldSeconds,
  longestLeaseSeconds,
  mostLeases,
  updateNoticeSeconds,
} from '#contract/leases.js';
import type { ProblemCode } from '#contract/problems.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { type Countdown, carried, countdown, leftOf, unwrittenMilliseconds } from '../../agent/leases/countdown.js';
import { type LeaseRoom, openLeases } from '../../agent/leases/open.js';
import { openStore } from '../../agent/store/store.js';
import { call } from '../support/api-box.js';
import { app, box, refused } from '../support/api-calls.js';
import { ownFolder } from '../support/folder.js';
import { testSigner } from '../support/installing.js';
import { createManualClock, type ManualClock } from '../support/manual-clock.js';

const id = 'example.visits';
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const wish = { hold: 'update' as const, reason: 'A backup is being written', seconds: 3600 };

/** A box whose time may be set, and which may be started again with or without a cut. */
async function bench(t: Test) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const { signer, jwk } = await testSigner();
  const told: { app: string; version: string; seconds: number }[] = [];
  const state = { listens: false, boot: 'first', started: 0, offset: 0, trusted: true, isCut: false };
  let store = await openStore(folder);
  let room: LeaseRoom | undefined;
  let ledger = await createLedger({ store, clock });
  await ledger.appendKey(jwk, 'owner.set', signer);
  async function open(): Promise<LeaseRoom> {
    room = await openLeases({
      store,
      ledger,
      // Time may be set; sleeping goes by the monotonic clock.
      clock: { now: () => clock.now() + state.offset, sleep: clock.sleep, trusted: () => state.trusted },
      monotonic: () => clock.now() - state.started,
      boot: state.boot,
      announce(app, update) {
        told.push({ app, ...update });
        return state.listens;
      },
      onRefused(refusal) {
        if (!state.isCut) t.fail(refusal.message);
      },
    });
    room.start();
    return room;
  }
  t.teardown(async () => {
    await room?.stop();
    await store.close();
  });
  const passing: { ended: boolean; work: Promise<boolean>; abort(): void }[] = [];
  return {
    clock,
    told,
    state,
    signer,
    ledger: () => ledger,
    open,
    /** Another agent over the same store; `cut`: nothing more was written by the one before. */
    async again({ reboot = false, cut = false } = {}): Promise<LeaseRoom> {
      if (!cut) await room?.stop();
      state.isCut = cut;
      await store.close();
      if (cut) await room?.stop(); // it writes nothing any more: the store is closed
      state.isCut = false;
      if (reboot) {
        state.boot = `${state.boot}+`;
        state.started = clock.now();
      }
      store = await openStore(folder);
      ledger = await createLedger({ store, clock });
      return open();
    },
    pass(now: LeaseRoom, release = 'two', version = '1.1.0') {
      const stop = new AbortController();
      const one = {
        ended: false,
        work: now.updates.pass({ app: id, release, version, signal: stop.signal }),
        abort: () => stop.abort(),
      };
      one.work = one.work.finally(() => {
        one.ended = true;
      });
      one.work.catch(() => {});
      passing.push(one);
      return one;
    },
  };
}

/** Resolves once the update waits for leases. */
const held = (room: LeaseRoom): Promise<void> =>
  new Promise((resolve) => {
    const look = (): boolean => room.updates.held(id) !== undefined;
    if (look()) return resolve();
    const end = room.leases.onChange(() => {
      if (!look()) return;
      end();
      resolve();
    });
  });

/** Time goes by, minute for minute, and what it wakes goes on. */
async function pass(clock: ManualClock, milliseconds: number): Promise<void> {
  for (let gone = 0; gone < milliseconds; gone += minute) {
    clock.advance(Math.min(minute, milliseconds - gone));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await settle();
}

/** All that could go on by itself has gone on. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

t.test('within a boot a countdown keeps time whatever is done to the clock', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: longestHoldSeconds * 1000 }),
      fc.array(fc.record({ gone: fc.nat(3 * hour), at: fc.option(fc.integer({ min: 0, max: 4e12 })) }), {
        maxLength: 20,
      }),
      (milliseconds, looks) => {
        let monotonic = 5000;
        let one = countdown(milliseconds, { boot: 'a', monotonic, at: 1e12 });
        for (const { gone, at } of looks) {
          monotonic += gone;
          one = carried(one, { boot: 'a', monotonic, at });
        }
        t.equal(one.left, Math.max(0, milliseconds - (monotonic - 5000)));
      },
    ),
  );
  t.end();
});

t.test('over boots it is never prolonged, always comes to its end, and loses no more than it must', (t) => {
  const look = fc.record({
    gone: fc.nat(2 * hour),
    reboot: fc.boolean(),
    /** Undefined: the time is not known. */
    shift: fc.option(fc.integer({ min: -1e12, max: 1e12 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 * hour }), fc.array(look, { maxLength: 30 }), (milliseconds, looks) => {
      let one: Countdown = countdown(milliseconds, { boot: '0', monotonic: 0, at: 1.7e12 });
      let boots = 0;
      let monotonic = 0;
      let before = one.left;
      for (const { gone, reboot, shift } of looks) {
        if (reboot) boots += 1;
        monotonic = reboot ? gone : monotonic + gone;
        const at = shift === undefined ? null : 1.7e12 + shift;
        one = carried(one, { boot: String(boots), monotonic, at });
        t.ok(one.left <= before, 'never prolonged');
        if (reboot && shift === undefined) t.equal(one.left, Math.max(0, before - unwrittenMilliseconds));
        before = one.left;
      }
    }),
  );
  let one = countdown(hour, { boot: '0', monotonic: 0, at: null });
  for (let boot = 1; boot <= 60; boot += 1) one = carried(one, { boot: String(boot), monotonic: 10, at: null });
  t.equal(one.left, 0, 'a box that starts again and again comes to the end');
  const known = countdown(hour, { boot: 'a', monotonic: 0, at: 1.7e12 });
  const unknown = carried(known, { boot: 'b', monotonic: 5, at: null });
  t.equal(leftOf(unknown, { boot: 'b', monotonic: 5, at: 1.7e12 + 40 * minute }), 20 * minute, 'time off counts');
  const learned = carried(unknown, { boot: 'b', monotonic: 5, at: 1.7e12 + 40 * minute });
  t.equal(
    leftOf(learned, { boot: 'b', monotonic: 5, at: 2.2e12 }),
    20 * minute,
    'once: later jumps of the clock do not',
  );
  t.end();
});

t.test('through the API an app takes, repeats, lists, extends and gives up, and sees its own alone', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  const api = await box(t, [app(id, { grants: [] }), app('other', { grants: [] })], {
    clock: b.clock,
    features: { leases: room.leases },
  });
  const ask = (method: string, path: string, body?: unknown, { who = id, headers = {} } = {}) =>
    call(api.socket(who), method, path, {
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  const keyed = { headers: { 'idempotency-key': 'one' } };
  const first = await ask('POST', '/v1/leases', wish, keyed);
  t.equal(first.status, 201);
  const lease = first.json as Lease;
  t.match(lease, { hold: 'update', reason: wish.reason, secondsLeft: 3600, until: b.clock.now() + hour });
  const again = await ask('POST', '/v1/leases', wish, keyed);
  t.equal(again.status, 200);
  t.equal((again.json as Lease).id, lease.id, 'repeated, it is the same lease');
  refused(t, await ask('POST', '/v1/leases', { ...wish, seconds: 5 }, keyed), 'idempotency-key-reused');
  for (const key of ['', 'a b', 'a'.repeat(101)])
    refused(
      t,
      await ask('POST', '/v1/leases', wish, { headers: { 'idempotency-key': key } }),
      'idempotency-key-invalid',
    );
  t.equal((await ask('POST', '/v1/leases', wish, { ...keyed, who: 'other' })).status, 201, 'keys are each app’s own');
  for (const bad of [
    {},
    [],
    { ...wish, hold: 'stop' },
    { ...wish, seconds: 0 },
    { ...wish, seconds: 1.5 },
    { ...wish, seconds: longestLeaseSeconds + 1 },
    { ...wish, reason: '' },
    { ...wish, reason: 'a\nb' },
    { ...wish, reason: 'a'.repeat(201) },
    { ...wish, app: 'other' },
  ])
    refused(t, await ask('POST', '/v1/leases', bad), 'body-invalid');
  b.clock.advance(10 * minute);
  t.match((await ask('GET', '/v1/leases')).json, { leases: [{ id: lease.id, secondsLeft: 3000 }] });
  const longer = await ask('PUT', `/v1/leases/${lease.id}`, { seconds: 7200 });
  t.match(longer.json, { id: lease.id, takenAt: lease.takenAt, secondsLeft: 7200 });
  refused(t, await ask('PUT', `/v1/leases/${lease.id}`, { seconds: 5 }, { who: 'other' }), 'lease-unknown');
  refused(t, await ask('DELETE', `/v1/leases/${lease.id}`, undefined, { who: 'other' }), 'lease-unknown');
  t.equal((await ask('DELETE', `/v1/leases/${lease.id}`)).status, 204);
  refused(t, await ask('DELETE', `/v1/leases/${lease.id}`), 'lease-unknown');
  t.same((await ask('GET', '/v1/leases')).json, { leases: [] });
  for (let one = 0; one < mostLeases; one += 1) t.equal((await ask('POST', '/v1/leases', wish)).status, 201);
  refused(t, await ask('POST', '/v1/leases', wish), 'leases-too-many');
  b.clock.advance(2 * hour);
  await settle();
  t.same((await ask('GET', '/v1/leases')).json, { leases: [] }, 'they end by themselves');
  t.same(room.leases.all(), []);
  const bare = await box(t, [app('a')]);
  refused(t, await call(bare.socket('a'), 'GET', '/v1/leases'), 'unavailable');
});

t.test('an update waits for the leases of its app, and goes on at once when the last one ends', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  const one = await room.leases.take(id, wish);
  const two = await room.leases.take(id, { ...wish, seconds: 600 });
  await room.leases.take('example.other', wish);
  await room.leases.take(id, { ...wish, hold: 'reboot' });
  const update = b.pass(room);
  await held(room);
  t.equal(update.ended, false);
  t.match(room.updates.held(id), { version: '1.1.0', since: b.clock.now(), until: b.clock.now() + hour });
  await room.leases.release(id, one.lease.id);
  await settle();
  t.equal(update.ended, false);
  t.match(room.updates.held(id), { until: b.clock.now() + 10 * minute });
  await pass(b.clock, 10 * minute);
  await update.work;
  t.notOk(room.leases.list(id).some((lease) => lease.id === two.lease.id));
  t.equal(room.updates.held(id), undefined);
  await t.rejects(room.leases.take(id, wish), refuses('lease-late'), 'now it is too late');
  await room.updates.swap(id, async () => {
    t.same(room.leases.list(id), [], 'the app that ran is gone, and all it held');
    await t.rejects(room.leases.take(id, { ...wish, hold: 'reboot' }), refuses('lease-late'));
  });
  t.equal((await room.leases.take(id, wish)).isNew, true, 'what came in its place may hold its own next update');
});

t.test('an app that listens hears of it before, and has a stated time; nobody else is waited for', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  await b.pass(room).work;
  room.updates.reopen(id);
  b.state.listens = true;
  const update = b.pass(room);
  await settle();
  t.same(b.told.at(-1), { app: id, version: '1.1.0', seconds: updateNoticeSeconds });
  t.equal(update.ended, false);
  b.clock.advance((updateNoticeSeconds - 1) * second);
  const { lease } = await room.leases.take(id, wish);
  b.clock.advance(second);
  await held(room);
  t.equal(update.ended, false, 'it took a lease in time');
  await room.leases.release(id, lease.id);
  await update.work;
  room.updates.reopen(id);
  await room.updates.done(id);
  const other = b.pass(room, 'three', '1.2.0');
  await settle();
  await pass(b.clock, updateNoticeSeconds * second);
  await other.work;
  t.pass('without a lease it goes on when the time is over');
});

t.test('an app that extends for ever holds one update for a day, and no more', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  const { lease } = await room.leases.take(id, { ...wish, seconds: longestLeaseSeconds });
  const update = b.pass(room);
  await held(room);
  for (let hours = 0; hours < 23; hours += 1) {
    await pass(b.clock, hour);
    await room.leases.extend(id, lease.id, longestLeaseSeconds);
  }
  t.equal(update.ended, false);
  t.equal(room.leases.list(id)[0]?.secondsLeft, 3600, 'the app is told that it ends earlier');
  t.match(room.updates.held(id), { until: b.clock.now() + hour });
  // Taken back and begun again, it is the same update: the day goes on.
  update.abort();
  await t.rejects(update.work);
  const again = b.pass(room);
  await held(room);
  await pass(b.clock, 30 * minute);
  await room.leases.extend(id, lease.id, longestLeaseSeconds);
  t.equal(again.ended, false);
  await pass(b.clock, 30 * minute);
  await again.work;
  room.updates.reopen(id);
  const next = b.pass(room, 'three', '1.2.0');
  await held(room);
  t.equal(next.ended, false, 'another update has a day of its own');
  t.equal(room.leases.list(id)[0]?.secondsLeft, longestLeaseSeconds - 1800);
  next.abort();
});

t.test('started again, with or without a cut, the box keeps leases and what waits', async (t) => {
  const b = await bench(t);
  let room = await b.open();
  const { lease } = await room.leases.take(id, { ...wish, seconds: 7200 }, 'key');
  const update = b.pass(room);
  await held(room);
  b.clock.advance(30 * minute);
  await settle();
  update.abort();
  room = await b.again();
  t.match(room.leases.list(id), [{ id: lease.id, secondsLeft: 5400 }], 'the agent alone: to the second');
  t.equal((await room.leases.take(id, { ...wish, seconds: 7200 }, 'key')).isNew, false);
  await pass(b.clock, 10 * minute);
  room = await b.again({ reboot: true, cut: true });
  const [left] = room.leases.list(id);
  const lost = 4800 - (left?.secondsLeft ?? 0);
  t.ok(lost >= 0 && lost <= 120, `a power cut costs two minutes at most, and gives none: ${lost}`);
  const again = b.pass(room);
  await held(room);
  t.equal(again.ended, false);
  t.equal(b.told.length, 1, 'what waited already is not announced again');
  again.abort();
  b.state.trusted = false;
  b.state.offset = -6 * hour; // the floor lags behind
  room = await b.again({ reboot: true });
  const before = room.leases.list(id)[0]?.secondsLeft ?? 0;
  b.state.offset = 20 * minute; // off for so long
  b.state.trusted = true;
  const after = room.leases.list(id)[0]?.secondsLeft ?? 0;
  t.ok(before - after <= 1260 && before - after >= 1020, 'once the time is known, the time off counts');
});

t.test('an app that never leaves the box in peace does not keep time from being written down', async (t) => {
  const b = await bench(t);
  b.state.trusted = false; // or else the true time would tell
  let room = await b.open();
  const { lease } = await room.leases.take(id, { ...wish, hold: 'reboot' });
  await room.reboot.ask('os 2');
  const gone = 21 * hour;
  for (let passed = 0; passed < gone; passed += 59 * second) {
    b.clock.advance(59 * second);
    await room.leases.extend(id, lease.id, longestLeaseSeconds);
  }
  room = await b.again({ reboot: true, cut: true });
  const { secondsLeft } = await room.reboot.ask('os 2');
  t.ok(secondsLeft <= 3 * 3600 + 120, `of its day three hours are left: ${secondsLeft}`);
});

t.test('a clock that is set to anything neither ends a lease nor makes it last', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  await room.leases.take(id, wish);
  const update = b.pass(room);
  await held(room);
  for (const offset of [-20 * 365 * 24 * hour, 20 * 365 * 24 * hour, 0, -hour]) {
    b.state.offset = offset;
    await pass(b.clock, 14 * minute);
    await settle();
    t.equal(update.ended, false);
  }
  t.match(room.leases.list(id), [{ secondsLeft: 240 }]);
  await pass(b.clock, 4 * minute);
  await update.work;
  t.pass('it ended when its hour was over');
});

t.test('the owner’s word ends the wait, is signed, and outlasts a cut', async (t) => {
  const b = await bench(t);
  let room = await b.open();
  await t.rejects(room.updates.now(id, b.signer), refuses('update-not-held'));
  await room.leases.take(id, wish);
  const update = b.pass(room);
  await held(room);
  await room.updates.now(id, b.signer);
  await update.work;
  const entry = (await b.ledger().entries({ limit: 10, newestFirst: true }))[0];
  t.match(entry, { by: 'owner', type: 'app.update-now', facts: { app: id, release: 'two', version: '1.1.0' } });
  t.type(entry?.signature, 'string');
  room = await b.again({ reboot: true, cut: true });
  await b.pass(room).work;
  t.pass('and is not asked for again');
});

t.test('an app that is stopped holds nothing any more', async (t) => {
  const b = await bench(t);
  let room = await b.open();
  await room.leases.take(id, wish);
  const update = b.pass(room);
  await held(room);
  await room.updates.end(id);
  await update.work;
  room = await b.again({ cut: true });
  t.same(room.leases.list(id), []);
});

t.test('what restarts the box is told for whom it waits, and for how long at most', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  await room.leases.take(id, wish);
  t.match(await room.reboot.ask('os 2'), { free: true, leases: [] }, 'an update’s lease does not hold it');
  await t.rejects(room.leases.take(id, { ...wish, hold: 'reboot' }), refuses('lease-late'));
  await room.reboot.end();
  const { lease } = await room.leases.take(id, { ...wish, hold: 'reboot', reason: 'Recording' });
  t.match(await room.reboot.ask('os 2'), {
    free: false,
    secondsLeft: 3600,
    leases: [{ app: id, lease: { id: lease.id, reason: 'Recording' } }],
  });
  for (let hours = 0; hours < 24; hours += 1) {
    await room.leases.extend(id, lease.id, longestLeaseSeconds);
    await pass(b.clock, hour);
  }
  t.match(await room.reboot.ask('os 2'), { free: true }, 'a day after it was first asked for, it may');
  await room.reboot.end();
  await room.leases.take(id, { ...wish, hold: 'reboot' });
  t.match(await room.reboot.ask('os 3'), { free: false }, 'another restart has a day of its own');
});

t.test('between the look and the closing no lease slips in', async (t) => {
  const b = await bench(t);
  const room = await b.open();
  for (let round = 0; round < 20; round += 1) {
    const update = b.pass(room);
    const taken = await room.leases.take(id, wish).then(
      ({ lease }) => lease,
      () => undefined,
    );
    if (taken) {
      await held(room);
      t.equal(update.ended, false, 'kept: it waits');
      await room.leases.release(id, taken.id);
    }
    await update.work;
    room.updates.reopen(id);
    await room.updates.done(id);
  }
});
