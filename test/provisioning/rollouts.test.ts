/** Waves: whom they have, when they go on, when they stop, and who may say so. */
import fc from 'fast-check';
import t from 'tap';
import { isRising, type RolloutPlan } from '#contract/rollout.js';
import { act, begin, goOn, isOffered, judge, positionOf, reachOf, whole } from '../../provisioning/rollouts/plan.js';
import type { RolloutRecord } from '../../provisioning/store/rollouts.js';
import { app, failed, hour, idOf, outcomeOf, rolling } from '../support/rollouts.js';

const plan: RolloutPlan = { waves: [5, 25, 100], stopAt: 10, holdHours: 24 };
const about = { app, channel: 'stable', architecture: 'arm64', private: false } as const;
const release = fc.stringMatching(/^[0-9a-f]{64}$/);
const box = fc.stringMatching(/^[a-z0-9]{8,20}$/);
const percents = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 9 })
  .map((some) => [...some.sort((a, b) => a - b), 100]);
const spread = (count: number): number[] => Array.from({ length: count }, (_, at) => Math.floor((at * whole) / count));

t.test(
  'a wave holds the one before it, its share is its percentage, and no box is always among the first',
  async (t) => {
    fc.assert(
      fc.property(percents, release, box, (waves, id, name) => {
        let record = begin(about, { plan: { ...plan, waves }, known: spread(7), now: 0 });
        let had = false;
        for (;;) {
          const has = isOffered(record, { release: id, box: name, runs: false, named: false });
          if (had && !has) return false;
          had = has;
          if (record.state === 'complete') return has;
          record = goOn(record, spread(7), 0);
        }
      }),
    );
    const boxes = Array.from({ length: 2000 }, (_, at) => `box-${at}-name`);
    for (const percent of [5, 25, 60]) {
      const reach = reachOf(percent, []);
      const share = boxes.filter((name) => positionOf(idOf('a'), name) < reach).length / boxes.length;
      t.ok(Math.abs(share * 100 - percent) < 3, `${percent} % are ${share}`);
    }
    const firsts = Array.from({ length: 200 }, (_, at) => positionOf(idOf(`r${at}`), 'box-1-name') < reachOf(10, []));
    const often = firsts.filter(Boolean).length;
    t.ok(often > 5 && often < 45, `one box is in the first tenth of 200 releases ${often} times`);
  },
);

t.test('a small fleet has a box in the first wave, and that wave grows no further than it must', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: whole - 1 }), { minLength: 1, maxLength: 12 }), (known) => {
      const { inReach, reach, fleet } = begin(about, { plan, known, now: 0 });
      const least = Math.min(...known);
      return inReach >= 1 && fleet === known.length && reach === Math.max(50_000, least + 1);
    }),
  );
  t.equal(begin(about, { plan, known: [], now: 0 }).reach, 50_000);
});

const over = (more: Partial<RolloutRecord> = {}): RolloutRecord => ({
  ...begin(about, { plan, known: spread(100), now: 0 }),
  ...more,
});

t.test('a wave goes on when its time is over and enough boxes did well, and never for silence', async (t) => {
  const now = 24 * hour;
  const kind = (done: number, more: Partial<RolloutRecord> = {}, at = now) =>
    judge(over(more), { done, failed: 0 }, at).kind;
  t.equal(kind(0), 'stay', 'nobody has told anything');
  t.equal(kind(2), 'stay', 'five boxes are reached, and three is half');
  t.equal(kind(3), 'advance');
  t.equal(kind(5, {}, now - 1), 'stay', 'it is held for a day');
  t.equal(kind(0, { inReach: 0, fleet: 0 }), 'stay', 'where no box is known, its member says when');
  t.equal(kind(1, { inReach: 1, fleet: 4 }), 'advance', 'of one box, one is enough');
  t.equal(kind(3, { inReach: 40 }), 'stay', 'of forty, twenty must have told');
  t.equal(kind(20, { inReach: 40 }), 'advance');
});

