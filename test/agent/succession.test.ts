/** An installed app passes to another maker: only by its territory's word, and only with its owner's yes. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { verifyLedger } from '#contract/ledger-chain.js';
import type { Manifest } from '#contract/manifest.js';
import type { ProblemCode } from '#contract/problems.js';
import { fileRunner } from '../support/file-runner.js';
import { ownFolder } from '../support/folder.js';
import {
  type InstallingBox,
  installingBox,
  newKey,
  type TestMember,
  type TestRelease,
  testCatalogue,
  testRelease,
  testSigner,
  testTerritory,
} from '../support/installing.js';
import { createManualClock } from '../support/manual-clock.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const app = 'example.visits';
const health = { capability: 'health.read' as const, reason: { en: 'to show it' } };
const storage = { capability: 'storage' as const, reason: { en: 'to keep the count' } };

async function bench(t: Test) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const north = await testTerritory({ now: clock.now() });
  const south = await testTerritory({ id: 'south', now: clock.now() });
  const maker = await north.member('old-soft', { name: 'Old Software' });
  const heir = await north.member('new-soft', { name: 'New Software' });
  const shelf = testCatalogue();
  const { signer, jwk } = await testSigner();
  const keys = { north: north.keys };
  let sequence = 5;
  let status = await north.lists(sequence);
  let count = 0;
  let box: InstallingBox | undefined;
  const tools = {
    ...{ folder, clock, north, south, maker, heir, shelf, signer, keys },
    async release(
      version: string,
      more: Partial<Manifest> & { by?: TestMember; before?: TestMember[]; succession?: string[] } = {},
    ): Promise<TestRelease> {
      const { by = maker, before = [], succession, ...manifest } = more;
      count += 1;
      return testRelease(path.join(folder, `release-${count}`), {
        ...{ by, territory: 'north', status, manifest: { version, ...manifest } },
        ...{ before: before.map(({ key }) => key), ...(succession && { succession }) },
      });
    },
    async open(): Promise<InstallingBox> {
      box = await installingBox({
        ...{ folder, clock, catalogue: shelf.catalogue, runner: fileRunner(folder) },
        keys: (id) => (id === 'north' ? keys.north : id === 'south' ? south.keys : []),
      });
      if (box.ledger.ownerKeys().length === 0) await box.ledger.appendKey(jwk, 'owner.set', signer);
      return box;
    },
    async again(): Promise<InstallingBox> {
      await box?.close();
      return tools.open();
    },
    async agree(now: InstallingBox, made: TestRelease) {
      const grants = made.release.manifest.capabilities.map(({ capability }) => ({ capability }));
      return now.changes.ended(await now.desk.decide({ release: made.id, grants, termsAccepted: true }, signer));
    },
    /** A box on which the maker's first release is installed, with data. */
    async running(): Promise<InstallingBox> {
      const now = await tools.open();
      const one = await tools.release('1.0.0');
      shelf.publish(one);
      await now.desk.offer(one.id);
      t.match(await tools.agree(now, one), { state: 'done' });
      await now.storeFor(app);
      return now;
    },
    /** What the territory decides of its members from now on; heard by the box. */
    async standing(now: InstallingBox, told: { expelled?: TestMember[]; suspended?: TestMember[] }): Promise<void> {
      sequence += 1;
      status = await north.lists(sequence, told);
      await now.members.judge(maker.credential, status);
    },
    /** What the catalogue answers about the app from now on. */
    tell(statements: string[], to: TestMember = heir): void {
      shelf.told.succession = { statements, credential: to.credential };
    },
  };
  t.teardown(() => box?.close());
  return tools;
}

const factsOf = async (box: InstallingBox, type: string) =>
  (await box.ledger.entries({ limit: 100 })).filter((entry) => entry.type === type);
const shown = (box: InstallingBox) => box.desk.show(app)?.succession;
const isRefused = (box: InstallingBox, code: ProblemCode): boolean => box.refused.some((one) => one.code === code);

