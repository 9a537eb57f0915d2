/** What a box makes of its closed months: kept once, held against what it agreed to and counted, and never taken on trust. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { nextMonth } from '#common/accounts/days.js';
import type { Seller } from '#contract/invoices.js';
import type { BoxMonth, BoxMonths } from '#contract/months.js';
import { MonthsView, OwnerMonth } from '#contract/owner-months.js';
import { check } from '#contract/parse.js';
import type { Price } from '#contract/plans.js';
import type { ProblemCode } from '#contract/problems.js';
import type { Bounds } from '../../agent/accounts/book.js';
import { createAskAccounts } from '../../agent/accounts/client.js';
import { differencesOf } from '../../agent/accounts/compare.js';
import { createBoxMonths } from '../../provisioning/accounts/box-months.js';
import { createInvoices } from '../../provisioning/accounts/invoices.js';
import { agreementId, boxOf, openAccountsDesk, type Told, type Used } from '../support/accounts-desk.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { askingOf, monthsOfBox as box, knowing, openMonthsBox } from '../support/months-box.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const at = (text: string): number => Date.parse(`${text}Z`);
const monthly: Price = { amount: '3.00', currency: 'EUR', per: 'month' };
const paged: Price = { amount: '0.02', currency: 'EUR', per: 'unit', unit: 'page' };
const first: Told = { number: 1, box, prices: [paged, monthly], since: at('2026-10-01T00:00') };
const uses = (period: string, page: string, statement = 1): Used => ({
  ...{ number: 1, statement, period, box, quantities: { page } },
});
const seller: Seller = {
  ...{ name: 'Kauri Networks Ltd', country: 'NZ', vatId: 'NZ123456789', paymentDays: 14 },
  tax: { category: 'S', percent: '15' },
};

/** A provider, and a box that knows what was told to it, or what the test says. */
async function bench(t: Test, { bounds, now = '2027-02-02T12:00' }: { bounds?: Bounds; now?: string } = {}) {
  const folder = await ownFolder(t);
  const desk = await openAccountsDesk(path.join(folder, 'provider'), at(now));
  const clock = createManualClock(at(now));
  const provider: { alter?(text: string): string; box?: string } = {};
  const state = { told: [] as Told[], used: [] as Used[], knows: undefined as ReturnType<typeof knowing> | undefined };
  const own = { box, territory: 'north' };
  const open = () =>
    openMonthsBox(path.join(folder, 'box'), {
      ...{ clock, ask: askingOf(desk.store, provider), own: () => own },
      knows: () => state.knows ?? knowing(state.told, state.used),
      ...(bounds && { bounds }),
    });
  let opened = await open();
  t.teardown(async () => {
    await opened.close();
    await desk.store.close();
  });
  return {
    ...{ desk, clock, provider, state, own, folder },
    box: () => opened,
    months: () => opened.months,
    async again() {
      await opened.close();
      opened = await open();
    },
    async tell(...told: Told[]) {
      state.told.push(...told);
      await desk.tell(...told);
    },
    async use(...used: Used[]) {
      state.used.push(...used);
      await desk.use(...used);
    },
  };
}

const isOf = (differences: readonly { is: string }[]): string[] => differences.map(({ is }) => is);

