import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { etagOf } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import { createRecent, overheadBytes } from '../../agent/storage/recent.js';
import { openStore, type Store } from '../../agent/store/store.js';
import { call } from '../support/api-box.js';
import { app, batch, box, key, put, refused } from '../support/api-calls.js';
import { ownFolder } from '../support/folder.js';
import { storageOver, storedIn } from '../support/stored-values.js';

const here = path.dirname(fileURLToPath(import.meta.url));

t.test('an app keeps bytes with their content type, conditions and listings', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  const bytes = Buffer.from([0, 255, 13, 10]);

  const created = await put(socket, 'dir/ü 1', bytes, { 'content-type': 'application/json; x=y' });
  t.equal(created.status, 201);
  const etag = String(created.headers.etag);
  const read = await call(socket, 'GET', key('dir/ü 1'));
  t.same(read.bytes, bytes, 'the bytes as they were sent, though they are not JSON');
  t.equal(read.headers['content-type'], 'application/json; x=y');
  t.equal(read.headers.etag, etag);
  const head = await call(socket, 'HEAD', key('dir/ü 1'));
  t.match(head.headers, { etag, 'content-length': '4', 'content-type': 'application/json; x=y' });

  t.equal((await put(socket, 'dir/ü 1', 'second')).status, 204);
  t.equal((await call(socket, 'GET', key('dir/ü 1'))).headers['content-type'], 'application/octet-stream');
  t.equal((await put(socket, 'nothing', '')).status, 201);
  t.equal((await call(socket, 'GET', key('nothing'))).bytes.length, 0);

  const now = String((await call(socket, 'GET', key('dir/ü 1'))).headers.etag);
  t.not(now, etag);
  for (const [known, status] of [
    [now, 304],
    [`"x", W/${now}`, 304],
    ['*', 304],
    [etag, 200],
  ] as const)
    t.equal((await call(socket, 'GET', key('dir/ü 1'), { headers: { 'if-none-match': known } })).status, status, known);

  await Promise.all(['z', 'dir/2', 'dis', 'dir/10'].map((name) => put(socket, name, name)));
  const first = await call(socket, 'GET', '/v1/storage?prefix=dir%2F&limit=2');
  const page = first.json as { entries: { key: string; sizeBytes: number }[]; cursor: string };
  t.same(
    page.entries.map((entry) => entry.key),
    ['dir/10', 'dir/2'],
  );
  const second = await call(socket, 'GET', `/v1/storage?prefix=dir%2F&limit=2&cursor=${page.cursor}`);
  t.match(second.json, { entries: [{ key: 'dir/ü 1', sizeBytes: 6, etag: now }], cursor: null });

  const self = (await call(socket, 'GET', '/v1/self')).json;
  const names = ['dir/ü 1', 'nothing', 'z', 'dir/2', 'dis', 'dir/10'];
  const usedBytes = names.reduce((sum, name) => sum + Buffer.byteLength(name), 0) + 6 + 1 + 5 + 3 + 6;
  t.match(self, { storage: { usedBytes } });

  for (const name of names) t.equal((await call(socket, 'DELETE', key(name))).status, 204);
  t.match((await call(socket, 'GET', '/v1/self')).json, { storage: { usedBytes: 0 } });
  t.same((await call(socket, 'GET', '/v1/storage')).json, { entries: [], cursor: null });
});

