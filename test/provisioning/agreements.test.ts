/** Agreements at the provider: stored as they were signed, and refused where they are forged, borrowed or altered. */
import t, { type Test } from 'tap';
import { hashOfJws, signAgreement, signAgreementEnd } from '#common/agreements.js';
import type { Agreement, ToldAgreement } from '#contract/agreements.js';
import { agreedPlan } from '#contract/plan-digest.js';
import type { Plan } from '#contract/plans.js';
import { createAgreements } from '../../provisioning/agreements/agreements.js';
import { ownFolder } from '../support/folder.js';
import { testSigner } from '../support/installing.js';
import { createManualClock } from '../support/manual-clock.js';
import { storeIn } from '../support/records.js';
import { app, day, digestOf, planOf } from '../support/terms-box.js';

const box = 'box-000000000001';
const release = 'a'.repeat(64);
let count = 0;
const newId = (): string => `agreement-${String(++count).padStart(20, '0')}`;

async function bench(t: Test, more: { plans?: Plan[]; owner?: string } = {}) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const { signer, jwk } = await testSigner();
  const { plans = [planOf()], owner = 'acme' } = more;
  let store = await storeIn(folder);
  const enrolledAt = clock.now() - 10 * day;
  const put = (key: string) =>
    store.commit([{ type: 'put', sublevel: store.boxes, key, value: { enrolledAt, claim: '', certificate: {} } }]);
  await put(box);
  await put('box-000000000002');
  const open = () =>
    createAgreements({
      ...{ store, clock, territory: 'north' },
      published: (id) => (id === release ? { app, version: '1.0.0', member: owner, plans } : undefined),
    });
  t.teardown(() => store.close());
  const tools = {
    ...{ clock, signer, jwk },
    agreements: open(),
    async again() {
      await store.close();
      store = await storeIn(folder);
      tools.agreements = open();
      return tools.agreements;
    },
    async told(altered: Partial<Agreement> = {}, rest: Partial<ToldAgreement> = {}): Promise<ToldAgreement> {
      const plan = agreedPlan(plans[0] ?? planOf());
      const agreement: Agreement = {
        ...{ id: newId(), app, release, version: '1.0.0', member: 'acme', territory: 'north', plan, language: 'en' },
        ...{ digest: digestOf(plans[0] ?? planOf()), class: { is: 'natural-person', by: 'stated' } },
        ...{ replaces: null, at: clock.now(), box, ...altered },
      };
      return { agreement: await signAgreement(agreement, signer, jwk), since: null, ended: null, ...rest };
    },
    async take(told: ToldAgreement, from = box) {
      return (await tools.agreements.take(from, { agreements: [told] })).taken[0]?.refused?.code ?? 'taken';
    },
  };
  return tools;
}

t.test(
  'an agreement is stored as it was signed, told again changes nothing, and is there after a restart',
  async (t) => {
    const b = await bench(t);
    const told = await b.told();
    t.equal(await b.take(told), 'taken');
    t.equal(await b.take(told), 'taken');
    const since = b.clock.now();
    t.equal(await b.take({ ...told, since }), 'taken');
    const agreements = await b.again();
    const [one, ...more] = await agreements.list({ limit: 10 });
    t.same(more, []);
    t.match(one, { box, app, member: 'acme', since, ended: null, sha256: hashOfJws(told.agreement) });
    const [seen] = await agreements.ofMember('acme', '', 10);
    t.match(seen, { id: one?.id, plan: { id: 'personal' }, since });
    t.notMatch(JSON.stringify(seen), box, 'its maker is not told whose box it is');
    t.notMatch(JSON.stringify(seen), b.jwk.kid, 'nor by which key it was signed');
    t.same(await agreements.ofMember('bracken', '', 10), []);

    const id = one?.id ?? '';
    const at = b.clock.now();
    const end = await signAgreementEnd({ id, at }, b.signer, b.jwk);
    t.equal(await b.take({ ...told, ended: { at, why: 'left', end } }), 'taken');
    t.equal(await b.take({ ...told, ended: { at: at + 1, why: 'removed', end: null } }), 'taken');
    t.match(await b.agreements.list({ box, limit: 10 }), [{ ended: { at, why: 'left' } }], 'an end is told once');
  },
);