t.test('a month that was closed is kept, found to agree, and there without the provider', async (t) => {
  const b = await bench(t);
  await b.tell(first);
  await b.use(uses('2026-10', '100'), uses('2026-11', '12.5', 2));
  const before = await b.months().view();
  t.match(
    before.open.map(({ month, isOver, sums }) => [month, isOver, sums[0]?.amount]),
    [
      ['2027-02', false, '0.21'],
      ['2027-01', true, '3.00'],
      ['2026-12', true, '3.00'],
      ['2026-11', true, '3.25'],
      ['2026-10', true, '5.00'],
    ],
    'what is not closed is reckoned by the box',
  );
  for (const month of ['2026-10', '2026-11']) await b.desk.accounts.close(month);
  await b.months().ask();
  const view = await b.months().view();
  t.ok(check(MonthsView, view).ok);
  t.match(view, {
    ...{ askedAt: b.clock.now(), problem: null, open: { length: 3 } },
    closed: [
      { month: '2026-11', sums: [{ currency: 'EUR', amount: '3.25' }], differences: 0 },
      { month: '2026-10', sums: [{ currency: 'EUR', amount: '5.00' }], differences: 0 },
    ],
  });
  t.strictSame(await b.box().said(), ['closed 2026-10', 'closed 2026-11']);
  b.provider.alter = () => 'gone';
  await b.again();
  const month = await b.months().month(box, '2026-11');
  t.ok(check(OwnerMonth, month).ok);
  t.match(month, { lines: { length: 2 }, differences: [], sha256: /^[0-9a-f]{64}$/ });
  await t.rejects(b.months().ask(), refuses('account-invalid'));
  t.match(await b.months().view(), { closed: { length: 2 }, problem: { code: 'account-invalid' } });
  await t.rejects(b.months().month(box, '2026-12'), refuses('month-unknown'));
  delete b.provider.alter;
  await b.months().ask();
  t.strictSame(await b.box().said(), ['closed 2026-10', 'closed 2026-11'], 'asked again, nothing is written twice');
});

t.test('a provider that charges more than was counted is shown to, and the owner reads it once', async (t) => {
  const b = await bench(t);
  await b.tell(first);
  await b.use(uses('2026-10', '12'));
  b.state.knows = knowing(b.state.told, [uses('2026-10', '10')]);
  await b.desk.accounts.close('2026-10');
  await b.months().ask();
  const { differences } = await b.months().month(box, '2026-10');
  t.strictSame(differences, [
    { line: 0, is: 'quantity', said: '12', own: '10', unit: 'page' },
    { line: 0, is: 'amount', said: '0.24', own: '0.20', unit: 'EUR' },
  ]);
  t.strictSame(await b.box().said(), ['closed 2026-10', 'differs 2026-10']);
  t.same(b.months().glance(), { differing: 1 });
  await b.again();
  t.same(b.months().glance(), { differing: 1 }, 'also behind a restart');
  await b.months().seen(box, '2026-10');
  t.same(b.months().glance(), { differing: 0 });
  await b.again();
  t.same(b.months().glance(), { differing: 0 });
  t.match(await b.months().month(box, '2026-10'), { isSeen: true, differences: { length: 2 } });
});

t.test('what is charged late, twice, put right or given back is judged by what it comes to', async (t) => {
  const b = await bench(t);
  await b.tell({ ...first, ended: null });
  await b.desk.accounts.close('2026-10');
  // The owner left on the tenth of November, and the provider hears of it in December.
  const left = { ...first, ended: at('2026-11-10T12:00') };
  b.state.told = [left];
  await b.desk.accounts.close('2026-11');
  await b.months().ask();
  t.match((await b.months().month(box, '2026-11')).differences, [
    { line: 0, is: 'days', said: '30', own: '10' },
    { line: 0, is: 'amount', said: '3.00', own: '1.00' },
  ]);
  await b.desk.tell(left);
  await b.use(uses('2026-10', '7')); // the statement comes as late
  await b.desk.accounts.credit({ agreement: agreementId(1), period: '2026-10', amount: '1.00', reason: 'it was slow' });
  await b.desk.accounts.close('2026-12');
  await b.months().ask();
  const december = await b.months().month(box, '2026-12');
  t.strictSame(
    december.lines.map(({ kind, period, amount }) => [kind, period, amount]),
    [
      ['late', '2026-10', '0.14'],
      ['correction', '2026-11', '-2.00'],
      ['credit', '2026-10', '-1.00'],
    ],
  );
  t.strictSame(december.differences, [], 'put right, it agrees');
});