t.test('it stops above its rate: at the first failure where few have the app, else not for one of one', async (t) => {
  const kind = (done: number, bad: number, more: Partial<RolloutRecord> = {}) =>
    judge(over({ inReach: 50, ...more }), { done, failed: bad }, 0).kind;
  t.equal(kind(0, 1), 'stay', 'one of one says little of a hundred');
  t.equal(kind(3, 1), 'stay');
  t.equal(kind(4, 1), 'stop', 'one of five is more than a tenth');
  t.equal(kind(9, 1), 'stay', 'a tenth is not more than a tenth');
  t.equal(kind(17, 2), 'stop');
  t.equal(kind(0, 1, { fleet: 10 }), 'stop', 'of ten boxes, the first failure');
  t.equal(kind(20, 0, { fleet: 10 }), 'stay');
  t.equal(kind(0, 2, { inReach: 2 }), 'stop', 'the whole wave failed, however small');
  t.equal(kind(0, 1, { inReach: 2 }), 'stay');
  t.equal(kind(4, 3, { since: { done: 0, failed: 3 } }), 'stay', 'what was known when it was resumed was judged then');
  const small = over({ fleet: 100, inReach: 4 });
  t.equal(judge(small, { done: 2, failed: 1 }, 48 * hour).kind, 'stay', 'too few to stop, and no proof to go on');
  fc.assert(
    fc.property(fc.nat(200), fc.nat(200), fc.integer({ min: 1, max: 100 }), (done, bad, stopAt) => {
      const judged = judge(over({ inReach: 50, plan: { ...plan, stopAt } }), { done, failed: bad }, 0);
      const isAbove = bad * 100 > stopAt * (done + bad);
      const late = judge(over({ inReach: 50, plan: { ...plan, stopAt } }), { done, failed: bad }, 48 * hour);
      return (judged.kind !== 'stop' || isAbove) && (late.kind !== 'advance' || !isAbove);
    }),
  );
});

t.test(
  'who says what: done twice is done once, the end is the end, and the provider outweighs the member',
  async (t) => {
    const tools = { known: spread(100), tally: { done: 0, failed: 2 }, now: 5 };
    const by = (who: 'member' | 'provider', word: Parameters<typeof act>[1]['act'], record: RolloutRecord) =>
      act(record, { act: word, by: who, reason: 'so' }, tools);
    const paused = by('member', 'pause', over());
    t.match(paused, { state: 'paused', why: { by: 'member', text: 'so', at: 5 } });
    t.equal(by('member', 'pause', paused), paused);
    t.match(by('member', 'resume', paused), { state: 'running', since: { failed: 2 }, waveAt: 5, why: undefined });
    t.throws(() => by('member', 'next', paused), { code: 'rollout-paused' });
    const held = by('provider', 'pause', paused);
    t.match(held, { why: { by: 'provider' } });
    t.equal(by('member', 'pause', held), held);
    for (const word of ['resume', 'next', 'complete'] as const)
      t.throws(() => by('member', word, held), { code: 'rollout-held' });
    t.match(by('provider', 'resume', held), { state: 'running' });
    const aborted = by('member', 'abort', held);
    t.match(aborted, { state: 'aborted' });
    t.equal(by('provider', 'abort', aborted), aborted);
    for (const word of ['resume', 'next', 'pause', 'complete'] as const)
      t.throws(() => by('provider', word, aborted), { code: 'rollout-over' });
    const second = by('member', 'next', over());
    t.match(second, { wave: 1, reach: 250_000, inReach: 25 });
    const complete = by('member', 'next', by('member', 'next', second));
    t.match(complete, { state: 'complete', reach: whole });
    t.equal(by('member', 'complete', complete), complete);
    const offered = (record: RolloutRecord, runs = false, named = false) =>
      isOffered(record, { release: idOf('a'), box: 'x', runs, named });
    t.ok(offered(complete));
    t.notOk(offered({ ...aborted, reach: whole }), 'what was aborted is offered to nobody');
    t.notOk(offered({ ...paused, reach: whole }));
    t.ok(offered(aborted, true), 'and stays with who runs it');
    t.notOk(offered({ ...over(), reach: 0 }));
    t.ok(offered({ ...over(), reach: 0 }, false, true), 'who is offered it by name waits for no wave');
    t.notOk(offered(paused, false, true), 'but for what stopped it');
    t.notOk(offered(aborted, false, true));
  },
);

