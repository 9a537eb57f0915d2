/** What apps count: once, exactly, in agreed units, up to the owner's limit, whatever is cut, sent again or put back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { isAbove, plus, times, total } from '#common/decimals.js';
import { publicJwkOf, verifyJws } from '#common/jws.js';
import {
  chainFault,
  endOfPeriod,
  periodOf,
  type StatementsTaken,
  type UsageEntry,
  UsageStatement,
  usageStatementType,
} from '#contract/metering.js';
import { parseJson } from '#contract/parse.js';
import { agreedPlan } from '#contract/plan-digest.js';
import type { Plan } from '#contract/plans.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { createMetering, type Metering } from '../../agent/metering/metering.js';
import { openStore } from '../../agent/store/store.js';
import { call } from '../support/api-box.js';
import { app as apiApp, box as apiBox, refused } from '../support/api-calls.js';
import { ownFolder } from '../support/folder.js';
import { newKey, testSigner } from '../support/installing.js';
import { createManualClock } from '../support/manual-clock.js';
import { under } from '../support/metering-child.js';
import { planOf } from '../support/terms-box.js';

const app = 'acme.visits';
const day = 86_400_000;
const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const price = (amount: string, unit = 'page') => ({ amount, currency: 'EUR', per: 'unit' as const, unit });

async function bench(t: Test, plan: Partial<Plan> = {}) {
  const folder = await ownFolder(t);
  const clock = createManualClock(Date.UTC(2026, 10, 20));
  const key = newKey();
  const { signer, jwk } = await testSigner();
  const listeners = new Set<() => void>();
  const terms = agreedPlan(planOf({ prices: [price('0.015')], ...plan }));
  const state = {
    now: { ...under, plan: terms, since: clock.now() as number | null } as typeof under | undefined,
    isTimeKnown: true,
    /** Its certificate, of which the provider takes the newest alone. */
    certificate: 'first',
    newest: 'first',
    /** The provider knows the agreement. */
    isTold: true,
    isOff: false,
    refuses: null as StatementsTaken['taken'][number]['refused'],
    said: [] as string[],
    refused: [] as string[],
    /** Milliseconds that the clock is wrong by. */
    wrong: 0,
  };
  let store = await openStore(folder);
  let metering: Metering | undefined;
  const tools = {
    ...{ clock, state, signer, jwk: await publicJwkOf(key) },
    async open() {
      const ledger = await createLedger({ store, clock });
      if (ledger.ownerKeys().length === 0) await ledger.appendKey(jwk, 'owner.set', signer);
      metering = await createMetering({
        ...{ store, ledger },
        clock: { ...clock, now: () => clock.now() + state.wrong },
        isTimeKnown: () => state.isTimeKnown,
        onTime(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        under: (id) => (id === app ? state.now : undefined),
        isTold: () => state.isTold,
        box: () => 'box-000000000001',
        signing: async () => ({
          ...{ box: 'box-000000000001', key, kid: (await publicJwkOf(key)).kid },
          x5c: [state.certificate],
        }),
        async tell({ statements }) {
          if (state.isOff) throw new Refusal('est-unreachable');
          if (state.newest !== state.certificate) {
            state.certificate = state.newest; // renewed as it was on its way
            return { taken: statements.map(() => ({ refused: { code: 'usage-invalid', detail: '' } })) };
          }
          state.said.push(...statements);
          return { taken: statements.map(() => ({ refused: state.refuses })) };
        },
        onRefused: ({ code }) => void state.refused.push(code),
      });
      metering.start();
      return metering;
    },
    /** The store goes away beneath it. */
    lose: () => store.close(),
    async again() {
      await metering?.stop();
      await store.close();
      store = await openStore(folder);
      return tools.open();
    },
    known(isKnown: boolean): void {
      state.isTimeKnown = isKnown;
      for (const listener of [...listeners]) listener();
    },
    async statement(at = -1): Promise<UsageStatement | undefined> {
      const jws = state.said.at(at);
      const read =
        jws === undefined ? undefined : await verifyJws(jws, { type: usageStatementType, keys: [tools.jwk] });
      const parsed = read?.ok ? parseJson(UsageStatement, read.payload) : undefined;
      return parsed?.ok ? parsed.value : undefined;
    },
  };
  t.teardown(async () => {
    await metering?.stop();
    await store.close();
  });
  return tools;
}

