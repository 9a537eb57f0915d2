/** What an owner grants, for how long, and that what is over stays over. */
import { generateKeyPairSync, sign } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Capability } from '#contract/capabilities.js';
import { coversEgress, egressTo } from '#contract/capabilities.js';
import { thumbprint, verifyLedger } from '#contract/ledger-chain.js';
import type { Refusal } from '#contract/problems.js';
import { createGrants, type GrantChange, type Grants } from '../../agent/consent/grants.js';
import { createLedger, type Ledger, type OwnerSigner } from '../../agent/consent/ledger.js';
import { openStore, type Store } from '../../agent/store/store.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock, type ManualClock } from '../support/manual-clock.js';

interface Desk {
  store: Store;
  ledger: Ledger;
  grants: Grants;
  clock: ManualClock;
  told: GrantChange[];
  refused: Refusal[];
  signer: OwnerSigner;
  /** As after a restart, by a clock that may say something else. */
  again(clock?: ManualClock): Promise<Desk>;
}

const hour = 3_600_000;
const app = 'example.visits';
const host: Capability = 'network.egress:api.example.com';
const refuses = (code: string) => ({ name: 'Refusal', code });

async function desk(t: Test, wish: { folder?: string; clock?: ManualClock; signer?: OwnerSigner } = {}): Promise<Desk> {
  const folder = wish.folder ?? (await ownFolder(t));
  const clock = wish.clock ?? createManualClock();
  const store = await openStore(folder);
  const ledger = await createLedger({ store, clock });
  const signer = wish.signer ?? (await ownerOf(ledger));
  const refused: Refusal[] = [];
  const grants = await createGrants({ store, ledger, clock, onRefused: (refusal) => refused.push(refusal) });
  const told: GrantChange[] = [];
  grants.onChange((change) => told.push(change));
  grants.start();
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await grants.stop();
    await store.close();
  };
  t.teardown(close);
  return {
    store,
    ledger,
    grants,
    clock,
    told,
    refused,
    signer,
    async again(next = clock) {
      await close();
      return desk(t, { folder, clock: next, signer });
    },
  };
}

async function ownerOf(ledger: Ledger): Promise<OwnerSigner> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const kid = thumbprint({ x, y });
  const signer: OwnerSigner = {
    kid,
    sign: async (data) => sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
  await ledger.appendKey({ kty: 'EC', crv: 'P-256', x, y, kid }, 'owner.set', signer);
  return signer;
}

const types = async (ledger: Ledger): Promise<string[]> =>
  (await ledger.entries({ limit: 100 })).map(({ type }) => type).filter((type) => type.startsWith('grant'));

t.test('what is granted holds at once, after a restart, and until it is taken back', async (t) => {
  const first = await desk(t);
  t.notOk(first.grants.allows(app, 'storage'), 'nothing is granted before');
  await first.grants.set(
    app,
    { give: [{ capability: 'storage' }, { capability: host }], take: [], release: 'r1' },
    first.signer,
  );
  t.ok(first.grants.allows(app, 'storage'));
  t.notOk(first.grants.allows('example.other', 'storage'), 'it is one app that it is given to');
  t.same(first.told, [{ app, given: ['storage', host], taken: [] }]);

  const second = await first.again();
  t.same(second.grants.of(app), [
    { capability: host, grantedAt: second.clock.now(), until: null },
    { capability: 'storage', grantedAt: second.clock.now(), until: null },
  ]);
  await second.grants.set(app, { give: [], take: ['storage', 'notify'] }, second.signer);
  t.notOk(second.grants.allows(app, 'storage'));
  t.same(second.told, [{ app, given: [], taken: ['storage'] }], 'what was not there is not taken');

  const third = await second.again();
  t.same(
    third.grants.of(app).map(({ capability }) => capability),
    [host],
  );
  const entries = (await third.ledger.entries({ limit: 10 })).slice(1);
  t.match(entries, [
    { by: 'owner', type: 'grant.given', facts: { app, capability: 'storage', release: 'r1' }, signature: String },
    { by: 'owner', type: 'grant.given', facts: { app, capability: host }, signature: String },
    { by: 'owner', type: 'grant.taken', facts: { app, capability: 'storage' }, signature: String },
  ]);
  t.match(verifyLedger(await third.ledger.export()), { ok: true, signed: 4 });
});

t.test('the same wish twice is one decision, also while the first is being written', async (t) => {
  const { grants, ledger, signer, told } = await desk(t);
  const wish = { give: [{ capability: 'storage' as const }], take: [] };
  await Promise.all([grants.set(app, wish, signer), grants.set(app, wish, signer), grants.set(app, wish)]);
  t.same(await types(ledger), ['grant.given']);
  t.equal(told.length, 1);
  await grants.set(app, { give: [], take: [] }, signer);
  await grants.set(app, { give: [], take: ['storage'] });
  await grants.set(app, { give: [], take: ['storage'] });
  t.same(await types(ledger), ['grant.given', 'grant.taken']);
  t.match((await ledger.entries({ limit: 1, newestFirst: true }))[0], { by: 'box' }, 'without a signer the box acts');
});

