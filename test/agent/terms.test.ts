/** Plans and agreements as the box keeps them: against makers who change what was agreed to. */
import fc from 'fast-check';
import t from 'tap';
import { readAgreement, readAgreementEnd } from '#common/agreements.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { Manifest } from '#contract/manifest.js';
import { decimalsOf, minorDigits } from '#contract/money.js';
import { check } from '#contract/parse.js';
import { planFault, textHash } from '#contract/plan-digest.js';
import { Plan, plansFault } from '#contract/plans.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { someManifest } from '../support/archive.js';
import { app, day, digestOf, planOf, termsBench, yesTo } from '../support/terms-box.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const dearer = planOf({ prices: [{ amount: '3.00', currency: 'EUR', per: 'month' }] });

t.test('a plan that nobody can read, pay or trust is no plan', async (t) => {
  const wrong: Record<string, Partial<Plan>> = {
    'a float': { prices: [{ amount: 2 as never, currency: 'EUR', per: 'month' }] },
    'an exponent': { prices: [{ amount: '1e3', currency: 'EUR', per: 'month' }] },
    'a sign': { prices: [{ amount: '-1', currency: 'EUR', per: 'month' }] },
    'a comma': { prices: [{ amount: '1,50', currency: 'EUR', per: 'month' }] },
    'a currency in small letters': { prices: [{ amount: '1', currency: 'eur', per: 'month' }] },
    'a currency that has ended': { prices: [{ amount: '1', currency: 'DEM', per: 'month' }] },
    'a code that is no money': { prices: [{ amount: '1', currency: 'XXX', per: 'month' }] },
    'a letter that looks like another': { prices: [{ amount: '1', currency: 'ЕUR', per: 'month' }] },
    'a notice of a day': { noticeDays: 1 },
    'nobody to take it': { audience: [] },
    'an audience that is not known': { audience: ['rich'] },
    'no English text': { text: { de: { text: 'x', sha256: textHash('x') } } as never },
  };
  for (const [what, more] of Object.entries(wrong)) t.equal(check(Plan, planOf(more)).ok, false, what);
  t.equal(check(Plan, planOf({ audience: ['north:kaumatua'] })).ok, true, 'a territory may add audiences');
  const said: [string, Plan[]][] = [
    [
      'has more than one currency',
      [planOf({ prices: [...dearer.prices, { amount: '1', currency: 'JPY', per: 'once' }] })],
    ],
    ['has two prices for month', [planOf({ prices: [...dearer.prices, ...dearer.prices] })]],
    ['has a price of nothing', [planOf({ prices: [{ amount: '0.00', currency: 'EUR', per: 'month' }] })]],
    ['which nobody can pay', [planOf({ prices: [{ amount: '1.5', currency: 'JPY', per: 'month' }] })]],
    ['has two plans personal', [planOf(), dearer]],
    ['not the one of its hash', [planOf({ text: { en: { text: 'you owe us all', sha256: textHash('nothing') } } })]],
  ];
  for (const [fault, plans] of said) t.match(planFault(plans), fault);
  t.equal(planFault([planOf({ prices: [] })]), undefined, 'free is a plan');
  t.equal(
    planFault([planOf({ prices: [{ amount: '0.0004', currency: 'JPY', per: 'unit', unit: 'call' }] })]),
    undefined,
  );
  t.equal(check(Manifest, someManifest({ plans: [planOf()] })).ok, true);
});

t.test('whatever is written as a price is refused, or is an amount that its currency has', async (t) => {
  const amount = fc.oneof(
    fc.string(),
    fc.stringMatching(/^\d{1,14}(\.\d{0,8})?$/),
    fc.double().map(String),
    fc.integer().map(String),
  );
  const currency = fc.oneof(fc.constantFrom('EUR', 'JPY', 'KWD'), fc.string({ minLength: 3, maxLength: 3 }));
  fc.assert(
    fc.property(amount, currency, (written, code) => {
      const plan = planOf({ prices: [{ amount: written, currency: code, per: 'once' }] });
      if (!check(Plan, plan).ok || plansFault([plan]) !== undefined) return true;
      return /^\d+(\.\d+)?$/.test(written) && Number(written) > 0 && decimalsOf(written) <= (minorDigits(code) ?? -1);
    }),
  );
  t.pass();
});