t.test('decimals are exact: whatever is summed, in whatever order, comes to the same', async (t) => {
  const amount = fc.tuple(fc.bigInt(0n, 10n ** 12n - 1n), fc.bigInt(0n, 999_999n));
  const written = ([whole, rest]: [bigint, bigint]) => `${whole}.${String(rest).padStart(6, '0')}`;
  const millionths = ([whole, rest]: [bigint, bigint]) => whole * 1_000_000n + rest;
  const inMillionths = (text: string): bigint => {
    const [whole = '0', rest = ''] = text.split('.');
    return BigInt(whole + rest.padEnd(12, '0'));
  };
  fc.assert(
    fc.property(fc.array(amount, { maxLength: 30 }), (all) => {
      const sum = total(all.map(written));
      const exact = all.reduce((so, one) => so + millionths(one), 0n) * 1_000_000n;
      return inMillionths(sum) === exact && total(all.map(written).reverse()) === sum;
    }),
  );
  fc.assert(
    fc.property(amount, amount, (a, b) => {
      const product = inMillionths(times(written(a), written(b)));
      return (
        product === millionths(a) * millionths(b) && isAbove(written(a), written(b)) === millionths(a) > millionths(b)
      );
    }),
  );
  t.equal(plus('0.1', '0.2'), '0.3');
  t.equal(times('999999999999.999999', '999999999999.999999'), '999999999999999998000000.000000000001');
});

t.test('what is counted is there after a restart, and is the same under the same key', async (t) => {
  const b = await bench(t);
  let metering = await b.open();
  const count = (key: string, quantity = '1', unit = 'page') => metering.count(app, { unit, quantity }, key);
  t.match(metering.view(app), {
    units: ['page'],
    entries: 0,
    cost: { amount: '0', currency: 'EUR' },
    cap: null,
    sums: [],
  });
  const first = await count('a', '2.5');
  t.match(first, { isNew: true, entry: { entry: 1, previous: null, trial: false } });
  const [one, two, three] = await Promise.all([count('b'), count('b'), count('a', '2.5')]);
  t.same([one.isNew, two.isNew, three.isNew], [true, false, false]);
  t.same(one.entry, two.entry);
  await t.rejects(count('a', '3'), refuses('idempotency-key-reused'));
  await t.rejects(count('c', '1', 'hour'), refuses('metering-unit'));
  await t.rejects(count('c', '0.000'), refuses('metering-quantity'));
  await t.rejects(metering.count('acme.other', { unit: 'page', quantity: '1' }, 'c'), refuses('metering-not-agreed'));
  metering = await b.again();
  t.equal((await count('b')).isNew, false);
  t.match(metering.view(app), { entries: 2, sums: [{ unit: 'page', quantity: '3.5' }], cost: { amount: '0.0525' } });
  t.equal(chainFault(await metering.entries(app, 0, 100), null), undefined);
  b.state.now = undefined;
  await t.rejects(count('d'), refuses('metering-not-agreed'), 'after the agreement nothing is counted');
  t.throws(() => metering.view(app), refuses('metering-not-agreed'));
});

t.test('an entry that is left out, added, altered or moved shows', async (t) => {
  const b = await bench(t);
  const metering = await b.open();
  for (const key of ['a', 'b', 'c', 'd']) await metering.count(app, { unit: 'page', quantity: '1' }, key);
  const all = await metering.entries(app, 0, 100);
  t.equal(chainFault(all, null), undefined);
  t.equal(chainFault(all.slice(2), all[1]?.hash ?? null), undefined);
  fc.assert(
    fc.property(fc.nat(3), fc.constantFrom('quantity', 'at', 'key', 'drop', 'swap', 'double'), (at, what) => {
      const one = all[at] as UsageEntry;
      const altered: Partial<UsageEntry> =
        what === 'quantity' ? { quantity: '9' } : what === 'at' ? { at: one.at - 1 } : { key: 'z' };
      const before = all.slice(0, at);
      const after = all.slice(at + 1);
      const other =
        what === 'drop'
          ? [...before, ...after, one]
          : what === 'swap'
            ? [...after, ...before, one]
            : what === 'double'
              ? [...before, one, one, ...after]
              : [...before, { ...one, ...altered }, ...after];
      return JSON.stringify(other) === JSON.stringify(all) || chainFault(other, null) !== undefined;
    }),
  );
  t.pass();
});