t.test('a grant with an end ends by itself, and no clock brings it back', async (t) => {
  const first = await desk(t);
  const { grants, clock, signer } = first;
  const start = clock.now();
  const until = start + hour;
  await grants.set(app, { give: [{ capability: 'storage', until }, { capability: 'notify' }], take: [] }, signer);
  clock.advance(hour - 1);
  t.ok(grants.allows(app, 'storage'));
  const told = new Promise<GrantChange>((resolve) => grants.onChange(resolve));
  clock.advance(1);
  t.same(await told, { app, given: [], taken: ['storage'] }, 'it is told without anybody asking');
  t.notOk(grants.allows(app, 'storage'));
  t.ok(grants.allows(app, 'notify'));

  const second = await first.again(createManualClock(start));
  t.notOk(second.grants.allows(app, 'storage'), 'with the clock set back');
  t.ok(second.grants.allows(app, 'notify'));
  t.same(await types(second.ledger), ['grant.given', 'grant.given', 'grant.ended']);

  await second.grants.set(app, { give: [{ capability: 'storage', until }], take: [] }, second.signer);
  t.ok(second.grants.allows(app, 'storage'), "only the owner's new yes does");
});

t.test('what ended while the box was off is over when it starts', async (t) => {
  const first = await desk(t);
  await first.grants.set(app, { give: [{ capability: 'storage', until: first.clock.now() + hour }], take: [] });
  const second = await first.again(createManualClock(first.clock.now() + 2 * hour));
  t.same(second.grants.of(app), []);
  const third = await second.again(createManualClock(first.clock.now()));
  t.same(third.grants.of(app), [], 'and is written as ended');
  t.same(await types(third.ledger), ['grant.given', 'grant.ended']);
});

t.test('an end that cannot be written holds all the same', async (t) => {
  const { grants, clock, store, signer, refused, ledger } = await desk(t);
  await grants.set(app, { give: [{ capability: 'storage', until: clock.now() + hour }], take: [] }, signer);
  const { commit } = store;
  Object.assign(store, { commit: () => Promise.reject(new Error('no space left')) });
  await clock.sleeping();
  clock.advance(hour);
  t.notOk(grants.allows(app, 'storage'));
  while (refused.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.match(refused[0], refuses('internal'));
  clock.advance(-hour);
  t.notOk(grants.allows(app, 'storage'), 'with the clock set back');
  Object.assign(store, { commit });
  while ((await types(ledger)).length < 2) {
    await clock.pass(2 * hour);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.same(await types(ledger), ['grant.given', 'grant.ended'], 'it is tried again');
});

t.test(
  'an end that has passed is refused to the owner, and gives nothing to a change that is taken up again',
  async (t) => {
    const { grants, clock, ledger, signer } = await desk(t);
    const late = { give: [{ capability: 'storage' as const, until: clock.now() }, { capability: host }], take: [] };
    await t.rejects(grants.set(app, late, signer), refuses('grant-end-past'));
    t.same(grants.of(app), [], 'nothing of it is done');
    await grants.set(app, late);
    t.match(grants.of(app), [{ capability: host }]);
    t.same(await types(ledger), ['grant.given']);
  },
);

t.test('an end can be moved, and an app that goes leaves nothing', async (t) => {
  const { grants, clock, ledger, told, signer } = await desk(t);
  await grants.set(app, { give: [{ capability: 'storage', until: clock.now() + hour }], take: [] }, signer);
  await grants.set(app, { give: [{ capability: 'storage' }], take: [] }, signer);
  clock.advance(2 * hour);
  t.match(grants.of(app), [{ capability: 'storage', until: null }]);
  t.equal(told.length, 1, 'it was held all the time');
  await grants.drop(app);
  await grants.drop(app);
  t.same(grants.of(app), []);
  t.same(told.at(-1), { app, given: [], taken: ['storage'] });
  t.same(await types(ledger), ['grant.given', 'grant.given', 'grant.dropped']);
});

t.test('a permission for hosts covers just these', async (t) => {
  for (const [granted, name, port, covers] of [
    ['network.egress:*', 'a.example', 8080, true],
    [host, 'api.example.com', 443, true],
    [host, 'api.example.com', 80, false],
    [host, 'example.com', 443, false],
    [host, 'x.api.example.com', 443, false],
    ['network.egress:api.example.com:8443', 'api.example.com', 8443, true],
    ['network.egress:api.example.com:8443', 'api.example.com', 443, false],
    ['network.egress:*.example.com', 'a.example.com', 443, true],
    ['network.egress:*.example.com', 'a.b.example.com', 443, true],
    ['network.egress:*.example.com', 'example.com', 443, false],
    ['network.egress:*.example.com', '.example.com', 443, false],
    ['network.egress:*.example.com', 'badexample.com', 443, false],
    ['storage', 'a.example', 443, false],
  ] as const)
    t.equal(coversEgress(granted, name, port), covers, `${granted} ${name}:${port}`);
  t.equal(egressTo('a.example', 443), 'network.egress:a.example');
  t.equal(egressTo('a.example', 80), 'network.egress:a.example:80');
});
