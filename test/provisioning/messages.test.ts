/** What a provider carries between apps and their makers: stored before it is answered for, bounded, and given to whom it belongs. */
import t, { type Test } from 'tap';
import type { Parcel, ParcelState } from '#contract/messages.js';
import { streamIdOf } from '#contract/messages.js';
import { Refusal } from '#contract/problems.js';
import type { MailLimits } from '../../provisioning/messages/limits.js';
import type { Desk } from '../../provisioning/messages/messages.js';
import { openMail } from '../../provisioning/messages/messages.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const app = 'example.visits';
const box = 'box-12345678';
const stream = 'a'.repeat(16);
const refuses = (code: string) => ({ name: 'Refusal', code });
const { signal } = new AbortController();
const page = { app, after: '', limit: 100, waitSeconds: 0, signal };
const acme = { id: 'acme' };
const sealed = (text: string): string => `e30..${text.padEnd(4, 'x')}.${'A'.repeat(40)}.AAAA`;
const day = 86_400_000;

async function place(t: Test, wish: { limits?: Partial<MailLimits> } = {}) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const online = new Set([box]);
  const standings = new Map<string, 'good' | 'suspended' | 'expelled'>([
    ['acme', 'good'],
    ['other', 'good'],
  ]);
  const owners: Record<string, string> = { [app]: 'acme', 'example.other': 'other', 'example.orphan': 'nobody' };
  const published: { topic: string; parcel: Parcel }[] = [];
  const refused: string[] = [];
  const fail: { commits: boolean } = { commits: false };
  let store: Store;
  let mail: Awaited<ReturnType<typeof openMail>>;
  let desk: Desk;

  async function open(): Promise<void> {
    store = await openStore(folder);
    await store.commit([
      {
        type: 'put',
        sublevel: store.boxes,
        key: box,
        value: { enrolledAt: 1, claim: '', certificate: { serial: '1', notAfter: 1, keyHash: '', der: '' } },
      },
    ]);
    const kept = store;
    mail = await openMail({
      store: {
        ...kept,
        async commit(operations) {
          if (fail.commits) throw new Refusal('disk-full');
          await kept.commit(operations);
        },
      },
      registry: { owner: (id) => (owners[id] === undefined ? undefined : { owner: owners[id], at: 1 }) },
      members: {
        find(id) {
          const standing = standings.get(id);
          return standing && { standing };
        },
      },
      events: {
        refused: (code: string) => refused.push(code),
        record: () => {},
      } as unknown as Parameters<typeof openMail>[0]['events'],
      online: (id) => online.has(id),
      refusal: (id) => (id === 'box-revoked1' ? 'box-revoked' : undefined),
      mayTell: () => true,
      publish: (topic, payload) => published.push({ topic, parcel: JSON.parse(payload) as Parcel }),
      clock,
      log: { error: (details) => t.fail(JSON.stringify(details)) },
      ...(wish.limits && { limits: wish.limits }),
    });
    desk = mail.desk;
    mail.start();
  }
  async function close(): Promise<void> {
    await mail.stop();
    await store.close();
  }
  await open();
  t.teardown(close);

  /** What the box is told of it. */
  async function up(
    number: number,
    more: { from?: string; of?: string; name?: string; stream?: string; lifeSeconds?: number; text?: string } = {},
  ) {
    const { from = box, of = app, name = 'note' } = more;
    const id = streamIdOf(more.stream ?? stream, number);
    const before = published.length;
    const parcel: Parcel = {
      kind: 'message',
      id,
      expiresAt: clock.now() + (more.lifeSeconds ?? 3600) * 1000,
      sealed: sealed(more.text ?? String(number)),
    };
    const topic = { box: from, direction: 'up', kind: 'app', app: of, name } as const;
    await mail.receive({ box: from, topic, payload: Buffer.from(JSON.stringify(parcel)) });
    const said = published.slice(before).find((one) => one.parcel.id === id)?.parcel;
    return said?.kind === 'refused' ? said.code : said?.kind;
  }
  const say = (parcel: Parcel, from = box, its = app, name = 'note') =>
    mail.receive({
      box: from,
      topic: { box: from, direction: 'up', kind: 'app', app: its, name },
      payload: Buffer.from(JSON.stringify(parcel)),
    });
  const post = (id: string, more: object = {}) =>
    desk.post(acme, { app, box, name: 'note', id, expiresAt: clock.now() + 3_600_000, sealed: sealed(id), ...more });
  const down = (id?: string) =>
    published.filter(
      ({ topic, parcel }) =>
        /\/down\/app\//.test(topic) && parcel.kind === 'message' && (id ?? parcel.id) === parcel.id,
    );
  return {
    ...{ clock, online, standings, published, refused, fail, up, say, post, down },
    mail: () => mail,
    desk: () => desk,
    async again() {
      await close();
      await open();
    },
  };
}

