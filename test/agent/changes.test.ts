/** The change runner: what a stop, a power cut, a refusal or an owner does to durable work. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { createCommits, type Database } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import type { Change } from '#contract/changes.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { type Changes, createChanges } from '../../agent/changes/changes.js';
import type { StepKind } from '../../agent/changes/run.js';
import { openChanges } from '../support/changes-child.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const child = path.resolve('build/test/support/changes-child.js');
const three = ['one', 'two', 'three'].map((kind) => ({ kind }));
const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });

interface Bench {
  changes: Changes;
  clock: ReturnType<typeof createManualClock>;
  db: Database;
  refused: Refusal[];
  /** The next agent over the same store. */
  again(kinds?: Record<string, StepKind>): Promise<Bench>;
}

async function bench(t: Test, kinds: Record<string, StepKind>, db?: Database): Promise<Bench> {
  const store = db ?? (await openDatabase(path.join(await ownFolder(t), 'store'), 1));
  const { commit } = createCommits(store);
  const clock = createManualClock();
  const refused: Refusal[] = [];
  const changes = createChanges({
    store: { db: store, commit },
    clock,
    kinds,
    onRefused: (refusal) => void refused.push(refusal),
  });
  await changes.start();
  t.teardown(() => changes.stop());
  if (!db) t.teardown(() => store.close());
  return {
    changes,
    clock,
    db: store,
    refused,
    async again(next = kinds) {
      await changes.stop();
      return bench(t, next, store);
    },
  };
}

const reached = (changes: Changes, id: string, holds: (change: Change) => boolean): Promise<Change> =>
  new Promise((resolve) => {
    const now = changes.show(id);
    if (now && holds(now)) return resolve(now);
    const end = changes.on((change) => {
      if (change.id !== id || !holds(change)) return;
      end();
      resolve(change);
    });
  });

/** Answers when it is released, and notes who called. */
function gate(calls: string[], name: string) {
  let open = (): void => {};
  let fail = (_: Error): void => {};
  const begun = new Promise<void>((resolve) => {
    open = resolve;
  });
  let enter = (): void => {};
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const kind: StepKind = {
    do: ({ signal }) =>
      new Promise((resolve, reject) => {
        calls.push(`do ${name}`);
        fail = reject;
        void begun.then(resolve);
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        enter();
      }),
    async undo() {
      calls.push(`undo ${name}`);
    },
  };
  return { kind, entered, open: () => open(), fail: (error: Error) => fail(error) };
}

const noted = (calls: string[], name: string): StepKind => ({
  async do() {
    calls.push(`do ${name}`);
  },
  async undo() {
    calls.push(`undo ${name}`);
  },
});

for (const ending of ['done', 'refused'])
  t.test(
    `killed before each commit and each effect of a change that is ${ending}, it ends as if it had not been`,
    async (t) => {
      const whole = await ownFolder(t);
      const events = Number(spawnSync(process.execPath, [child, whole, ending, '0'], { encoding: 'utf8' }).stdout);
      t.ok(events >= 10);
      for (let cut = 1; cut <= events; cut += 1) {
        const folder = await ownFolder(t);
        t.equal(spawnSync(process.execPath, [child, folder, ending, String(cut)]).signal, 'SIGKILL');
        const { changes, db } = await openChanges(folder, ending);
        await changes.start();
        const [change] = changes.list();
        if (!change) {
          t.equal(cut, 1, 'only before the first commit nothing is known of it');
          t.notOk(existsSync(path.join(folder, 'effects')));
          await db.close();
          continue;
        }
        const { state, problem } = change.endedAt === null ? await changes.ended(change.id) : change;
        const effects = readFileSync(path.join(folder, 'effects'), 'utf8').trim().split('\n');
        const once = effects.filter((effect, index) => effect !== effects[index - 1]);
        const forth = ['do one', 'do two', 'do three'];
        t.same(once, ending === 'done' ? forth : [...forth, 'undo three', 'undo two', 'undo one'], `cut ${cut}`);
        t.ok(effects.length <= once.length + 1, 'what was cut was done once more, and nothing else');
        t.equal(state, ending === 'done' ? 'done' : 'undone');
        t.equal(problem?.code, ending === 'done' ? undefined : 'claim-used');
        const data = changes.data(change.id);
        t.match(data, { one: true, two: true }, 'what the steps found out is kept with them');
        await changes.stop();
        await db.close();
      }
    },
  );

