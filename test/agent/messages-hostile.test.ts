/** A provider that means harm carries the messages: it swaps, replays, reorders, cuts, redirects and alters, and gets nowhere. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { signRotation } from '#common/archive/release.js';
import { publicJwkOf, signJws } from '#common/jws.js';
import { decrypt, encrypt } from '#common/messages/jwe.js';
import { openBoxMessage, openMemberMessage } from '#common/messages/seal.js';
import { newPrivateKey } from '#common/pki/keys.js';
import {
  boxMessageType,
  longestLifeSeconds,
  memberMessageType,
  type Parcel,
  type StoredParcel,
  sequenceOf,
  streamIdOf,
} from '#contract/messages.js';
import { Refusal } from '#contract/problems.js';
import { createBackend, type Message } from '../../sdk/backend/backend.js';
import type { Remembered } from '../../sdk/backend/memory.js';
import { app, boxId, messageRooms, type Rooms, type Sent, testCa, testClock } from '../support/message-rooms.js';

const { signal } = new AbortController();
const page = { limit: 100, waitSeconds: 0, signal };
const day = 86_400_000;
let count = 0;
const newId = (): string => {
  count += 1;
  return count.toString(16).padStart(32, '0');
};

async function way(t: Test, wish: Parameters<typeof messageRooms>[1] = {}) {
  const rooms = await messageRooms(t, wish);
  await rooms.connect();
  const { id } = await rooms.messages.send(app, { name: 'hello', body: 1 });
  const sent = await rooms.message(id);
  const { reply } = await rooms.open(sent);
  rooms.store(sent);
  /** What the box says of a parcel: `stored`, or the code. */
  async function answer(parcel: Parcel, at: { app?: string; name?: string } = {}): Promise<string> {
    const before = rooms.sent.length;
    rooms.hear(parcel, at);
    for (;;) {
      const said = rooms.sent.slice(before).find((one) => one.parcel.kind !== 'message' && one.parcel.id === parcel.id);
      if (said) return said.parcel.kind === 'refused' ? said.parcel.code : said.parcel.kind;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { rooms, reply, answer };
}

t.test('downwards: what is not whole, not for this place, or not by the member is not taken', async (t) => {
  const { rooms, reply, answer } = await way(t);
  const { maker } = rooms;
  const right = await rooms.seal({ id: newId(), to: reply });
  const parts = right.sealed.split('.');

  for (const [index, part] of parts.entries()) {
    if (part === '') continue;
    const flipped = `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`;
    const sealed = parts.with(index, flipped).join('.');
    t.equal(await answer({ ...right, sealed }), 'message-unreadable', `part ${index} altered`);
  }
  t.equal(await answer({ ...right, sealed: right.sealed.slice(0, -4) }), 'message-unreadable', 'cut off');
  t.equal(await answer({ ...right, id: newId() }), 'message-misdirected', 'under another id');
  t.equal(await answer(right, { name: 'other' }), 'message-misdirected', 'under another name');
  t.equal(await answer(right, { app: 'example.other' }), 'message-unreadable', 'to another app');
  t.equal(await answer(right, { app: 'example.none' }), 'app-unknown', 'to an app that is not here');
  t.equal(await answer(await rooms.seal({ id: newId(), to: reply, box: 'box-87654321' })), 'message-misdirected');
  t.equal(await answer(await rooms.seal({ id: newId(), to: reply, app: 'example.other' })), 'message-misdirected');

  const stranger = newPrivateKey();
  t.equal(await answer(await rooms.seal({ id: newId(), to: reply, key: stranger })), 'message-forged', "a stranger's");
  t.equal(
    await answer(await rooms.seal({ id: newId(), to: maker.messageJwk })),
    'message-unreadable',
    'to another key',
  );
  const id = newId();
  t.equal(await answer({ ...right, id, sealed: await encrypt('no message', reply) }), 'message-forged');
  const other = await signJws({ type: 'webizen-release+jws', payload: Buffer.from('{}'), key: maker.key });
  t.equal(
    await answer({ ...right, id, sealed: await encrypt(other, reply) }),
    'message-forged',
    'signed as something else',
  );
  const odd = await signJws({ type: memberMessageType, payload: Buffer.from('{"id":1}'), key: maker.key });
  t.equal(
    await answer({ ...right, id, sealed: await encrypt(odd, reply) }),
    'message-forged',
    'signed, and no message',
  );

  t.same((await rooms.messages.list(app, page)).messages, []);
  t.equal(await answer(right), 'stored', 'all the while the right one is good');
  const { incoming } = (await rooms.messages.list(app, page)).counts;
  t.ok((incoming.dropped['message-unreadable'] ?? 0) >= 5 && incoming.dropped['message-forged'] === 4);
});

t.test(
  'downwards: a message opened and encrypted anew to another app of the same maker says for which it was',
  async (t) => {
    const { rooms, answer } = await way(t);
    const { id } = await rooms.messages.send('example.other', { name: 'hello', body: 1 });
    const { reply } = await rooms.open(await rooms.message(id));
    const elsewhere = await rooms.seal({ id: newId(), to: reply, app: 'example.other' });
    t.equal(await answer(elsewhere, { app: 'example.other' }), 'stored');
    const again = await rooms.seal({ id: newId(), to: reply, app });
    t.equal(await answer(again, { app: 'example.other' }), 'message-misdirected');
  },
);

t.test('downwards: nothing is taken twice, whatever is forgotten, and whatever the clock says', async (t) => {
  const clock = testClock();
  const { rooms, reply, answer } = await way(t, { clock, limits: { seenOfApp: 4 } });
  const first = await rooms.seal({ id: newId(), to: reply, lifeSeconds: 3600 });
  t.equal(await answer(first), 'stored');
  await rooms.messages.remove(app, first.id);
  t.equal(await answer(first), 'stored', 'again, and not taken');
  t.same((await rooms.messages.list(app, page)).messages, []);

  // Past its life its id is forgotten with the next message; then a box that has lost the time believes in an earlier one.
  const start = clock.now();
  clock.set(start + day, true);
  const second = await rooms.seal({ id: newId(), to: reply, lifeSeconds: 3600 });
  t.equal(await answer(second), 'stored');
  clock.set(start, false);
  t.equal(await answer(first), 'message-replayed');
  clock.set(start + day, true);

  // So many others come that it is forgotten though it lives.
  for (let at = 0; at < 5; at += 1)
    t.equal(await answer(await rooms.seal({ id: newId(), to: reply, at: clock.now() + 1000 + at })), 'stored');
  await rooms.messages.remove(app, second.id);
  t.equal(await answer(second), 'message-replayed');
  await rooms.again();
  await rooms.connect();
  t.equal(await answer(first), 'message-expired');
  t.equal(await answer(second), 'message-replayed', 'also after a restart');
});

t.test(
  'downwards: a message of another time is not taken; one that does not know the time takes what may be right',
  async (t) => {
    const clock = testClock();
    const { rooms, reply, answer } = await way(t, { clock });
    const now = clock.now();
    t.equal(
      await answer(await rooms.seal({ id: newId(), to: reply, at: now - 2 * day, lifeSeconds: 3600 })),
      'message-expired',
    );
    t.equal(await answer(await rooms.seal({ id: newId(), to: reply, at: now + day })), 'message-untimely');
    const long = { id: newId(), to: reply, lifeSeconds: longestLifeSeconds + 1 };
    t.equal(await answer(await rooms.seal(long)), 'message-untimely', 'an id cannot be remembered for ever');
    const ahead = await rooms.seal({ id: newId(), to: reply, at: now + 100 * day });
    clock.set(now, false);
    t.equal(await answer(ahead), 'stored');
  },
);

t.test('downwards: a rotation is followed as installations follow it, and the key before counts no more', async (t) => {
  const { rooms, reply, answer } = await way(t);
  const { maker } = rooms;
  const [next, stranger] = [newPrivateKey(), newPrivateKey()];
  const jwk = await publicJwkOf(next);
  const rotation = [await signRotation({ member: 'acme', jwk, at: 1, key: maker.key })];
  const by = (key: typeof next, more: string[] = []) => rooms.seal({ id: newId(), to: reply, key, rotation: more });

  t.equal(await answer(await by(next)), 'message-forged', 'without the statement');
  const forged = [await signRotation({ member: 'acme', jwk, at: 1, key: stranger })];
  t.equal(await answer(await by(next, forged)), 'message-forged', 'by a stranger');
  const others = [await signRotation({ member: 'other', jwk, at: 1, key: maker.key })];
  t.equal(await answer(await by(next, others)), 'message-forged', 'of another member');
  t.equal(await answer(await by(maker.key)), 'stored');
  t.equal(await answer(await by(next, rotation)), 'stored');
  t.equal(await answer(await by(maker.key)), 'message-forged', 'the old key is over');
  await rooms.again();
  await rooms.connect();
  t.equal(await answer(await by(maker.key)), 'message-forged', 'after a restart too');
  t.equal(await answer(await by(next, rotation)), 'stored');
  rooms.bindings.set(app, { ...rooms.bindings.get(app)!, bound: jwk });
  t.equal(await answer(await by(next)), 'stored', 'installed anew it is bound to that key');
});

/** A maker's server whose provider answers with the parcels that the test lays down. */
function server(rooms: Rooms, pages: StoredParcel[][]) {
  const kept: { now: Remembered } = { now: { streams: {}, replies: {} } };
  const acknowledged: string[] = [];
  const posted: unknown[] = [];
  let at = 0;
  const reply = (status: number, body: unknown) => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) });
  const open = () =>
    createBackend({
      app,
      keys: new Map([[rooms.maker.messageJwk.kid, rooms.maker.messageKey]]),
      member: { key: rooms.maker.key, rotation: [] },
      anchors: [rooms.root.certificate],
      prove: async () => ({}),
      memory: {
        load: async () => structuredClone(kept.now),
        save: async (now) => {
          kept.now = structuredClone(now);
        },
      },
      now: rooms.clock.now,
      https: {
        origin: 'https://provider.example',
        close: () => {},
        async call({ method, path, body }) {
          if (method === 'GET') {
            const messages = pages[at] ?? [];
            at += 1;
            return reply(200, { messages, cursor: messages.at(-1)?.ref ?? null, expired: 0 });
          }
          const said = JSON.parse(String(body)) as { refs?: string[]; id?: string };
          if (path.endsWith('/acknowledge')) {
            acknowledged.push(...(said.refs ?? []));
            return reply(204, {});
          }
          posted.push(said);
          return reply(202, { id: said.id, state: 'waiting' });
        },
      },
    });
  return { open, acknowledged, posted, kept };
}