t.test('beyond the owner’s limit nothing is counted, with or without a network', async (t) => {
  const b = await bench(t, { prices: [price('0.1'), price('2', 'hour')] });
  let metering = await b.open();
  b.state.isOff = true;
  await metering.setCap(app, '1.05', b.signer);
  const pages = await Promise.allSettled(
    Array.from({ length: 12 }, (_, at) => metering.count(app, { unit: 'page', quantity: '1' }, `p${at}`)),
  );
  t.equal(pages.filter(({ status }) => status === 'fulfilled').length, 10, 'exactly as many as it is worth');
  await t.rejects(metering.count(app, { unit: 'hour', quantity: '1' }, 'h'), {
    ...refuses('metering-capped'),
    problem: { remedy: /higher limit/ },
  });
  t.match(metering.view(app), { cap: '1.05', cost: { amount: '1' } });
  metering = await b.again();
  await t.rejects(metering.count(app, { unit: 'page', quantity: '1' }, 'late'), refuses('metering-capped'));
  t.equal((await metering.count(app, { unit: 'page', quantity: '1' }, 'p0')).isNew, false, 'what was counted stays so');
  await metering.setCap(app, null, b.signer);
  t.equal((await metering.count(app, { unit: 'page', quantity: '1' }, 'late')).isNew, true);
  await metering.setCap(app, '1.05', b.signer);
  b.clock.advance(12 * day);
  t.equal((await metering.count(app, { unit: 'page', quantity: '1' }, 'next')).isNew, true, 'a new month begins anew');
});

t.test('the trial is counted and costs nothing', async (t) => {
  const b = await bench(t, { trialDays: 3 });
  const metering = await b.open();
  await metering.setCap(app, '0.01', b.signer);
  await metering.count(app, { unit: 'page', quantity: '7' }, 'a');
  b.clock.advance(4 * day);
  await t.rejects(metering.count(app, { unit: 'page', quantity: '1' }, 'b'), refuses('metering-capped'));
  t.match(metering.view(app), { sums: [{ unit: 'page', quantity: '0', trial: '7' }], cost: { amount: '0' } });
});

t.test('a month that is over is summed up, signed, chained, and told until it is stored', async (t) => {
  const b = await bench(t);
  let metering = await b.open();
  const count = (key: string) => metering.count(app, { unit: 'page', quantity: '1.5' }, key);
  b.state.isOff = true;
  await count('a');
  await count('b');
  const head = (await metering.entries(app, 1, 1))[0]?.hash;
  b.known(false);
  b.clock.advance(endOfPeriod('2026-11') - b.clock.now() + 1000);
  metering = await b.again();
  t.same(b.state.said, [], 'nothing is summed up while the time is not known');
  b.known(true);
  b.state.isOff = false;
  metering = await b.again();
  await metering.idle();
  t.match(await b.statement(), {
    ...{ number: 1, previous: null, period: '2026-11', from: 1, to: 2, before: null, head },
    sums: [{ unit: 'page', quantity: '3', trial: '0' }],
  });
  t.notMatch(JSON.stringify(await b.statement()), /"key"/, 'nothing but sums');
  await count('c');
  b.clock.advance(40 * day);
  await count('d'); // itself the first of a later month
  await metering.idle();
  const second = await b.statement();
  t.match(second, { number: 2, period: '2026-12', from: 3, to: 3, before: head });
  t.type(second?.previous, 'string');
  t.equal(b.state.said.length, 2);
  metering = await b.again();
  await metering.idle();
  t.equal(b.state.said.length, 2, 'told once');
});

t.test('a statement waits until the provider knows the agreement that it is about', async (t) => {
  const b = await bench(t);
  let metering = await b.open();
  await metering.count(app, { unit: 'page', quantity: '1' }, 'a');
  b.state.isTold = false;
  b.clock.advance(20 * day);
  metering = await b.again();
  await metering.count(app, { unit: 'page', quantity: '1' }, 'b');
  await metering.idle();
  t.same(b.state.said, [], 'it would be refused, and with it all that follow');
  b.state.isTold = true;
  metering.wake();
  await metering.idle();
  t.match(await b.statement(), { number: 1, period: '2026-11' });
});

