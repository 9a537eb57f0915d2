/** Links with companies, what they offer, and managers, as the box keeps them: against companies and providers that lie. */
import t from 'tap';
import { verifyLedger } from '#contract/ledger-chain.js';
import { linkCodeHash, newLinkCode, parseLinkCode } from '#contract/link-code.js';
import { askSeconds, codeSeconds, mostOffers } from '#contract/links.js';
import type { ProblemCode } from '#contract/problems.js';
import { newKey } from '../support/installing.js';
import { day, linkedBench, needs } from '../support/linked-box.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const app = 'acme.visits';

t.test('the owner shows a code, sees who asks with it, and confirms it in the ledger', async (t) => {
  const b = await linkedBench(t);
  let box = await b.open();
  t.match(box.links.view(), { code: null, ask: null, links: [], offers: [], told: true });
  await box.links.showCode();
  await box.links.idle();
  const { code = '' } = box.links.view().code ?? {};
  t.match(code, /^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){2}$/);
  t.same(b.last()?.code, { hash: linkCodeHash(parseLinkCode(code)!), seconds: codeSeconds });
  t.notMatch(JSON.stringify(b.provider.said), code, 'the provider learns the hash alone');

  b.provider.ask = await b.asks(code, { note: 'Front desk' });
  await b.asked(box);
  t.match(box.links.view(), {
    code: null,
    ask: { id: b.provider.ask.id, note: 'Front desk', member: { id: 'acme', class: 'var', standing: 'good' } },
    links: [],
  });
  box = await b.again();
  t.match(box.links.view().ask, { id: b.provider.ask.id }, 'who asks is there after a restart');
  t.same(b.last()?.links, [], 'and nothing is linked');
  await t.rejects(box.links.confirm('link-0000000000000009', b.signer), refuses('link-ask-unknown'));

  b.provider.isOff = true;
  await box.links.confirm(b.provider.ask.id, b.signer);
  t.match(box.links.view(), { ask: null, links: [{ id: b.provider.ask.id, manager: null }], told: false });
  b.provider.isOff = false;
  b.provider.ask = null;
  box = await b.again();
  t.match(b.last(), { code: null, links: [{ id: 'link-0000000000000001' }] }, 'told when it can be, also after a cut');
  t.equal(box.links.view().told, true);
  const entry = (await b.entries(box)).find(({ type }) => type === 'link.confirmed');
  t.match(entry, { by: 'owner', signature: String, facts: { member: 'acme', territory: 'north', box: b.own.box } });

  b.provider.isOff = true;
  const before = b.provider.said.length;
  await box.links.end('link-0000000000000001', b.signer);
  t.match(box.links.view(), { links: [], told: false });
  t.equal(b.provider.said.length, before);
  b.provider.isOff = false;
  await b.clock.sleeping();
  b.clock.advance(day); // it tries again by itself
  await box.links.idle();
  t.same(b.last()?.links, []);
  t.equal(box.links.view().told, true);
  t.match(verifyLedger(await box.ledger.export()), { ok: true });
});

t.test('nobody is shown who was not told the code, whatever the provider says', async (t) => {
  const b = await linkedBench(t);
  const box = await b.open();
  const shown = async (ask: Awaited<ReturnType<typeof b.asks>>) => {
    b.provider.ask = ask;
    await b.asked(box);
    return box.links.view().ask;
  };
  t.equal(await shown(await b.asks(newLinkCode())), null, 'no code is shown at all');
  await box.links.showCode();
  await box.links.idle();
  const code = box.links.view().code?.code ?? '';
  t.equal(await shown(await b.asks(newLinkCode())), null, 'another code');
  t.equal(await shown(await b.asks(code, { key: newKey() })), null, 'another key than the member’s');
  t.equal(
    (await shown(await b.asks(code, { by: b.bracken, credential: b.acme.credential } as object))) === null,
    false,
  );
  t.match(box.links.view().ask, { member: { id: 'bracken' } }, 'who signed it is who is shown');
  t.equal(await shown({ ...(await b.asks(code, { by: b.bracken })), credential: b.acme.credential }), null);
  t.equal(await shown(await b.asks(code, { territory: 'south' })), null);
  t.equal(await shown({ ...(await b.asks(code)), request: 'a.b.c' }), null);
  // The provider knows the hash of the code, and issues credentials itself.
  const made = await b.territory.member('made-up');
  const forged = await b.asks(newLinkCode(), { by: made });
  t.equal(await shown(forged), null);
  t.ok(box.refused.some(({ code: why }) => why === 'link-request-invalid'));
  t.equal(box.links.view().code?.code, code, 'the code is shown on');

  t.not(await shown(await b.asks(code)), null);
  await box.links.refuse('link-0000000000000001', b.signer);
  await box.links.idle();
  t.match(box.links.view(), { ask: null, code: null, links: [] });
  t.equal(b.last()?.code, null, 'and the code is spent');

  await box.links.showCode();
  const late = box.links.view().code?.code ?? '';
  b.clock.advance(codeSeconds * 1000 + 1);
  t.equal(box.links.view().code, null, 'past its time it is not shown');
  t.not(await shown(await b.asks(late)), null, 'who has asked in time waits for the owner');
  b.clock.advance(askSeconds * 1000 + 1000);
  b.provider.ask = null;
  await b.asked(box);
  t.match([b.last()?.code, box.links.view().ask], [null, null]);
});

