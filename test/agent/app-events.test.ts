/** What apps hear on their event streams, what they read of their own output, and what no address takes. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { AppEvent, logTailBytes } from '#contract/api.js';
import { check } from '#contract/parse.js';
import type { StandardApi } from '../../agent/api/api.js';
import { tellApps } from '../../agent/app-telling.js';
import { endOf } from '../../agent/apps/output-log.js';
import { isShort } from '../../agent/storage/space-watch.js';
import { storageReserveBytes } from '../../agent/storage/storage.js';
import { openStore } from '../../agent/store/store.js';
import { messagesOf } from '../../sdk/client/events.js';
import { type ApiBox, call } from '../support/api-box.js';
import { app, box, key, put, refused } from '../support/api-calls.js';
import { createAppsDesk, installedOf, manifestOf, offerOf } from '../support/apps-desk.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { storageOver } from '../support/stored-values.js';

const id = 'example.visits';

/** The events of one stream, as they come; each is held against the contract. */
async function listen(t: Test, api: ApiBox, who = id) {
  const asked = request({ socketPath: api.socket(who), path: '/v1/events', agent: false });
  asked.end();
  const [reply] = await once(asked, 'response');
  t.teardown(() => asked.destroy());
  reply.setEncoding('utf8');
  const events = messagesOf(reply);
  return async (): Promise<AppEvent> => {
    const { value } = await events.next();
    const read = check(AppEvent, JSON.parse(value?.data ?? ''));
    if (!read.ok) throw new Error(`no event: ${value}`);
    return read.value;
  };
}

/** A box whose apps hear of updates and of room, on a clock that stands. */
async function bench(t: Test, quotaBytes = 1000) {
  const clock = createManualClock();
  const desk = createAppsDesk();
  const free = { bytes: 1e12 };
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  const storage = await storageOver(store, folder, { clock });
  let api: StandardApi | undefined;
  const telling = tellApps({
    desk: desk.desk,
    storage,
    freeBytes: () => free.bytes,
    clock,
    api: () => ({ apps: () => api?.apps() ?? [], tell: (...wish) => api?.tell(...wish) ?? 0 }),
  });
  const served = await box(t, [app(id, { quotaBytes }), app('other', { quotaBytes })], {
    clock,
    features: { storage: telling.storage, standing: telling.standing },
  });
  api = served.api;
  telling.space.start();
  t.teardown(async () => {
    await telling.space.stop();
    await storage.stop();
    await store.close();
  });
  return { clock, desk, free, served, space: telling.space };
}

t.test('an app hears once of the update that waits, and for what; who connects later is greeted with it', async (t) => {
  const { clock, desk, served } = await bench(t);
  const next = await listen(t, served);
  t.match(await next(), { type: 'hello' });
  const waiting = offerOf(manifestOf({ version: '1.1.0' }));
  desk.put(installedOf(manifestOf(), { waiting }));
  const owner = { type: 'update-pending', version: '1.1.0', waits: 'owner', seconds: null };
  t.match(await next(), owner);
  desk.put(installedOf(manifestOf(), { waiting, restarts: 1 })); // nothing new about the update
  const held = { version: '1.1.0', since: clock.now(), until: clock.now() + 90_000 };
  desk.put(installedOf(manifestOf(), { held }));
  const lease = { type: 'update-pending', version: '1.1.0', waits: 'lease', seconds: 90 };
  t.match(await next(), lease);
  const late = await listen(t, served);
  t.match(await late(), { type: 'hello' });
  t.match(await late(), lease);
  t.equal(served.api.tell(id, { type: 'update-pending', at: 1, version: '1.1.0', waits: 'begins', seconds: 30 }), 2);
  t.match(await next(), { waits: 'begins', seconds: 30 });
  t.equal(served.api.tell('other', { type: 'low-space', at: 1, of: 'box', low: true }), 0, 'it says how many listen');
});

