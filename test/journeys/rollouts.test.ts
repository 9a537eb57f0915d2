/**
 * Releases rolled out over a real provider, real TLS and thirty boxes with certificates of their own: a bad one stops in
 * its first wave, a good one reaches all; and a real agent takes one back, and its VAR reads why.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { cataloguePath, type NewRelease } from '#contract/catalogue.js';
import type { PublicJwk } from '#contract/directory.js';
import { compareVersions } from '#contract/manifest.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { type Outcome, ResultsPage, type RolloutAct, type RolloutPlan, RolloutView } from '#contract/rollout.js';
import { createCatalogue } from '../../agent/apps/catalogue.js';
import { architecture, type SomeApp } from '../support/archive.js';
import {
  admitted,
  anApp,
  appIn,
  ask,
  call,
  type MemberClient,
  pageIn,
  publishedIn,
  type Reply,
  refusal,
  send,
  uploadAll,
} from '../support/catalogue.js';
import { answered, territory } from '../support/est.js';
import { fileRunner } from '../support/file-runner.js';
import { ownFolder } from '../support/folder.js';
import { type InstallingBox, installingBox, testSigner } from '../support/installing.js';
import { askCommand } from '../support/provider.js';
import { app, failed, outcomeOf } from '../support/rollouts.js';

const apps = `${cataloguePath}/apps`;
const releases = `${cataloguePath}/releases`;
const outcomes = `${cataloguePath}/outcomes`;
const json = { 'content-type': 'application/json' };

interface Box {
  id: string;
  get(place: string): Promise<Reply>;
  report(told: unknown, dropped?: number): Promise<Reply>;
  /** As an agent does: looks, takes what is newer, and tells how it went. Answers the version that it took. */
  look(ill: ReadonlySet<string>): Promise<string | undefined>;
}

async function opened(t: Test) {
  const served = await territory(t, { enrolmentsPerSecond: 1000 });
  const member = await admitted(served, 'example-soft', { name: 'Example Soft' });
  const origin = { url: served.url, ca: served.ca };

  async function box(): Promise<Box> {
    const { id, with: shown } = await served.enrolled();
    let has: { id: string; version: string } | undefined;
    const get = (place: string) => call(origin, { place, with: shown });
    const report = (told: unknown, dropped = 0) =>
      call(origin, {
        method: 'POST',
        place: outcomes,
        headers: json,
        body: JSON.stringify({ outcomes: told, dropped }),
        with: shown,
      });
    return {
      ...{ id, get, report },
      async look(ill) {
        const listed = appIn(await get(`${apps}/${app}`)).releases.filter(({ state }) => state === 'published');
        const [newest] = listed.sort((a, b) => compareVersions(b.version, a.version));
        if (!newest || (has && compareVersions(newest.version, has.version) <= 0)) return undefined;
        const shownTo = await get(`${releases}/${newest.id}`);
        if (shownTo.status !== 200) throw new Error(`${shownTo.status} ${shownTo.body}`);
        const from = has?.id ?? null;
        const isIll = ill.has(newest.id);
        const kind = has ? 'update' : 'install';
        const reply = await report([outcomeOf(newest.id, { from, kind, ...(isIll ? failed : {}) })]);
        if (reply.status !== 204) throw new Error(`${reply.status} ${reply.body}`);
        if (!isIll) has = newest;
        return newest.version;
      },
    };
  }

  return {
    ...{ served, member, origin, box },
    async publish(made: SomeApp, rollout?: RolloutPlan, boxes?: string[]) {
      await uploadAll(member, made);
      const wish: NewRelease = { release: made.jws, ...(rollout && { rollout }), ...(boxes && { boxes }) };
      return publishedIn(await send(member, releases, wish));
    },
  };
}

const view = (reply: Reply): RolloutView => answered(parseJson(RolloutView, reply.body));
const rolloutOf = async (who: MemberClient, id: string) => view(await ask(who, { place: `${releases}/${id}/rollout` }));
const results = async (who: MemberClient, id: string) =>
  answered(parseJson(ResultsPage, (await ask(who, { place: `${releases}/${id}/results` })).body));
const say = (who: MemberClient, id: string, act: RolloutAct) => send(who, `${releases}/${id}/rollout`, act);