t.test('links end with the company, the provider’s word, and the place in the territory', async (t) => {
  const b = await linkedBench(t);
  let box = await b.open();
  const id = await b.linked(box);
  b.provider.ended = [{ id, by: 'member' }];
  await b.asked(box);
  t.same(box.links.view().links, []);
  const told = (await b.entries(box)).find(({ type }) => type === 'link.ended');
  t.match(told, { by: 'provider', facts: { link: id, why: 'member', name: String } });
  b.provider.ended = [];

  await b.linked(box, { id: 'link-0000000000000002' });
  await b.appoint(box, 'link-0000000000000002', ['storage']);
  b.own.box = 'box-000000000002'; // as after a transfer, or when it was admitted anew
  t.same(box.links.view().links, [], 'a link of another box is none');
  const made = await b.release('1.0.0');
  b.provider.offers = [b.offerOf(made, 'link-0000000000000002')];
  await b.asked(box);
  await b.settled(box);
  t.same(b.last()?.links, []);
  t.equal(box.desk.show(app), undefined, 'nor does its manager act here');
  t.match((await b.entries(box)).filter(({ type }) => type === 'link.ended').at(-1), { facts: { why: 'moved' } });

  b.provider.offers = [];
  await b.linked(box, { id: 'link-0000000000000003' });
  await box.members.judge(b.acme.credential, await b.territory.lists(6, { expelled: [b.acme] }));
  await b.asked(box);
  t.same(box.links.view().links, [], 'an expelled member has no links, whatever the provider says');
  await box.links.showCode();
  b.provider.ask = await b.asks(box.links.view().code?.code ?? '', { id: 'link-0000000000000004' });
  await b.asked(box);
  await t.rejects(box.links.confirm('link-0000000000000004', b.signer), refuses('member-expelled'));
  box = await b.again();
  t.same(box.links.view().links, []);
});

t.test('a statement that was overtaken is said anew above it', async (t) => {
  const b = await linkedBench(t);
  const box = await b.open();
  b.provider.sequence = 40; // as when this box's disk was put back
  await box.links.showCode();
  await box.links.idle();
  t.equal(b.last()?.sequence, 41);
  t.equal(box.links.view().told, true);
});