t.test("its maker expelled, an app passes to the heir with the owner's yes, and runs with its data", async (t) => {
  const b = await bench(t);
  const box = await b.running();
  await b.standing(box, { expelled: [b.maker] });
  await box.until(app, (now) => now?.stopped === 'expelled');
  const statement = await b.north.succession(3, [b.maker, b.heir]);
  b.tell([statement]);
  t.equal(await box.desk.update(app), null, 'nothing is begun');
  t.match(shown(box), {
    ...{ serial: 3, territory: 'north', answer: null, problem: null, next: null },
    from: { name: 'old-soft', left: 'expelled', because: 'it sold what it was trusted with' },
    to: { id: 'new-soft', name: 'New Software', class: 'var', vettingLevel: 2, standing: 'good' },
    decisions: [{ decidedBy: 'the committee', review: 'write to the committee' }],
  });
  t.same(await factsOf(box, 'app.succession'), [], 'the owner has said nothing');

  const two = await b.release('2.0.0', { by: b.heir });
  b.shelf.publish(two);
  t.match(await box.desk.offer(two.id), { problem: { code: 'succession-undecided' } });
  await t.rejects(b.agree(box, two), refuses('succession-undecided'));
  t.match(shown(box)?.next, { version: '2.0.0', asks: [], sameTerms: true });
  await t.rejects(box.desk.succeed(app, { serial: 2, accept: true }, b.signer), refuses('succession-other'));
  const again = await b.again();
  t.match(shown(again), { serial: 3, answer: null }, 'it waits across restarts');
  t.match(again.desk.show(app), { stopped: 'expelled', waiting: null });

  const change = await again.desk.succeed(app, { serial: 3, accept: true }, b.signer);
  t.match(await again.changes.ended(change ?? ''), { kind: 'app-update', state: 'done' });
  t.match(again.desk.show(app), {
    ...{ release: two.id, state: 'running', stopped: null, succession: null, waiting: null },
    member: { id: 'new-soft', standing: 'good' },
  });
  t.ok(await again.hasData(app), 'with its data');
  const [decision] = await factsOf(again, 'app.succession');
  t.match(decision, {
    by: 'owner',
    signature: String,
    facts: { app, territory: 'north', serial: 3, from: 'old-soft', to: 'new-soft', nextKey: b.heir.jwk.kid },
  });
  t.match(verifyLedger(await again.ledger.export()), { ok: true });

  const three = await b.release('2.1.0', { by: b.heir });
  b.shelf.publish(three);
  t.match(await again.changes.ended((await again.desk.update(app)) ?? ''), { state: 'done' }, 'and is updated by it');
  const back = await b.release('3.0.0');
  t.match(await again.desk.offerFile(back.wza()), { problem: { code: 'app-bound-elsewhere' } }, 'not by the old maker');
});

t.test('what asks for more, or has other terms, waits for the owner once more behind the yes', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  b.tell([await b.north.succession(3, [b.maker, b.heir], { reason: 'they retire' })]);
  const two = await b.release('2.0.0', { by: b.heir, capabilities: [storage, health], terms: { en: 'Other terms.' } });
  b.shelf.publish(two);
  t.equal(await box.desk.update(app), null);
  t.match(shown(box)?.next, { version: '2.0.0', asks: ['health.read'], sameTerms: false });
  t.match(box.desk.show(app), { state: 'running', waiting: null });
  t.equal(await box.desk.succeed(app, { serial: 3, accept: true }, b.signer), null);
  t.match(box.desk.show(app), {
    ...{ state: 'running', manifest: { version: '1.0.0' }, succession: { answer: 'yes' } },
    waiting: { release: two.id, problem: null },
  });
  t.match(await b.agree(box, two), { state: 'done' });
  t.match(box.desk.show(app), { release: two.id, succession: null });
});

t.test("the owner's no is kept, is not asked again, and can be taken back", async (t) => {
  const b = await bench(t);
  const box = await b.running();
  b.tell([await b.north.succession(3, [b.maker, b.heir])]);
  b.shelf.publish(await b.release('2.0.0', { by: b.heir }));
  await box.desk.update(app);
  t.equal(await box.desk.succeed(app, { serial: 3, accept: false }, b.signer), null);
  t.match(await factsOf(box, 'app.succession-declined'), [{ by: 'owner', signature: String }]);
  const again = await b.again();
  t.equal(await again.desk.update(app), null);
  t.match(shown(again), { serial: 3, answer: 'no' });
  t.match(again.desk.show(app), { state: 'running', manifest: { version: '1.0.0' }, waiting: null });
  const own = await b.release('1.1.0');
  b.shelf.publish(own);
  t.match(
    await again.changes.ended((await again.desk.update(app)) ?? ''),
    { state: 'done' },
    'its maker goes on with it',
  );
  t.match(shown(again), { answer: 'no' });
  const change = await again.desk.succeed(app, { serial: 3, accept: true }, b.signer);
  t.match(await again.changes.ended(change ?? ''), { state: 'done' });
  t.match(again.desk.show(app), { manifest: { version: '2.0.0' } });
  await t.rejects(again.desk.succeed(app, { serial: 3, accept: false }, b.signer), refuses('succession-other'));
});