const numbers = (all: { id: string }[]): number[] => all.map(({ id }) => Number.parseInt(id.slice(16), 16));
/** A look, not an event: what it waits for happens behind reads of the store. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

t.test('a message is stored once, in its order, until its member has acknowledged it', async (t) => {
  const { up, desk, again } = await place(t);
  for (const number of [1, 2, 2, 1, 3]) t.equal(await up(number), 'stored');
  await again();
  t.equal(await up(3), 'stored', 'known after a restart');
  const first = await desk().page(acme, page);
  t.same(numbers(first.messages), [1, 2, 3]);
  t.match(first.messages[0], { app, box, name: 'note', sealed: sealed('1') });
  t.same(numbers((await desk().page(acme, { ...page, after: first.messages[0]!.ref })).messages), [2, 3]);
  await desk().acknowledge(acme, app, [first.messages[1]!.ref, first.messages[1]!.ref, '9'.repeat(16)]);
  await Promise.all([1, 2].map(() => desk().acknowledge(acme, app, [first.messages[0]!.ref])));
  await again();
  t.same(numbers((await desk().page(acme, page)).messages), [3]);
  t.equal(await up(1), 'stored', 'what was acknowledged is not stored again');
  t.same(numbers((await desk().page(acme, page)).messages), [3]);
});

t.test('apps and members that are not known, and boxes that have ended, are refused and counted', async (t) => {
  const { up, refused, mail, standings, desk } = await place(t);
  t.equal(await up(1, { of: 'example.unknown' }), 'message-app-unknown');
  t.equal(await up(1, { of: 'example.orphan' }), 'message-app-unknown');
  t.equal(await up(1, { of: 'NoApp' }), 'message-app-unknown');
  t.equal(await up(1, { name: '-' }), 'message-app-unknown');
  t.equal(await up(1, { lifeSeconds: -1 }), 'message-expired');
  t.equal(await up(1, { from: 'box-revoked1' }), undefined, 'dropped without an answer');
  standings.set('acme', 'suspended');
  t.equal(await up(1), 'stored', 'what runs on writes on');
  standings.set('acme', 'expelled');
  t.equal(await up(2), 'message-app-unknown');
  t.equal(refused.length, 7);
  t.match(mail().counts(), { up: 1, down: 0, received: 1, refused: 6 });
  await t.rejects(desk().page({ id: 'other' }, page), refuses('listing-unknown'));
  await t.rejects(desk().acknowledge({ id: 'other' }, app, ['1'.repeat(16)]), refuses('listing-unknown'));
  t.throws(() => desk().state({ id: 'other' }, app, '1'.repeat(32)), refuses('listing-unknown'));
});

t.test('while the disk is full nothing is answered as stored, and what is counted is what is kept', async (t) => {
  const { up, fail, mail, desk } = await place(t);
  fail.commits = true;
  t.equal(await up(1), 'disk-full');
  fail.commits = false;
  t.match(mail().counts(), { up: 0 });
  t.equal(await up(1), 'stored');
  t.same(numbers((await desk().page(acme, page)).messages), [1]);
});

t.test('a box has a share, a member has one, and a box uses so many names', async (t) => {
  const limits = { bytesOfBox: 300, bytesOfMember: 500, bytesForBox: 300, countForBox: 2 };
  const { up, desk, post } = await place(t, { limits });
  for (const number of [1, 2, 3, 4, 5]) t.equal(await up(number), 'stored');
  t.equal(await up(6), 'mailbox-full', 'of one box');
  for (const number of [1, 2, 3, 4]) await up(number, { from: 'box-87654321' });
  t.equal(await up(5, { from: 'box-87654321' }), 'mailbox-full', 'of one member');
  await t.rejects(post('1'.repeat(32)), refuses('mailbox-full'));
  const { messages } = await desk().page(acme, page);
  await desk().acknowledge(
    acme,
    app,
    messages.map(({ ref }) => ref),
  );
  t.equal(await up(6), 'stored');
  await post('1'.repeat(32));
  await post('2'.repeat(32));
  await t.rejects(post('3'.repeat(32)), refuses('inbox-full'), 'for one box');

  const many = await place(t);
  for (let at = 0; at < 100; at += 1) t.equal(await many.up(1, { name: `n${at}` }), 'stored');
  for (const number of [1, 7]) t.equal(await many.up(number, { name: 'more' }), 'message-names-full');
  t.equal(await many.up(2, { name: 'n1' }), 'stored');
});

t.test('what nobody fetches goes when its life is over, and is told', async (t) => {
  const { up, desk, clock, again, mail, post } = await place(t);
  await up(1, { lifeSeconds: 60 });
  await up(2, { lifeSeconds: 7 * 86_400 });
  const { id } = await post('d'.repeat(32), { expiresAt: clock.now() + 60_000 });
  clock.advance(61_000);
  await again();
  await until(
    async () => (await desk().page(acme, page)).expired === 1 && desk().state(acme, app, id).state === 'expired',
  );
  t.match(await desk().page(acme, page), { messages: [{}], expired: 1 });
  t.equal(desk().state(acme, app, id).state, 'expired');
  clock.advance(31 * day);
  await again();
  await until(async () => (await desk().page(acme, page)).expired === 2);
  await again(); // a sweep is whole when the next start comes
  t.match(await desk().page(acme, page), { messages: [], expired: 2 });
  t.throws(() => desk().state(acme, app, id), refuses('message-unknown'));
  t.match(mail().counts(), { up: 0, down: 0 });
});

t.test('who waits is answered by the next message, and only so many wait', async (t) => {
  const { up, desk, clock } = await place(t, { limits: { waitsOfMember: 1 } });
  const isWaiting = async () => (await clock.sleeping()) === 20_000;
  const waiting = desk().page(acme, { ...page, waitSeconds: 20 });
  await until(() => isWaiting());
  await t.rejects(desk().page(acme, { ...page, waitSeconds: 20 }), refuses('too-many-requests'));
  await up(1);
  t.same(numbers((await waiting).messages), [1]);
  const gone = new AbortController();
  const other = desk().page(acme, { ...page, after: '9'.repeat(16), waitSeconds: 20, signal: gone.signal });
  gone.abort();
  t.same((await other).messages, []);
});

t.test('what a member posts is brought to the box in its order, again until the box has it', async (t) => {
  const { up, post, down, say, clock, mail, again, online, desk } = await place(t);
  const [one, two] = ['1'.repeat(32), '2'.repeat(32)];
  await t.rejects(post(one), refuses('message-box-unknown'), 'no box that has not written');
  await up(1);
  await t.rejects(post(one, { box: 'box-87654321' }), refuses('message-box-unknown'));
  t.same(await post(one), { id: one, state: 'waiting' });
  t.same(await post(one), { id: one, state: 'waiting' }, 'the same again is the same');
  await t.rejects(post(one, { sealed: sealed('other') }), refuses('message-id-used'));
  await t.rejects(post(two, { expiresAt: clock.now() }), refuses('message-expired'));
  await post(two);
  await until(() => down(one).length === 1);
  t.equal(down(two).length, 0, 'one of each name at a time');
  clock.advance(60_000);
  await until(() => down(one).length === 2); // again, without an answer
  online.delete(box);
  mail().changed(box);
  await again();
  online.add(box);
  mail().changed(box);
  await until(() => down(one).length === 3); // with the next session
  await say({ kind: 'stored', id: one }, 'box-87654321');
  t.equal(desk().state(acme, app, one).state, 'waiting', 'no other box speaks for it');
  await say({ kind: 'refused', id: one, code: 'inbox-full' });
  t.equal(desk().state(acme, app, one).state, 'waiting', 'later');
  await say({ kind: 'stored', id: one });
  t.equal(desk().state(acme, app, one).state, 'delivered');
  await say({ kind: 'stored', id: one });
  await until(() => down(two).length === 1);
  await say({ kind: 'refused', id: two, code: 'message-forged' });
  t.same(desk().state(acme, app, two), { id: two, state: 'refused', code: 'message-forged' } satisfies ParcelState);
  t.match(mail().counts(), { down: 0 });
  t.same(await post(two), { id: two, state: 'refused', code: 'message-forged' }, 'it is over');
});

t.test('with a box goes what waits for it', async (t) => {
  const { up, post, mail, desk, down } = await place(t);
  await up(1);
  await post('1'.repeat(32));
  await mail().ended(box);
  t.match(desk().state(acme, app, '1'.repeat(32)), { state: 'refused', code: 'box-revoked' });
  await t.rejects(post('2'.repeat(32)), refuses('message-box-unknown'));
  t.match(mail().counts(), { up: 1, down: 0 }, 'what it has said is still its member’s');
  t.ok(down().length <= 1);
});

t.test('what is no parcel is refused and counted', async (t) => {
  const { mail, refused } = await place(t);
  const topic = { box, direction: 'up', kind: 'app', app, name: 'note' } as const;
  for (const payload of ['', '{', '{}', '[]', '{"kind":"message","id":"1"}', JSON.stringify({ kind: 'stored' })])
    await mail().receive({ box, topic, payload: Buffer.from(payload) });
  t.same(new Set(refused), new Set(['message-malformed']));
  t.equal(mail().counts().refused, 6);
});