t.test('an offer is verified, shown with its words, and declined or gone again', async (t) => {
  const b = await linkedBench(t);
  let box = await b.open();
  const id = await b.linked(box);
  const made = await b.release('1.0.0');
  await b.offers(box, b.offerOf(made, id, { message: 'As we spoke of' }));
  t.match(box.links.view().offers, [
    {
      release: made.id,
      app,
      version: '1.0.0',
      name: { en: 'Visits' },
      installed: null,
      member: { id: 'acme' },
      message: 'As we spoke of',
    },
  ]);
  t.equal(box.desk.show(app), undefined, 'and nothing is installed');
  box = await b.again();
  t.equal(box.links.view().offers.length, 1);
  b.clock.advance(31 * day);
  t.same(box.links.view().offers, [], 'over');

  await b.offers(box, b.offerOf(made, id));
  await box.links.decline(made.id, b.signer);
  await box.links.idle();
  t.same(box.links.view().offers, []);
  t.match(b.last()?.links, [{ declined: [{ app, version: '1.0.0' }] }]);
  t.match((await b.entries(box)).at(-1), { by: 'owner', type: 'offer.declined', signature: String, facts: { app } });
  await t.rejects(box.links.decline(made.id, b.signer), refuses('offer-unknown'));
  await b.offers(box);
  t.match(b.last()?.links, [{ declined: [] }], 'told once: the provider keeps it');

  // What is another member's, or something else than was said, or more than an owner should read, is not shown.
  const theirs = await b.release('1.0.0', { by: b.bracken, id: 'bracken.notes' });
  await b.offers(
    box,
    b.offerOf(theirs, id),
    b.offerOf(made, id, { version: '2.0.0' }),
    b.offerOf(made, 'link-0000000000000009'),
    b.offerOf(made, id, {
      releases: [{ release: made.id, architecture: process.arch === 'arm64' ? 'amd64' : 'arm64' }],
    }),
  );
  t.same(box.links.view().offers, []);
  t.ok(box.refused.some(({ code }) => code === 'release-member-other'));
  const many = await Promise.all(
    Array.from({ length: mostOffers + 2 }, (_, at) => b.release('1.0.0', { id: `acme.app${at}` })),
  );
  await b.offers(box, ...many.map((one) => b.offerOf(one, id)));
  t.equal(box.links.view().offers.length, mostOffers);
  await box.members.judge(b.acme.credential, await b.territory.lists(6, { suspended: [b.acme], at: b.clock.now() }));
  t.same(box.links.view().offers, [], 'a suspended member offers nothing');
});

t.test(
  'a manager installs and updates within what was allowed, with exactly that, and each act is written down',
  async (t) => {
    const b = await linkedBench(t);
    const box = await b.open();
    const id = await b.linked(box);
    const one = await b.release('1.0.0', {
      capabilities: [needs('storage'), needs('network.egress:api.acme.example'), needs('notify', true)],
    });
    await b.appoint(box, id, ['storage', 'network.egress:*.acme.example', 'notify', 'health.read']);
    const appointed = (await b.entries(box)).find(({ type }) => type === 'manager.appointed');
    t.match(appointed, {
      by: 'owner',
      signature: String,
      facts: { member: 'acme', apps: 5, capabilities: 'storage, network.egress:*.acme.example, notify, health.read' },
    });
    await b.offers(box, b.offerOf(one, id));
    t.match(box.desk.show(app), { release: one.id, state: 'running' });
    t.same(
      box.grants.of(app).map(({ capability }) => capability),
      ['storage', 'network.egress:api.acme.example'],
      'what it needs, and no more',
    );
    t.match(
      (await b.entries(box)).find(({ type }) => type === 'manager.agreed'),
      {
        by: 'box',
        facts: {
          ...{ app, release: one.id, version: '1.0.0', member: 'acme', link: id },
          appointment: appointed?.facts.appointment ?? '',
          terms: String,
          grants: 'storage, network.egress:api.acme.example',
        },
      },
    );
    t.match(b.last()?.links, [{ installed: [one.id] }], 'and the company is told');

    const asks = (...more: Parameters<typeof needs>[0][]) => ({
      capabilities: [needs('storage'), needs('network.egress:api.acme.example'), ...more.map((each) => needs(each))],
    });
    const two = await b.release('1.1.0', { ...asks('health.read'), terms: { en: 'New terms.' } });
    await b.offers(box, b.offerOf(two, id));
    t.match(box.desk.show(app), { release: two.id, waiting: null }, 'an update that asks for more goes ahead');
    // Without an offer too: the daily look.
    const three = await b.release('1.2.0', asks('health.read', 'notify'));
    t.match(await box.changes.ended((await box.desk.update(app)) ?? ''), { state: 'done' });
    t.equal(box.desk.show(app)?.release, three.id);

    const four = await b.release('1.3.0', asks('health.read', 'notify', 'identity.attest'));
    await b.offers(box, b.offerOf(four, id));
    t.equal(await box.desk.update(app), null);
    t.match(box.desk.show(app), { release: three.id, waiting: { release: four.id, asks: ['identity.attest'] } });
    t.match(box.links.view().offers, [{ release: four.id, installed: '1.2.0' }], 'what is outside waits for the owner');

    // What the owner took back is not given again behind the owner's back.
    await box.grants.set(app, { give: [], take: ['notify'] }, b.signer);
    const five = await b.release('1.4.0', asks('health.read', 'notify'));
    await b.offers(box, b.offerOf(five, id));
    t.match(box.desk.show(app), { release: five.id, waiting: null }, 'and what waited is older now');
    t.notOk(box.grants.allows(app, 'notify'));
    t.match(verifyLedger(await box.ledger.export()), { ok: true });
  },
);