t.test('a catalogue that lies updates nothing', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  const two = await b.release('2.0.0', { by: b.heir });
  b.shelf.publish(two);
  const stranger = await b.north.member('stranger');
  const southern = await b.south.member('new-soft');
  const gone = newKey();
  const lies: [string, string, TestMember, ProblemCode | undefined][] = [
    [
      'forged',
      (await b.north.succession(3, [b.maker, b.heir])).slice(0, -8).concat('AAAAAAAA'),
      b.heir,
      'succession-forged',
    ],
    [
      'by a key that the territory has dropped',
      await b.north.succession(3, [b.maker, b.heir], { signedBy: gone }),
      b.heir,
      'succession-foreign',
    ],
    ['by another territory', await b.south.succession(3, [b.maker, southern]), southern, 'succession-foreign'],
    [
      'by another territory in the name of this one',
      await b.south.succession(3, [b.maker, b.heir], { territory: 'north' }),
      b.heir,
      'succession-foreign',
    ],
    [
      'by the heir itself',
      await b.north.succession(3, [b.maker, b.heir], { signedBy: b.heir.key }),
      b.heir,
      'succession-foreign',
    ],
    ['for another app', await b.north.succession(3, [b.maker, b.heir], { apps: ['example.other'] }), b.heir, undefined],
    ['for an app that is bound to somebody else', await b.north.succession(3, [stranger, b.heir]), b.heir, undefined],
    [
      'with the credential of another',
      await b.north.succession(3, [b.maker, b.heir]),
      stranger,
      'succession-malformed',
    ],
    ['no statement at all', 'e30.e30.e30', b.heir, 'succession-malformed'],
  ];
  for (const [what, statement, to, code] of lies) {
    b.tell([statement], to);
    box.refused.length = 0;
    await t.rejects(box.desk.update(app), refuses('app-bound-elsewhere'), what);
    t.match(await box.desk.offer(two.id), { problem: { code: 'app-bound-elsewhere' } }, what);
    await t.rejects(b.agree(box, two), refuses('app-bound-elsewhere'), what);
    t.equal(shown(box), null, what);
    if (code) t.ok(isRefused(box, code), `${what}: it is told`);
    await t.rejects(box.desk.succeed(app, { serial: 3, accept: true }, b.signer), refuses('succession-other'), what);
  }
  t.match(box.desk.show(app), { manifest: { version: '1.0.0' }, state: 'running', waiting: null });
  t.same(await factsOf(box, 'app.succession'), []);
  b.tell([await b.north.succession(3, [b.maker, b.heir])]);
  t.equal(await box.desk.update(app), null);
  t.match(shown(box), { serial: 3 }, 'and the truth is heard after all that');
});