t.test('aborted at any step, what was done is undone, last first', async (t) => {
  for (const at of [0, 1, 2]) {
    const calls: string[] = [];
    const gates = ['one', 'two', 'three'].map((name) => gate(calls, name));
    const kinds = Object.fromEntries(gates.map(({ kind }, index) => [three[index]?.kind ?? '', kind]));
    const { changes } = await bench(t, kinds);
    const id = await changes.begin({ kind: 'trial', steps: three });
    for (const { entered, open } of gates.slice(0, at)) {
      await entered;
      open();
    }
    await gates[at]?.entered;
    await changes.abort(id);
    const { state, problem, steps } = await changes.ended(id);
    t.equal(state, 'undone');
    t.equal(problem, null, 'the owner wanted it');
    const names = ['one', 'two', 'three'].slice(0, at + 1);
    t.same(calls, [...names.map((name) => `do ${name}`), ...names.toReversed().map((name) => `undo ${name}`)]);
    t.same(
      steps.map((step) => step.state),
      ['one', 'two', 'three'].map((name) => (names.includes(name) ? 'undone' : 'waiting')),
    );
    await t.rejects(changes.abort(id), refuses('change-ended'));
  }
});

t.test('what fails is tried again with growing pauses, says why, and ends well when it can', async (t) => {
  let failures = 3;
  const waits: number[] = [];
  const kind: StepKind = {
    async do() {
      failures -= 1;
      if (failures >= 0) throw new Refusal('est-unreachable', 'nobody there');
    },
  };
  const { changes, clock, refused } = await bench(t, { one: kind });
  const id = await changes.begin({ kind: 'trial', steps: [{ kind: 'one' }] });
  for (const _ of [1, 2, 3]) {
    waits.push(await clock.sleeping());
    t.match(changes.show(id), { state: 'doing', problem: { code: 'est-unreachable', detail: 'nobody there' } });
    await clock.pass(waits.at(-1) ?? 0);
  }
  t.match(await changes.ended(id), { state: 'done', problem: null });
  t.ok(
    waits.every((wait, index) => wait >= 500 * 2 ** index && wait <= 1000 * 2 ** index),
    waits.join(),
  );
  t.equal(refused.length, 3);
});

t.test('who is asked to come back later comes back then, and it is no problem', async (t) => {
  let answers = 1;
  const later = Object.assign(new Error('later'), { seconds: 120 });
  const kind: StepKind = {
    async do({ note }) {
      note('waiting-admission');
      if (answers-- > 0) throw later;
    },
  };
  const { changes, clock, refused } = await bench(t, { one: kind });
  const id = await changes.begin({ kind: 'trial', steps: [{ kind: 'one' }] });
  t.equal(await clock.sleeping(), 120_000);
  t.match(changes.show(id), { problem: null, steps: [{ note: 'waiting-admission' }] });
  await clock.pass(120_000);
  t.match(await changes.ended(id), { state: 'done', steps: [{ note: null }] });
  t.same(refused, []);
});

t.test('past its deadline a change is undone, also when the agent was off at that time', async (t) => {
  const calls: string[] = [];
  const kinds = { one: noted(calls, 'one'), two: gate(calls, 'two').kind };
  const first = await bench(t, kinds);
  const steps = [{ kind: 'one' }, { kind: 'two' }];
  const id = await first.changes.begin({ kind: 'trial', steps, deadlineSeconds: 60 });
  await reached(first.changes, id, ({ steps }) => steps[1]?.state === 'doing');
  await first.clock.pass(60_000);
  t.match(await first.changes.ended(id), { state: 'undone', problem: { code: 'change-deadline' } });
  t.same(calls, ['do one', 'do two', 'undo two', 'undo one']);

  const other = await first.changes.begin({ kind: 'trial', steps, deadlineSeconds: -1 });
  t.match(await first.changes.ended(other), { state: 'undone', problem: { code: 'change-deadline' } });
});