t.test('room that is short is told once, and once when it is over', async (t) => {
  const { clock, free, served } = await bench(t);
  const next = await listen(t, served);
  const other = await listen(t, served, 'other');
  await Promise.all([next(), other()]);
  const socket = served.socket(id);
  await put(socket, 'a', 'x'.repeat(880));
  await put(socket, 'b', 'x'.repeat(18));
  t.match(await next(), { type: 'low-space', of: 'quota', low: true }, 'at nine tenths');
  await call(socket, 'DELETE', key('b'));
  await put(socket, 'b', 'x'.repeat(18));
  const late = await listen(t, served);
  await late();
  t.match(await late(), { of: 'quota', low: true }, 'who connects later is greeted with it');
  await put(socket, 'a', 'x'.repeat(700));
  t.match(await next(), { of: 'quota', low: false }, 'to and fro at the edge was not told');

  free.bytes = storageReserveBytes;
  await clock.sleeping();
  clock.advance(30_000);
  for (const one of [next, other]) t.match(await one(), { type: 'low-space', of: 'box', low: true });
  free.bytes = storageReserveBytes * 1.4;
  await clock.pass(60_000);
  free.bytes = storageReserveBytes * 1.6;
  await clock.pass(60_000);
  for (const one of [next, other]) t.match(await one(), { of: 'box', low: false }, 'only when there is clearly more');
});

t.test('what is short does not flap', async (t) => {
  const bounds = { short: 0.9, well: 0.8 };
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.8, max: 0.9, minExcluded: true, maxExcluded: true, noNaN: true })),
      (all) => {
        for (const was of [true, false])
          t.equal(
            all.reduce((now, value) => isShort(now, value, bounds), was),
            was,
          );
      },
    ),
  );
  t.equal(isShort(false, 0.9, bounds), true);
  t.equal(isShort(true, 0.8, bounds), false);
});

t.test('an app reads the end of what it printed, and keeps the box busy with it once at a time', async (t) => {
  let reads = 0;
  let go = (): void => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  const api = await box(t, [app(id, { grants: [] }), app('other')], {
    features: {
      async logs(who, { tailBytes }) {
        reads += 1;
        await gone;
        return `${who} ${tailBytes}\n`;
      },
    },
  });
  const read = (who = id) => call(api.socket(who), 'GET', '/v1/self/logs');
  const all = [read(), read(), read()];
  const others = read('other');
  const asked = await call(api.socket(id), 'GET', '/v1/self'); // behind them
  t.equal(asked.status, 200);
  go();
  for (const answer of await Promise.all(all)) t.equal(answer.text, `${id} ${logTailBytes}\n`);
  t.equal((await others).text, `other ${logTailBytes}\n`, 'each its own');
  t.ok(reads <= 4);
  const [first] = await Promise.all(all);
  t.match(first?.headers, { 'content-type': 'text/plain; charset=utf-8' });
  refused(t, await call((await box(t, [app('a')])).socket('a'), 'GET', '/v1/self/logs'), 'unavailable');
});

t.test('the end of a log begins with a line, and reaches into the file before', async (t) => {
  const file = path.join(await ownFolder(t), 'app.log');
  t.equal(await endOf(file, 10), '');
  await writeFile(file, 'three\nfour\n');
  t.equal(await endOf(file, 100), 'three\nfour\n');
  await writeFile(`${file}.1`, 'one\ntwo\n');
  t.equal(await endOf(file, 100), 'one\ntwo\nthree\nfour\n');
  t.equal(await endOf(file, 13), 'three\nfour\n');
  t.equal(await endOf(file, 6), 'four\n');
});

t.test('an address that is there says which methods it takes', async (t) => {
  const api = await box(t, [app(id)]);
  const ask = (method: string, target: string) => call(api.socket(id), method, target);
  for (const [method, target, allow] of [
    ['DELETE', '/v1/box', 'GET'],
    ['POST', '/v1/box?x=/v1/no', 'GET'],
    ['PUT', '/v1/leases', 'GET, POST'],
    ['GET', `/v1/leases/${'a'.repeat(16)}`, 'DELETE, PUT'],
    ['PATCH', key('x'), 'DELETE, GET, HEAD, PUT'],
    ['GET', '/v1/storage:batch', 'POST'],
    ['OPTIONS', '/v1/events', 'GET'],
  ] as const) {
    const answer = await ask(method, target);
    refused(t, answer, 'method-not-allowed');
    t.equal(answer.headers.allow, allow, `${method} ${target}`);
  }
  for (const target of ['/v1/nothing', '/v1/storage/a/b', '/v1/box/', '/v1xbox', '/v1/storagexbatch'])
    refused(t, await ask('DELETE', target), 'not-found');
});