t.test('what has plans is installed once its owner has agreed to one, in the ledger and to the provider', async (t) => {
  const b = await termsBench(t);
  let box = await b.open();
  const plan = planOf();
  const student = planOf({ id: 'student', audience: ['student'], prices: [] });
  const made = await b.release('1.0.0', { plans: [plan, student] });
  t.same((await box.desk.offer(made.id)).digests, [digestOf(plan), digestOf(student)]);
  const decision = { release: made.id, grants: [{ capability: 'storage' as const }], termsAccepted: true as const };
  await t.rejects(box.desk.decide(decision, b.signer), refuses('terms-not-agreed'));
  await t.rejects(box.terms.agree(made.id, { ...yesTo(plan), plan: 'none' }, b.signer), refuses('plan-unknown'));
  await t.rejects(box.terms.agree(made.id, yesTo(plan, { class: 'student' }), b.signer), refuses('plan-not-for-class'));
  await t.rejects(box.terms.agree(made.id, yesTo(plan, { language: 'fr' }), b.signer), refuses('terms-changed'));
  await t.rejects(
    box.terms.agree(made.id, yesTo(plan, { digest: digestOf(dearer) }), b.signer),
    refuses('terms-changed'),
  );
  t.same(box.terms.of(app), { now: null, past: [] });

  b.provider.isOff = true;
  const agreed = await box.terms.agree(made.id, yesTo(plan), b.signer);
  t.match(agreed, { app, since: null, ended: null, told: false, class: { is: 'natural-person', by: 'stated' } });
  t.equal((await box.terms.agree(made.id, yesTo(plan), b.signer)).id, agreed.id, 'twice is once');
  await b.install(box, made);
  await b.until(box, ({ now }) => now?.since !== null);
  t.equal(box.desk.show(app)?.state, 'running');
  t.equal(box.terms.of(app).now?.since, b.clock.now(), 'it begins with the app');
  b.provider.isOff = false;
  box = await b.again();
  await box.terms.idle();
  t.equal(box.terms.of(app).now?.told, true, 'told when it can be, also after a restart');
  const told = await b.last();
  t.match(told, {
    since: b.clock.now(),
    ended: null,
    signed: { agreement: { id: agreed.id, box: 'box-000000000001' } },
  });
  const entry = (await b.entries(box)).find(({ type }) => type === 'terms.agreed');
  t.match(entry, { by: 'owner', signature: String, facts: { app, plan: 'personal', prices: '2.00 EUR/month' } });
  t.match(verifyLedger(await box.ledger.export()), { ok: true });
  const [head, payload = '', signature] = (told?.agreement ?? '').split('.');
  const cheaper = Buffer.from(payload, 'base64url').toString().replace('2.00', '0.01');
  t.equal(await readAgreement(`${head}.${Buffer.from(cheaper).toString('base64url')}.${signature}`), undefined);
});

t.test('a release without plans is as it was', async (t) => {
  const b = await termsBench(t);
  const box = await b.open();
  const made = await b.release('1.0.0');
  await b.install(box, made);
  t.match(box.desk.show(app), { state: 'running', stopped: null });
  await t.rejects(box.terms.agree(made.id, yesTo(planOf()), b.signer), refuses('plan-unknown'));
  await b.release('1.1.0', { plans: [planOf()] });
  t.equal(await box.desk.update(app), null, 'a price that comes later waits for the owner');
  await b.clock.pass(400 * day);
  await box.terms.idle();
  t.match(box.desk.show(app), { state: 'running', waiting: { manifest: { version: '1.1.0' } } }, 'for ever');
  t.same(b.provider.said, []);
});

t.test('leaving is at once: the app stops, keeps its data, and goes on when it is agreed to again', async (t) => {
  const b = await termsBench(t);
  let box = await b.open();
  const plan = planOf();
  const made = await b.release('1.0.0', { plans: [plan] });
  await b.has(box, made, plan);
  await box.storeFor(app);
  await t.rejects(box.terms.leave('acme.other', b.signer), refuses('agreement-unknown'));
  // A signature takes its time, and the clock goes on meanwhile.
  const sign = async (data: Uint8Array) => {
    b.clock.advance(7);
    return b.signer.sign(data);
  };
  await box.terms.leave(app, { ...b.signer, sign });
  await box.idle();
  await box.until(app, (now) => now?.state === 'stopped');
  t.match(box.desk.show(app), { stopped: 'terms' });
  t.match(box.terms.of(app), { now: null, past: [{ ended: { why: 'left' } }] });
  t.equal(await box.hasData(app), true);
  await box.terms.idle();
  const told = await b.last();
  const end = await readAgreementEnd(told?.ended?.end ?? '');
  t.same(end, { id: told?.signed?.agreement.id, at: told?.ended?.at });
  await t.rejects(box.desk.start(app, b.signer), refuses('terms-ended'));
  box = await b.again();
  await box.idle();
  t.match(box.desk.show(app), { state: 'stopped', stopped: 'terms' }, 'and stays so');
  b.clock.advance(1000);
  await box.terms.agree(made.id, yesTo(plan), b.signer);
  await box.until(app, (now) => now?.state === 'running');
  t.match(box.desk.show(app), { stopped: null });
  const change = await box.desk.remove(app, b.signer);
  await box.changes.ended(change);
  await box.terms.idle();
  t.match(box.terms.of(app), { now: null, past: [{ ended: { why: 'removed' } }, { ended: { why: 'left' } }] });
  t.match((await b.last())?.ended, { why: 'removed' });
});