t.test('a step of a kind that is not known is left alone until it is', async (t) => {
  const calls: string[] = [];
  const held = gate(calls, 'two');
  const newer = await bench(t, { one: noted(calls, 'one'), two: held.kind });
  const steps = [{ kind: 'one' }, { kind: 'two' }];
  const id = await newer.changes.begin({ kind: 'trial', steps, group: 'trials' });
  await held.entered;
  calls.length = 0;

  const older = await newer.again({ one: noted(calls, 'one') });
  t.match(older.changes.show(id), { state: 'stuck', steps: [{ state: 'done' }, { state: 'doing' }] });
  t.match(older.refused, [{ code: 'change-stuck' }]);
  await t.rejects(older.changes.abort(id), refuses('change-stuck'));
  const begun = older.changes.begin({ kind: 'trial', steps: [{ kind: 'one' }], group: 'trials' });
  await t.rejects(begun, refuses('change-under-way'));
  t.same(calls, [], 'neither done nor undone');

  const again = await older.again({ one: noted(calls, 'one'), two: noted(calls, 'two') });
  t.match(again.changes.show(id) ?? {}, { kind: 'trial' });
  await reached(again.changes, id, ({ endedAt }) => endedAt !== null);
  t.same(calls, ['do two']);
});

t.test('who waits for a change that is listed, and not yet on the disk, waits for its end', async (t) => {
  const calls: string[] = [];
  const { changes } = await bench(t, { one: noted(calls, 'one') });
  const begun = changes.begin({ kind: 'trial', steps: [{ kind: 'one' }] });
  const [listed] = changes.list();
  t.match(listed, { kind: 'trial', state: 'doing' });
  t.match(await changes.ended(listed?.id ?? ''), { id: await begun, state: 'done' });
});

t.test('an undo that fails is tried until it succeeds', async (t) => {
  const calls: string[] = [];
  let failures = 2;
  const stubborn: StepKind = {
    async do() {},
    async undo() {
      failures -= 1;
      calls.push('undo one');
      if (failures >= 0) throw new Error('cannot yet');
    },
  };
  const held = gate(calls, 'two');
  const { changes, clock } = await bench(t, { one: stubborn, two: held.kind });
  const id = await changes.begin({ kind: 'trial', steps: [{ kind: 'one' }, { kind: 'two' }] });
  await held.entered;
  await changes.abort(id);
  for (const _ of [1, 2]) await clock.pass(await clock.sleeping());
  t.match(await changes.ended(id), { state: 'undone' });
  t.same(calls, ['do two', 'undo two', 'undo one', 'undo one', 'undo one']);
});

t.test('of a group one is under way at a time; past the point of no return there is no way back', async (t) => {
  const calls: string[] = [];
  const last = gate(calls, 'last');
  const { changes } = await bench(t, { one: noted(calls, 'one'), last: { ...last.kind, noReturn: true } });
  const steps = [{ kind: 'one' }, { kind: 'last' }];
  const id = await changes.begin({ kind: 'trial', group: 'trials', steps });
  await t.rejects(changes.begin({ kind: 'other', group: 'trials', steps }), refuses('change-under-way'));
  await last.entered;
  await t.rejects(changes.abort(id), refuses('change-past-return'));
  t.equal(changes.underWay('trials')?.id, id);
  last.open();
  t.match(await changes.ended(id), { state: 'done' });
  t.equal(changes.underWay('trials'), undefined);
  await t.rejects(changes.abort('0000000000000000'), refuses('change-unknown'));
});

t.test('who waits for one change after the other leaves nothing behind', async (t) => {
  const warnings: string[] = [];
  const heed = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', heed);
  t.teardown(() => process.off('warning', heed));
  const { changes } = await bench(t, { one: { do: async () => {} } });
  for (let count = 0; count < 20; count += 1)
    t.equal((await changes.ended(await changes.begin({ kind: 'trial', steps: [{ kind: 'one' }] }))).state, 'done');
  await new Promise(setImmediate);
  t.same(warnings, [], 'no listeners pile up');
});

t.test('of those that have ended the last fifty are remembered', async (t) => {
  const calls: string[] = [];
  const first = await bench(t, { one: noted(calls, 'one') });
  for (let count = 0; count < 60; count += 1) {
    const id = await first.changes.begin({ kind: 'trial', steps: [{ kind: 'one' }] });
    await reached(first.changes, id, ({ endedAt }) => endedAt !== null);
    first.clock.advance(1);
  }
  t.equal(first.changes.list().length, 50);
  const { changes } = await first.again();
  t.equal(changes.list().length, 50);
  t.ok((changes.list()[0]?.startedAt ?? 0) > (changes.list()[49]?.startedAt ?? 0), 'the newest first');
});