/** What the server believes, and what not. */
async function follow(
  backend: ReturnType<typeof createBackend>,
  total: number,
): Promise<{ believed: Message[]; disbelieved: string[] }> {
  const over = new AbortController();
  const believed: Message[] = [];
  const disbelieved: string[] = [];
  const check = (): void => {
    if (believed.length + disbelieved.length >= total) over.abort();
  };
  const onDisbelieved = ({ code }: { code: string }): void => {
    disbelieved.push(code);
    check();
  };
  for await (const message of backend.follow({ signal: over.signal, onDisbelieved })) {
    believed.push(message);
    await message.done();
    check();
  }
  return { believed, disbelieved };
}

async function sentMessages(t: Test, many: number) {
  const { rooms } = await way(t);
  const sent: Sent[] = [];
  for (let at = 0; at < many; at += 1) {
    const { id } = await rooms.messages.send(app, { name: 'note', body: at });
    const one = await rooms.message(id);
    sent.push(one);
    rooms.store(one);
  }
  let ref = 0;
  const stored = ({ app: its, name, parcel }: Sent, more: Partial<StoredParcel> = {}): StoredParcel => {
    if (parcel.kind !== 'message') throw new Error('no message');
    ref += 1;
    const { id, expiresAt, sealed } = parcel;
    return { ref: String(ref).padStart(16, '0'), app: its, box: boxId, name, id, at: 1, expiresAt, sealed, ...more };
  };
  return { rooms, sent, stored };
}