t.test('a batch is done whole or not at all', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  const { etag } = (await put(socket, 'old', 'x')).headers;
  const done = await batch(socket, [
    { op: 'put', key: 'text', value: 'é', ifNoneMatch: '*' },
    { op: 'put', key: 'bytes', valueBase64: 'AP8=', contentType: 'image/png' },
    { op: 'delete', key: 'old', ifMatch: etag },
    { op: 'delete', key: 'old' },
    { op: 'put', key: 'text', value: 'second' },
  ]);
  t.equal(done.status, 200);
  t.match(done.json, { results: [{ key: 'text' }, { key: 'bytes' }, { key: 'old', etag: null }, {}, { key: 'text' }] });
  t.equal((await call(socket, 'GET', key('text'))).text, 'second');
  t.same((await call(socket, 'GET', key('bytes'))).bytes, Buffer.from([0, 255]));
  refused(t, await call(socket, 'GET', key('old')), 'key-not-found');

  const before = (await call(socket, 'GET', '/v1/self')).json;
  const partly = await batch(socket, [
    { op: 'put', key: 'new', value: 'x' },
    { op: 'delete', key: 'text' },
    { op: 'put', key: 'bytes', value: 'x', ifNoneMatch: '*' },
  ]);
  refused(t, partly, 'precondition-failed', /bytes/);
  refused(t, await call(socket, 'GET', key('new')), 'key-not-found');
  t.equal((await call(socket, 'GET', key('text'))).text, 'second');
  t.same((await call(socket, 'GET', '/v1/self')).json, before);
});

t.test('a full disk refuses what needs room, and loses nothing', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  await put(socket, 'kept', 'value');
  api.setFreeBytes(64 * 1024 * 1024 + 1000);
  refused(t, await put(socket, 'large', Buffer.alloc(2000)), 'disk-full');
  t.equal((await put(socket, 'small', 'x')).status, 201, 'what still fits above the reserve is taken');
  api.setFreeBytes(1000);
  refused(t, await put(socket, 'kept', 'other'), 'disk-full');
  t.equal((await call(socket, 'GET', key('kept'))).text, 'value');
  t.equal((await call(socket, 'DELETE', key('small'))).status, 204, 'deleting is always possible');
  api.setFreeBytes(2 ** 40);
  t.equal((await put(socket, 'kept', 'other')).status, 204);
});

t.test('a value keeps its bytes as it grows large and small again', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  for (const size of [1, 2048, 2049, 1024 * 1024, 0, 50_000, 3]) {
    const value = Buffer.alloc(size, size % 251);
    await put(socket, 'k', value);
    t.same((await call(socket, 'GET', key('k'))).bytes, value);
    t.match((await call(socket, 'GET', '/v1/self')).json, { storage: { usedBytes: size + 1 } });
  }
  await put(socket, 'k', Buffer.alloc(5000));
  t.equal((await call(socket, 'DELETE', key('k'))).status, 204);
  await put(socket, 'k', 'small');
  t.equal((await call(socket, 'GET', key('k'))).text, 'small');
});

t.test('when a group cannot be written, what was judged on top of it is refused with it', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const store = await openStore(directory);
  t.teardown(() => store.close());
  const disk = new EventEmitter();
  let failing = false;
  const commit: typeof store.commit = async (operations) => {
    if (!failing) return await store.commit(operations);
    setImmediate(() => disk.emit('busy'));
    await once(disk, 'fail');
    throw Object.assign(new Error('IO error: No space left on device'), { code: 'LEVEL_IO_ERROR' });
  };
  const storage = await storageOver({ ...store, commit }, directory);
  const write = (name: string, conditions = {}) =>
    storage.write({ id: 'a', quotaBytes: 100 }, [
      { op: 'put', key: name, value: Buffer.alloc(10), contentType: 'text/plain', ...conditions },
    ]);
  await write('a');
  failing = true;
  const first = t.rejects(write('b'), /No space left/);
  await once(disk, 'busy');
  const second = t.rejects(write('b', { ifMatch: '*' }), /No space left/);
  disk.emit('fail');
  await Promise.all([first, second]);
  failing = false;
  t.equal(storage.usedBytes('a'), 11);
  await t.rejects(write('b', { ifMatch: '*' }), new Refusal('precondition-failed'));
  await write('b', { ifNoneMatch: '*' });
  t.equal(storage.usedBytes('a'), 22);
  await storage.stop();
  await t.rejects(write('c'), new Refusal('unavailable'));
});

