/** Messages between an app on a box and its maker's server, over real brokers, a real provider and the `webizen` command. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { sequenceOf } from '#contract/messages.js';
import type { Backend, Message } from '../../sdk/backend/backend.js';
import { killed } from '../support/box.js';
import { call, codeIn, refusal, send } from '../support/catalogue.js';
import { appId, grant, mailBox, mailMember, mailWay, operator, takeBack } from '../support/messages.js';

/** The next so many, taken care of. */
async function take(backend: Backend, count: number): Promise<Message[]> {
  const found: Message[] = [];
  const over = new AbortController();
  for await (const message of backend.follow({ signal: over.signal })) {
    found.push(message);
    await message.done();
    if (found.length >= count) over.abort();
  }
  return found;
}

for (const broker of ['aedes', 'mosquitto'] as const)
  t.test(`${broker}: an app writes to its maker, who reads who it is from, and answers`, async (t) => {
    const { provider, member, box } = await mailWay(t, { broker });
    const backend = await member.backend();
    t.teardown(() => backend.close());

    const sent = await box.send({ name: 'visits.counted', body: { count: 3 } });
    const [message] = await take(backend, 1);
    t.match(message, {
      ...{ id: sent.id, app: appId, box: box.id, name: 'visits.counted', territory: 'test', version: '1.0.0' },
      ...{ time: 'authenticated', contentType: 'application/json', missed: 0, isNewKey: false },
    });
    t.same(message!.json(), { count: 3 });

    const answer = await message!.reply({ seen: true });
    const { messages } = await box.received();
    t.match(messages, [{ id: answer.id, name: 'visits.counted', body: { seen: true } }]);
    while ((await backend.state(answer.id)).state === 'waiting') await systemClock.sleep(10); // a look
    t.equal((await backend.state(answer.id)).state, 'delivered');
    await box.remove(messages[0]!.id);
    t.same((await box.received(0)).messages, []);

    // While the provider is away both sides go on; what they said arrives behind it, with the samples.
    await provider.stop();
    if (broker === 'aedes') await box.until(({ link }) => !link.online);
    for (let at = 0; at < 5; at += 1) await box.send({ name: 'visits.counted', body: at });
    const before = box.agent!.status().health.lastSequence;
    await provider.start();
    const later = await take(backend, 5);
    t.same(
      later.map((one) => [one.json(), one.missed]),
      [0, 1, 2, 3, 4].map((at) => [at, 0]),
    );
    await box.until(({ health }) => health.acknowledged > before);
    t.match(box.agent!.status().health, { lost: 0, deadLetters: 0 });
  });

t.test('killed again and again, the provider loses no message and gives none twice', async (t) => {
  const { provider, member, box } = await mailWay(t);
  await provider.stop();
  const backend = await member.backend();
  t.teardown(() => backend.close());
  const total = 40;
  const over = new AbortController();
  const found: Message[] = [];
  const following = (async () => {
    for await (const message of backend.follow({ signal: over.signal, onTrouble: () => {} })) {
      found.push(message);
      await message.reply({ n: message.json() }).catch(() => {}); // the provider may just have died
      for (;;)
        try {
          await message.done();
          break;
        } catch {
          await systemClock.sleep(50);
        }
      if (found.length === total) over.abort();
    }
  })();
  const sending = (async () => {
    for (let at = 0; at < total; at += 1) {
      await box.send({ name: at % 2 === 0 ? 'even' : 'odd', body: at });
      await systemClock.sleep(20);
    }
  })();
  for (let at = 0; at < 2; at += 1) {
    const serving = await provider.spawn();
    await box.until(({ link }) => link.online);
    const reached = found.length;
    while (found.length < Math.min(total, reached + 3)) await systemClock.sleep(10); // a look
    await killed(serving);
  }
  const serving = await provider.spawn();
  t.teardown(() => killed(serving));
  await sending;
  await following;
  t.same(
    found.map((one) => one.missed),
    found.map(() => 0),
  );
  const bodies = found.map((one) => Number(one.json()));
  for (const rest of [0, 1])
    t.same(
      bodies.filter((body) => body % 2 === rest),
      Array.from({ length: total / 2 }, (_, at) => 2 * at + rest),
    );
  // Replies that were taken are there once, in their order.
  const { messages } = await box.received();
  const numbers = messages.map(({ body }) => (body as { n: number }).n);
  t.equal(new Set(numbers).size, numbers.length);
});