t.test('upwards: replayed, reordered and withheld messages are noticed, and each is believed once', async (t) => {
  const { rooms, sent, stored } = await sentMessages(t, 4);
  const [one, two, three, four] = sent as [Sent, Sent, Sent, Sent];
  const { open, acknowledged } = server(rooms, [
    [stored(one), stored(three), stored(one), stored(two)],
    [stored(four), stored(three)],
  ]);
  const { believed, disbelieved } = await follow(open(), 6);
  t.same(
    believed.map(({ id, missed }) => [id, missed]),
    [
      [one.parcel.id, 0],
      [three.parcel.id, 1],
      [four.parcel.id, 0],
    ],
  );
  t.same(disbelieved, ['message-replayed', 'message-replayed', 'message-replayed']);
  t.equal(acknowledged.length, 6, 'none of them holds up another');
});

t.test(
  'upwards: after a restart what was taken care of is not believed again, and what was not comes again',
  async (t) => {
    const { rooms, sent, stored } = await sentMessages(t, 2);
    const [one, two] = sent as [Sent, Sent];
    const { open } = server(rooms, [
      [stored(one), stored(two)],
      [stored(one), stored(two)],
    ]);
    const over = new AbortController();
    for await (const message of open().follow({ signal: over.signal })) {
      t.equal(message.id, one.parcel.id);
      await message.done();
      break;
    }
    const { believed, disbelieved } = await follow(open(), 2);
    t.match(believed, [{ id: two.parcel.id, missed: 0 }]);
    t.same(disbelieved, ['message-replayed']);
  },
);

