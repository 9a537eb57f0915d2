/**
 * A box, or a provider, that comes back older than it was: the chain of statements goes on behind what the provider has,
 * no month is stated twice, and the owner is told. The provider's side is the real one.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { publicJwkOf } from '#common/jws.js';
import { canonicalJson, hashOfText, verifyLedger } from '#contract/ledger-chain.js';
import { endOfPeriod, periodOf, type StatementsTaken, type UsageStatement } from '#contract/metering.js';
import { createLedger } from '../../agent/consent/ledger.js';
import type { CountRow } from '../../agent/metering/book.js';
import { newCount } from '../../agent/metering/count.js';
import { createMetering, type Metering } from '../../agent/metering/metering.js';
import { resume } from '../../agent/metering/resume.js';
import { openStore as openBoxStore } from '../../agent/store/store.js';
import { createUsageRoom } from '../../provisioning/agreements/usage.js';
import type { AgreementRecord } from '../../provisioning/store/agreements.js';
import { openStore } from '../../provisioning/store/store.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { under } from '../support/metering-child.js';

const { app, agreement, box: boxId } = under;
const day = 86_400_000;
const began = Date.UTC(2026, 10, 20);
const ca = await createTestCa();
const { key: pem, cert } = await ca.client(boxId);
await ca.close();
const key = createPrivateKey(pem);
const { kid } = await publicJwkOf(key);
const der = new X509Certificate(cert).raw.toString('base64');
type Side = 'box' | 'provider';

async function bench(t: Test) {
  const folder = await ownFolder(t);
  const place = (side: Side | string): string => path.join(folder, side);
  const clock = createManualClock(began);
  const listeners = new Set<() => void>();
  const state = { isOff: false, wrong: 0, asked: 0, answer: undefined as StatementsTaken | undefined };
  let records = await openStore(place('provider'));
  let store = await openBoxStore(place('box'));
  let ledger = await createLedger({ store, clock });
  let metering: Metering | undefined;
  const record: AgreementRecord = {
    agreement: {
      ...{ id: agreement, app, release: 'a'.repeat(64), version: '1.0.0', member: 'acme', territory: 'north' },
      ...{ plan: under.plan, digest: 'b'.repeat(64), language: 'en', class: { is: 'natural-person', by: 'stated' } },
      ...{ replaces: null, at: began, box: boxId },
    },
    ...{ jws: '', sha256: 'c'.repeat(64), since: null, ended: null, receivedAt: 0 },
  };
  const certificate = { serial: '', notAfter: 0, keyHash: '', der };
  const setAgreement = (more: Partial<AgreementRecord> = {}) =>
    records.commit([{ type: 'put', sublevel: records.agreements, key: agreement, value: { ...record, ...more } }]);
  await setAgreement();
  const boxRecord = { enrolledAt: 0, claim: '', certificate };
  await records.commit([{ type: 'put', sublevel: records.boxes, key: boxId, value: boxRecord }]);

  async function open(): Promise<Metering> {
    ledger = await createLedger({ store, clock });
    const usage = createUsageRoom({ store: records, clock, territory: 'north' });
    metering = await createMetering({
      ...{ store, ledger, isTimeKnown: () => state.wrong === 0 },
      clock: { ...clock, now: () => clock.now() + state.wrong },
      onTime(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      under: () => ({ ...under, at: began, since: began }),
      isTold: () => !state.isOff,
      box: () => boxId,
      signing: async () => ({ box: boxId, key, kid, x5c: [der] }),
      async tell(told) {
        state.asked += 1;
        return state.answer ?? usage.take(boxId, told);
      },
      onRefused() {},
    });
    metering.start();
    return metering;
  }
  let isOpen = true;
  async function close(): Promise<void> {
    if (!isOpen) return;
    isOpen = false;
    await metering?.stop();
    await store.close();
    await records.close();
  }
  async function reopen(): Promise<void> {
    isOpen = true;
    records = await openStore(place('provider'));
    store = await openBoxStore(place('box'));
    await open();
  }
  await open();
  t.teardown(close);
  let counted = 0;
  const tools = {
    ...{ clock, state, close, setAgreement },
    metering: () => metering as Metering,
    async count(many = 1): Promise<void> {
      for (let at = 0; at < many; at += 1) {
        counted += 1;
        await metering?.count(app, { unit: 'page', quantity: '1' }, `key-${counted}`);
      }
    },
    /** Until nothing waits to be told, however often it is asked for in vain. */
    async settle(): Promise<void> {
      await metering?.stop();
      const now = await open(); // which looks at once for months that are over
      for (let round = 0; round < 20; round += 1) {
        let isIdle = false;
        void now.idle().then(() => {
          isIdle = true;
        });
        // One sleeps until the month is over; a second one is the courier, in a pause.
        while (!isIdle && clock.held().sleepers < 2) await new Promise((resolve) => setImmediate(resolve));
        if (isIdle) return;
        clock.advance(600_000);
      }
      throw new Error('it is told without end');
    },
    /** To just behind the end of this month. */
    async month(): Promise<void> {
      clock.advance(endOfPeriod(periodOf(clock.now())) + 60_000 - clock.now());
      await tools.settle();
    },
    /** As it is now. */
    async copy(side: Side, name: string): Promise<void> {
      await close();
      await rm(place(name), { recursive: true, force: true });
      await cp(place(side), place(name), { recursive: true });
      await reopen();
    },
    /** It is as it was copied. */
    async back(side: Side, name: string): Promise<void> {
      await close();
      await rm(place(side), { recursive: true });
      await cp(place(name), place(side), { recursive: true });
      await reopen();
    },
    async stated(): Promise<UsageStatement[]> {
      return (await records.usage.values().all()).map(({ statement }) => statement);
    },
    /** What the box has written down of it, in an unbroken ledger. */
    async told(): Promise<{ type: string; facts: object }[]> {
      const exported = await ledger.export();
      t.match(verifyLedger(exported), { ok: true });
      return exported.entries
        .filter(({ type }) => type.startsWith('terms.usage'))
        .map(({ type, facts }) => ({ type, facts }));
    },
  };
  return tools;
}