t.test('a plan rises to the whole', async (t) => {
  t.ok(isRising({ waves: [100] }));
  for (const waves of [[], [5], [5, 5, 100], [25, 5, 100], [100, 100]]) t.notOk(isRising({ waves }), waves.join());
  fc.assert(fc.property(percents, (waves) => isRising({ waves })));
});

t.test('a good release goes from wave to wave by itself, through a stop of the provider', async (t) => {
  const { clock, again, ...first } = await rolling(t);
  const boxes = await first.boxes(40);
  const old = await first.publish('1.0.0');
  for (const name of boxes) await first.tell(name, old.id, { kind: 'install' });
  const one = await first.publish('1.1.0', plan);
  const view = first.rollouts.view(one);
  t.match(view, { state: 'running', wave: 1, boxes: { running: 40 }, why: null });
  const inReach = boxes.filter((name) => first.rollouts.isOffered(one, name, false));
  t.equal(inReach.length, view?.boxes?.reached);
  t.ok(inReach.length < 10, `${inReach.length} of 40 boxes`);

  for (const name of inReach) await first.tell(name, one.id, { from: old.id });
  t.match(first.rollouts.view(one), { wave: 1 }, 'a day is not over');
  const now = await again();
  clock.advance(23 * hour);
  now.watch.start();
  await clock.sleeping();
  t.match(now.rollouts.view(one), { wave: 1 });
  const wave = (wanted: number) =>
    new Promise<void>((resolve) => {
      const look = (): boolean => (now.rollouts.view(one)?.wave ?? 0) >= wanted;
      const end = now.events.subscribe(() => {
        if (!look()) return;
        end();
        resolve();
      });
      if (look()) resolve();
    });
  clock.advance(2 * hour);
  await wave(2);
  const second = boxes.filter((name) => now.rollouts.isOffered(one, name, false));
  t.strictSame(
    inReach.filter((name) => !second.includes(name)),
    [],
    'who was reached stays',
  );
  for (const name of second) await now.tell(name, one.id, { from: old.id });
  await clock.sleeping();
  clock.advance(25 * hour);
  await wave(3);
  t.ok(boxes.every((name) => now.rollouts.isOffered(one, name, false)));
  for (const name of boxes) await now.tell(name, one.id, { from: old.id });
  await clock.sleeping();
  const complete = new Promise<void>((resolve) => {
    now.events.subscribe(({ text }) => text.endsWith('the rollout is complete') && resolve());
  });
  clock.advance(25 * hour);
  await complete;
  t.match(now.rollouts.view(one), { state: 'complete', percent: 100 });
  t.match(now.rollouts.counts(one.id), { outcomes: { done: 40 }, codes: {} });
});

t.test(
  'a bad release stops within its first wave, with the reason; resumed, what is known is not held against it',
  async (t) => {
    const { clock, again: _, ...room } = await rolling(t);
    const boxes = await room.boxes(60);
    const old = await room.publish('1.0.0');
    for (const name of boxes) await room.tell(name, old.id, { kind: 'install' });
    const bad = await room.publish('1.1.0', { ...plan, waves: [20, 100] });
    const reached = boxes.filter((name) => room.rollouts.isOffered(bad, name, false));
    let told = 0;
    for (const name of reached) {
      await room.tell(name, bad.id, { from: old.id, ...failed });
      told += 1;
      if (room.rollouts.view(bad)?.state !== 'running') break;
    }
    t.equal(told, 5, 'at the fifth result of twelve or so');
    t.match(room.rollouts.view(bad), {
      state: 'paused',
      why: { by: 'results', text: '5 of 5 boxes failed (100 %, more than 10 %); codes told: app-unhealthy 5' },
    });
    t.notOk(
      boxes.some((name) => room.rollouts.isOffered(bad, name, false)),
      'nobody takes it any more',
    );
    const events = await room.events.recent(5);
    t.match(events.at(-1), { type: 'rollout-stopped', code: 'rollout-failing' });
    t.ok(events.at(-1)?.remedy);

    const late = reached[5] ?? '';
    await room.tell(late, bad.id, { from: old.id });
    t.match(room.rollouts.counts(bad.id), { outcomes: { done: 1, 'rolled-back': 5 } }, 'what comes late is counted');
    await room.rollouts.act(bad, { act: 'resume', by: 'member' });
    await room.tell(reached[0] ?? '', bad.id, { outcome: 'done' });
    t.match(room.rollouts.view(bad), { state: 'running' });
    await room.rollouts.act(bad, { act: 'abort', by: 'member', reason: 'enough' });
    t.strictSame(
      boxes.filter((name) => room.rollouts.isOffered(bad, name, false)).sort(),
      [late, reached[0]].sort(),
      'aborted, it stays with those that have it',
    );
    clock.advance(1000 * hour);
    await room.rollouts.look();
    t.match(room.rollouts.view(bad), { state: 'aborted', why: { text: 'enough' } });
  },
);