t.test('upwards: what is altered, redirected, or signed by nobody known is put away', async (t) => {
  const { rooms, sent, stored } = await sentMessages(t, 1);
  const [one] = sent as [Sent];
  const { stream } = sequenceOf(one.parcel.id);
  const { maker } = rooms;
  const said = await rooms.open(one);
  /** Signed by whoever holds this, with these certificates. */
  async function signed(ca: Awaited<ReturnType<typeof testCa>>, change: object = {}, to = maker.messageJwk) {
    const x5c = [ca.leaf, ca.issuing].map(({ certificate }) => certificate.raw.toString('base64'));
    const payload = Buffer.from(JSON.stringify({ ...said, ...change }));
    const jws = await signJws({ type: boxMessageType, payload, key: ca.leaf.key, header: { x5c } });
    return { sealed: await encrypt(jws, to) };
  }
  const parts = stored(one).sealed.split('.');
  const strangers = await testCa();
  const bad: [string, StoredParcel][] = [
    ...[0, 2, 3, 4].map((index): [string, StoredParcel] => [
      'message-unreadable',
      stored(one, {
        sealed: parts.with(index, `${parts[index]!.startsWith('A') ? 'B' : 'A'}${parts[index]!.slice(1)}`).join('.'),
      }),
    ]),
    ['message-misdirected', stored(one, { box: 'box-87654321' })],
    ['message-misdirected', stored(one, { name: 'other' })],
    ['message-misdirected', stored(one, { id: streamIdOf(stream, 9) })],
    ['message-misdirected', stored(one, { app: 'example.other' })],
    ['message-forged', stored(one, await signed(strangers))],
    ['message-forged', stored(one, await signed(await testCa('box-87654321')))],
    ['message-unreadable', stored(one, await signed(strangers, {}, await publicJwkOf(newPrivateKey())))],
    ['message-forged', stored(one, { sealed: await encrypt('nothing', maker.messageJwk) })],
  ];
  const { open, acknowledged, kept } = server(rooms, [[...bad.map(([, parcel]) => parcel), stored(one)]]);
  const { believed, disbelieved } = await follow(open(), bad.length + 1);
  t.same(
    disbelieved,
    bad.map(([code]) => code),
  );
  t.match(believed, [{ id: one.parcel.id }]);
  t.equal(acknowledged.length, bad.length + 1);
  t.equal(kept.now.replies[`${boxId}/${app}`]?.kid, said.reply.kid, 'no foreign key was learned');
});