/** Undefined when each follows the one before it. */
function fault(all: readonly UsageStatement[]): string | undefined {
  let last: UsageStatement | undefined;
  for (const one of all) {
    if (one.number !== (last?.number ?? 0) + 1) return `number ${one.number}`;
    if (one.previous !== (last ? hashOfText(canonicalJson(last)) : null)) return `${one.number} follows another one`;
    if (last && one.period <= last.period) return `${one.period} twice`;
    const follows = one.from === (last?.to ?? 0) + 1 && one.before === (last?.head ?? null);
    if (follows === (one.restarted !== undefined)) return `${one.number} does not say where it begins`;
    if (one.sums[0]?.quantity !== String(one.to - one.from + 1)) return `the sum of ${one.number}`;
    last = one;
  }
  return undefined;
}

t.test('a box that came back older goes on behind what its provider has, and says so', async (t) => {
  const b = await bench(t);
  await b.count(3);
  await b.copy('box', 'old');
  await b.count(2);
  await b.month();
  t.match(await b.stated(), [{ number: 1, period: '2026-11', to: 5 }]);
  await b.back('box', 'old');
  await b.count(4); // of December: with the first of them November is summed up once more, otherwise
  await b.settle();
  t.match(await b.told(), [
    { type: 'terms.usage-restarted', facts: { app, number: 1, entry: 5, over: 1, dropped: 0 } },
  ]);
  t.match(b.metering().view(app), { period: '2026-12', entries: 4 });
  await b.month();
  const stated = await b.stated();
  t.match(stated, [
    { period: '2026-11', to: 5, sums: [{ quantity: '5' }] },
    { period: '2026-12', from: 4, to: 7, restarted: { to: 5, head: stated[0]?.head }, sums: [{ quantity: '4' }] },
  ]);
  await b.count(1);
  await b.month();
  t.match((await b.stated())[2], { period: '2027-01', from: 8, restarted: undefined }, 'from then on it is one chain');
  t.equal(fault(await b.stated()), undefined);
  t.equal((await b.told()).length, 1, 'told once');
});

t.test('a box that came back older and has the same entries begins nothing anew', async (t) => {
  const b = await bench(t);
  await b.count(3);
  await b.copy('box', 'old');
  await b.month();
  await b.back('box', 'old');
  await b.settle();
  await b.count(1);
  await b.month();
  t.match(await b.stated(), [{ to: 3 }, { period: '2026-12', from: 4, to: 4, restarted: undefined }]);
  t.equal(fault(await b.stated()), undefined);
});

t.test('months that were counted offline are stated where the provider has none of them', async (t) => {
  const b = await bench(t);
  await b.count(2);
  await b.copy('box', 'old');
  await b.month();
  await b.count(3);
  await b.month();
  t.equal((await b.stated()).length, 2);
  await b.back('box', 'old');
  b.state.isOff = true;
  await b.count(1);
  await b.month();
  await b.count(1);
  await b.month();
  await b.count(2);
  b.state.isOff = false;
  await b.month();
  const stated = await b.stated();
  t.match(
    stated.map(({ period, sums }) => [period, sums[0]?.quantity]),
    [
      ['2026-11', '2'],
      ['2026-12', '3'],
      ['2027-01', '1'],
      ['2027-02', '1'],
      ['2027-03', '2'],
    ].slice(0, stated.length),
  );
  t.ok(stated.length > 3);
  t.equal(fault(stated), undefined);
});