t.test('what is forged, borrowed, altered or of another time is refused', async (t) => {
  const b = await bench(t);
  const cheap = agreedPlan(planOf({ prices: [] }));
  const refused: Record<string, ToldAgreement> = {
    'of another box': await b.told({ box: 'box-000000000002' }),
    'a price that nobody offered': await b.told({ plan: cheap, digest: digestOf(planOf({ prices: [] })) }),
    'a digest of another plan': await b.told({ plan: cheap }),
    'another member': await b.told({ member: 'bracken' }),
    'another app': await b.told({ app: 'acme.other' }),
    'another version': await b.told({ version: '2.0.0' }),
    'a release that was not published': await b.told({ release: 'b'.repeat(64) }),
    'a class that the plan is not for': await b.told({ class: { is: 'student', by: 'stated' } }),
    'a language that it has no text in': await b.told({ language: 'fr' }),
    'of a time to come': await b.told({ at: b.clock.now() + 2 * day }),
    'older than the box': await b.told({ at: b.clock.now() - 20 * day }),
    'begun before it was agreed to': await b.told({}, { since: b.clock.now() - day }),
    'left without the owner': await b.told({}, { ended: { at: b.clock.now(), why: 'left', end: null } }),
    'ended before it was agreed to': await b.told({}, { ended: { at: b.clock.now() - day, why: 'notice', end: null } }),
  };
  for (const [what, told] of Object.entries(refused)) t.equal(await b.take(told), 'agreement-invalid', what);
  const good = await b.told();
  const [head, payload = '', signature] = good.agreement.split('.');
  const forged = Buffer.from(payload, 'base64url').toString().replace('acme', 'bcme');
  const forgery = `${head}.${Buffer.from(forged).toString('base64url')}.${signature}`;
  t.equal(await b.take({ ...good, agreement: forgery }), 'agreement-invalid', 'forged');
  t.equal(await b.take({ ...good, agreement: 'a.b.c' }), 'agreement-invalid', 'no signature at all');
  t.equal(await b.take(good, 'box-000000000002'), 'agreement-invalid', 'borrowed');
  t.equal(await b.take(good), 'taken');
  const { agreement } = await import('#common/agreements.js').then(async ({ readAgreement }) => {
    const read = await readAgreement(good.agreement);
    if (!read) throw new Error('not read');
    return read;
  });
  t.equal(await b.take(await b.told({ ...agreement, language: 'en', at: agreement.at + 1 })), 'agreement-other');
  t.equal((await b.agreements.list({ limit: 10 })).length, 1);
});

t.test('a listing goes on behind what it leaves out', async (t) => {
  const b = await bench(t);
  const south = { territory: 'south', release: 'c'.repeat(64) };
  for (const more of [south, { ...south, member: 'bracken' }, {}, {}])
    t.equal(await b.take(await b.told(more)), 'taken');
  const [first, ...rest] = await b.agreements.ofMember('acme', '', 1);
  t.same(rest, []);
  t.equal(first?.territory, 'north', 'of another territory is another member');
  t.equal((await b.agreements.ofMember('acme', first?.id ?? '', 5)).length, 1);
  const page = await b.agreements.list({ box, member: 'acme', limit: 2 });
  t.equal(page.length, 2);
  t.equal((await b.agreements.list({ box, member: 'acme', after: page[1]?.id, limit: 2 })).length, 1);
});

t.test('a hostile box gets no further than its own share', async (t) => {
  const b = await bench(t);
  const told = await Promise.all(Array.from({ length: 20 }, () => b.told()));
  const { taken } = await b.agreements.take(box, {
    agreements: [...told.slice(0, 19), { ...told[0]!, agreement: 'x' }],
  });
  t.equal(taken.filter(({ refused }) => refused === null).length, 19, 'the others are taken all the same');
  const page = await b.agreements.list({ limit: 7 });
  const rest = await b.agreements.list({ after: page.at(-1)?.id, limit: 100 });
  t.equal(page.length + rest.length, 19);
  t.same((await b.agreements.list({ box, member: 'bracken', limit: 100 })).length, 0);
});