t.test('a certificate that is renewed while a statement is on its way costs no statement', async (t) => {
  const b = await bench(t);
  let metering = await b.open();
  await metering.count(app, { unit: 'page', quantity: '1' }, 'a');
  b.clock.advance(20 * day);
  b.state.newest = 'second';
  metering = await b.again();
  await metering.idle();
  await b.clock.sleeping();
  await metering.idle();
  t.match(await b.statement(), { number: 1, period: '2026-11' });
  t.same(b.state.refused, []);
});

t.test('what is old and was told makes room, however much it is; none of it while the time is not known', async (t) => {
  const b = await bench(t);
  const metering = await b.open();
  const many = 4500;
  await Promise.all(
    Array.from({ length: many }, (_, at) => metering.count(app, { unit: 'page', quantity: '1' }, `k${at}`)),
  );
  await b.clock.sleeping();
  b.clock.advance(20 * day);
  await b.clock.sleeping();
  await metering.idle();
  t.equal(b.state.said.length, 1);
  b.state.isTimeKnown = false;
  b.clock.advance(40 * day);
  await b.clock.sleeping();
  t.match(await metering.entries(app, 0, 1), [{ entry: 1 }]);
  b.known(true);
  b.clock.advance(day);
  await b.clock.sleeping();
  t.same(await metering.entries(app, 0, 1), []);
  t.match((await metering.count(app, { unit: 'page', quantity: '1' }, 'new')).entry, { entry: many + 1 });
});

t.test('what is sent again is counted once, also where the owner has agreed anew meanwhile', async (t) => {
  const b = await bench(t);
  let metering = await b.open();
  const { entry } = await metering.count(app, { unit: 'page', quantity: '1' }, 'a');
  const before = b.state.now;
  const agreement = 'agreement-00000000000000000002';
  b.state.now = before && { ...before, agreement, earlier: [before.agreement] };
  metering = await b.again();
  t.same(await metering.count(app, { unit: 'page', quantity: '1' }, 'a'), { entry, isNew: false });
  await t.rejects(metering.count(app, { unit: 'page', quantity: '2' }, 'a'), refuses('idempotency-key-reused'));
  t.match(await metering.count(app, { unit: 'page', quantity: '1' }, 'b'), { entry: { agreement, entry: 1 } });
  b.state.now = before && { ...before, agreement: 'agreement-00000000000000000003', earlier: [] };
  t.equal((await metering.count(app, { unit: 'page', quantity: '1' }, 'a')).isNew, true, 'an agreement apart');
});

t.test('whoever counts is answered though the store is gone', async (t) => {
  const b = await bench(t);
  const metering = await b.open();
  await metering.count(app, { unit: 'page', quantity: '1' }, 'a');
  await b.lose();
  await t.rejects(metering.count(app, { unit: 'page', quantity: '1' }, 'b'));
});

t.test('nothing is counted before it was agreed to, though the clock is behind after a start', async (t) => {
  const b = await bench(t);
  const metering = await b.open();
  const at = endOfPeriod('2026-11') + 1000;
  b.state.now = b.state.now && { ...b.state.now, at };
  t.match((await metering.count(app, { unit: 'page', quantity: '1' }, 'a')).entry, { at });
});

t.test('a clock that is put back or forth loses and doubles nothing', async (t) => {
  const b = await bench(t);
  const metering = await b.open();
  let counted = 0;
  const walk = fc.asyncProperty(fc.array(fc.integer({ min: -60, max: 60 }), { maxLength: 8 }), async (days) => {
    for (const wrong of days) {
      b.state.wrong = wrong * day;
      const { entry } = await metering.count(app, { unit: 'page', quantity: '1' }, String(counted));
      counted += 1;
      if (entry.entry !== counted) return false;
    }
    const all = await metering.entries(app, 0, 1000); // what is old, and was told, is gone
    const isRising = all.every(({ at }, index) => index === 0 || at >= (all[index - 1]?.at ?? 0));
    return isRising && chainFault(all, all[0]?.previous ?? null) === undefined;
  });
  await fc.assert(walk, { numRuns: 15 });
  b.state.wrong = 200 * day;
  await metering.count(app, { unit: 'page', quantity: '1' }, 'last');
  counted += 1;
  await metering.idle();
  const all = await metering.entries(app, 0, 1000);
  let told = '0';
  let next = 1;
  let period = '';
  for (let at = 0; at < b.state.said.length; at += 1) {
    const statement = await b.statement(at);
    t.equal(statement?.from, next);
    t.ok((statement?.period ?? '') > period, 'each of a later month');
    period = statement?.period ?? '';
    next = (statement?.to ?? 0) + 1;
    told = plus(told, statement?.sums[0]?.quantity ?? '0');
  }
  const open = metering.view(app);
  t.equal(next - 1 + open.entries, counted);
  t.equal(plus(told, open.sums[0]?.quantity ?? '0'), String(counted), 'each is in one statement, or in this month');
  t.equal(open.period, periodOf(all.at(-1)?.at ?? 0));
});