t.test('whoever leaves just as the provider answers about it has left', async (t) => {
  const b = await termsBench(t);
  let box = await b.open();
  const plan = planOf();
  b.provider.isOff = true;
  await b.has(box, await b.release('1.0.0', { plans: [plan] }), plan);
  b.provider.isOff = false;
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    b.provider.answering = () => {
      resolve();
      return answered;
    };
  });
  box.terms.wake();
  await asked;
  b.disk.before = (commit) => {
    if (commit.includes('ledger') && commit.includes('agreements')) answer();
  };
  await box.terms.leave(app, b.signer);
  await box.terms.idle();
  t.match(box.terms.of(app), { now: null, past: [{ ended: { why: 'left' }, told: true }] });
  t.match((await b.last())?.ended, { why: 'left' }, 'and the provider is told');
  box = await b.again();
  t.match(box.terms.of(app), { now: null, past: [{ ended: { why: 'left' } }] }, 'it is so on the disk');
});

t.test(
  'a notice that is over while the disk is full ends the agreement once there is room, without haste',
  async (t) => {
    const b = await termsBench(t);
    const box = await b.open();
    const plan = planOf();
    await b.has(box, await b.release('1.0.0', { plans: [plan] }), plan);
    await b.release('1.1.0', { plans: [dearer] });
    await box.desk.update(app);
    await box.terms.idle();
    const { endsAt = 0 } = box.terms.of(app).now?.notice ?? {};
    let tries = 0;
    b.disk.before = (commit) => {
      if (!commit.includes('agreements')) return;
      tries += 1;
      if (tries < 100) throw new Refusal('disk-full');
    };
    await b.clock.pass(endsAt - b.clock.now());
    await box.terms.idle();
    await b.clock.sleeping();
    t.match(box.terms.of(app).now, { ended: null });
    t.ok(tries > 0 && tries < 5, `it has tried ${tries} times`);
    b.disk.before = () => {};
    await b.clock.pass(60_000);
    await box.until(app, (now) => now?.state === 'stopped');
    t.match(box.terms.of(app), { now: null, past: [{ ended: { why: 'notice' } }] });
  },
);

t.test('nothing ends before it began, though the clock is behind after a start', async (t) => {
  const b = await termsBench(t);
  const box = await b.open();
  const plan = planOf();
  const made = await b.release('1.0.0', { plans: [plan] });
  await box.terms.agree(made.id, yesTo(plan), b.signer);
  const { at = 0 } = box.terms.of(app).now ?? {};
  b.clock.advance(-6 * 3_600_000);
  await b.install(box, made);
  t.match(box.terms.of(app).now, { since: at });
  await box.terms.leave(app, b.signer);
  t.match(box.terms.of(app).past, [{ ended: { at, why: 'left' } }]);
  await box.terms.idle();
  const told = await b.last();
  t.match(await readAgreementEnd(told?.ended?.end ?? ''), { at });
});

t.test('what was agreed to and not installed ends by itself', async (t) => {
  const b = await termsBench(t);
  const box = await b.open();
  const plan = planOf();
  const made = await b.release('1.0.0', { plans: [plan] });
  await box.terms.agree(made.id, yesTo(plan), b.signer);
  await b.clock.pass(3 * day);
  await box.terms.idle();
  t.match(box.terms.of(app), { now: null, past: [{ since: null, ended: { why: 'unused' } }] });
});

t.test('other terms wait for the owner, and the old ones hold until their notice is over', async (t) => {
  const b = await termsBench(t);
  let box = await b.open();
  const plan = planOf();
  await b.has(box, await b.release('1.0.0', { plans: [plan] }), plan);
  const same = await b.release('1.0.1', { plans: [planOf({ id: 'more', audience: ['commercial'] }), plan] });
  const change = await box.desk.update(app);
  await box.changes.ended(change ?? '');
  t.equal(box.desk.show(app)?.release, same.id, 'a plan beside the owner’s is no change of theirs');

  b.knowTime(false);
  await b.release('1.1.0', { plans: [dearer] });
  t.equal(await box.desk.update(app), null);
  await box.terms.idle();
  t.equal(box.terms.of(app).now?.notice, null, 'a notice does not begin while the time is not known');
  b.knowTime(true);
  await box.terms.idle();
  const first = b.clock.now() + 30 * day;
  t.match(box.terms.of(app).now?.notice, { version: '1.1.0', endsAt: first });
  await b.clock.pass(10 * day);
  box = await b.again();
  await box.terms.idle();
  t.match(box.terms.of(app).now?.notice, { endsAt: first }, 'it does not begin anew after a restart');
  const two = planOf({ prices: [{ amount: '9.00', currency: 'EUR', per: 'month' }] });
  await b.release('1.2.0', { plans: [two] });
  await box.desk.update(app);
  await box.terms.idle();
  const second = b.clock.now() + 30 * day;
  t.match(
    box.terms.of(app).now?.notice,
    { version: '1.2.0', endsAt: second },
    'other terms have a notice of their own',
  );
  b.knowTime(false);
  await b.clock.pass(31 * day);
  await box.terms.idle();
  t.match(box.terms.of(app).now, { ended: null }, 'nothing ends while the time is not known');
  t.equal(box.desk.show(app)?.state, 'running');
  b.knowTime(true);
  await box.until(app, (now) => now?.state === 'stopped');
  await box.terms.idle();
  t.match(box.terms.of(app), { now: null, past: [{ ended: { why: 'notice' } }] });
  t.match((await b.last())?.ended, { why: 'notice' });
  t.equal(box.desk.show(app)?.stopped, 'terms', 'it stops, and nothing is charged: never the other way round');
});