t.test('upwards: a message is judged at the time when it was signed, and that must be near', async (t) => {
  const { rooms, sent, stored } = await sentMessages(t, 1);
  const [one] = sent as [Sent];
  const parcel = stored(one);
  const wish = {
    place: parcel,
    keys: new Map([[rooms.maker.messageJwk.kid, rooms.maker.messageKey]]),
    anchors: [rooms.root.certificate],
  };
  const now = rooms.clock.now();
  t.equal((await openBoxMessage(parcel.sealed, { ...wish, now: now + 30 * day })).ok, true);
  for (const far of [now + 40 * day, now - day])
    t.match(await openBoxMessage(parcel.sealed, { ...wish, now: far }), { ok: false, code: 'message-untimely' });
  t.match(await openBoxMessage(parcel.sealed, { ...wish, anchors: [(await testCa()).root.certificate], now }), {
    code: 'message-forged',
  });
});

t.test('upwards: a box that answers to another key than before is told apart', async (t) => {
  const { rooms, sent, stored } = await sentMessages(t, 1);
  await rooms.messages.forget(app);
  const { id } = await rooms.messages.send(app, { name: 'note', body: 'anew' });
  const anew = await rooms.message(id);
  const { open, posted } = server(rooms, [[stored(sent[0]!), stored(anew)]]);
  const backend = open();
  await t.rejects(backend.send(boxId, { name: 'note', body: 1 }), { name: 'Refusal', code: 'message-box-unknown' });
  const { believed } = await follow(backend, 2);
  t.same(
    believed.map(({ isNewKey, missed }) => [isNewKey, missed]),
    [
      [false, 0],
      [true, 0],
    ],
    'its stream is a new one',
  );
  await believed[1]!.reply({ ok: true });
  t.match(posted, [{ app, box: boxId, name: 'note' }]);
  await t.rejects(backend.send(boxId, { name: 'note', body: 'x'.repeat(70_000) }), { code: 'message-too-large' });
});

t.test('outside bytes of any kind are refused, and never thrown at', async (t) => {
  const { rooms, reply } = await way(t);
  const key = newPrivateKey();
  const jwk = await publicJwkOf(key);
  const keys = new Map([[jwk.kid, key]]);
  const place = { id: newId(), app, box: boxId, name: 'note' };
  const up = { place, keys, anchors: [rooms.root.certificate], now: 1 };
  const down = { place, keys, bound: jwk, member: 'acme', now: 1, trusted: true };
  const anything = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.array(fc.base64String({ maxLength: 40 }), { minLength: 5, maxLength: 5 }).map((parts) => parts.join('.')),
  );
  await fc.assert(
    fc.asyncProperty(anything, async (text) => {
      t.equal(await decrypt(text, keys), undefined);
      t.equal((await openBoxMessage(text, up)).ok, false);
      t.equal((await openMemberMessage(text, down)).ok, false);
    }),
    { numRuns: 100 },
  );
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 300 }), async (text) => {
      const sealed = await encrypt(text, jwk);
      t.equal((await openBoxMessage(sealed, up)).ok, false);
      t.equal((await openMemberMessage(sealed, down)).ok, false);
    }),
    { numRuns: 100 },
  );
  const carrier = await rooms.connect();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.string({ maxLength: 20 }), (bytes, name) => {
      carrier.heard({ app, name }, bytes);
    }),
    { numRuns: 50 },
  );
  await rooms.disconnect();
  await rooms.connect();
  rooms.hear(await rooms.seal({ id: place.id, to: reply }));
  await rooms.until(1, 'stored');
  t.notOk(rooms.refused.some((refusal) => refusal instanceof Refusal && refusal.code === 'internal'));
});