t.test('several in a row are one question; what turns one back ends it; nothing older counts again', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  const third = await b.north.member('third-soft', { name: 'Third Software' });
  const first = await b.north.succession(3, [b.maker, b.heir]);
  const second = await b.north.succession(4, [b.heir, third]);
  b.tell([first]);
  await box.desk.update(app);
  await box.desk.succeed(app, { serial: 3, accept: false }, b.signer);
  b.tell([second, first], third);
  await box.desk.update(app);
  t.match(shown(box), { serial: 4, answer: null, to: { name: 'Third Software' }, from: { name: 'old-soft' } });
  t.match(shown(box)?.decisions, [{ to: 'new-soft' }, { to: 'third-soft' }]);
  await t.rejects(box.desk.succeed(app, { serial: 3, accept: true }, b.signer), refuses('succession-other'));
  const third3 = await b.release('3.0.0', { by: third });
  b.shelf.publish(third3);
  const change = await box.desk.succeed(app, { serial: 4, accept: true }, b.signer);
  t.match(await box.changes.ended(change ?? ''), { state: 'done' });
  t.match(box.desk.show(app), { member: { id: 'third-soft' } });

  // The territory thinks better of it: back to the first heir, and from there to the maker.
  const third2 = await b.north.succession(6, [third, b.maker]);
  b.tell([first, second, third2], b.maker);
  await box.desk.update(app);
  t.match(shown(box), { serial: 6, answer: null, from: { name: 'third-soft' }, to: { id: 'old-soft' } });
  box.refused.length = 0;
  b.tell([first, second], third);
  await box.desk.update(app);
  t.ok(isRefused(box, 'succession-replayed'), 'an older one is told');
  t.match(shown(box), { serial: 6 }, 'and changes nothing');
  const own = await b.release('4.0.0');
  b.shelf.publish(own);
  b.tell([first, second, third2], b.maker);
  t.match(await box.changes.ended((await box.desk.succeed(app, { serial: 6, accept: true }, b.signer)) ?? ''), {
    state: 'done',
  });
  t.match(box.desk.show(app), { member: { id: 'old-soft' }, succession: null });
  const again = await b.again();
  b.tell([first], b.heir);
  const late = await b.release('9.0.0', { by: b.heir });
  b.shelf.publish(late);
  await t.rejects(again.desk.update(app), refuses('app-bound-elsewhere'));
  t.equal(shown(again), null, 'what was turned back does not come back, after a restart neither');
});

t.test('there and back before the owner looked, there is nothing to ask', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  const first = await b.north.succession(3, [b.maker, b.heir]);
  b.tell([first, await b.north.succession(4, [b.heir, b.maker])], b.maker);
  await box.desk.update(app);
  t.equal(shown(box), null);
  b.tell([first]);
  box.refused.length = 0;
  await box.desk.update(app);
  t.equal(shown(box), null, 'half of it is a replay');
  t.ok(isRefused(box, 'succession-replayed'));
});

t.test('keys that were rotated are followed on both sides', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  const renewed = await b.north.member('old-soft', { index: b.maker.index });
  const rotated = await b.release('1.1.0', { by: renewed, before: [b.maker] });
  await box.desk.offerFile(rotated.wza());
  t.match(await b.agree(box, rotated), { state: 'done' });
  const renewedHeir = await b.north.member('new-soft', { index: b.heir.index });
  b.tell([await b.north.succession(3, [b.maker, b.heir])], renewedHeir);
  const two = await b.release('2.0.0', { by: renewedHeir, before: [b.heir] });
  b.shelf.publish(two);
  await box.desk.update(app);
  t.match(shown(box), { serial: 3, next: { version: '2.0.0' } }, 'it names the key before the one that it is bound to');
  const change = await box.desk.succeed(app, { serial: 3, accept: true }, b.signer);
  t.match(await box.changes.ended(change ?? ''), { state: 'done' });
  t.match(box.desk.show(app), { release: two.id });
});

t.test('an heir that is suspended or expelled gets nothing, whatever its owner says', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  b.tell([await b.north.succession(3, [b.maker, b.heir])]);
  await box.desk.update(app);
  await b.standing(box, { suspended: [b.heir] });
  t.match(shown(box), { problem: { code: 'member-suspended' } });
  await t.rejects(box.desk.succeed(app, { serial: 3, accept: true }, b.signer), refuses('member-suspended'));
  await b.standing(box, { expelled: [b.heir] });
  await t.rejects(box.desk.succeed(app, { serial: 3, accept: true }, b.signer), refuses('member-expelled'));
  t.match(box.desk.show(app), { state: 'running', manifest: { version: '1.0.0' } });
  await b.standing(box, {});
  b.keys.north = (await testTerritory({ now: b.clock.now() })).keys;
  await t.rejects(
    box.desk.succeed(app, { serial: 3, accept: true }, b.signer),
    refuses('succession-foreign'),
    'nor when its territory has dropped the key meanwhile',
  );
});