t.test(
  'the permission taken back, nothing goes; given again, it does; another member reads and writes nothing of it',
  async (t) => {
    const { provider, member, box } = await mailWay(t);
    const backend = await member.backend();
    t.teardown(() => backend.close());
    await box.send({ name: 'note', body: 'before' });
    await take(backend, 1);
    await takeBack(box);
    const { counts } = await box.send({ name: 'note', body: 'meanwhile' });
    t.equal(counts.outgoing.waiting, 1);
    const answer = await backend.send(box.id, { name: 'note', body: 'to nobody now' });
    await box.until(({ health }) => health.acknowledged > 0);
    t.equal((await backend.state(answer.id)).state, 'waiting');
    t.match(await box.received(0), { messages: [], counts: { outgoing: { waiting: 1 }, incoming: { dropped: {} } } });
    await grant(box);
    t.same((await take(backend, 1))[0]!.json(), 'meanwhile');

    const other = await mailMember(t, provider, { id: 'other', app: 'example.other' });
    const who = {
      id: 'other',
      key: other.held.key,
      credential: other.credential,
      origin: { url: new URL(provider.est), ca: await readFile(path.join(provider.directory, 'ca/root.crt'), 'utf8') },
    };
    const id = 'a'.repeat(32);
    const parcel = {
      app: appId,
      box: box.id,
      name: 'note',
      id,
      expiresAt: Date.now() + 60_000,
      sealed: 'e30..AA.AA.AA',
    };
    refusal(t, await send(who, '/v1/messages', parcel), 404, 'listing-unknown');
    refusal(t, await send(who, '/v1/messages', { ...parcel, app: 'example.other' }), 404, 'message-box-unknown');
    refusal(t, await send(who, '/v1/messages', { ...parcel, sealed: 'no' }), 400, 'body-invalid');
    refusal(
      t,
      await send(who, '/v1/messages/acknowledge', { app: appId, refs: ['0'.repeat(16)] }),
      404,
      'listing-unknown',
    );
    t.equal(codeIn(await call(who.origin, { place: `/v1/messages?app=${appId}` })), 'credential-missing');
  },
);

t.test('by the command: a key for the app, what comes, and an answer', async (t) => {
  const { provider, member, box } = await mailWay(t);
  const { own, webizen } = member;
  await webizen('app', 'init', 'visits', '--id', appId);
  const file = own.at('visits', 'webizen.json');
  const manifest = JSON.parse(await readFile(file, 'utf8'));
  const asked = { capability: 'messages', reason: { en: 'to tell how it goes' } };
  await writeFile(file, JSON.stringify({ ...manifest, capabilities: [...manifest.capabilities, asked] }));
  await t.rejects(webizen('app', 'check', 'visits'), /is missing, and the app asks for messages/);
  t.match(await webizen('app', 'messages', 'keygen', 'visits'), /names it/);
  await webizen('app', 'check', 'visits');
  const named = JSON.parse(await readFile(file, 'utf8')).messages.key;
  t.notOk('d' in named, 'the private half stays in the folder');
  const kept = JSON.parse(await files.read(own.at('member', `messages-${appId}.json`)).then(String));
  t.equal(kept.keys.length, 2, 'the key of the release before serves on');

  await box.send({ name: 'note', body: { n: 1 } });
  const followed = JSON.parse(await webizen('app', 'messages', 'follow', 'visits', '--count', '1', '--json'));
  t.match(followed, { box: box.id, app: appId, name: 'note', body: '{"n":1}', missed: 0 });
  const arrived = box.news(({ type }) => type === 'message');
  const wish = ['--box', box.id, '--name', 'note', '--wait'];
  t.match(
    await webizen('app', 'messages', 'send', appId, '{"ok":true}', ...wish),
    /^message [0-9a-f]{32}\ndelivered\n$/,
  );
  await arrived;
  t.match((await box.received()).messages, [{ body: { ok: true } }]);
  await t.rejects(webizen('app', 'messages', 'send', appId, 'no json', ...wish), /arguments-invalid/);
  await t.rejects(
    webizen('app', 'messages', 'send', appId, '1', '--box', 'box-00000000', '--name', 'n'),
    /message-box-unknown/,
  );

  // A member's new key is followed by the box; a box that is revoked takes its queue along.
  await webizen('member', 'rotate');
  await operator(provider, 'member', 'key', member.id, '--rotation', own.at('member', 'next-rotation.jws'));
  await webizen('member', 'accept');
  t.match(await webizen('app', 'messages', 'send', appId, '"by the new key"', ...wish), /delivered/);
  t.ok((await box.received()).messages.some(({ body }) => body === 'by the new key'));
  await operator(provider, 'box', 'revoke', box.id);
  await t.rejects(
    webizen('app', 'messages', 'send', appId, '1', '--box', box.id, '--name', 'n'),
    /message-box-unknown/,
  );
});

t.test('two boxes write as themselves, each in streams of its own', async (t) => {
  const { provider, member, box } = await mailWay(t);
  const second = await mailBox(t, provider, member);
  const backend = await member.backend();
  t.teardown(() => backend.close());
  await Promise.all([box.send({ name: 'note', body: 1 }), second.send({ name: 'note', body: 2 })]);
  const found = await take(backend, 2);
  t.same(
    new Map(found.map((one) => [one.box, one.json()])),
    new Map([
      [box.id, 1],
      [second.id, 2],
    ]),
  );
  t.equal(new Set(found.map(({ id }) => sequenceOf(id).stream)).size, 2);
  await backend.send(second.id, { name: 'note', body: 'to the second' });
  t.match((await second.received()).messages, [{ body: 'to the second' }]);
  t.same((await box.received(0)).messages, []);
});
