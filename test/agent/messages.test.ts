/** Apps' messages on the box: durable, in order, bounded, sent while granted, and given up aloud. */
import { access, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { longestLifeSeconds, mostNames, sequenceOf } from '#contract/messages.js';
import { Refusal } from '#contract/problems.js';
import { call } from '../support/api-box.js';
import { app as apiApp, box as apiBox, refused } from '../support/api-calls.js';
import { app, messageRooms, type Rooms, testClock } from '../support/message-rooms.js';

const refuses = (code: string) => ({ name: 'Refusal', code });
const { signal } = new AbortController();
const page = { limit: 100, waitSeconds: 0, signal };
const hour = 3_600_000;
const mine = 'f'.repeat(32);

const idsOf = (sent: readonly { parcel: { id: string } }[]): string[] => sent.map(({ parcel }) => parcel.id);

/** What the box answers to, as its messages say it. */
async function replyKey(rooms: Rooms) {
  const { id } = await rooms.messages.send(app, { name: 'hello', body: 1 });
  const sent = await rooms.message(id);
  const { reply } = await rooms.open(sent);
  rooms.store(sent);
  return reply;
}

t.test(
  'what was answered for is sent in its order, again until the provider has stored it, and then forgotten',
  async (t) => {
    const rooms = await messageRooms(t);
    const { messages } = rooms;
    const first = await messages.send(app, { name: 'note', body: { n: 1 } });
    const second = await messages.send(app, { name: 'note', bodyBase64: 'AAEC', contentType: 'image/png' });
    const other = await messages.send(app, { name: 'alarm', body: 'fire' });
    t.match(second.counts, { outgoing: { waiting: 2, dropped: {} }, incoming: { waiting: 0 } });
    t.same(sequenceOf(second.id), { stream: sequenceOf(first.id).stream, sequence: 2 });
    t.not(sequenceOf(other.id).stream, sequenceOf(first.id).stream);

    await rooms.again();
    await rooms.connect();
    const sent = await rooms.until(2);
    t.same(idsOf(sent).sort(), [first.id, other.id].sort(), 'one of each name is on its way');
    const [note] = sent.filter(({ name }) => name === 'note');
    t.match(await rooms.open(note!), {
      id: first.id,
      app,
      name: 'note',
      time: 'authenticated',
      release: 'a'.repeat(64),
    });
    await rooms.disconnect();

    await rooms.connect();
    const again = (await rooms.until(4)).slice(2);
    t.same(idsOf(again).sort(), [first.id, other.id].sort(), 'without an answer it is sent again');
    for (const one of again) rooms.store(one);
    const [last] = (await rooms.until(5)).slice(4);
    const opened = await rooms.open(last!);
    t.match(opened, { id: second.id, contentType: 'image/png', body: 'AAEC' });
    rooms.store(last!);
    await rooms.again();
    t.match((await rooms.messages.list(app, page)).counts, { outgoing: { waiting: 0, usedBytes: 0, dropped: {} } });
  },
);

t.test('the same request under the same key is the same message, also after a restart', async (t) => {
  const rooms = await messageRooms(t);
  const note = { name: 'note', body: { n: 1 } };
  const [one, two] = await Promise.all([rooms.messages.send(app, note, 'k'), rooms.messages.send(app, note, 'k')]);
  t.equal(one.id, two.id);
  await rooms.again();
  t.equal((await rooms.messages.send(app, note, 'k')).id, one.id);
  t.not((await rooms.messages.send('example.other', note, 'k')).id, one.id, 'keys are an app’s own');
  await t.rejects(rooms.messages.send(app, { ...note, body: 2 }, 'k'), refuses('idempotency-key-reused'));
  t.equal((await rooms.messages.list(app, page)).counts.outgoing.waiting, 1);
});

t.test('a number is given once and without holes, whatever fails in between', async (t) => {
  const rooms = await messageRooms(t);
  const send = () => rooms.messages.send(app, { name: 'note', body: 'x' });
  await send();
  rooms.onCommit.before = () => {
    throw Object.assign(new Error('IO error: No space left on device'), { code: 'LEVEL_IO_ERROR' });
  };
  for (const result of await Promise.allSettled([send(), send(), send()])) t.equal(result.status, 'rejected');
  delete rooms.onCommit.before;
  const after = await Promise.all(Array.from({ length: 20 }, send));
  t.same(
    after.map(({ id }) => sequenceOf(id).sequence),
    Array.from({ length: 20 }, (_, at) => at + 2),
  );
});

t.test('an app has a share, all apps together have one, and what is beyond is refused with what to do', async (t) => {
  const rooms = await messageRooms(t, { limits: { bytesOfApp: 4000, bytes: 6000, countOfApp: 3 } });
  const note = (bytes: number) => ({ name: 'note', body: 'x'.repeat(bytes) });
  await rooms.messages.send(app, note(2000));
  await t.rejects(rooms.messages.send(app, note(2000)), refuses('outbox-full'));
  await rooms.messages.send(app, note(100));
  await rooms.messages.send(app, note(100));
  await t.rejects(rooms.messages.send(app, note(1)), refuses('outbox-full'), 'so many of one app');
  await t.rejects(rooms.messages.send('example.other', note(2500)), refuses('outbox-full'), 'of all together');
  t.equal(new Refusal('outbox-full').status, 507);
  await rooms.messages.forget(app);
  await rooms.messages.send('example.other', note(2500));

  const many = await messageRooms(t);
  for (let at = 0; at < mostNames; at += 1) await many.messages.send(app, { name: `n${at}`, body: 1 });
  await t.rejects(many.messages.send(app, { name: 'more', body: 1 }), refuses('message-names-full'));
  await many.messages.send(app, { name: 'n1', body: 1 });
  await many.messages.send('example.other', { name: 'more', body: 1 });
});

t.test('nothing goes without the grant: what waits goes when it is given again, or is over', async (t) => {
  const rooms = await messageRooms(t);
  rooms.granted.delete(app);
  const { id } = await rooms.messages.send(app, { name: 'note', body: 1 });
  const { id: others } = await rooms.messages.send('example.other', { name: 'note', body: 1 });
  const carrier = await rooms.connect();
  t.same(idsOf(await rooms.until(1)), [others]);
  t.equal((await rooms.messages.list(app, page)).counts.outgoing.waiting, 1);
  rooms.granted.add(app);
  carrier.wake();
  t.same(idsOf(await rooms.until(2)), [others, id]);
});

t.test('what is not delivered in its life is given up, counted, and told', async (t) => {
  const rooms = await messageRooms(t);
  const { id } = await rooms.messages.send(app, { name: 'note', body: 1, lifeSeconds: 60 });
  await rooms.messages.send(app, { name: 'note', body: 2 });
  rooms.clock.set(rooms.clock.now() + 61_000, true);
  while (rooms.news.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.match(rooms.news, [{ type: 'message-dropped', app, id, name: 'note', code: 'message-expired' }]);
  await rooms.again();
  const { outgoing } = (await rooms.messages.list(app, page)).counts;
  t.match(outgoing, { waiting: 1, dropped: { 'message-expired': 1 } });
});

t.test(
  'on a box that does not know the time a message waits, and its life begins when the time is known',
  async (t) => {
    const past = Date.now() - 400 * 24 * hour;
    const rooms = await messageRooms(t, { clock: testClock(past, false) });
    const { id } = await rooms.messages.send(app, { name: 'note', body: 1, lifeSeconds: 3600 });
    await rooms.connect();
    await rooms.again();
    await rooms.connect();
    rooms.clock.set(past + 2 * hour, false);
    t.same(rooms.sent, [], 'not before the time is known');
    const now = past + 300 * 24 * hour;
    rooms.clock.set(now, true);
    const [sent] = await rooms.until(1);
    t.same(idsOf([sent!]), [id]);
    t.match(await rooms.open(sent!), { time: 'unknown' });
    t.same(rooms.news, []);
    if (sent!.parcel.kind === 'message')
      t.ok(sent!.parcel.expiresAt >= now + hour && sent!.parcel.expiresAt < now + 2 * hour);
  },
);

t.test(
  'what the provider will never take is given up and holds up nothing; what it does not want now is kept',
  async (t) => {
    const rooms = await messageRooms(t);
    const poison = await rooms.messages.send(app, { name: 'note', body: 'poison' });
    const good = await rooms.messages.send(app, { name: 'note', body: 'good' });
    await rooms.connect();
    const [first] = await rooms.until(1);
    t.equal(first!.parcel.id, poison.id);
    rooms.hear({ kind: 'refused', id: poison.id, code: 'message-app-unknown' });
    const [, second] = await rooms.until(2);
    t.equal(second!.parcel.id, good.id);
    t.match(rooms.news, [{ type: 'message-dropped', id: poison.id, code: 'message-app-unknown' }]);
    rooms.hear({ kind: 'refused', id: good.id, code: 'mailbox-full' });
    rooms.hear({ kind: 'refused', id: 'e'.repeat(32), code: 'never heard of' });
    rooms.hear({ kind: 'stored', id: good.id }, { name: 'elsewhere' });
    const other = await rooms.messages.send(app, { name: 'alarm', body: 1 });
    t.equal((await rooms.until(3))[2]!.parcel.id, other.id, 'a lane that rests holds up no other');
    const { outgoing } = (await rooms.messages.list(app, page)).counts;
    t.match(outgoing, { waiting: 2, dropped: { 'message-app-unknown': 1 } });
    rooms.hear({ kind: 'refused', id: other.id, code: 'of a later version' }, { name: 'alarm' });
    while (rooms.news.length < 2) await new Promise((resolve) => setImmediate(resolve));
    t.match(rooms.news[1], { id: other.id, code: 'message-refused' });
  },
);

t.test('a message that the broker ends the session at is given up in the end; one too large at once', async (t) => {
  const rooms = await messageRooms(t);
  const { id } = await rooms.messages.send(app, { name: 'note', body: 'x' });
  for (let at = 0; at < 5; at += 1) {
    let end = (_: Error): void => {};
    const carrier = rooms.messages.open({
      ...{ box: 'box-12345678', maxPacketBytes: 256 * 1024, isBusy: () => false },
      publish(to, payload) {
        rooms.sent.push({ ...to, parcel: JSON.parse(payload) });
        return new Promise((_, reject) => {
          end = reject;
        });
      },
    });
    await rooms.until(at + 1);
    end(new Error('the session ended'));
    await carrier.stop({ byBroker: true });
  }
  t.match(rooms.news, [{ type: 'message-dropped', id, code: 'publish-refused' }]);
  const large = await rooms.messages.send(app, { name: 'note', body: 'x'.repeat(10_000) });
  await rooms.connect({ maxPacketBytes: 8192 });
  while (rooms.news.length < 2) await new Promise((resolve) => setImmediate(resolve));
  t.match(rooms.news[1], { id: large.id, code: 'message-too-large' });
});

t.test('while samples are on their way messages go one at a time', async (t) => {
  const rooms = await messageRooms(t);
  for (const name of ['a', 'b', 'c']) await rooms.messages.send(app, { name, body: 1 });
  await rooms.connect({ busy: true });
  const [first] = await rooms.until(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(rooms.sent.length, 1);
  rooms.store(first!);
  await rooms.until(2);
});

t.test('what the maker sends is there for the app until it deletes it, once, and survives a restart', async (t) => {
  const rooms = await messageRooms(t);
  await rooms.connect();
  const to = await replyKey(rooms);
  const parcel = await rooms.seal({ id: mine, to });
  rooms.hear(parcel);
  t.match(await rooms.until(1, 'stored'), [{ app, name: 'note', parcel: { kind: 'stored', id: mine } }]);
  rooms.hear(parcel);
  await rooms.until(2, 'stored');
  t.same(rooms.news, [{ type: 'message', app, at: rooms.news[0]!.at, id: mine, name: 'note' }], 'told once');
  await rooms.again();
  const { messages, cursor } = await rooms.messages.list(app, page);
  t.match(messages, [{ id: mine, name: 'note', contentType: 'application/json', body: { hello: mine } }]);
  t.same((await rooms.messages.list('example.other', page)).messages, [], 'it is this app’s');
  t.same((await rooms.messages.list(app, { ...page, cursor: cursor! })).messages, []);
  await t.rejects(rooms.messages.list(app, { ...page, cursor: 'x' }), refuses('cursor-invalid'));
  await t.rejects(rooms.messages.remove('example.other', mine), refuses('message-unknown'));
  await rooms.messages.remove(app, mine);
  await t.rejects(rooms.messages.remove(app, mine), refuses('message-unknown'));
  await rooms.again();
  await rooms.connect();
  rooms.hear(parcel);
  await rooms.until(3, 'stored');
  t.same((await rooms.messages.list(app, page)).messages, [], 'what was deleted does not come back');
});

t.test('who waits for a message is woken by it, and only so many may wait', async (t) => {
  const rooms = await messageRooms(t, { limits: { waitsOfApp: 1 } });
  await rooms.connect();
  const to = await replyKey(rooms);
  const waiting = rooms.messages.list(app, { ...page, waitSeconds: 20 });
  let refused: unknown;
  while (refused === undefined)
    await rooms.messages.list(app, { ...page, waitSeconds: 0.001 }).catch((error: unknown) => {
      refused = error;
    });
  t.match(refused, refuses('messages-waits-too-many'), 'once the first waits');
  rooms.hear(await rooms.seal({ id: mine, to, body: 'now' }));
  t.match((await waiting).messages, [{ id: mine, body: 'now' }]);
  const over = new AbortController();
  const given = rooms.messages.list(app, {
    ...page,
    cursor: (await waiting).cursor!,
    waitSeconds: 20,
    signal: over.signal,
  });
  over.abort();
  t.same((await given).messages, []);
});

t.test('a full inbox sends nothing back for good; without the grant nothing is taken', async (t) => {
  const rooms = await messageRooms(t, { limits: { countOfApp: 1 } });
  await rooms.connect();
  const to = await replyKey(rooms);
  rooms.hear(await rooms.seal({ id: mine, to }));
  await rooms.until(1, 'stored');
  const next = await rooms.seal({ id: 'e'.repeat(32), to });
  rooms.hear(next);
  t.match(await rooms.until(1, 'refused'), [{ parcel: { code: 'inbox-full' } }]);
  await rooms.messages.remove(app, mine);
  rooms.granted.delete(app);
  rooms.hear(next);
  t.match((await rooms.until(2, 'refused'))[1], { parcel: { code: 'grant-missing' } });
  rooms.granted.add(app);
  rooms.hear(next);
  await rooms.until(2, 'stored');
  t.match((await rooms.messages.list(app, page)).counts.incoming, { waiting: 1, dropped: {} });
});

t.test('what nobody reads in its life is given up aloud', async (t) => {
  const rooms = await messageRooms(t);
  await rooms.connect();
  const to = await replyKey(rooms);
  rooms.hear(await rooms.seal({ id: mine, to, lifeSeconds: 60 }));
  await rooms.until(1, 'stored');
  rooms.clock.set(rooms.clock.now() + 62_000, true);
  while (rooms.news.length < 2) await new Promise((resolve) => setImmediate(resolve));
  t.match(rooms.news[1], { type: 'message-dropped', id: mine, code: 'message-expired' });
  t.match(await rooms.messages.list(app, page), {
    messages: [],
    counts: { incoming: { waiting: 0, dropped: { 'message-expired': 1 } } },
  });
});

t.test('bodies lie locked in the store, and with the app its key is destroyed', async (t) => {
  const rooms = await messageRooms(t);
  await rooms.messages.send(app, { name: 'note', body: 'a-very-secret-word' });
  await rooms.messages.send('example.other', { name: 'note', body: 1 });
  await rooms.connect();
  const to = await replyKey(rooms);
  const parcel = await rooms.seal({ id: mine, to, body: 'another-secret-word' });
  rooms.hear(parcel);
  await rooms.until(1, 'stored');
  const file = path.join(rooms.folder, 'message-keys', `${app}.json`);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  await rooms.messages.forget(app);
  await rooms.messages.forget(app);
  await t.rejects(access(file));
  t.match(await rooms.messages.list(app, page), {
    messages: [],
    counts: { outgoing: { waiting: 0 }, incoming: { waiting: 0 } },
  });
  t.equal((await rooms.messages.list('example.other', page)).counts.outgoing.waiting, 1, 'other apps keep theirs');
  rooms.hear(parcel);
  t.match(await rooms.until(1, 'refused'), [{ parcel: { code: 'message-unreadable' } }]);
  await rooms.close();
  const store = path.join(rooms.folder, 'store');
  const all = await Promise.all((await readdir(store)).map((name) => readFile(path.join(store, name)).catch(() => '')));
  for (const word of ['a-very-secret-word', 'another-secret-word'])
    t.notOk(
      all.some((bytes) => bytes.includes(word)),
      word,
    );
});

t.test('what a damaged disk has made unreadable is given up aloud, and holds up nothing', async (t) => {
  const rooms = await messageRooms(t);
  await rooms.connect();
  const to = await replyKey(rooms);
  rooms.hear(await rooms.seal({ id: mine, to }));
  await rooms.until(1, 'stored');
  await rooms.disconnect();
  const lost = await rooms.messages.send(app, { name: 'note', body: 1 });
  await rooms.close();
  await rm(path.join(rooms.folder, 'message-keys', `${app}.json`)); // and another is made for what comes
  await rooms.again();
  const { id } = await rooms.messages.send(app, { name: 'note', body: 2 });
  await rooms.connect();
  await rooms.message(id);
  t.match(rooms.news.at(-1), { type: 'message-dropped', id: lost.id, code: 'message-unreadable' });
  t.same((await rooms.messages.list(app, page)).messages, []);
  t.match((await rooms.messages.list(app, page)).counts, {
    outgoing: { dropped: { 'message-unreadable': 1 } },
    incoming: { waiting: 0, dropped: { 'message-unreadable': 1 } },
  });
});

t.test('an app that is no release with a key has nobody to write to', async (t) => {
  const rooms = await messageRooms(t);
  rooms.bindings.delete('example.other');
  await t.rejects(rooms.messages.send('example.other', { name: 'n', body: 1 }), refuses('messages-unreleased'));
  rooms.bindings.set(app, { ...rooms.bindings.get(app)!, key: undefined });
  await t.rejects(rooms.messages.send(app, { name: 'n', body: 1 }), refuses('messages-unreleased'));
});

/** The calls of an app, with the room behind them. */
async function desk(t: Test) {
  const rooms = await messageRooms(t);
  const api = await apiBox(t, [apiApp(app, { grants: ['messages'] }), apiApp('poor', { grants: [] })], {
    features: { messages: rooms.messages },
  });
  const post = (body: unknown, key?: string, who = app) =>
    call(api.socket(who), 'POST', '/v1/messages', {
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
      body: JSON.stringify(body),
    });
  const get = (query = '', who = app) => call(api.socket(who), 'GET', `/v1/messages${query}`);
  return { rooms, api, post, get };
}

t.test('over the API: 202 when it is on the disk, listed, deleted, refused with codes', async (t) => {
  const { rooms, api, post, get } = await desk(t);
  const answer = await post({ name: 'note', body: { n: 1 } }, 'one');
  t.equal(answer.status, 202);
  t.match(answer.json, { name: 'note', counts: { outgoing: { waiting: 1 } } });
  t.same((await post({ name: 'note', body: { n: 1 } }, 'one')).json, answer.json);
  refused(t, await post({ name: 'note', body: 2 }, 'one'), 'idempotency-key-reused');
  refused(t, await post({ name: 'note', body: 2 }, 'with blank'), 'idempotency-key-invalid');
  refused(t, await post({ name: 'note', body: 1 }, undefined, 'poor'), 'grant-missing');
  refused(t, await get('', 'poor'), 'grant-missing');
  for (const body of [
    { name: 'note' },
    { name: 'note', body: 1, bodyBase64: 'AA==' },
    { name: 'note', bodyBase64: 'A' },
    { name: 'Note', body: 1 },
    { name: 'a/b', body: 1 },
    { name: 'note', body: 1, lifeSeconds: 59 },
    { name: 'note', body: 1, lifeSeconds: longestLifeSeconds + 1 },
    { name: 'note', body: 1, contentType: 'a\nb' },
    { name: 'note', body: 1, to: 'somebody' },
  ])
    refused(t, await post(body), 'body-invalid');
  refused(t, await post({ name: 'note', body: 'x'.repeat(64 * 1024) }), 'body-too-large');
  t.equal((await post({ name: 'note', body: 'x'.repeat(64 * 1024 - 2) })).status, 202);
  refused(t, await get('?limit=0'), 'body-invalid');
  refused(t, await get('?cursor=abc'), 'cursor-invalid');

  await rooms.connect();
  const to = await replyKey(rooms);
  const listing = get('?waitSeconds=20');
  rooms.hear(await rooms.seal({ id: mine, to, body: { ok: true } }));
  t.match((await listing).json, { messages: [{ id: mine, body: { ok: true } }] });
  const remove = (id: string) => call(api.socket(app), 'DELETE', `/v1/messages/${id}`);
  t.equal((await remove(mine)).status, 204);
  refused(t, await remove(mine), 'message-unknown');
  refused(t, await remove('..'), 'message-unknown');
});