t.test('what a clock that is behind put into a month that is over is charged to nobody, and said', async (t) => {
  const b = await bench(t);
  await b.count(3);
  await b.copy('box', 'old');
  await b.month();
  b.clock.advance(5 * day);
  b.state.wrong = -20 * day; // not known yet, after a start
  await b.back('box', 'old');
  await b.count(2);
  t.match(b.metering().view(app), { period: '2026-11', entries: 5 });
  b.state.wrong = 0;
  await b.settle();
  await b.count(1);
  await b.settle();
  t.match(await b.told(), [{ type: 'terms.usage-restarted', facts: { number: 1, entry: 3, over: 1 } }]);
  await b.month();
  t.match(await b.stated(), [
    { period: '2026-11', to: 3 },
    { period: '2026-12', from: 6, to: 6, restarted: { to: 3 } },
  ]);
  t.equal(fault(await b.stated()), undefined);
});

t.test('what is open in a month that the provider has is dropped, and how much it was is said', async (t) => {
  const count: CountRow = { ...newCount({ ...under, at: began, since: began }), toldTo: 0 };
  const open = { ...count, period: '2026-12', entry: 5, head: 'd'.repeat(64), from: 4, before: 'c'.repeat(64) };
  const last = { number: 2, period: '2026-12', to: 9, head: 'e'.repeat(64), sha256: 'f'.repeat(64) };
  const made = resume({ ...open, sums: [{ unit: 'page', quantity: '2', trial: '0' }] }, [], last);
  t.match(made, { dropped: 2, rows: [], over: [], count: { period: null, number: 2, previous: last.sha256 } });
  t.match(made.count, { stated: '2026-12', toldTo: 5, restarted: { to: 9, head: last.head } });
  t.same(made.count.sums, []);
  const later = resume({ ...open, period: '2027-01' }, [], last);
  t.match(later, { dropped: 0, count: { period: '2027-01', restarted: { to: 9 }, toldTo: 0 } });
});

t.test('a provider that came back older is told again what it forgot', async (t) => {
  const b = await bench(t);
  await b.count(1);
  await b.month();
  await b.copy('provider', 'old');
  for (let month = 0; month < 3; month += 1) {
    await b.count(2);
    await b.month();
  }
  const before = await b.stated();
  t.equal(before.length, 4);
  await b.back('provider', 'old');
  await b.count(1);
  await b.month();
  const after = await b.stated();
  t.same(after.slice(0, 4), before, 'the very same');
  t.equal(after.length, 5);
  t.equal(fault(after), undefined);
  t.same(await b.told(), [], 'nothing was lost');
});

t.test('a statement that is refused for what it says does not hold up those behind it', async (t) => {
  const b = await bench(t);
  await b.count(1);
  await b.setAgreement({ ended: { at: began - 30 * day, why: 'left', end: null } });
  await b.month();
  t.match(await b.told(), [{ type: 'terms.usage-refused', facts: { app, period: '2026-11', code: 'usage-invalid' } }]);
  await b.setAgreement();
  await b.count(1);
  await b.month();
  t.match(await b.stated(), [{ number: 1, period: '2026-12', from: 2, restarted: { to: 0, head: null } }]);
  t.equal(fault(await b.stated()), undefined);
});

t.test('a provider that always has another chain is asked with pauses', async (t) => {
  const b = await bench(t);
  await b.count(1);
  b.state.answer = {
    taken: [{ refused: { code: 'usage-other', detail: '' }, last: null }],
  };
  b.clock.advance(20 * day);
  for (let times = 0; times < 50; times += 1) {
    const last = {
      number: 5 + times,
      period: '2020-01',
      to: 1,
      head: 'a'.repeat(64),
      sha256: String(times).padStart(64, '0'),
    };
    b.state.answer = { taken: [{ refused: { code: 'usage-other', detail: '' }, last }] };
    await new Promise((resolve) => setImmediate(resolve));
  }
  await b.clock.sleeping();
  t.ok(b.state.asked < 5, `${b.state.asked} times`);
});

t.test('whatever comes back older, and however often: one chain, no month twice, and it goes on', async (t) => {
  const act = fc.oneof(
    { weight: 4, arbitrary: fc.constant('count' as const) },
    { weight: 3, arbitrary: fc.constant('month' as const) },
    { weight: 1, arbitrary: fc.constantFrom('keep box', 'keep provider', 'box', 'provider') },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 4, maxLength: 14 }), async (acts) => {
      const b = await bench(t);
      const kept = new Set<string>();
      for (const one of acts) {
        if (one === 'count') await b.count();
        else if (one === 'month') await b.month();
        else if (one === 'keep box' || one === 'keep provider') {
          const side = one === 'keep box' ? 'box' : 'provider';
          kept.add(side);
          await b.copy(side, `old-${side}`);
        } else if (kept.has(one)) await b.back(one as Side, `old-${one}`);
      }
      await b.month();
      await b.count(3);
      await b.month();
      const stated = await b.stated();
      const wrong = fault(stated) ?? (stated.at(-1)?.sums[0]?.quantity === '3' ? undefined : 'it does not go on');
      await b.close();
      if (wrong) throw new Error(wrong);
    }),
    { numRuns: 12 },
  );
  t.pass();
});
