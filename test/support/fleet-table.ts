/** What every table of the fleet must answer, whatever keeps it: a suite that is handed the table. */

import { deepStrictEqual, strictEqual } from 'node:assert';
import fc from 'fast-check';
import type { Test } from 'tap';
import { FleetGlance, FleetPage, type FleetQuery } from '#contract/fleet.js';
import { fleetFields } from '#contract/fleet-query.js';
import type { BoxSummary } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { summaryOf } from '../../provisioning/fleet/row.js';
import type { FleetTable } from '../../provisioning/fleet/table.js';
import type { BoxRecord } from '../../provisioning/store/boxes.js';
import type { ClaimRecord } from '../../provisioning/store/claims.js';
import type { AboutRecord, LifeRecord } from '../../provisioning/store/lives.js';
import { boxRecord, type Change, changes, lifeRecord, queries } from './fleet-facts.js';
import type { ManualClock } from './manual-clock.js';

export interface TableSubject {
  table: FleetTable;
  clock: ManualClock;
  /** Stores it as the provider would; on the disk and in the table when it resolves. */
  write(box: string, change: { box?: BoxRecord; life?: LifeRecord; about?: AboutRecord }): Promise<void>;
  claim(id: string, record: ClaimRecord): Promise<void>;
  present(box: string, online: boolean): Promise<void>;
  record(event: { type: string; box?: string; text: string }): Promise<void>;
  /** The same table as it is after the provider was started anew. Nobody is online. */
  again(): Promise<FleetTable>;
  close(): Promise<void>;
}

interface Model {
  box?: BoxRecord;
  life?: LifeRecord;
  about?: AboutRecord;
  online: boolean;
}

const ranks = ['trouble', 'attention', 'good', 'none'];
const isIn = <T>(list: readonly T[] | undefined, value: T): boolean => list === undefined || list.includes(value);