t.test('of many writers with the same condition exactly one wins', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  const race = (headers: object) =>
    Promise.all(Array.from({ length: 30 }, (_, n) => put(socket, 'k', `${n}`, headers)));
  const created = await race({ 'if-none-match': '*' });
  t.equal(created.filter((answer) => answer.status === 201).length, 1);
  t.equal(created.filter((answer) => answer.code === 'precondition-failed').length, 29);
  const { etag } = (await call(socket, 'GET', key('k'))).headers;
  const changed = await race({ 'if-match': etag });
  const winner = changed.findIndex((answer) => answer.status === 204);
  t.equal(changed.filter((answer) => answer.status === 204).length, 1);
  t.equal((await call(socket, 'GET', key('k'))).text, String(winner));
});

t.test('every acknowledged write is there after the box was killed', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const child = fork(path.join(here, '../support/api-box-child.js'), [directory]);
  const [socket] = (await once(child, 'message')) as [string];
  const acknowledged: number[] = [];
  const dead = once(child, 'exit');
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let n = writer; ; n += 8) {
      const answer = await put(socket, `k${n}`, `value ${n}`).catch(() => undefined);
      if (answer?.status !== 201) return;
      acknowledged.push(n);
      if (acknowledged.length === 400) child.kill('SIGKILL');
    }
  });
  await Promise.all([...writers, dead]);
  t.ok(acknowledged.length >= 400);
  const again = await box(t, [app('a')], { directory });
  let missing = 0;
  for (const n of acknowledged)
    if ((await call(again.socket('a'), 'GET', key(`k${n}`))).text !== `value ${n}`) missing += 1;
  t.equal(missing, 0);
});

const names = ['a', 'b', 'c'] as const;
const aName = fc.constantFrom(...names);
/** Null deletes; 2,048 bytes is the largest value that lies beside its head. */
const aChange = fc.record({ key: aName, size: fc.constantFrom(null, 0, 5, 2048, 2049) });
const aStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ read: aName }) },
  { weight: 3, arbitrary: fc.record({ write: fc.array(aChange, { minLength: 1, maxLength: 3 }) }) },
  { weight: 4, arbitrary: fc.constant({ disk: 'on' } as const) },
  { weight: 1, arbitrary: fc.constant({ disk: 'fail' } as const) },
);

/** A store whose commits stand still twice, before they reach the disk and after, until they are let on. */
function haltingStore(store: Store) {
  const disk = new EventEmitter();
  let halted: { go: () => void; fail: (error: Error) => void; written: boolean } | undefined;
  const halt = (written: boolean) =>
    new Promise<void>((go, fail) => {
      halted = { go, fail, written };
      disk.emit('halted');
    });
  const commit: Store['commit'] = async (operations) => {
    await halt(false);
    await store.commit(operations);
    await halt(true);
  };
  return {
    store: { ...store, commit },
    /** Answers whether a commit stood still. */
    async on(failing: boolean): Promise<boolean> {
      const now = halted;
      halted = undefined;
      if (!now) return false;
      if (failing && !now.written) now.fail(new Error('No space left on device'));
      else now.go();
      if (!failing && !now.written) await once(disk, 'halted');
      return true;
    },
  };
}

