/** What a box reads of closed months: its own, in pieces that it can take, and nobody else's. */
import fastify from 'fastify';
import t, { type Test } from 'tap';
import type { Seller } from '#contract/invoices.js';
import { BoxInvoice, BoxMonths, boxAccountsPath } from '#contract/months.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { createBoxMonths } from '../../provisioning/accounts/box-months.js';
import { createInvoices } from '../../provisioning/accounts/invoices.js';
import { declareAccountRoutes } from '../../provisioning/accounts/routes.js';
import { boxOf, openAccountsDesk } from '../support/accounts-desk.js';
import { ownFolder } from '../support/folder.js';

const at = (text: string): number => Date.parse(`${text}Z`);
const seller: Seller = {
  ...{ name: 'Kauri Networks Ltd', country: 'NZ', vatId: 'NZ123456789', paymentDays: 14 },
  tax: { category: 'S', percent: '15' },
};

async function bench(t: Test) {
  const desk = await openAccountsDesk(await ownFolder(t), at('2026-12-15T00:00'));
  t.teardown(() => desk.store.close());
  const { store } = desk;
  const enrolled = (enrolledAt: number) => ({
    ...{ enrolledAt, claim: '', admittedBy: 'claim' as const },
    certificate: { serial: '', notAfter: 0, keyHash: '', der: '' },
  });
  const come = (number: number, day: string) =>
    store.commit([{ type: 'put', sublevel: store.boxes, key: boxOf(number), value: enrolled(at(`${day}T00:00`)) }]);
  const server = fastify();
  t.teardown(() => server.close());
  server.setErrorHandler((error, _request, reply) =>
    error instanceof Refusal ? reply.code(error.status).send({ code: error.code }) : reply.code(500).send(),
  );
  let who = boxOf(1);
  const nobody = async () => {
    throw new Refusal('credential-missing');
  };
  const callers = { member: nobody, box: async () => who };
  const boxMonths = createBoxMonths({ store });
  declareAccountRoutes(server, { accounts: desk.accounts, boxMonths, territory: 'north', callers });
  return {
    ...{ desk, come },
    invoices: createInvoices({ store, clock: desk.clock, territory: 'north', accountOf: desk.accounts.owner }),
    async ask(number: number, rest = '') {
      who = boxOf(number);
      const answer = await server.inject(`${boxAccountsPath}${rest}`);
      return { status: answer.statusCode, json: answer.json() };
    },
  };
}

t.test('a box reads its own account of each closed month, and how they follow each other', async (t) => {
  const { desk, come, ask } = await bench(t);
  await come(1, '2026-10-10');
  await come(2, '2026-11-20');
  const prices = [{ amount: '3.00', currency: 'EUR', per: 'month' as const }];
  await desk.tell({ number: 1, box: boxOf(1), prices, since: at('2026-10-10T00:00') });
  t.same((await ask(1)).json, { months: [], more: false, invoices: [] });
  const september = await desk.accounts.close('2026-09');
  const october = await desk.accounts.close('2026-10');
  const november = await desk.accounts.close('2026-11');
  const mine = (await ask(1)).json;
  t.ok(check(BoxMonths, mine).ok);
  t.match(mine, {
    months: [
      { month: '2026-10', sha256: october.sha256, previous: september.sha256, entries: 1, account: { box: boxOf(1) } },
      { month: '2026-11', sha256: november.sha256, previous: october.sha256, account: { sums: [{ amount: '3.00' }] } },
    ],
    more: false,
  });
  t.match((await ask(1, '?after=2026-10')).json, { months: [{ month: '2026-11' }] });
  t.equal((await ask(1, '?after=2026-11')).json.months.length, 0);
  const other = (await ask(2, '?after=1970-01')).json;
  t.match(other, { months: [{ month: '2026-11', account: null, entries: 0 }] }, 'from when it came, and only its own');
  t.equal(other.months.length, 1);
  t.notMatch(JSON.stringify(other), boxOf(1));
  t.equal((await ask(1, '?after=yesterday')).status, 400);
});

