/** What a box tells its provider of its apps: what, how often, how much of it is kept, and what is nobody's business. */
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Manifest } from '#contract/manifest.js';
import type { StatusLists } from '#contract/member.js';
import { check } from '#contract/parse.js';
import { problemCodes, Refusal } from '#contract/problems.js';
import { mostOutcomes, Outcome, type OutcomeReport } from '#contract/rollout.js';
import { createOutcomeCourier } from '../../agent/apps/outcome-courier.js';
import { type Fact, openOutcomes } from '../../agent/apps/outcomes.js';
import { isReleasesFault, undoneAs } from '../../agent/apps/plan.js';
import { openStore } from '../../agent/store/store.js';
import { inPieces } from '../support/archive.js';
import { fileRunner } from '../support/file-runner.js';
import { ownFolder } from '../support/folder.js';
import {
  collect,
  type InstallingBox,
  installingBox,
  type TestRelease,
  testCatalogue,
  testRelease,
  testSigner,
  testTerritory,
} from '../support/installing.js';
import { createManualClock } from '../support/manual-clock.js';

const app = 'example.visits';
const day = 86_400_000;
const storage = { capability: 'storage' as const, reason: { en: 'to keep the count' } };
const health = { capability: 'health.read' as const, reason: { en: 'to show it' } };

async function bench(t: Test) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const territory = await testTerritory({ now: clock.now() });
  const by = await territory.member('example-soft');
  const fresh = await territory.lists(5);
  const shelf = testCatalogue();
  const { signer } = await testSigner();
  const ill = { restarts: 0, listeners: new Set<(id: string) => void>() };
  const free = { bytes: 1e12 };
  let count = 0;
  let box: InstallingBox | undefined;
  async function open(more: { territory?: string } = {}): Promise<InstallingBox> {
    const engine = fileRunner(folder);
    const runner: typeof engine = {
      ...engine,
      show(id) {
        const run = engine.show(id);
        return run && { ...run, restarts: ill.restarts };
      },
      onChange(listener) {
        ill.listeners.add(listener);
        return () => ill.listeners.delete(listener);
      },
    };
    const keys = () => territory.keys;
    const { catalogue } = shelf;
    box = await installingBox({ ...{ folder, clock, keys, catalogue, runner, freeBytes: () => free.bytes }, ...more });
    return box;
  }
  t.teardown(() => box?.close());
  return {
    ...{ clock, territory, by, shelf, free, open, ill },
    async again(more: { territory?: string } = {}): Promise<InstallingBox> {
      await box?.close();
      return open(more);
    },
    async release(version: string, more: Partial<Manifest> & { status?: StatusLists } = {}): Promise<TestRelease> {
      const { status = fresh, ...manifest } = more;
      count += 1;
      const wish = { capabilities: [storage], version, ...manifest };
      return testRelease(path.join(folder, `release-${count}`), { by, territory: 'north', status, manifest: wish });
    },
    async install(on: InstallingBox, made: TestRelease): Promise<void> {
      shelf.publish(made);
      await on.desk.offer(made.id);
      const grants = made.release.manifest.capabilities.map(({ capability }) => ({ capability }));
      const decision = { release: made.id, grants, termsAccepted: true as const };
      await on.changes.ended(await on.desk.decide(decision, signer));
    },
    async update(on: InstallingBox): Promise<string | undefined> {
      const change = await on.desk.update(app).catch((error: unknown) => {
        if (error instanceof Refusal) return error.code;
        throw error;
      });
      if (change && /^[0-9a-f]{16}$/.test(change)) await on.changes.ended(change);
      return change ?? undefined;
    },
    signer,
    /** Everything that came, in words. */
    async told(on: InstallingBox): Promise<string[]> {
      await on.drained();
      const outcomes = shelf.reports.flatMap((report) => report.outcomes as Outcome[]);
      return outcomes.map(({ kind, outcome, problem }) => [kind, outcome, problem?.code].filter(Boolean).join(' '));
    },
  };
}

