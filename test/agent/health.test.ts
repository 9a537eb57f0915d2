/** Conditions as the box keeps and tells them: over restarts, power cuts, a full disk, and a clock that learns the time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { Condition } from '#contract/conditions.js';
import { Refusal } from '#contract/problems.js';
import { createConditions } from '../../agent/health/conditions.js';
import { createKept } from '../../agent/health/kept.js';
import { createSampler } from '../../agent/health/sampler.js';
import { openStarts, started } from '../../agent/health/starts.js';
import { openStore } from '../../agent/store/store.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const minute = 60_000;
const now = Date.UTC(2026, 10, 1);
const hot = { 'hw.temperature': 85 };
const cool = { 'hw.temperature': 50 };

/** One life of the agent over the store of the folder. */
async function born(
  t: { teardown(work: () => unknown): void },
  folder: string,
  wish: { boot?: string; tick?: number; trusted?: boolean; isFull?: boolean } = {},
) {
  const store = await openStore(folder);
  const state = { tick: wish.tick ?? 0, trusted: wish.trusted ?? true, isFull: wish.isFull ?? false };
  const boot = wish.boot ?? 'one';
  const kept = createKept(store);
  const refused: Refusal[] = [];
  const told: { changed: boolean; conditions: Condition[] }[] = [];
  const conditions = await createConditions({
    kept: {
      ...kept,
      async saveConditions(all) {
        if (state.isFull) throw new Refusal('disk-full');
        await kept.saveConditions(all);
      },
    },
    clock: {
      stamp: () =>
        state.trusted
          ? { at: now + state.tick }
          : { at: 1000 + state.tick, uncertain: { boot, monotonic: state.tick } },
      bootTime: () => (state.trusted ? { boot, zero: now } : undefined),
    },
    monotonic: () => state.tick,
    facts: () => ({}),
    onRefused: (refusal) => void refused.push(refusal),
  });
  conditions.subscribe(({ changed }) => void told.push({ changed, conditions: conditions.report() }));
  let isOpen = true;
  const end = async () => {
    if (isOpen) await store.close();
    isOpen = false;
  };
  t.teardown(end);
  return {
    state,
    conditions,
    kept,
    refused,
    told,
    end,
    async pass(minutes: number, values: Record<string, number>) {
      for (let count = 0; count < minutes; count += 1) {
        state.tick += minute;
        await conditions.take(values);
      }
    },
  };
}

t.test('what has begun is told once, and stands with its beginning after the agent was started again', async (t) => {
  const folder = await ownFolder(t);
  const one = await born(t, folder);
  await one.pass(30, hot);
  t.equal(one.told.length, 1, 'told once');
  t.match(one.told[0], {
    changed: true,
    conditions: [{ kind: 'hot', severity: 'attention', since: now + 6 * minute }],
  });
  const before = one.conditions.list();
  await one.end();
  const two = await born(t, folder, { boot: 'two' });
  t.same(two.conditions.list(), before);
  await two.pass(9, cool);
  t.same(two.told, []);
  await two.pass(2, cool);
  t.match(two.told, [{ changed: true, conditions: [] }]);
  await two.end();
  const three = await born(t, folder);
  t.same(three.conditions.list(), [], 'and what is over stays over');
});

t.test('numbers alone are told again after an hour at the earliest', async (t) => {
  const one = await born(t, await ownFolder(t));
  await one.pass(10, hot);
  for (let count = 0; count < 50; count += 1) await one.pass(1, { 'hw.temperature': 80 + (count % 4) });
  t.equal(one.told.length, 1);
  await one.pass(10, { 'hw.temperature': 88 });
  t.equal(one.told.length, 2);
  t.match(one.told[1], { changed: false, conditions: [{ evidence: 'It measures 88 °C inside.' }] });
  await one.pass(180, { 'hw.temperature': 88 });
  t.equal(one.told.length, 2, 'and not at all where they are the same');
});