t.test('who has the same device later is another box, and reads nothing from before', async (t) => {
  const { desk, come, ask } = await bench(t);
  await come(1, '2026-09-01');
  const prices = [{ amount: '3.00', currency: 'EUR', per: 'month' as const }];
  const [since, ended] = [at('2026-09-01T00:00'), at('2026-11-10T00:00')];
  await desk.tell({ number: 1, box: boxOf(1), prices, since, ended });
  await come(2, '2026-11-11'); // handed on: the device has a new key, and is a new box
  for (const month of ['2026-09', '2026-10', '2026-11']) await desk.accounts.close(month);
  const answer = (await ask(2)).json;
  t.same(
    answer.months.map(({ month, account }: { month: string; account: unknown }) => [month, account]),
    [['2026-11', null]],
  );
  t.equal((await ask(1)).json.months.length, 3);
});

t.test('an invoice is read by its own box alone', async (t) => {
  const { desk, come, ask, invoices } = await bench(t);
  await come(1, '2026-11-01');
  await come(2, '2026-11-01');
  const prices = [{ amount: '3.00', currency: 'EUR', per: 'month' as const }];
  await desk.tell({ number: 1, box: boxOf(1), prices, since: at('2026-11-01T00:00') });
  await desk.accounts.close('2026-11');
  await invoices.setSeller(seller);
  const made = await invoices.issue({ month: '2026-11', box: boxOf(1), buyer: { name: 'Ana', country: 'NZ' } });
  const { number, sha256 } = made;
  t.match((await ask(1)).json, { invoices: [{ number, sha256, month: '2026-11' }] });
  t.notMatch(JSON.stringify((await ask(1)).json), 'Ana', 'a list says nothing of whom it is made out to');
  t.same((await ask(2)).json.invoices, []);
  const read = (await ask(1, `/invoices/${number}`)).json;
  t.ok(check(BoxInvoice, read).ok);
  t.same(read, made);
  for (const wrong of [number.replace('1', '2'), 'other-000001', '..%2f', 'x'])
    t.match(await ask(1, `/invoices/${wrong}`), { status: 404, json: { code: 'invoice-unknown' } }, wrong);
  t.match(await ask(2, `/invoices/${number}`), { status: 404, json: { code: 'invoice-unknown' } });
});

t.test('what is told at once has a bound: by months, by entries, and of one month', async (t) => {
  const { desk, come, ask } = await bench(t);
  desk.setTime(at('2028-03-15T00:00'));
  await come(1, '2026-09-01');
  const prices = [{ amount: '3.00', currency: 'EUR', per: 'month' as const }];
  const number = (n: number) => ({ number: n, box: boxOf(1), app: `acme.app-${n}`, prices });
  await desk.tell({ ...number(1), since: at('2026-09-01T00:00') });
  for (let n = 0; n < 14; n += 1)
    await desk.accounts.close(new Date(Date.UTC(2026, 8 + n, 1)).toISOString().slice(0, 7));
  const first = (await ask(1)).json;
  t.match(first, { months: { length: 12 }, more: true });
  t.match((await ask(1, `?after=${first.months.at(-1).month}`)).json, { months: { length: 2 }, more: false });
  const many = (from: number, to: number, day: string) =>
    desk.tell(...Array.from({ length: to - from + 1 }, (_, n) => ({ ...number(from + n), since: at(`${day}T00:00`) })));
  await many(2, 400, '2027-11-01');
  await desk.accounts.close('2027-11');
  await desk.accounts.close('2027-12');
  t.match((await ask(1, '?after=2027-10')).json, { months: [{ month: '2027-11', entries: 400 }], more: true });
  await many(401, 2001, '2028-01-01');
  await desk.accounts.close('2028-01');
  t.match((await ask(1, '?after=2027-12')).json, { months: [{ entries: 2001, account: null }], more: false });
});