t.test('a notice runs on over a move to another territory, and over the starts behind it', async (t) => {
  const b = await termsBench(t);
  let box = await b.open();
  const plan = planOf();
  await b.has(box, await b.release('1.0.0', { plans: [plan] }), plan);
  await b.release('1.1.0', { plans: [dearer] });
  await box.desk.update(app);
  await box.terms.idle();
  const before = box.terms.of(app).now;
  t.ok(before?.notice);
  const said = b.provider.said.length;
  await b.clock.pass(10 * day);

  Object.assign(b.home, { box: 'box-000000000002', territory: 'south' });
  box.terms.wake(); // another provider can be reached now
  await box.terms.idle();
  t.same(box.terms.of(app).now, before, 'it holds, as it was');
  box = await b.again();
  b.shelf.told.off = true; // where nobody knows the app
  await box.desk.update(app).catch(() => {});
  b.shelf.told.off = false;
  await box.terms.idle();
  t.same(box.terms.of(app).now?.notice, before?.notice, 'neither taken back nor begun anew');
  t.match(box.desk.show(app), { state: 'running' });
  t.equal(b.provider.said.length, said, 'the new provider is not told what another box agreed to');

  await b.clock.pass((before?.notice?.endsAt ?? 0) - b.clock.now());
  await box.until(app, (now) => now?.state === 'stopped');
  await box.terms.idle();
  t.match(box.terms.of(app), { now: null, past: [{ id: before?.id, ended: { why: 'notice' } }] });
  t.equal(b.provider.said.length, said);
  const types = (await b.entries(box)).map(({ type }) => type).filter((type) => type.startsWith('terms.'));
  t.same(types, ['terms.agreed', 'terms.changed', 'terms.ended'], 'each once');

  await box.members.judge(b.acme.credential, await b.territory.lists(6, { at: b.clock.now() }));
  const anew = await b.release('1.2.0', { plans: [dearer] });
  const agreed = await box.terms.agree(anew.id, yesTo(dearer), b.signer);
  await box.terms.idle();
  t.match(await b.last(), { signed: { agreement: { id: agreed.id, box: 'box-000000000002' } }, ended: null });
});

t.test('whoever agrees to the new terms has the update; whoever has them taken back keeps the old', async (t) => {
  const b = await termsBench(t);
  const box = await b.open();
  const plan = planOf();
  await b.has(box, await b.release('1.0.0', { plans: [plan] }), plan);
  const next = await b.release('1.1.0', { plans: [dearer] });
  await box.desk.update(app);
  await box.terms.idle();
  t.ok(box.terms.of(app).now?.notice);
  b.shelf.publish(next, { state: 'withdrawn' });
  await box.desk.update(app);
  await box.terms.idle();
  t.equal(box.terms.of(app).now?.notice, null, 'a release that was taken back gives no notice');

  const last = await b.release('1.2.0', { plans: [dearer] });
  await box.desk.update(app);
  await box.terms.idle();
  const before = box.terms.of(app).now?.id;
  const sign = async (data: Uint8Array) => {
    b.clock.advance(7);
    return b.signer.sign(data);
  };
  const agreed = await box.terms.agree(last.id, yesTo(dearer), { ...b.signer, sign });
  t.equal(agreed.replaces, before);
  const { at } = agreed;
  t.match(box.terms.of(app).past, [{ id: before, ended: { why: 'replaced', at } }], 'as the other one begins');
  await b.install(box, last);
  t.match(box.desk.show(app), { state: 'running', manifest: { version: '1.2.0' } });
  t.match(box.terms.of(app).now, { id: agreed.id, notice: null, since: Number });
  await box.terms.idle();
  const said = b.provider.said.map(({ ended }) => ended?.why ?? 'holds');
  t.ok(said.includes('replaced'));
  t.equal(said.at(-1), 'holds');
});