t.test(
  'of thirty boxes a bad release reaches the first wave alone, and the good one after it all of them',
  async (t) => {
    const { member, box, publish, served } = await opened(t);
    const boxes: Box[] = [];
    for (let count = 0; count < 30; count += 1) boxes.push(await box());
    const ill = new Set<string>();
    const everyLooks = async () => {
      const took: (string | undefined)[] = [];
      for (const one of boxes) took.push(await one.look(ill));
      return took.filter((version) => version !== undefined);
    };
    await publish(await anApp(t, member));
    t.equal((await everyLooks()).length, 30);

    const plan = { waves: [20, 50, 100], stopAt: 10, holdHours: 0 };
    const bad = await anApp(t, member, { version: '1.1.0' }, { text: 'ill' });
    ill.add(bad.id);
    await publish(bad, plan);
    const begun = await rolloutOf(member, bad.id);
    t.match(begun, { state: 'running', wave: 1, boxes: { running: 30 } });
    const took = await everyLooks();
    t.ok(took.length >= 1 && took.length <= (begun.boxes?.reached ?? 0), `${took.length} boxes met it`);
    t.match(await rolloutOf(member, bad.id), { state: 'paused', wave: 1, why: { by: 'results' } });
    t.same(await everyLooks(), [], 'nobody else takes it');
    const told = await results(member, bad.id);
    t.match(told, { version: '1.1.0', counts: { outcomes: { 'rolled-back': took.length } } });
    t.same(told.counts.codes, { 'app-unhealthy': took.length });
    for (const one of told.boxes) t.match(one, { kind: 'update', from: { version: '1.0.0' } });
    t.notOk(
      boxes.some(({ id }) => JSON.stringify(told).includes(id)),
      'no box is named',
    );
    const events = await served.ask('app.show', { app });
    t.match(events, { releases: [{ version: '1.1.0', rollout: { state: 'paused' } }, { version: '1.0.0' }] });

    const fresh = await box();
    t.equal(await fresh.look(ill), '1.0.0', 'a new owner gets the last release that is complete');

    const good = await anApp(t, member, { version: '1.1.1' }, { text: 'mended' });
    await publish(good, plan);
    t.match(await rolloutOf(member, bad.id), { state: 'superseded' });
    const taken = new Set<Box>();
    for (let round = 0; round < 10 && (await rolloutOf(member, good.id)).state !== 'complete'; round += 1)
      for (const one of boxes) if ((await one.look(ill)) === '1.1.1') taken.add(one);
    t.match(await rolloutOf(member, good.id), { state: 'complete', percent: 100 });
    await everyLooks();
    t.match((await results(member, good.id)).counts, { outcomes: { done: 30 } }, 'it went on by itself to all of them');
    t.equal(await fresh.look(ill), '1.1.1');
    const listed = appIn(await ask(member, { place: `${apps}/${app}` }));
    t.match(listed.releases[0], {
      version: '1.1.1',
      rollout: { state: 'complete' },
      results: { outcomes: { done: 31 } },
    });
    const seen = appIn(await boxes[0]!.get(`${apps}/${app}`));
    t.notOk(
      seen.releases.some((one) => 'rollout' in one || 'results' in one),
      'boxes are not told of each other',
    );
  },
);