/** As a reader of the contract would do it by hand. */
function byHand(model: ReadonlyMap<string, Model>, query: FleetQuery, now: number): BoxSummary[] {
  const words = (query.search ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const { condition, severity } = query;
  const found = all(model, now).filter((box) => {
    const text = [box.id, box.label, box.place, box.serial].map((part) => part?.toLowerCase() ?? '');
    return (
      isIn(query.state, box.state) &&
      isIn(query.care, box.care?.level ?? 'none') &&
      isIn(query.agent, box.agent ?? '') &&
      isIn(query.model, box.model ?? '') &&
      isIn(query.place, box.place ?? '') &&
      (!(condition || severity) ||
        (box.conditions ?? []).some((one) => isIn(condition, one.kind) && isIn(severity, one.severity))) &&
      words.every((word) => text.some((part) => part.includes(word)))
    );
  });
  const before = (a: BoxSummary, b: BoxSummary): number => {
    if (query.sort === 'lastSeen' && a.lastSeen !== b.lastSeen) return (a.lastSeen ?? 0) - (b.lastSeen ?? 0);
    if (query.sort === 'agent' && a.agent !== b.agent) {
      const order = ['', '0.9.0', '0.10.0-rc.1', '0.10.0', 'odd'];
      return order.indexOf(a.agent ?? '') - order.indexOf(b.agent ?? '');
    }
    const rank = (box: BoxSummary) => ranks.indexOf(box.care?.level ?? 'none');
    if ((query.sort ?? 'attention') === 'attention' && rank(a) !== rank(b)) return rank(a) - rank(b);
    return a.id < b.id ? -1 : 1;
  };
  return found.sort((a, b) => (query.reverse ? before(b, a) : before(a, b)));
}

const all = (model: ReadonlyMap<string, Model>, now: number): BoxSummary[] =>
  [...model].flatMap(([id, { box, life, about = { at: 0 }, online }]) =>
    box ? [summaryOf({ id, box, life, about, online }, now)] : [],
  );

/** Every page of it, as a reader turns them. */
export async function wholeListing(table: FleetTable, query: FleetQuery, between = async () => {}) {
  const boxes: BoxSummary[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await table.query({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    boxes.push(...page.boxes);
    if (page.next === null) return { boxes, total: page.total };
    cursor = page.next;
    await between();
  }
}

const ids = (boxes: readonly BoxSummary[]): string[] => boxes.map(({ id }) => id);
const count = <T>(list: readonly T[], wanted: (one: T) => boolean): number => list.filter(wanted).length;

async function follow(subject: TableSubject, model: Map<string, Model>, change: Change): Promise<void> {
  if (change.kind === 'time') return subject.clock.advance(change.milliseconds);
  const known = model.get(change.id) ?? { online: false };
  const now = subject.clock.now();
  if (change.kind === 'present') {
    // Only a box that was born is ever here.
    if (!known.life?.birth) return;
    model.set(change.id, { ...known, online: change.online });
    return subject.present(change.id, change.online);
  }
  const written =
    change.kind === 'box'
      ? { box: boxRecord(now, change) }
      : change.kind === 'life'
        ? { life: lifeRecord(now, change) }
        : { about: { at: now, ...change.about } };
  model.set(change.id, { ...known, ...written });
  await subject.write(change.id, written);
}

export function tableSuite(
  test: Pick<Test, 'test'>,
  name: string,
  open: (test: Pick<Test, 'teardown'>) => Promise<TableSubject>,
): void {
  test.test(`${name}: whatever is written, it answers as a filter and a sort over all boxes by hand`, async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(changes, { maxLength: 60 }),
        fc.array(queries, { maxLength: 8 }),
        async (written, asked) => {
          const subject = await open(t);
          try {
            const model = new Map<string, Model>();
            for (const change of written) await follow(subject, model, change);
            const now = subject.clock.now();
            const compare = async (table: FleetTable) => {
              for (const query of asked) {
                const wanted = byHand(model, query, now);
                const { boxes, total } = await wholeListing(table, query);
                deepStrictEqual(boxes, wanted);
                strictEqual(total, wanted.length);
                deepStrictEqual(await table.ids(fleetFields(query)), ids(wanted).sort());
              }
              const boxes = all(model, now);
              const { states, care, gaps } = await table.counts();
              for (const [state, boxesInIt] of Object.entries(states))
                strictEqual(
                  boxesInIt,
                  count(boxes, (box) => box.state === state),
                );
              for (const [level, boxesOfIt] of Object.entries(care))
                strictEqual(
                  boxesOfIt,
                  count(boxes, (box) => box.care?.level === level),
                );
              strictEqual(
                gaps,
                boxes.reduce((sum, box) => sum + box.gaps, 0),
              );
              const glance = await table.glance();
              const serving = boxes.filter(({ state }) => state !== 'revoked' && state !== 'left');
              for (const { kind, severity, boxes: having } of glance.conditions)
                strictEqual(
                  having,
                  count(
                    serving,
                    (box) => !!box.conditions?.some((one) => one.kind === kind && one.severity === severity),
                  ),
                );
              for (const [field, tally] of [
                ['agent', glance.agents],
                ['model', glance.models],
                ['place', glance.places],
              ] as const) {
                for (const { value, boxes: having } of tally.values)
                  strictEqual(
                    having,
                    count(serving, (box) => (box[field] ?? '') === value),
                    `${field} ${value}`,
                  );
                strictEqual(
                  tally.values.reduce((sum, one) => sum + one.boxes, tally.others.boxes),
                  serving.length,
                );
              }
            };
            await compare(subject.table);
            for (const [id, known] of model) model.set(id, { ...known, online: false });
            await compare(await subject.again());
          } finally {
            await subject.close();
          }
        },
      ),
      { numRuns: 25 },
    );
    t.pass();
  });

  test.test(`${name}: while others change, a box that does not is on exactly one page`, async (t) => {
    const subject = await open(t);
    t.teardown(() => subject.close());
    const now = subject.clock.now();
    const still = Array.from({ length: 60 }, (_, index) => `box-still${String(index).padStart(3, '0')}`);
    const moving = Array.from({ length: 40 }, (_, index) => `box-moves${String(index).padStart(3, '0')}`);
    const kinds = ['hot', 'disk-full'];
    const put = (id: string, index: number) =>
      subject.write(id, {
        box: boxRecord(now, {}),
        life: lifeRecord(now - index * 1000, {
          agent: index % 3 ? '0.9.0' : '0.10.0',
          conditions: index % 2 ? [{ kind: kinds[index % 4 ? 0 : 1]!, severity: 'trouble' }] : [],
        }),
      });
    for (const [index, id] of [...still, ...moving].entries()) await put(id, index);
    let turn = 0;
    const shake = async () => {
      turn += 1;
      const some = [...moving.entries()].filter(([index]) => (index + turn) % 4 === 0);
      await Promise.all(some.map(([index, id]) => put(id, index * 7 + turn * 13)));
    };
    for (const sort of ['attention', 'lastSeen', 'id', 'agent'] as const)
      for (const reverse of [false, true]) {
        const { boxes } = await wholeListing(subject.table, { sort, reverse, limit: 7 }, shake);
        const seen = ids(boxes).filter((id) => id.startsWith('box-still'));
        t.strictSame([...seen].sort(), still, `${sort}${reverse ? ', reversed' : ''}`);
      }
  });

  test.test(`${name}: a search finds by parts of id, label, place and serial number, whatever the case`, async (t) => {
    const subject = await open(t);
    t.teardown(() => subject.close());
    const now = subject.clock.now();
    const place = 'Ōtaki 50% O_k';
    await subject.claim('ab0123456789', {
      label: 'Mrs Nguyen, 4 Rose St',
      ...{ createdAt: now, expiresAt: now + 1000 },
      use: { at: now, keyHash: '', box: 'box-aaaaaaaa', certificate: '' },
    });
    await subject.write('box-aaaaaaaa', { box: { ...boxRecord(now, {}), claim: 'ab0123456789' } });
    await subject.write('box-bbbbbbbb', { box: boxRecord(now, { serial: 'TUI-0042' }), about: { at: now, place } });
    await subject.write('box-cccccccc', { box: boxRecord(now, {}), about: { at: now, label: 'Café Ümlaut' } });
    const find = async (search: string) => ids((await wholeListing(subject.table, { search, sort: 'id' })).boxes);
    t.strictSame(await find('BBBB'), ['box-bbbbbbbb']);
    t.strictSame(
      await find('rose  nguyen'),
      ['box-aaaaaaaa'],
      'every word, in any order; the label is its claim code’s',
    );
    t.strictSame(await find('tui-004'), ['box-bbbbbbbb']);
    t.strictSame(await find('ümlaut'), ['box-cccccccc']);
    t.strictSame(await find('box-'), ['box-aaaaaaaa', 'box-bbbbbbbb', 'box-cccccccc']);
    for (const [search, found] of [
      ['50%', true],
      ['%', true],
      ['_k', true],
      ['5_%', false],
      ["o'", false],
      ['\\', false],
    ] as const)
      t.strictSame(await find(search), found ? ['box-bbbbbbbb'] : [], `${search} is no pattern`);
    await subject.write('box-aaaaaaaa', { about: { at: now, label: 'Mr Tui' } });
    t.strictSame(await find('nguyen'), [], 'what the operator says takes the place of what the code said');
    t.strictSame(await find('mr tui'), ['box-aaaaaaaa']);
  });

  test.test(`${name}: what time brings about is seen without anything being written`, async (t) => {
    const subject = await open(t);
    t.teardown(() => subject.close());
    const now = subject.clock.now();
    await subject.write('box-aaaaaaaa', { box: boxRecord(now, {}) });
    await subject.write('box-bbbbbbbb', { box: boxRecord(now, {}), life: lifeRecord(now, {}) });
    await subject.present('box-bbbbbbbb', true);
    await subject.write('box-cccccccc', { box: boxRecord(now, { gone: 'revoked' }), life: lifeRecord(now, {}) });
    await subject.write('box-dddddddd', { box: boxRecord(now, {}), life: lifeRecord(now + 25 * 60_000, {}) });
    const levels = async () =>
      Object.fromEntries((await subject.table.query({})).boxes.map(({ id, care }) => [id, care?.level]));
    const [a, b, c, d] = ['box-aaaaaaaa', 'box-bbbbbbbb', 'box-cccccccc', 'box-dddddddd'] as const;
    const quiet = { [a]: 'none', [c]: 'none', [d]: 'none' };
    t.strictSame(await levels(), { [b]: 'good', ...quiet });
    subject.clock.advance(39 * 60_000);
    t.strictSame((await subject.table.counts()).care, { trouble: 0, attention: 0, good: 1, none: 3 });
    subject.clock.advance(60_000);
    t.strictSame(await levels(), { [b]: 'attention', ...quiet }, 'here, and silent for long');
    subject.clock.advance(5 * 60_000);
    t.strictSame(await levels(), { ...quiet, [d]: 'trouble', [b]: 'attention' }, 'away for long');
    subject.clock.advance(15 * 60_000);
    t.strictSame(
      await levels(),
      { [d]: 'trouble', [a]: 'attention', [b]: 'attention', [c]: 'none' },
      'never online for an hour',
    );
    t.strictSame(ids((await subject.table.query({ care: ['attention'] })).boxes), [a, b]);
  });

  test.test(
    `${name}: the glance says what changed within the last day, and is shaped as the contract says`,
    async (t) => {
      const subject = await open(t);
      t.teardown(() => subject.close());
      const hour = 3_600_000;
      await subject.record({ type: 'enrolled', box: 'box-aaaaaaaa', text: 'the first' });
      subject.clock.advance(2 * hour);
      await subject.record({ type: 'enrolled', box: 'box-bbbbbbbb', text: 'the second' });
      await subject.record({ type: 'revoked', box: 'box-bbbbbbbb', text: 'gone' });
      const glance = await subject.table.glance();
      t.strictSame(glance.changes.types, [
        { type: 'enrolled', count: 2 },
        { type: 'revoked', count: 1 },
      ]);
      t.ok(check(FleetGlance, glance).ok);
      t.ok(check(FleetPage, await subject.table.query({ limit: 1 })).ok);
      subject.clock.advance(23 * hour);
      t.strictSame((await subject.table.glance()).changes.types, [
        { type: 'enrolled', count: 1 },
        { type: 'revoked', count: 1 },
      ]);
      t.strictSame((await (await subject.again()).glance()).changes.types.length, 2, 'after a start too');
      subject.clock.advance(3 * hour);
      t.strictSame((await subject.table.glance()).changes.types, []);
    },
  );

  test.test(`${name}: a cursor of another filter, of another sort or of nobody is refused`, async (t) => {
    const subject = await open(t);
    t.teardown(() => subject.close());
    const now = subject.clock.now();
    for (const id of ['box-aaaaaaaa', 'box-bbbbbbbb', 'box-cccccccc'])
      await subject.write(id, { box: boxRecord(now, {}) });
    const { next } = await subject.table.query({ limit: 1, state: ['enrolled'] });
    const cursor = next ?? '';
    t.strictSame(ids((await subject.table.query({ limit: 2, state: ['enrolled'], cursor })).boxes), [
      'box-bbbbbbbb',
      'box-cccccccc',
    ]);
    const refused = async (query: FleetQuery) => {
      const error = await subject.table.query(query).catch((reason: unknown) => reason);
      return error instanceof Refusal && error.code === 'cursor-invalid';
    };
    t.ok(await refused({ cursor }));
    t.ok(await refused({ state: ['enrolled'], sort: 'id', cursor }));
    t.ok(await refused({ state: ['enrolled'], reverse: true, cursor }));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.json().map((text) => Buffer.from(text).toString('base64url')),
        ),
        (text) => refused({ cursor: text }),
      ),
      { numRuns: 100 },
    );
  });
}