t.test('what began before the time was known gets its true beginning once it is', async (t) => {
  const folder = await ownFolder(t);
  const one = await born(t, folder, { trusted: false });
  await one.pass(10, hot);
  t.equal(one.conditions.list()[0]?.since, 1000 + 6 * minute, 'the earliest that it can be');
  await one.end();
  const two = await born(t, folder, { tick: 20 * minute });
  await two.pass(1, hot);
  t.match(two.told, [{ conditions: [{ kind: 'hot', since: now + 6 * minute }] }], 'over a restart within the boot too');
  await two.end();
  const late = await ownFolder(t);
  const three = await born(t, late, { trusted: false });
  await three.pass(10, hot);
  await three.end();
  const four = await born(t, late, { boot: 'two' });
  await four.pass(1, hot);
  t.equal(four.conditions.list()[0]?.since, 1000 + 6 * minute, 'of an earlier boot nobody knows');
});

t.test('a full disk keeps nothing, and is told all the same', async (t) => {
  const one = await born(t, await ownFolder(t), { isFull: true });
  await one.pass(5, { 'system.filesystem.utilization': 1 });
  t.match(one.told, [{ changed: true, conditions: [{ kind: 'disk-full', severity: 'trouble' }] }]);
  t.match(one.refused, [{ code: 'disk-full' }]);
});

t.test('what the store has of another release is no reason not to start', async (t) => {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  const health = store.db.sublevel<string, unknown>('health', { valueEncoding: 'json' });
  await health.put('conditions', [{ of: 'another shape' }]);
  await health.put('starts', 7);
  await store.close();
  const one = await born(t, folder);
  t.same(one.conditions.list(), []);
  t.match((await openStarts({ kept: one.kept, boot: 'one' })).facts(), { wasCut: false, cuts: 0 });
});

t.test('killed at any step, what had been told is there again with the same beginning', async (t) => {
  for (const step of ['before', 'after', 'told']) {
    const folder = await ownFolder(t);
    const child = spawn(process.execPath, [path.resolve('build/test/support/health-child.js'), folder, step], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    t.equal(signal, 'SIGKILL', step);
    const told: Condition[] = said === '' ? [] : JSON.parse(said);
    t.equal(told.length, step === 'told' ? 1 : 0, `${step}: told only what is kept`);
    const one = await born(t, folder, { boot: 'the-second-boot' });
    const standing = one.conditions.list();
    t.equal(standing.length, step === 'before' ? 0 : 1, step);
    if (told.length > 0) t.same(standing, told, 'it is what was told');
    const starts = await openStarts({ kept: one.kept, boot: 'the-second-boot' });
    t.match(starts.facts(), { wasCut: true, cuts: 1, of: 1 }, 'and the cut is noticed');
    await one.end();
  }
});

t.test('a machine that went down without its agent having ended was cut off; ten starts are remembered', async (t) => {
  const first = started(undefined, 'a');
  t.same(first, { boot: 'a', ended: false, cuts: [] }, 'a new box was not cut');
  t.same(started({ ...first, ended: true }, 'b').cuts, [false]);
  t.same(started(first, 'b').cuts, [true]);
  t.same(started(first, 'a').cuts, [], 'an agent alone that ended is no cut');
  let starts = first;
  for (let boot = 0; boot < 30; boot += 1) starts = started(starts, `boot ${boot}`);
  t.equal(starts.cuts.length, 10);

  const folder = await ownFolder(t);
  const one = await born(t, folder);
  await (await openStarts({ kept: one.kept, boot: 'a' })).end();
  t.match((await openStarts({ kept: one.kept, boot: 'b' })).facts(), { wasCut: false, cuts: 0, of: 1 });
  t.match((await openStarts({ kept: one.kept, boot: 'c' })).facts(), { wasCut: true, cuts: 1, of: 2 });
});

t.test('a sample that there is no room to store is assessed nevertheless', async (t) => {
  const assessed: object[] = [];
  const never = async (): Promise<never> => Promise.reject(new Error('nobody asks for it'));
  const refused: string[] = [];
  const sampler = createSampler({
    probe: { sample: async () => hot, inventory: never, stop() {} },
    assess: async (values) => void assessed.push(values),
    store: never,
    stamp: () => ({ at: now }),
    freeBytes: () => 0,
    intervalSeconds: 60,
    clock: createManualClock(),
    onRefused: ({ code }) => void refused.push(code),
  });
  await sampler.sampleNow();
  t.same(assessed, [hot]);
  t.same(refused, ['disk-full']);
  t.equal(sampler.latest(), null);
});