t.test('a box outside the wave neither sees, reads nor finds the release; its maker says how it goes on', async (t) => {
  const { member, box, publish, served } = await opened(t);
  const first = await anApp(t, member, { version: '1.0.0' });
  await publish(first, { waves: [50, 100], stopAt: 10, holdHours: 24 });
  // Each stands where its hash puts it: sooner or later there is one on either side.
  let [inside, outside]: (Box | undefined)[] = [];
  while (!inside || !outside) {
    const one = await box();
    if (pageIn(await one.get(apps)).entries.length > 0) inside = one;
    else outside = one;
  }
  refusal(t, await outside.get(`${releases}/${first.id}`), 409, 'release-not-offered');
  refusal(t, await outside.get(`${apps}/${app}`), 404, 'listing-unknown');
  t.equal((await outside.report([outcomeOf(first.id, failed)])).status, 204);
  t.same((await results(member, first.id)).counts.outcomes, {}, 'and has nothing to tell of it');

  refusal(t, await say(member, first.id, { act: 'dance' } as unknown as RolloutAct), 400, 'body-invalid');
  t.match(view(await say(member, first.id, { act: 'pause', reason: 'lunch' })), {
    state: 'paused',
    why: { text: 'lunch' },
  });
  refusal(t, await inside.get(`${releases}/${first.id}`), 409, 'release-not-offered');
  refusal(t, await say(member, first.id, { act: 'next' }), 409, 'rollout-paused');
  await served.ask('app.rollout', { release: first.id, act: 'pause', reason: 'complaints' });
  refusal(t, await say(member, first.id, { act: 'resume' }), 403, 'rollout-held');
  await t.rejects(served.ask('app.rollout', { release: first.id, act: 'complete' }), { code: 'arguments-invalid' });
  const operator = ['app', 'resume', first.id, '--dir', served.directory];
  t.match(await askCommand('webizen-provider', operator), { status: 0, stdout: /rollout is running/ });
  t.match(view(await say(member, first.id, { act: 'next' })), { state: 'running', wave: 2 });
  t.equal((await outside.get(`${releases}/${first.id}`)).status, 200);
  t.match(view(await say(member, first.id, { act: 'complete' })), { state: 'complete' });
  refusal(t, await say(member, first.id, { act: 'abort' }), 409, 'rollout-over');
  const shown = await askCommand('webizen-provider', ['app', 'show', app, '--dir', served.directory]);
  t.match(shown.stdout, /complete, wave 2 of 2, 100 %/);
});

t.test(
  'whoever is hostile gets nowhere: other members, strangers, a box that lies, repeats itself and floods',
  async (t) => {
    const { member, box, publish, served, origin } = await opened(t);
    const other = await admitted(served, 'other-soft');
    const [one, two] = [await box(), await box()];
    const made = await anApp(t, member);
    await publish(made);
    await one.look(new Set());
    await two.look(new Set());
    for (const place of [`${releases}/${made.id}/results`, `${releases}/${made.id}/rollout`]) {
      refusal(t, await ask(other, { place }), 404, 'listing-unknown');
      refusal(t, await call(origin, { place }), 401, 'credential-missing');
      refusal(t, await one.get(place), 401, 'credential-missing');
    }
    refusal(t, await say(other, made.id, { act: 'abort' }), 404, 'listing-unknown');
    refusal(t, await say(member, made.id, { act: 'abort' }), 404, 'rollout-unknown');
    refusal(
      t,
      await call(origin, { method: 'POST', place: outcomes, headers: json, body: '{}' }),
      401,
      'certificate-missing',
    );
    refusal(t, await send(member, outcomes, { outcomes: [], dropped: 0 }), 401, 'certificate-missing');

    const plan = (waves: number[]) => ({ waves, stopAt: 10, holdHours: 1 });
    const next = await anApp(t, member, { version: '1.1.0' }, { text: 'next' });
    await uploadAll(member, next);
    const tried = await send(member, releases, { release: next.jws, rollout: plan([50, 20, 100]) });
    refusal(t, tried, 400, 'rollout-plan-wrong');
    refusal(t, await send(member, releases, { release: next.jws, rollout: plan([0, 100]) }), 400, 'body-invalid');
    refusal(t, await send(member, releases, { release: made.jws, rollout: plan([5, 100]) }), 409, 'rollout-late');

    const lie = { ...outcomeOf(made.id, failed), box: two.id } as Outcome;
    t.equal((await one.report([lie])).status, 204);
    t.same((await results(member, made.id)).counts.outcomes, { done: 2 }, 'no box speaks of another');
    refusal(t, await one.report(Array.from({ length: 51 }, () => outcomeOf(made.id))), 400, 'body-invalid');
    refusal(t, await one.report('x'.repeat(100_000)), 413, 'body-too-large');
    let refused: Reply | undefined;
    for (let count = 0; count < 40 && !refused; count += 1) {
      const reply = await one.report([outcomeOf(made.id, count % 2 ? failed : {})]);
      if (reply.status !== 204) refused = reply;
    }
    refusal(t, refused!, 429, 'too-many-requests');
    const { outcomes: counts } = (await results(member, made.id)).counts;
    t.equal(
      Object.values(counts).reduce((sum, count) => sum + count, 0),
      2,
      'it is one box, however often it speaks',
    );
    t.equal((await two.report([outcomeOf(made.id)])).status, 204, 'another is heard all the same');
    await served.ask('box.revoke', { box: two.id, reason: 'stolen' });
    t.ok((await two.report([outcomeOf(made.id, failed)])).status >= 401);
  },
);