t.test(
  'whatever an honest provider hears in time, nothing differs; whatever one line is altered by, something does',
  async (t) => {
    const since = fc.integer({ min: 0, max: 80 });
    const history = fc.record({
      agreements: fc.array(
        fc.record({
          ...{
            since,
            days: fc.option(fc.integer({ min: 1, max: 60 })),
            trial: fc.option(fc.integer({ min: 1, max: 20 })),
          },
          prices: fc.constantFrom<Price[]>(
            [monthly],
            [{ ...monthly, per: 'year' }],
            [{ ...monthly, per: 'once' }],
            [paged],
          ),
          app: fc.constantFrom('acme.visits', 'acme.other'),
          pages: fc.array(fc.integer({ min: 1, max: 99_999 }), { minLength: 3, maxLength: 3 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      line: fc.nat(),
      by: fc.constantFrom('amount', 'quantity', 'days', 'price', 'agreement', 'twice', 'sum'),
    });
    await fc.assert(
      fc.asyncProperty(history, async ({ agreements, line, by }) => {
        const desk = await openAccountsDesk(await ownFolder(t), at('2027-02-01T00:00'));
        try {
          const begin = at('2026-10-01T00:00');
          const day = 86_400_000;
          const told = agreements.map(
            (one, n): Told => ({
              ...{ number: n + 1, box, app: one.app, prices: one.prices, since: begin + one.since * day },
              ...(one.trial === null ? {} : { trialDays: one.trial }),
              ended: one.days === null ? null : begin + (one.since + one.days) * day,
            }),
          );
          const months = ['2026-10', '2026-11', '2026-12'];
          const used = agreements.flatMap((one, n) =>
            one.prices[0] !== paged
              ? []
              : months.map(
                  (period, m): Used => ({
                    ...{ number: n + 1, statement: m + 1, period, box },
                    quantities: { page: String(one.pages[m]) },
                  }),
                ),
          );
          await desk.tell(...told);
          await desk.use(...used);
          for (const month of months) await desk.accounts.close(month);
          const { agreements: held, counted } = knowing(told, used);
          const known = held.map((one) => ({ ...one, statements: counted.get(one.agreement.id) ?? [], credits: [] }));
          const all = (await createBoxMonths({ store: desk.store }).of(box)).months;
          const before: BoxMonth[] = [];
          for (const month of all) {
            const found = differencesOf(month, { before, known });
            if (found.length > 0) throw new Error(JSON.stringify(found));
            const altered = structuredClone(month);
            const { entries = [], sums = [] } = altered.account ?? {};
            const one = entries[line % Math.max(1, entries.length)];
            if (one) {
              if (by === 'amount') one.amount = one.amount.replace(/\d+/, (digits) => String(BigInt(digits) + 1n));
              if (by === 'quantity') one.quantity = '100000';
              if (by === 'days') one.days = { held: 99, of: 100 };
              if (by === 'price') one.price = '3.01';
              if (by === 'agreement') one.agreement = agreementId(99);
              if (by === 'twice') entries.push({ ...one });
              if (by === 'sum') sums[0]!.amount = `1${sums[0]!.amount}`;
              if (differencesOf(altered, { before, known }).length === 0) throw new Error(`${by} is not seen`);
            }
            before.push(month);
          }
        } finally {
          await desk.store.close();
        }
      }),
      { numRuns: 40 },
    );
    t.pass();
  },
);

t.test('what is not an account of this box is refused, and nothing of it kept', async (t) => {
  const b = await bench(t);
  await b.tell(first, { ...first, number: 2, box: boxOf(2) });
  for (const month of ['2026-10', '2026-11']) await b.desk.accounts.close(month);
  const attacks: Record<string, (its: BoxMonths) => unknown> = {
    'the month of another box': () => ({}),
    'a month to come': (its) => ({ ...its, months: its.months.map((one) => ({ ...one, month: '2999-01' })) }),
    'months put back in time': (its) => ({ ...its, months: its.months.toReversed() }),
    'an account of another month': (its) => ({
      ...its,
      months: its.months.map((one) => ({ ...one, account: { ...one.account, month: '2026-09' } })),
    }),
    'an amount with digits that its currency has not': (its) => ({
      ...its,
      months: its.months.map((one) => ({
        ...one,
        account: { ...one.account, entries: one.account?.entries.map((entry) => ({ ...entry, amount: '3' })) },
      })),
    }),
    'more months than an answer has': (its) => ({ ...its, months: Array(500).fill(its.months[0]) }),
    'no object': () => [],
  };
  for (const [what, attack] of Object.entries(attacks)) {
    b.provider.alter = (text) => JSON.stringify(attack(JSON.parse(text)));
    if (what === 'the month of another box') {
      delete b.provider.alter;
      b.provider.box = boxOf(2);
    } else delete b.provider.box;
    await t.rejects(b.months().ask(), refuses('account-invalid'), what);
    t.match(await b.months().view(), { askedAt: null, closed: [] }, what);
  }
  t.strictSame(await b.box().said(), []);
  b.provider.alter = (text) => JSON.stringify({ ...JSON.parse(text), more: true, newer: { field: 1 } });
  await b.months().ask();
  t.equal(
    (await b.months().view()).closed.length,
    2,
    'what a later release adds is no fault, and “more” of nothing ends',
  );
});

t.test('a provider with months without end is left, and the newest stay within the bound', async (t) => {
  const bounds = { months: 5, invoices: 2, bytes: 100_000 };
  const b = await bench(t, { bounds, now: '2027-12-15T00:00' });
  await b.tell(first);
  for (let month = '2026-10'; month <= '2027-11'; month = nextMonth(month)) await b.desk.accounts.close(month);
  await b.months().ask();
  t.strictSame(
    (await b.months().view()).closed.map(({ month }) => month),
    ['2027-11', '2027-10', '2027-09', '2027-08', '2027-07'],
  );
  let asked = 0;
  const small = await bench(t, { bounds: { ...bounds, bytes: 900 } });
  await small.tell(first);
  for (const month of ['2026-10', '2026-11', '2026-12']) await small.desk.accounts.close(month);
  await small.months().ask();
  t.equal((await small.months().view()).closed.length, 1, 'also by their size');
  const endless = await bench(t);
  await endless.tell({ ...first, since: at('1980-01-01T00:00') });
  endless.provider.alter = (text) => {
    asked += 1;
    const { invoices } = JSON.parse(text);
    const plain = { closedAt: 1, sha256: 'a'.repeat(64), previous: null, entries: 0, account: null };
    const months = [{ month: `19${String(10 + asked)}-01`, ...plain }];
    return JSON.stringify({ months, more: true, invoices });
  };
  await t.rejects(endless.months().ask(), refuses('account-invalid'));
  t.ok(asked < 20, 'it is not asked without end');
});

t.test('a history that is told otherwise shows in the month that comes behind it', async (t) => {
  const b = await bench(t);
  await b.tell(first);
  await b.desk.accounts.close('2026-10');
  await b.months().ask();
  await b.desk.accounts.close('2026-11');
  b.provider.alter = (text) => text.replace(/"previous":"[0-9a-f]{64}"/, `"previous":"${'0'.repeat(64)}"`);
  await b.months().ask();
  delete b.provider.alter;
  t.strictSame(isOf((await b.months().month(box, '2026-11')).differences), ['chain']);
  await b.desk.accounts.close('2026-12');
  await b.months().ask();
  t.strictSame(isOf((await b.months().month(box, '2026-12')).differences), []);
});

t.test('what this release cannot reckon it says so of, and keeps', async (t) => {
  const b = await bench(t);
  await b.tell(first);
  await b.desk.accounts.close('2026-10');
  b.provider.alter = (text) => text.replace('"for":"month"', '"for":"levy"');
  await b.months().ask();
  t.match((await b.months().month(box, '2026-10')).differences, [{ is: 'kind', said: 'levy', line: 0 }]);
  await b.desk.accounts.close('2026-11');
  b.provider.alter = (text) => text.replace(/"entries":1,"account":\{.*\}\}?\]/, '"entries":5000,"account":null}]');
  await b.months().ask();
  t.match((await b.months().month(box, '2026-11')).differences, [{ is: 'withheld', said: '5000', line: null }]);
});

t.test('invoices are kept as they were made out, and refused where they are altered', async (t) => {
  const b = await bench(t);
  await b.tell(first);
  await b.desk.accounts.close('2026-10');
  const { desk } = b;
  const invoices = createInvoices({ ...desk, territory: 'north', accountOf: desk.accounts.owner });
  await b.months().ask();
  t.match(await b.months().month(box, '2026-10'), { invoices: [] });
  await invoices.setSeller(seller);
  const made = await invoices.issue({ month: '2026-10', box, buyer: { name: 'Ana', country: 'NZ' } });
  b.provider.alter = (text) => text.replace('<cbc:Name>', '<cbc:Name>x');
  await t.rejects(b.months().ask(), refuses('account-invalid'));
  t.match(await b.months().month(box, '2026-10'), { invoices: [] });
  delete b.provider.alter;
  await b.months().ask();
  await b.again();
  t.match(await b.months().month(box, '2026-10'), { invoices: [{ number: made.number, agrees: true }] });
  t.equal((await b.months().invoice(box, made.number)).xml, made.xml);
  await t.rejects(b.months().invoice(box, 'north-000009'), refuses('invoice-unknown'));
  await t.rejects(b.months().invoice(boxOf(2), made.number), refuses('invoice-unknown'));
});

t.test(
  'months of the provider before stay when the box has moved, and a month under way is asked by itself',
  async (t) => {
    const b = await bench(t);
    await b.tell(first);
    await b.desk.accounts.close('2026-10');
    b.months().start();
    await new Promise<void>((resolve) => {
      const end = b.months().onChange(() => {
        end();
        resolve();
      });
    });
    await b.months().idle();
    t.match((await b.months().view()).closed, [{ month: '2026-10', territory: 'north' }]);
    const again = new Promise<void>((resolve) => void b.months().onChange(resolve));
    b.clock.advance(-40 * 86_400_000); // a clock that had run ahead
    b.months().wake();
    await again;
    b.own.box = boxOf(7);
    b.own.territory = 'south';
    b.provider.box = boxOf(7);
    await b.desk.accounts.close('2026-11');
    const moved = new Promise<void>((resolve) => void b.months().onChange(resolve));
    b.months().wake();
    await moved;
    await b.months().idle();
    const { closed } = await b.months().view();
    t.ok(closed.some(({ territory, box: its }) => territory === 'north' && its === box));
    t.ok(
      closed.every(({ territory, entries }) => territory === 'north' || entries === 0),
      'and nothing of it is charged there',
    );
  },
);

t.test('over the wire: a server of somebody else, an answer without end, and one that is cut', async (t) => {
  const [ca, stranger] = [await createTestCa(), await createTestCa('Stranger')];
  t.teardown(() => Promise.all([ca.close(), stranger.close()]));
  const { key: keyPem, cert: chain } = await ca.client(box);
  let answer = (reply: ServerResponse): void => void reply.end('{}');
  let asked = 0;
  const serve = async (by: typeof ca) => {
    const server = createServer({ ...(await by.server()) }, (_request, reply) => {
      asked += 1;
      answer(reply);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    return new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  };
  const [own, foreign] = [await serve(ca), await serve(stranger)];
  let est = own;
  const ask = createAskAccounts({
    access: async () => ({
      ...{ est, identity: { keyPem, chain } },
      trust: { anchors: [new X509Certificate(ca.ca)] },
    }),
    moment: () => Date.now(),
    signal: new AbortController().signal,
  });
  await t.rejects(ask.months(undefined), refuses('account-invalid'), 'what is no list of months');
  const empty = JSON.stringify({ months: [], more: false, invoices: [] });
  answer = (reply) => void reply.end(empty);
  t.same(await ask.months('2026-10'), { months: [], more: false, invoices: [] });
  let sent = 0;
  answer = (reply) => {
    const chunk = ' '.repeat(65_536);
    const more = (): void => {
      while (!reply.destroyed && reply.write(chunk)) sent += chunk.length;
      if (!reply.destroyed) reply.once('drain', more);
    };
    more();
  };
  await t.rejects(ask.months(undefined), { name: 'Refusal' }, 'an answer without end is left');
  t.ok(sent < 64 * 1024 * 1024, 'soon');
  answer = (reply) => {
    reply.writeHead(200, { 'content-length': 1000 });
    reply.write('{"months":');
    setImmediate(() => reply.destroy());
  };
  await t.rejects(ask.months(undefined), refuses('est-unreachable'), 'one that is cut');
  answer = (reply) => void reply.writeHead(503).end();
  await t.rejects(ask.months(undefined), refuses('unavailable'));
  asked = 0;
  est = foreign;
  await t.rejects(ask.months(undefined), refuses('server-untrusted'));
  t.equal(asked, 0, 'whoever is not the provider is not even asked');
});