t.test(
  'installed, updated, taken back, waiting, refused, removed: each is told once, and fits the contract',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    await b.install(box, await b.release('1.0.0'));
    b.shelf.publish(await b.release('1.1.0'));
    await b.update(box);
    b.shelf.publish(await b.release('1.2.0', { run: { command: ['/app/ill'] } }));
    await b.update(box);
    t.equal(await b.update(box), undefined, 'it is not tried again');
    b.shelf.publish(await b.release('1.3.0', { capabilities: [storage, health] }));
    for (let look = 0; look < 3; look += 1) t.equal(await b.update(box), undefined);
    const told = ['install done', 'update done', 'update rolled-back app-unhealthy', 'update waiting-for-owner'];
    t.same(await b.told(box), told);
    t.match(box.desk.show(app)?.told, { outcome: 'waiting-for-owner', version: '1.3.0', sent: true });

    const suspended = await b.territory.lists(6, { suspended: [b.by] });
    b.shelf.publish(await b.release('1.4.0', { status: suspended }));
    for (let look = 0; look < 3; look += 1) t.equal(await b.update(box), 'member-suspended');
    const again = await b.again();
    t.equal(await b.update(again), 'member-suspended');
    told.push('update refused member-suspended');
    t.same(await b.told(again), told, 'what is so every day is said on the first');
    await again.changes.ended(await again.desk.remove(app, b.signer));
    told.push('remove done');
    t.same(await b.told(again), told);
    for (const one of b.shelf.reports.flatMap(({ outcomes }) => outcomes)) t.ok(check(Outcome, one).ok);
    const ids = new Set(b.shelf.reports.flatMap(({ outcomes }) => (outcomes as Outcome[]).map(({ id }) => id)));
    t.equal(ids.size, told.length);
  },
);

t.test('a full disk is told, as no fault of the release; what the code adds stays on the box', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.install(box, await b.release('1.0.0'));
  b.free.bytes = 1;
  b.shelf.publish(await b.release('1.1.0'));
  await b.update(box);
  t.same(await b.told(box), ['install done', 'update refused disk-full']);
  t.match(b.shelf.reports.at(-1)?.outcomes, [{ problem: { code: 'disk-full', title: /disk/ } }]);
  const [last] = b.shelf.reports.flatMap(({ outcomes }) => outcomes as Outcome[]).slice(-1);
  t.same(Object.keys(last?.problem ?? {}).sort(), ['code', 'title']);
});

t.test('what came as a file is between box and owner; what a box has from before is told once', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  const one = await b.release('1.0.0');
  await box.desk.offerFile(inPieces(await collect(one.wza())));
  const decision = { release: one.id, grants: [{ capability: 'storage' as const }], termsAccepted: true as const };
  await box.changes.ended(await box.desk.decide(decision, b.signer));
  t.same(await b.told(box), []);
  t.equal(box.desk.show(app)?.told, undefined);
  const two = await b.release('1.1.0');
  b.shelf.publish(two);
  await b.update(box);
  t.same(await b.told(box), ['update done']);
  t.match(b.shelf.reports.at(-1)?.outcomes, [{ from: null }], 'nor what it replaced');
  await b.again();
  const last = await b.again();
  t.same(await b.told(last), ['update done'], 'it is not said at each start');
});

t.test(
  'an app that ends again and again within a day has failed after all; told once, and never after the day',
  async (t) => {
    const b = await bench(t);
    const box = await b.open();
    const tell = () => {
      for (const listener of b.ill.listeners) listener(app);
    };
    await b.install(box, await b.release('1.0.0'));
    b.ill.restarts = 4;
    tell();
    t.same(await b.told(box), ['install done']);
    b.ill.restarts = 5;
    tell();
    tell();
    await box.until(app, (now) => now?.told?.kind === 'run');
    t.same(await b.told(box), ['install done', 'run failed app-crashed']);
    await b.again();
    tell();
    const again = await b.again();
    t.same(await b.told(again), ['install done', 'run failed app-crashed']);
    b.ill.restarts = 0;
    b.shelf.publish(await b.release('1.1.0'));
    await b.update(again);
    b.clock.advance(day);
    b.ill.restarts = 50;
    tell();
    b.clock.advance(-10 * day);
    tell();
    const last = await b.again(); // it has told all that it was about to tell
    t.same(
      await b.told(last),
      ['install done', 'run failed app-crashed', 'update done'],
      'by a clock that jumps, neither',
    );
  },
);

t.test('another territory is not told what the one before it gave', async (t) => {
  const b = await bench(t);
  const box = await b.open();
  await b.install(box, await b.release('1.0.0'));
  t.same(await b.told(box), ['install done']);
  const moved = await b.again({ territory: 'south' });
  b.shelf.publish(await b.release('1.1.0'));
  await b.update(moved);
  t.same(await b.told(moved), ['install done']);
  t.equal(moved.desk.show(app)?.told, undefined, 'nor is its owner told that it was');
  await moved.changes.ended(await moved.desk.remove(app, b.signer));
  t.same(await b.told(moved), ['install done']);
});

