/** Statements of usage at the provider: chained, and refused where they are forged, replayed, put back or made up. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { signJws } from '#common/jws.js';
import type { Agreement } from '#contract/agreements.js';
import { canonicalJson, hashOfText } from '#contract/ledger-chain.js';
import { type UsageStatement, usageStatementType } from '#contract/metering.js';
import { agreedPlan } from '#contract/plan-digest.js';
import { createUsageRoom } from '../../provisioning/agreements/usage.js';
import type { AgreementRecord } from '../../provisioning/store/agreements.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { storeIn } from '../support/records.js';
import { day, planOf } from '../support/terms-box.js';

const box = 'box-000000000001';
const agreement = 'agreement-00000000000000000001';
const hex = (letter: string): string => letter.repeat(64);

async function bench(t: Test) {
  const folder = await ownFolder(t);
  let store = await storeIn(folder);
  t.teardown(() => store.close());
  const clock = createManualClock(Date.UTC(2027, 1, 3));
  const plan = agreedPlan(planOf({ prices: [{ amount: '0.015', currency: 'EUR', per: 'unit', unit: 'page' }] }));
  const ca = await createTestCa();
  t.teardown(() => ca.close());
  const certificateFor = async (name: string) => {
    const { key, cert } = await ca.client(name);
    return { key: createPrivateKey(key), der: new X509Certificate(cert).raw.toString('base64') };
  };
  const mine = await certificateFor(box);
  const other = await certificateFor('box-000000000002');
  const record = (der: string) => ({
    enrolledAt: 0,
    claim: '',
    certificate: { serial: '', notAfter: 0, keyHash: '', der },
  });
  const about = (more: Partial<Agreement> = {}): AgreementRecord => ({
    agreement: {
      ...{ id: agreement, app: 'acme.visits', release: hex('a'), version: '1.0.0', member: 'acme', territory: 'north' },
      ...{ plan, digest: hex('b'), language: 'en', class: { is: 'natural-person', by: 'stated' }, replaces: null },
      ...{ at: Date.UTC(2026, 10, 20), box, ...more },
    },
    ...{ jws: '', sha256: hex('c'), since: null, ended: null, receivedAt: 0 },
  });
  await store.commit([
    { type: 'put', sublevel: store.boxes, key: box, value: record(mine.der) },
    { type: 'put', sublevel: store.boxes, key: 'box-000000000002', value: record(other.der) },
    { type: 'put', sublevel: store.agreements, key: agreement, value: about() },
  ]);
  const tools = {
    ...{ clock, about },
    store,
    usage: createUsageRoom({ store, clock, territory: 'north' }),
    async again() {
      await store.close();
      store = await storeIn(folder);
      tools.store = store;
      tools.usage = createUsageRoom({ store, clock, territory: 'north' });
    },
    statement: (more: Partial<UsageStatement> = {}): UsageStatement => ({
      ...{ agreement, box, app: 'acme.visits', member: 'acme', number: 1, previous: null, period: '2026-11' },
      ...{ from: 1, to: 10, before: null, head: hex('1'), at: Date.UTC(2026, 11, 1) },
      sums: [{ unit: 'page', quantity: '3.5', trial: '0' }],
      ...more,
    }),
    sign: (statement: UsageStatement, by = mine) =>
      signJws({
        type: usageStatementType,
        payload: Buffer.from(canonicalJson(statement)),
        key: by.key,
        header: { x5c: [by.der] },
      }),
    async take(jws: string, from = box) {
      return (await tools.usage.take(from, { statements: [jws] })).taken[0]?.refused?.code ?? 'taken';
    },
    mine,
    other,
  };
  return tools;
}

t.test('each statement follows the one before it, and is taken once however often it is told', async (t) => {
  const b = await bench(t);
  const first = b.statement();
  const jws = await b.sign(first);
  t.equal(await b.take(jws), 'taken');
  t.equal(await b.take(jws), 'taken', 'a lost reply');
  t.equal(await b.take(await b.sign(first)), 'taken', 'another signature of the same');
  const second = b.statement({
    ...{ number: 2, previous: hashOfText(canonicalJson(first)), period: '2026-12', from: 11, to: 12 },
    ...{ before: hex('1'), head: hex('2') },
  });
  for (const [what, more] of Object.entries({
    'one that is missing': { number: 3 },
    'another one before it': { previous: hex('f') },
    'the same month again': { period: '2026-11' },
    'a month before': { period: '2026-10' },
    'entries that were summed up': { from: 10 },
    'entries that are left out': { from: 12 },
    'another chain': { before: hex('e') },
    backwards: { to: 10 },
    'a month that is not over': { period: '2027-02' },
    'a unit that was not agreed to': { sums: [{ unit: 'hour', quantity: '1', trial: '0' }] },
    'a unit twice': { sums: [...second.sums, ...second.sums] },
    'another app': { app: 'acme.other' },
    'another member': { member: 'bracken' },
    'a time to come': { at: b.clock.now() + 2 * day },
  } satisfies Record<string, Partial<UsageStatement>>))
    t.equal(await b.take(await b.sign({ ...second, ...more })), 'usage-invalid', what);
  t.equal(
    await b.take(await b.sign(b.statement({ sums: [{ unit: 'page', quantity: '1', trial: '0' }] }))),
    'usage-other',
  );
  await b.again();
  t.equal(await b.take(jws), 'taken', 'also behind a restart');
  t.equal(await b.take(await b.sign(second)), 'taken');
  await b.again();
  t.match(await b.usage.list({ limit: 10 }), [
    { number: 1, box },
    { number: 2, box },
  ]);
  const seen = await b.usage.ofMember('acme', '', 1);
  t.match(seen, { statements: [{ number: 1, sums: first.sums }], last: `${agreement}!0000000001` });
  t.notMatch(JSON.stringify(seen), box, 'its maker is not told whose box it is');
  t.match(await b.usage.ofMember('acme', seen.last ?? '', 10), { statements: [{ number: 2 }], last: null });
  t.same((await b.usage.ofMember('bracken', '', 10)).statements, []);
});

t.test('a box is told where its chain stands here, and may begin anew behind what it names', async (t) => {
  const b = await bench(t);
  const first = b.statement();
  t.equal(await b.take(await b.sign(first)), 'taken');
  const sha256 = hashOfText(canonicalJson(first));
  const last = { number: 1, period: '2026-11', to: 10, head: hex('1'), sha256 };
  const other = await b.sign(b.statement({ sums: [{ unit: 'page', quantity: '1', trial: '0' }] }));
  t.match((await b.usage.take(box, { statements: [other] })).taken, [{ refused: { code: 'usage-other' }, last }]);
  const foreign = await b.sign(b.statement({ box: 'box-000000000002' }), b.other);
  const { taken } = await b.usage.take('box-000000000002', { statements: [foreign, other] });
  t.same(
    taken.map((one) => 'last' in one),
    [false, false],
    'nobody else is',
  );
  const anew = b.statement({
    ...{ number: 2, previous: sha256, period: '2026-12', from: 4, to: 5, before: hex('7'), head: hex('8') },
    restarted: { to: 10, head: hex('1') },
  });
  for (const [what, more] of Object.entries({
    'behind another number': { restarted: { to: 9, head: hex('1') } },
    'behind another entry': { restarted: { to: 10, head: hex('2') } },
    'behind nothing': { restarted: { to: 0, head: null } },
    'where it follows': { from: 11, to: 12, before: hex('1') },
    'with entries that hang on nothing': { from: 4, before: null },
    'in a month that is summed up': { period: '2026-11' },
    'as another statement': { previous: hex('f') },
  } satisfies Record<string, Partial<UsageStatement>>))
    t.equal(await b.take(await b.sign({ ...anew, ...more })), 'usage-invalid', what);
  t.equal(await b.take(await b.sign(anew)), 'taken');
  t.match((await b.usage.ofMember('acme', '', 10)).statements[1], { restarted: { to: 10 } }, 'its maker sees it');
  t.match((await b.usage.list({ limit: 10 }))[1], { restarted: { to: 10 } });
});

t.test('a listing goes on behind what it leaves out, and a member of another territory is another one', async (t) => {
  const b = await bench(t);
  const ids = [2, 3, 4, 5, 6].map((number) => `agreement-${String(number).padStart(20, '0')}`);
  for (const [at, id] of ids.entries()) {
    const by = at % 2 === 0 ? 'box-000000000002' : box;
    const { agreement: its, ...rest } = b.about({ id, box: by, territory: at < 3 ? 'south' : 'north' });
    await b.store.commit([
      { type: 'put', sublevel: b.store.agreements, key: id, value: { agreement: its, ...rest } },
      { type: 'put', sublevel: b.store.boxAgreements, key: `${by}!${id}`, value: 0 },
    ]);
    const statement = b.statement({ agreement: id, box: by });
    t.equal(await b.take(await b.sign(statement, by === box ? b.mine : b.other), by), 'taken');
  }
  const seen = await b.usage.ofMember('acme', '', 1);
  t.match(seen.statements, [{ agreement: ids[3] }]);
  t.match(await b.usage.ofMember('acme', seen.last ?? '', 5), { statements: [{ agreement: ids[4] }], last: null });
  const [one, ...more] = await b.usage.list({ box, limit: 1 });
  t.same(more, []);
  t.match(one, { agreement: ids[1], box });
  const after = `${one?.agreement}!0000000001`;
  t.match(await b.usage.list({ box, after, limit: 1 }), [{ agreement: ids[3] }]);
  t.match(await b.usage.list({ box, member: 'acme', after, limit: 5 }), [{ agreement: ids[3] }]);
  t.equal((await b.usage.list({ member: 'acme', limit: 5 })).length, 5);
});

t.test('nobody but the box itself states what it used, and about its own agreements alone', async (t) => {
  const b = await bench(t);
  const good = b.statement();
  t.equal(await b.take(await b.sign(good, b.other)), 'usage-invalid', 'signed by another box');
  t.equal(await b.take(await b.sign(good), 'box-000000000002'), 'usage-invalid', 'sent by another box');
  const lent = b.statement({ box: 'box-000000000002' });
  t.equal(await b.take(await b.sign(lent, b.other), 'box-000000000002'), 'usage-invalid', 'another’s agreement');
  const unsigned = await signJws({
    ...{ type: usageStatementType, payload: Buffer.from(canonicalJson(good)), key: b.other.key },
    header: { x5c: [b.mine.der] },
  });
  t.equal(await b.take(unsigned), 'usage-invalid', 'its certificate shown, and not its key');
  t.equal(await b.take('a.b.c'), 'usage-invalid');
  t.equal(await b.take(await b.sign(b.statement({ agreement: 'agreement-00000000000000000009' }))), 'usage-invalid');
  const ended = { ...b.about(), ended: { at: Date.UTC(2026, 10, 25), why: 'left' as const, end: null } };
  await b.store.commit([{ type: 'put', sublevel: b.store.agreements, key: agreement, value: ended }]);
  t.equal(await b.take(await b.sign(b.statement({ period: '2026-12' }))), 'usage-invalid', 'after it was left');
  t.equal(await b.take(await b.sign(b.statement({ period: '2026-10' }))), 'usage-invalid', 'before it was agreed to');
  t.equal(await b.take(await b.sign(good)), 'taken');
});