t.test('what is outside a mandate waits: permissions, ceilings, other companies, its end', async (t) => {
  const b = await linkedBench(t);
  const box = await b.open();
  const id = await b.linked(box);
  const resources = { memoryMiB: 64, cpus: 0.5, pids: 32, storageMiB: 10 };
  await b.appoint(box, id, ['storage'], { apps: 2, storageMiB: 25, memoryMiB: 200 });
  const waits = async (made: Awaited<ReturnType<typeof b.release>>, why: string) => {
    await b.offers(box, b.offerOf(made, id));
    t.equal(box.desk.show(made.release.manifest.id), undefined, why);
  };
  await waits(await b.release('1.0.0', { capabilities: [needs('health.read')] }), 'a permission that was not named');
  await waits(await b.release('1.0.0', { capabilities: [needs('network.egress:*')] }), 'the whole internet');
  await waits(await b.release('1.0.0', { resources: { ...resources, storageMiB: 26 } }), 'too much storage');
  await waits(await b.release('1.0.0', { resources: { ...resources, memoryMiB: 201 } }), 'too much memory');
  const theirs = await b.release('1.0.0', { by: b.bracken, id: 'bracken.notes' });
  await waits(theirs, 'an app of another member');

  const one = await b.release('1.0.0', { id: 'acme.one' });
  const two = await b.release('1.0.0', { id: 'acme.two' });
  const three = await b.release('1.0.0', { id: 'acme.three' });
  await b.offers(box, b.offerOf(one, id), b.offerOf(two, id), b.offerOf(three, id));
  await b.asked(box);
  await b.settled(box);
  t.equal(box.desk.list().length, 2, 'not more apps than were allowed');
  await b.appoint(box, id, ['storage', 'notify'], { apps: 2, storageMiB: 25, memoryMiB: 200 });
  const more = { capabilities: [needs('storage'), needs('notify')], resources: { ...resources, storageMiB: 16 } };
  const large = await b.release('1.1.0', { id: 'acme.one', ...more });
  t.equal(await box.desk.update('acme.one'), null, 'all of them together');
  t.match(box.desk.show('acme.one'), { release: one.id, waiting: { release: large.id } });

  await t.rejects(b.appoint(box, id, ['storage'], { until: b.clock.now() }), refuses('manager-end-past'));
  await t.rejects(b.appoint(box, 'link-0000000000000009', ['storage']), refuses('link-unknown'));
  await b.appoint(box, id, ['storage', 'notify'], { until: b.clock.now() + day });
  b.clock.advance(day);
  t.equal(box.links.view().links[0]?.manager, null, 'an appointment ends by itself');
  const late = await b.release('2.0.0', { id: 'acme.two', capabilities: [needs('storage'), needs('notify')] });
  await b.offers(box, b.offerOf(late, id));
  t.equal(box.desk.show('acme.two')?.release, two.id);
});