t.test('said again with the next key of the territory it is the same; a stolen key holds nothing up', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  const poisoned = await b.north.succession(Number.MAX_SAFE_INTEGER, [b.maker, b.heir], { at: 1 });
  b.tell([poisoned]);
  await box.desk.update(app);
  t.match(shown(box), { serial: Number.MAX_SAFE_INTEGER });
  const next = newKey();
  const renewed = await testTerritory({ now: b.clock.now(), key: next });
  b.keys.north = renewed.keys;
  const heir = await renewed.member('new-soft', { key: b.heir.key, index: b.heir.index });
  const again = await b.again();
  b.tell([await renewed.succession(3, [b.maker, b.heir])], heir);
  await again.desk.update(app);
  t.match(shown(again), { serial: 3, answer: null }, 'what was signed by the dropped key is forgotten');

  const third = newKey();
  const later = await testTerritory({ now: b.clock.now(), key: third });
  b.keys.north = [...later.keys, ...renewed.keys];
  b.tell(
    [await later.succession(3, [b.maker, b.heir])],
    await later.member('new-soft', { key: b.heir.key, index: 14 }),
  );
  await again.desk.update(app);
  b.keys.north = later.keys;
  await again.desk.succeed(app, { serial: 3, accept: true }, b.signer);
  t.match(shown(again), { serial: 3, answer: 'yes' }, 'the newer signature of the same took its place');
  t.equal((await factsOf(again, 'app.succession-told')).length, 2, 'and was no news');
});

t.test('a file carries the statement along; a fresh installation needs none', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  b.shelf.told.off = true;
  const statement = await b.north.succession(3, [b.maker, b.heir]);
  const forged = await b.north.succession(3, [b.maker, b.heir], { signedBy: newKey() });
  const bare = await b.release('2.0.0', { by: b.heir });
  t.match(await box.desk.offerFile(bare.wza()), { problem: { code: 'app-bound-elsewhere' } });
  const lying = await b.release('2.0.0', { by: b.heir, succession: [forged] });
  t.match(await box.desk.offerFile(lying.wza()), { problem: { code: 'app-bound-elsewhere' } });
  const two = await b.release('2.0.0', { by: b.heir, succession: [statement] });
  t.match(await box.desk.offerFile(two.wza()), { problem: { code: 'succession-undecided' } });
  t.match(shown(box), { serial: 3, next: { version: '2.0.0' } });
  const again = await b.again();
  t.equal(await again.desk.succeed(app, { serial: 3, accept: true }, b.signer), null, 'nobody can be asked');
  t.match(again.desk.show(app)?.waiting, { release: two.id, missingBytes: 0 }, 'but it is here');
  t.match(await b.agree(again, two), { state: 'done' });
  t.ok(await again.hasData(app));

  t.match(await again.changes.ended(await again.desk.remove(app, b.signer)), { state: 'done' });
  const fresh = await b.release('2.1.0', { by: b.heir, succession: [statement] });
  t.match(await again.desk.offerFile(fresh.wza()), { problem: null });
  t.match(await b.agree(again, fresh), { state: 'done' });
  t.match(again.desk.show(app), { member: { id: 'new-soft' }, succession: null });
  b.shelf.told.off = false;
  b.tell([statement]);
  t.equal(await again.desk.update(app), null);
  t.equal(shown(again), null, 'it is the heir’s from the start');
});

t.test('a box hears of it with the lists of standing, without anybody asking', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  b.tell([await b.north.succession(3, [b.maker, b.heir])]);
  b.shelf.publish(await b.release('2.0.0', { by: b.heir }));
  await b.standing(box, { expelled: [b.maker] });
  t.match((await box.until(app, (now) => now?.succession?.next != null))?.succession, { answer: null });
  t.match(box.desk.show(app), { stopped: 'expelled' });
});

t.test('what its owner had stopped does not start by itself under the heir', async (t) => {
  const b = await bench(t);
  const box = await b.running();
  await box.desk.stop(app, b.signer);
  await b.standing(box, { expelled: [b.maker] });
  await box.until(app, (now) => now?.stopped === 'expelled');
  b.tell([await b.north.succession(3, [b.maker, b.heir])]);
  const two = await b.release('2.0.0', { by: b.heir });
  b.shelf.publish(two);
  await box.desk.update(app);
  t.equal(await box.desk.succeed(app, { serial: 3, accept: true }, b.signer), null);
  t.match(box.desk.show(app), { stopped: 'expelled', waiting: { release: two.id } });
});
