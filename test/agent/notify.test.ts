/** What apps tell the owner: durable, dismissed by the owner, and bounded. */
import t, { type Test } from 'tap';
import type { Notification } from '#contract/api.js';
import { createNotices, type Notices } from '../../agent/notices/notices.js';
import { openStore } from '../../agent/store/store.js';
import { call } from '../support/api-box.js';
import { app, box, refused } from '../support/api-calls.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';

const id = 'example.visits';
const info = { title: 'Hello', text: 'Somebody came.', severity: 'info' as const };
const refuses = (code: string) => ({ name: 'Refusal', code });
const day = 86_400_000;

async function desk(t: Test, limits = { aDay: 3, kept: 3 }) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  let store = await openStore(folder);
  t.teardown(() => store.close());
  let notices = await createNotices({ store, clock, limits });
  return {
    clock,
    notices: () => notices,
    async again(): Promise<Notices> {
      await store.close();
      store = await openStore(folder);
      notices = await createNotices({ store, clock, limits });
      return notices;
    },
  };
}

const titles = (list: readonly Notification[]): string[] => list.map(({ title }) => title);

t.test('what an app says is kept until the owner dismisses it', async (t) => {
  const place = await desk(t);
  let told = 0;
  const end = place.notices().onChange(() => {
    told += 1;
  });
  const first = await place.notices().add(id, info);
  t.equal(first.isNew, true);
  await place.notices().add('example.other', { ...info, title: 'Other' });
  t.equal(told, 2);
  end();
  const later = await place.again();
  t.same(titles(later.list()), ['Other', 'Hello'], 'the newest first');
  t.match(later.list()[1], { ...info, app: id, key: null, ...first.notification });
  await later.dismiss(first.notification.id);
  await t.rejects(later.dismiss(first.notification.id), refuses('not-found'));
  t.same(titles((await place.again()).list()), ['Other']);
  await place.notices().forget('example.other');
  t.same((await place.again()).list(), []);
});

t.test('the same key takes the place of what is still shown', async (t) => {
  const place = await desk(t);
  const notices = place.notices();
  const first = await notices.add(id, { ...info, key: 'low' });
  place.clock.advance(1000);
  const same = await notices.add(id, { ...info, key: 'low' });
  t.same(same, { ...first, isNew: false }, 'what says the same is not written again');
  const changed = await notices.add(id, { ...info, text: 'Two came.', key: 'low' });
  t.match(changed, { isNew: false, notification: { id: first.notification.id, at: place.clock.now() } });
  await notices.add('example.other', { ...info, key: 'low' });
  t.equal(notices.list().length, 2, 'keys are each app’s own');
  await notices.dismiss(first.notification.id);
  t.equal((await notices.add(id, { ...info, key: 'low' })).isNew, true, 'once dismissed it is news again');
});

t.test('an app tells so much a day, over restarts too, and keeps so much', async (t) => {
  const place = await desk(t, { aDay: 4, kept: 3 });
  const all = ['a', 'b', 'c', 'd', 'e'].map((title) => place.notices().add(id, { ...info, title }));
  const settled = await Promise.allSettled(all);
  t.same(
    settled.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
  );
  t.same(titles(place.notices().list()), ['d', 'c', 'b'], 'the oldest goes');
  await t.rejects((await place.again()).add(id, info), {
    ...refuses('notifications-too-many'),
    headers: { 'retry-after': /^\d+$/ },
  });
  await place.notices().add('example.other', info);
  t.pass('another app is not held up');
  place.clock.advance(day);
  await place.notices().add(id, info);
  t.same(titles(place.notices().list()), ['Hello', 'Hello', 'd', 'c']);
});

t.test('through the API an app needs the permission, and bad words are refused', async (t) => {
  const place = await desk(t);
  const api = await box(t, [app(id, { grants: ['notify'] }), app('poor', { grants: [] })], {
    features: { notifications: place.notices() },
  });
  const ask = (body: unknown, who = id) =>
    call(api.socket(who), 'POST', '/v1/notifications', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const keyed = { ...info, key: 'k' };
  t.equal((await ask(keyed)).status, 201);
  t.equal((await ask({ ...keyed, text: 'other' })).status, 200);
  refused(t, await ask(info, 'poor'), 'grant-missing', /notify/);
  for (const bad of [
    {},
    { ...info, title: '' },
    { ...info, title: 'a\nb' },
    { ...info, title: 'a'.repeat(101) },
    { ...info, text: 'a'.repeat(1001) },
    { ...info, severity: 'fatal' },
    { ...info, html: '<b>' },
    [],
  ])
    refused(t, await ask(bad), 'body-invalid');
  t.equal((await ask(info)).status, 201);
  const many = await ask(info);
  refused(t, many, 'notifications-too-many');
  t.match(many.headers['retry-after'], /^\d+$/);
  const silent = await box(t, [app('a', { grants: ['notify', 'identity.attest'] })]);
  const bare = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(info) };
  refused(t, await call(silent.socket('a'), 'POST', '/v1/notifications', bare), 'unavailable');
});

t.test('the owner dismisses what was seen: what came or changed meanwhile stays', async (t) => {
  const place = await desk(t, { aDay: 9, kept: 9 });
  const notices = place.notices();
  await notices.add(id, { ...info, title: 'Old' });
  await notices.add(id, { ...info, title: 'Changing', key: 'k' });
  const seen = notices.list().map((one) => ({ id: one.id, at: one.at }));
  place.clock.advance(1000);
  await notices.add(id, { ...info, title: 'Changed', key: 'k' });
  await notices.add('example.other', { ...info, title: 'New' });
  await notices.dismissAll([...seen, ...seen, { id: '0'.repeat(16), at: 1 }]);
  t.same(titles((await place.again()).list()), ['New', 'Changed']);
});