t.test('a release for named boxes is rolled out among them, and its maker reads which is which', async (t) => {
  const { member, box, publish } = await opened(t);
  const [one, two] = [await box(), await box()];
  const made = await anApp(t, member);
  await publish(made, { waves: [100], stopAt: 50, holdHours: 0 }, [one.id]);
  await one.look(new Set());
  t.equal((await two.get(`${apps}/${app}`)).status, 404);
  await two.report([outcomeOf(made.id, failed)]);
  t.match((await results(member, made.id)).boxes, [{ box: one.id, outcome: 'done' }]);
});

t.test('a real agent takes back what fails, and the VAR reads why; offline it is told later, and once', async (t) => {
  const { served, member, publish } = await opened(t);
  const { id: boxId, with: shown } = await served.enrolled();
  const file = path.join(served.directory, 'members/keys.json');
  const keys = JSON.parse(await readFile(file, 'utf8')) as PublicJwk[];
  const anchors = [new X509Certificate(served.ca)];
  const stopping = new AbortController();
  t.teardown(() => stopping.abort());
  const real = createCatalogue({
    access: async () => ({ est: served.url, trust: { anchors }, identity: { keyPem: shown.key, chain: shown.cert } }),
    moment: systemClock.now,
    architecture,
    signal: stopping.signal,
  });
  let heard = (): void => {};
  let isOff = false;
  const folder = await ownFolder(t);
  const open = (): Promise<InstallingBox> =>
    installingBox({
      ...{ folder, clock: systemClock, keys: () => keys, territory: 'kowhai' },
      runner: fileRunner(folder),
      catalogue: {
        ...real,
        async report(told) {
          if (isOff) throw new Refusal('est-unreachable');
          await real.report(told);
          heard();
        },
      },
    });
  let agent = await open();
  const { signer } = await testSigner();
  const told = () =>
    new Promise<void>((resolve) => {
      heard = resolve;
    });

  const one = await anApp(t, member);
  await publish(one);
  let once = told();
  await agent.desk.offer(one.id);
  const yes = { grants: [{ capability: 'storage' as const }], termsAccepted: true as const };
  await agent.changes.ended(await agent.desk.decide({ release: one.id, ...yes }, signer));
  await once;
  t.match((await results(member, one.id)).boxes, [{ kind: 'install', outcome: 'done', problem: null, from: null }]);

  const ill = await anApp(t, member, { version: '1.1.0', run: { command: ['/app/ill'] } }, { text: 'ill' });
  await publish(ill, { waves: [5, 100], stopAt: 10, holdHours: 24 });
  once = told();
  const change = await agent.desk.update(app);
  t.ok(change, 'the only box that has the app is in the first wave');
  await agent.changes.ended(change ?? '');
  await once;
  const why = await results(member, ill.id);
  t.match(why, {
    rollout: { state: 'paused', why: { by: 'results', text: /app-unhealthy 1/ } },
    counts: { outcomes: { 'rolled-back': 1 }, codes: { 'app-unhealthy': 1 } },
    boxes: [
      {
        ...{ kind: 'update', outcome: 'rolled-back', agent: /^\d/, from: { release: one.id, version: '1.0.0' } },
        problem: { code: 'app-unhealthy', title: 'the app does not pass its health check' },
      },
    ],
  });
  t.notMatch(JSON.stringify(why), /answers 500/, 'what it added is not told: it might hold what is the owner’s');
  t.notOk(JSON.stringify(why).includes(boxId));
  await agent.until(app, (now) => now?.told?.sent === true);
  t.match(
    agent.desk.show(app)?.told,
    { kind: 'update', outcome: 'rolled-back', version: '1.1.0' },
    'its owner reads so',
  );

  isOff = true;
  await agent.changes.ended(await agent.desk.remove(app, signer));
  await agent.close();
  t.match((await results(member, one.id)).counts, { outcomes: { done: 1 } });
  isOff = false;
  once = told();
  agent = await open();
  t.teardown(() => agent.close());
  await once;
  t.match((await results(member, one.id)).counts, { outcomes: { removed: 1 } }, 'what it could not say it says later');
});