t.test('after the owner’s word nothing goes ahead: an offer that is replayed, an act that was begun', async (t) => {
  const b = await linkedBench(t);
  let box = await b.open();
  const id = await b.linked(box);
  await b.appoint(box, id, ['storage']);
  const slow = await b.release('1.0.0', { run: { command: ['/app/slow'] } });
  b.provider.offers = [b.offerOf(slow, id)];
  await b.asked(box);
  const begun = box.changes.list().find(({ endedAt }) => endedAt === null);
  t.match(begun, { kind: 'app-install', state: 'doing' });
  await box.links.dismiss(id, b.signer);
  t.match(await box.changes.ended(begun?.id ?? ''), { state: 'undone' });
  t.equal(box.desk.show(app), undefined, 'what was begun is taken back');
  t.same(box.grants.of(app), []);
  t.match(box.links.view().links, [{ id, manager: null }], 'the link stays');
  await b.asked(box);
  await b.settled(box);
  t.equal(box.desk.show(app), undefined, 'and the same offer again does nothing');
  t.equal(await box.desk.manage(slow.id), null);
  box = await b.again();
  t.equal(await box.desk.manage(slow.id), null, 'nor after a restart');
  t.match(
    (await b.entries(box)).find(({ type }) => type === 'manager.dismissed'),
    { by: 'owner', signature: String },
  );
  await box.links.dismiss(id, b.signer);
  t.equal((await b.types(box)).filter((type) => type === 'manager.dismissed').length, 1, 'ended once');

  b.provider.offers = [];
  // In one moment with the act: the act's entry never stands behind the word that ends it.
  for (let round = 0; round < 12; round += 1) {
    await b.appoint(box, id, ['storage']);
    // It would never pass its health check by itself: what is over then was turned back.
    const made = await b.release('1.0.0', { id: `acme.race${round}`, run: { command: ['/app/slow'] } });
    const later = async () => {
      for (let turn = 0; turn < round * 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await box.links.dismiss(id, b.signer);
    };
    await Promise.allSettled([box.desk.manage(made.id), later()]);
    await b.settled(box);
    const types = await b.types(box);
    t.ok(types.lastIndexOf('manager.agreed') < types.lastIndexOf('manager.dismissed'), `round ${round}`);
    t.equal(box.desk.show(`acme.race${round}`), undefined, `round ${round}: nothing of it is there`);
  }

  await b.appoint(box, id, ['storage']);
  const kept = await b.release('1.0.0', { id: 'acme.kept' });
  await b.offers(box, b.offerOf(kept, id));
  await box.links.dismiss(id, b.signer);
  t.match(box.desk.show('acme.kept'), { state: 'running' }, 'what runs stays');
});

t.test(
  'a manager undoes no decision of the owner’s: removed, declined, stopped; and acts in good standing alone',
  async (t) => {
    const b = await linkedBench(t);
    const box = await b.open();
    const id = await b.linked(box);
    await b.appoint(box, id, ['storage', 'notify']);
    const one = await b.release('1.0.0');
    await b.offers(box, b.offerOf(one, id));
    t.equal(box.desk.show(app)?.release, one.id);
    await box.changes.ended(await box.desk.remove(app, b.signer));
    await b.offers(box, b.offerOf(one, id));
    t.equal(box.desk.show(app), undefined, 'an app that the owner removed stays away');
    t.match(box.links.view().offers, [{ release: one.id }], 'the owner may say yes');

    const no = await b.release('1.0.0', { id: 'acme.no' });
    await b.appoint(box, id, []);
    await b.offers(box, b.offerOf(no, id));
    await b.appoint(box, id, ['storage', 'notify']);
    await box.links.idle();
    await b.settled(box);
    t.equal(box.desk.show('acme.no')?.release, no.id, 'within a new appointment it goes ahead');
    const next = await b.release('1.1.0', { id: 'acme.no', capabilities: [needs('storage'), needs('health.read')] });
    await b.offers(box, b.offerOf(next, id));
    await box.links.decline(next.id, b.signer);
    await box.links.idle();
    t.equal(await box.desk.manage(next.id), null);
    await box.desk.stop('acme.no', b.signer);
    const third = await b.release('1.2.0', { id: 'acme.no', capabilities: [needs('storage'), needs('notify')] });
    await b.offers(box, b.offerOf(third, id));
    t.match(box.desk.show('acme.no'), { release: no.id, stopped: 'owner' }, 'what the owner stopped stays as it is');
    await box.desk.start('acme.no', b.signer);
    await box.idle();

    await box.members.judge(b.acme.credential, await b.territory.lists(6, { suspended: [b.acme] }));
    await t.rejects(box.desk.manage(third.id), refuses('member-suspended'));
    await t.rejects(b.appoint(box, id, ['storage']), refuses('member-suspended'));
    await box.members.judge(b.acme.credential, await b.territory.lists(7));
    b.clock.advance(8 * day); // and with that, the daily look: of stale standing nothing new, but updates go on
    t.match(await box.until('acme.no', (now) => now?.release === third.id && now.change === null), {
      state: 'running',
    });
  },
);