t.test('cut before or behind any commit, what was answered is counted, once', async (t) => {
  const child = path.resolve('build/test/support/metering-child.js');
  const folder = await ownFolder(t);
  const answered = new Set<string>();
  let from = 1;
  for (const cut of [1, -1, 2, -2, 5, -7]) {
    const run = spawn(process.execPath, [child, folder, String(from), String(cut)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    run.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    await once(run, 'close');
    t.equal(run.signalCode, 'SIGKILL');
    const keys = out.split('\n').filter(Boolean);
    for (const key of keys) answered.add(key);
    from = Math.max(1, from + keys.length - 3); // what was not answered is sent again, and some that was
  }
  const store = await openStore(folder);
  t.teardown(() => store.close());
  const entries = await store.db
    .sublevel<string, UsageEntry>('usage-entries', { valueEncoding: 'json' })
    .values()
    .all();
  const counted = entries.map(({ key }) => key);
  t.equal(new Set(counted).size, counted.length, 'nothing twice');
  t.same(
    [...answered].filter((key) => !counted.includes(key)),
    [],
    'nothing that was answered is missing',
  );
  t.equal(chainFault(entries, null), undefined);
  const count = await store.db
    .sublevel<string, { entry: number; sums: { quantity: string }[] }>('usage-counts', { valueEncoding: 'json' })
    .get(under.agreement);
  t.equal(count?.entry, entries.length);
  t.equal(count?.sums[0]?.quantity, String(entries.length), 'the sum is that of the entries');
});

t.test('through the API it needs the permission, a key, and what the schema says', async (t) => {
  const b = await bench(t);
  const metering = await b.open();
  const api = await apiBox(t, [apiApp(app, { grants: ['metering'] }), apiApp('poor', { grants: [] })], {
    features: { metering },
  });
  const ask = (body: unknown, key: string | undefined, who = app) =>
    call(api.socket(who), 'POST', '/v1/metering', {
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
      body: JSON.stringify(body),
    });
  const page = { unit: 'page', quantity: '1' };
  const counted = await ask(page, 'k');
  t.equal(counted.status, 201);
  t.match(counted.json, { entry: 1, unit: 'page', quantity: '1', key: 'k' });
  t.equal((await ask(page, 'k')).status, 200);
  refused(t, await ask(page, undefined), 'metering-key-missing');
  refused(t, await ask(page, 'k', 'poor'), 'grant-missing', /metering/);
  for (const bad of [
    { unit: 'page', quantity: 1 },
    { unit: 'page', quantity: '1e9' },
    { unit: 'page', quantity: '-1' },
    { unit: 'Page', quantity: '1' },
    { ...page, at: 1 },
    {},
  ])
    refused(t, await ask(bad, 'x'), 'body-invalid');
  refused(t, await ask({ unit: 'hour', quantity: '1' }, 'x'), 'metering-unit');
  t.match((await call(api.socket(app), 'GET', '/v1/metering')).json, { entries: 1, sums: [{ quantity: '1' }] });
  t.match((await call(api.socket(app), 'GET', '/v1/metering/entries?after=0')).json, { entries: [{ entry: 1 }] });
  for (const query of ['after=-1', 'limit=0', 'limit=1001', 'from=1'])
    refused(t, await call(api.socket(app), 'GET', `/v1/metering/entries?${query}`), 'body-invalid');
  const silent = await apiBox(t, [apiApp('a', { grants: ['metering'] })]);
  refused(t, await call(silent.socket('a'), 'GET', '/v1/metering'), 'unavailable');
});