t.test('a newer release takes the place of one that is under way, in its channel and architecture alone', async (t) => {
  const room = await rolling(t);
  const first = await room.publish('1.1.0', plan);
  const beta = await room.publish('1.2.0-rc.1', plan, { channel: 'beta', id: idOf('beta') });
  const amd = await room.publish('1.1.0', plan, { architecture: 'amd64', id: idOf('amd') });
  const [name = ''] = await room.boxes(1);
  const own = await room.publish('1.2.0', plan, { id: idOf('private') }, [name]);
  for (const one of [first, beta, amd, own]) t.match(room.rollouts.view(one), { state: 'running' });
  await room.rollouts.act(first, { act: 'pause', by: 'member' });
  const next = await room.publish('1.3.0', plan);
  t.match(room.rollouts.view(first), { state: 'superseded', why: { text: `by ${next.id}` } });
  for (const one of [beta, amd, own, next]) t.match(room.rollouts.view(one), { state: 'running' });
  await room.publish('1.4.0');
  t.match(room.rollouts.view(next), { state: 'superseded' }, 'also by one for everybody at once');
  await room.registry.end(beta.id, 'stopped', 'it harms');
  const ended = room.registry.find(beta.id);
  t.ok(ended);
  if (!ended) return;
  t.match(room.rollouts.view(ended), { state: 'aborted', why: { by: 'provider', text: 'it harms' } });
  await t.rejects(room.rollouts.act(ended, { act: 'next', by: 'member' }), { code: 'release-ended' });
});

t.test('clocks jump: ahead opens one wave, and never without proof; back lets no wave last for years', async (t) => {
  const { clock, ...room } = await rolling(t);
  const names = await room.boxes(8);
  const old = await room.publish('1.0.0');
  for (const name of names) await room.tell(name, old.id, { kind: 'install' });
  const one = await room.publish('1.1.0', { ...plan, waves: [5, 50, 80, 100] });
  const look = async () => {
    await room.rollouts.look();
    return room.rollouts.view(one);
  };
  clock.advance(20 * 365 * 24 * hour);
  t.match(await look(), { wave: 1 }, 'nobody has told anything');
  const reached = names.filter((name) => room.rollouts.isOffered(one, name, false));
  for (const name of reached) await room.tell(name, one.id);
  t.match(await look(), { wave: 2 });
  t.match(await look(), { wave: 2 }, 'the next one has its own time');
  clock.advance(-20 * 365 * 24 * hour);
  t.match(await look(), { wave: 2, waveAt: clock.now() }, 'it begins anew');
  for (const name of names) if (room.rollouts.isOffered(one, name, false)) await room.tell(name, one.id);
  clock.advance(25 * hour);
  t.match(await look(), { wave: 3 });
});