async function queue(t: Test, room?: number) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const territory = await testTerritory({ now: clock.now() });
  const by = await territory.member('example-soft');
  const made = await testRelease(path.join(folder, 'release'), {
    ...{ by, territory: 'north', status: await territory.lists(1) },
  });
  const held = { release: made.id, jws: made.jws, credential: by.credential, source: 'catalogue' as const };
  let store = await openStore(folder);
  t.teardown(() => store.close());
  const fact = (more: Partial<Fact> = {}): Fact => ({ held, from: null, kind: 'update', outcome: 'done', ...more });
  return {
    ...{ clock, fact, held },
    open: () => openOutcomes({ store, clock, ...(room === undefined ? {} : { room }) }),
    async reopen() {
      await store.close();
      store = await openStore(folder);
      return openOutcomes({ store, clock, ...(room === undefined ? {} : { room }) });
    },
  };
}

t.test(
  'there is room for so many: the oldest go and are counted, over a restart too, until somebody was told',
  async (t) => {
    const q = await queue(t, 3);
    const outcomes = await q.open();
    const words = ['done', 'refused', 'done', 'refused', 'done'] as const;
    for (const outcome of words) await outcomes.tell(q.fact({ outcome }));
    const again = await q.reopen();
    t.equal(again.waiting().length, 3);
    t.equal(again.dropped(), 2);
    t.same(
      again.waiting().map(({ outcome }) => outcome.outcome),
      ['done', 'refused', 'done'],
      'in order',
    );
    await again.settled(new Set(again.waiting().map(({ outcome }) => outcome.id)), 2);
    const last = await q.reopen();
    t.same([last.waiting().length, last.dropped()], [0, 0]);
    await last.tell(q.fact({ outcome: 'refused' }));
    t.equal(last.waiting().length, 1);
  },
);

t.test(
  'a provider that is down is asked again with growing pauses; one that cannot read it is not asked for ever',
  async (t) => {
    const q = await queue(t);
    const outcomes = await q.open();
    const reports: OutcomeReport[] = [];
    const refused: string[] = [];
    let answer: 'unavailable' | 'body-invalid' | undefined = 'unavailable';
    let came = (): void => {};
    const courier = createOutcomeCourier({
      outcomes,
      async report(report) {
        reports.push(report);
        came();
        if (answer) throw new Refusal(answer);
      },
      own: () => 'north',
      clock: q.clock,
      onRefused: ({ code }) => void refused.push(code),
    });
    t.teardown(() => courier.stop());
    for (let count = 0; count < mostOutcomes + 5; count += 1)
      await outcomes.tell(q.fact({ outcome: count % 2 ? 'done' : 'refused' }));
    const first = new Promise<void>((resolve) => {
      came = resolve;
    });
    courier.start();
    await first;
    let longest = 0;
    for (let tries = 2; tries < 14; tries += 1) {
      const pause = await q.clock.sleeping();
      longest = Math.max(longest, pause);
      const next = new Promise<void>((resolve) => {
        came = resolve;
      });
      q.clock.advance(pause);
      await next;
    }
    t.ok(longest > 1_700_000 && longest <= 3_600_000, `${longest} ms at most`);
    t.equal(outcomes.waiting().length, mostOutcomes + 5);
    answer = 'body-invalid';
    const done = new Promise<void>((resolve) => {
      outcomes.onChange(() => outcomes.waiting().length === 0 && resolve());
    });
    q.clock.advance(await q.clock.sleeping());
    await done;
    t.same(
      reports.slice(-2).map((report) => report.outcomes.length),
      [mostOutcomes, 5],
    );
    t.match(refused.at(-1), 'body-invalid');
  },
);

t.test(
  'every code of the table is either held against a release or not, and what a release did always is',
  async (t) => {
    fc.assert(
      fc.property(fc.constantFrom(...problemCodes), (code) => {
        const [update, install] = [undoneAs('update', code), undoneAs('install', code)];
        const isHeld = update === 'rolled-back' && install === 'failed';
        return (
          (isHeld || (update === 'refused' && install === 'refused')) && (isHeld || !isReleasesFault(new Refusal(code)))
        );
      }),
    );
    for (const code of ['disk-full', 'est-unreachable', 'status-old', 'member-suspended', 'release-not-offered'])
      t.equal(undoneAs('update', code), 'refused', code);
    for (const code of ['app-unhealthy', 'app-crashed', 'image-unusable', 'blob-mismatch', 'runtime-failed'])
      t.equal(undoneAs('update', code), 'rolled-back', code);
  },
);