/** The writer gathers a group for one turn of the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

t.test('a read answers what the database holds, whatever is being written', async (t) => {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  t.teardown(() => store.close());
  let runs = 0;

  async function holds(steps: readonly (typeof aStep extends fc.Arbitrary<infer S> ? S : never)[]): Promise<void> {
    const id = `app-${runs++}`;
    const halting = haltingStore(store);
    const once = await storageOver(store, folder);
    const made = { op: 'put', key: 'made', value: Buffer.alloc(1), contentType: 'text/plain' } as const;
    await once.write({ id, quotaBytes: 2 ** 30 }, [made]); // the app's key: no write waits for it below
    const storage = await storageOver(halting.store, folder);
    let fill = 0;

    function look(key: string): void {
      const stored = storedIn(store, folder, id)?.get(key);
      const wanted = stored && { etag: etagOf(stored.head.revision), text: stored.value.toString('latin1') };
      let found: typeof wanted;
      try {
        const { etag, value } = storage.get(id, key);
        found = { etag, text: value.toString('latin1') };
      } catch (error) {
        if (!(error instanceof Refusal && error.code === 'key-not-found')) throw error;
      }
      if (found?.etag !== wanted?.etag || found?.text !== wanted?.text)
        throw new Error(`${key} reads ${found?.etag} where ${wanted?.etag} is stored`);
    }

    const seen = new Map<string, string | null>();
    const written: Promise<void>[] = [];
    function write(changes: readonly { key: string; size: number | null }[]): void {
      fill = (fill + 1) % 251;
      const writes = changes.map(({ key, size }) =>
        size === null
          ? ({ op: 'delete', key } as const)
          : ({ op: 'put', key, value: Buffer.alloc(size, fill), contentType: 'text/plain' } as const),
      );
      const acknowledged = storage.write({ id, quotaBytes: 2 ** 30 }, writes).then((results) => {
        for (const { key, etag } of results) seen.set(key, etag);
        for (const { key } of results) look(key);
      });
      written.push(acknowledged.catch((error) => t.match(error.message, /No space left/)).then(() => {}));
    }

    for (const step of steps) {
      if ('read' in step) look(step.read);
      else if ('write' in step) write(step.write);
      else await halting.on(step.disk === 'fail');
      await turns();
    }
    while (await halting.on(false)) await turns();
    await Promise.all(written);
    for (const name of names) look(name);
    for (const [name, etag] of seen)
      if (etag !== null && storage.get(id, name).etag !== etag) throw new Error(`an acknowledged ${name} is not read`);
    await storage.stop();
  }
  await fc.assert(fc.asyncProperty(fc.array(aStep, { minLength: 5, maxLength: 40 }), holds), { numRuns: 60 });
});

t.test('of the values read last as many stay in memory as the budget has room for', async (t) => {
  const value = (length: number) => ({ etag: '"1"', contentType: 'x', modifiedAt: 1, value: Buffer.alloc(length) });
  const recent = createRecent<ReturnType<typeof value>>({
    budgetBytes: 3 * (overheadBytes + 1 + 100),
    sizeOf: ({ value }) => value.length,
  });
  for (const place of ['a', 'b', 'c']) recent.keep(place, value(100));
  t.ok(recent.get('a'), 'read again, so that b is now the one read the longest ago');
  recent.keep('d', value(100));
  const kept = () => ['a', 'b', 'c', 'd'].filter((place) => recent.get(place)).join('');
  t.equal(kept(), 'acd');
  recent.forget('c');
  recent.forget('c');
  recent.keep('b', value(100));
  t.equal(kept(), 'abd', 'what was let go has left its room');
  recent.keep('b', value(200));
  t.equal(kept(), 'bd', 'a value that grew takes the room of others');
});

t.test("forgetting an app takes all of its values and nobody else's, and no ETag of it comes back", async (t) => {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  t.teardown(() => store.close());
  const storage = await storageOver(store, folder);
  const write = (id: string, key: string, size: number) =>
    storage.write({ id, quotaBytes: 2 ** 30 }, [
      { op: 'put', key, value: Buffer.alloc(size), contentType: 'application/octet-stream' },
    ]);
  const written: Promise<unknown>[] = [];
  for (const app of ['a', 'a-b', 'b'])
    for (let index = 0; index < 600; index += 1)
      written.push(write(app, `key ${index}`, index % 100 === 0 ? 5000 : 10));
  await Promise.all(written);
  const before = storage.get('a', 'key 1').etag;
  await storage.forget('a');
  await storage.forget('a');
  t.equal(storage.usedBytes('a'), 0);
  t.same((await storage.list('a', { prefix: '', after: undefined, limit: 10 })).entries, []);
  for (const app of ['a-b', 'b']) t.ok(storage.get(app, 'key 500').value.length === 5000, app);
  t.throws(() => storage.get('a', 'key 1'), { code: 'key-not-found' });
  const [again] = await write('a', 'key 1', 10);
  t.not(again?.etag, before);
});