t.test('what a box tells counts once, of itself, and of what it may have had', async (t) => {
  const room = await rolling(t);
  const names = await room.boxes(30);
  const old = await room.publish('1.0.0');
  for (const name of names) await room.tell(name, old.id, { kind: 'install' });
  const one = await room.publish('1.1.0', { ...plan, waves: [50, 100] });
  const inside = names.find((name) => room.rollouts.isOffered(one, name, false)) ?? '';
  const outside = names.find((name) => !room.rollouts.isOffered(one, name, false)) ?? '';
  const outcomes = () => room.rollouts.counts(one.id).outcomes;
  await room.tell(outside, one.id, failed);
  t.strictSame(outcomes(), {}, 'it was not its turn: it cannot have failed with it');
  const told = outcomeOf(one.id, failed);
  for (let time = 0; time < 3; time += 1) await room.results.take(inside, { outcomes: [told], dropped: 0 });
  t.strictSame(outcomes(), { 'rolled-back': 1 });
  await room.tell(inside, one.id, { app: 'example.other' });
  await room.tell(inside, idOf('no such release'));
  await room.results.take(inside, { outcomes: [{}, null, 'x', { ...told, id: '0'.repeat(32), more: 1 }], dropped: 3 });
  t.strictSame(outcomes(), { 'rolled-back': 1 });
  const recorded = await room.events.recent(100);
  t.ok(recorded.some(({ type, box, text }) => type === 'gap' && box === inside && text.startsWith('3 reports')));
  await room.tell(inside, one.id, { problem: { code: 'constructor', title: 'x' }, outcome: 'refused' });
  await room.tell(inside, one.id, { problem: { code: 'made-up', title: 'x' }, outcome: 'refused' });
  t.strictSame(room.rollouts.counts(one.id), { outcomes: { refused: 1 }, codes: { other: 1 } }, 'the newest counts');
  await room.tell(inside, one.id, failed);
  await room.tell(inside, one.id, { kind: 'remove' });
  t.strictSame(outcomes(), { 'rolled-back': 1 }, 'removed after it failed, it has failed');
  await room.tell(outside, old.id, { kind: 'remove' });
  t.match(room.rollouts.counts(old.id).outcomes, { done: 29, removed: 1 });
  const { boxes } = await room.results.page(one, undefined);
  t.match(boxes, [{ problem: { title: 'the app does not pass its health check' } }], 'the sentence is of our table');
});

t.test('a member reads pages of results under names of its own, which no cursor gives away', async (t) => {
  const room = await rolling(t);
  const names = await room.boxes(230);
  const one = await room.publish('1.0.0');
  await Promise.all(names.map((name) => room.tell(name, one.id, { kind: 'install' })));
  const first = await room.results.page(one, undefined);
  t.equal(first.boxes.length, 200);
  t.match(first.counts, { outcomes: { done: 230 } });
  const cursor = first.cursor ?? '';
  const second = await room.results.page(one, cursor);
  t.equal(second.boxes.length, 30);
  t.equal(second.cursor, null);
  const aliases = new Set([...first.boxes, ...second.boxes].map(({ box }) => box));
  t.equal(aliases.size, 230);
  const all = JSON.stringify([first, second]) + Buffer.from(cursor, 'base64url').toString();
  t.notOk(names.some((name) => all.includes(name)));
  await t.rejects(room.results.page(one, 'x'), { code: 'cursor-invalid' });
  const other = await room.publish('1.0.0', undefined, { app: 'other.app', member: 'other', id: idOf('other') });
  await room.tell(names[0] ?? '', other.id, { app: 'other.app' });
  const [its] = (await room.results.page(other, undefined)).boxes;
  t.notOk(aliases.has(its?.box ?? ''), 'another member knows it under another name');
  const again = await room.again();
  t.strictSame((await again.results.page(one, cursor)).boxes, second.boxes, 'the names stay');
  const own = await again.publish('1.1.0', undefined, {}, [names[3] ?? '']);
  await again.tell(names[3] ?? '', own.id);
  await again.tell(names[4] ?? '', own.id);
  const { boxes } = await again.results.page(own, undefined);
  t.match(boxes, [{ box: names[3] }], 'a box that a private release names is named, and others have no say');
  t.equal(boxes.length, 1);
});
