/** An app watches what changes in its storage: told as it lands, and holding nobody back. */
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import fc from 'fast-check';
import t from 'tap';
import { type StorageList, StorageWatchEvent } from '#contract/api.js';
import { check, describeFaults } from '#contract/parse.js';
import { createFeed, keptChanges } from '../../agent/storage/feed.js';
import { messagesOf } from '../../sdk/client/events.js';
import { type ApiBox, call } from '../support/api-box.js';
import { app, batch, box, key, put, quotaBytes, refused, type Tap } from '../support/api-calls.js';
import { createManualClock } from '../support/manual-clock.js';

const pathOf = (prefix: string): string => `/v1/storage:watch?prefix=${encodeURIComponent(prefix)}`;

function parsed(data: string): StorageWatchEvent {
  const read = check(StorageWatchEvent, JSON.parse(data));
  if (!read.ok) throw new Error(`${data}: ${describeFaults(read.faults)}`);
  return read.value;
}

/** A reader of a watch. `next` answers the next event, or the id alone where only that has moved. */
async function watch(t: Tap, socketPath: string, wish: { prefix?: string; since?: string } = {}) {
  const headers = wish.since === undefined ? {} : { 'last-event-id': wish.since };
  const message = request({ socketPath, path: pathOf(wish.prefix ?? ''), headers }).end();
  t.teardown(() => message.destroy());
  const [reply] = (await once(message, 'response')) as [IncomingMessage];
  t.equal(reply.statusCode, 200);
  t.equal(reply.headers['content-type'], 'text/event-stream');
  reply.setEncoding('utf8');
  const messages = messagesOf(reply as AsyncIterable<string>);
  return {
    message: message as ClientRequest,
    reply,
    /** Resolves when the box has ended or cut it. */
    async ended(): Promise<void> {
      try {
        for await (const _ of messages);
      } catch (error) {
        t.match(error, { code: 'ECONNRESET' });
      }
    },
    async next() {
      const { value, done } = await messages.next();
      if (done || !value) throw new Error('the watch has ended');
      return { id: value.id ?? '', event: value.data === '' ? undefined : parsed(value.data) };
    },
  };
}
const etagOf = async (answer: ReturnType<typeof put>): Promise<string> => String((await answer).headers.etag);

t.test('a watch tells what is written and deleted below its prefix, in order, once it has landed', async (t) => {
  const api = await box(t, [app('a'), app('b')]);
  const socket = api.socket('a');
  await put(socket, 'n/before', 'x');
  const reader = await watch(t, socket, { prefix: 'n/' });
  t.same((await reader.next()).event, { type: 'ready' });
  const first = await etagOf(put(socket, 'n/ü', 'one'));
  await put(socket, 'm/other', 'x');
  await put(api.socket('b'), 'n/of another app', 'x');
  refused(t, await put(socket, 'n/ü', 'no', { 'if-none-match': '*' }), 'precondition-failed');
  const second = await etagOf(put(socket, 'n/ü', 'two'));
  await call(socket, 'DELETE', key('n/before'));
  refused(t, await call(socket, 'DELETE', key('n/before')), 'key-not-found');
  const { json } = await batch(socket, [
    { op: 'put', key: 'n/1', value: 'x' },
    { op: 'put', key: 'n/2', value: 'x' },
    { op: 'delete', key: 'n/2' },
    { op: 'delete', key: 'n/never' },
    { op: 'put', key: 'n/1', value: 'y' },
  ]);
  const { results } = json as { results: { etag: string }[] };
  await put(socket, 'n/end', 'x');
  const seen: unknown[] = [];
  for (let last: StorageWatchEvent | undefined; !(last?.type === 'put' && last.key === 'n/end'); ) {
    last = (await reader.next()).event;
    seen.push(last);
  }
  t.same(seen.slice(0, -1), [
    { type: 'put', key: 'n/ü', etag: first },
    { type: 'put', key: 'n/ü', etag: second },
    { type: 'delete', key: 'n/before' },
    { type: 'put', key: 'n/1', etag: results[4]?.etag },
  ]);
});

t.test('a watch goes on where it was, or says that something was missed', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  const first = await watch(t, socket);
  const { id: start } = await first.next();
  await put(socket, 'k1', 'x');
  const { id: second } = await first.next();
  first.message.destroy();
  await put(socket, 'k2', 'x');
  await put(socket, 'k3', 'x');

  const again = await watch(t, socket, { since: second });
  t.same(await again.next(), { id: second, event: { type: 'ready' } }, 'a cut before the next loses nothing');
  t.match((await again.next()).event, { type: 'put', key: 'k2' });
  t.match((await again.next()).event, { type: 'put', key: 'k3' });
  const prefixed = await watch(t, socket, { since: start, prefix: 'k3' });
  await prefixed.next();
  t.match((await prefixed.next()).event, { type: 'put', key: 'k3' });

  for (const since of ['', 'x', `${second}9`, second.replace(/^./, (one) => (one === '0' ? '1' : '0')), '-1', '.'])
    t.same((await (await watch(t, socket, { since })).next()).event, { type: 'reset' }, since);
  const many = Array.from({ length: 100 }, (_, n) => ({ op: 'put', key: `many/${n}`, value: '' }));
  for (let n = 0; n <= keptChanges / 100; n += 1) await batch(socket, many);
  const late = await watch(t, socket, { since: second });
  t.same((await late.next()).event, { type: 'reset' });
  await put(socket, 'k4', 'x');
  t.match((await late.next()).event, { type: 'put', key: 'k4' }, 'and goes on from there');
});

t.test('what is kept for watchers is bounded, by number and by size', async (t) => {
  const feed = createFeed();
  const tell = (count: number, length: number): void =>
    feed.tell(
      'a',
      Array.from({ length: count }, (_, n) => ({ key: `${n}`.padEnd(length, 'x'), etag: null })),
    );
  tell(10, 10); // nobody watches yet
  const all = feed.watch('a', { prefix: '', since: undefined }, () => {});
  const start = all.cursor();
  const kept = (): number => {
    const watch = feed.watch('a', { prefix: '', since: undefined }, () => {});
    const [epoch, now = ''] = watch.cursor().split('.');
    let from = Number(now);
    while (from > 0 && feed.watch('a', { prefix: '', since: `${epoch}.${from - 1}` }, () => {}).isResumed) from -= 1;
    return Number(now) - from;
  };
  t.equal(kept(), 0);
  tell(5, 10);
  t.equal(kept(), 5);
  tell(3000, 1);
  t.ok(kept() <= keptChanges && kept() > keptChanges / 2);
  tell(500, 512);
  t.ok(kept() < 130 && kept() > 100);
  t.equal(all.next(), 'lost');
  t.equal(all.next(), undefined);
  t.not(all.cursor(), start);
  feed.forget('a');
  t.notOk(feed.watch('a', { prefix: '', since: all.cursor() }, () => {}).isResumed);
});

t.test('a watcher that takes what it can ends with what is stored, however it reads', async () => {
  const aStep = fc.oneof(
    { weight: 3, arbitrary: fc.record({ writes: fc.integer({ min: 1, max: 700 }) }) },
    { weight: 3, arbitrary: fc.record({ reads: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 1, arbitrary: fc.constant({ reconnects: true } as const) },
  );
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 30 }), (steps) => {
      const feed = createFeed();
      const stored = new Map<string, string>();
      let mirror = new Map<string, string>();
      let revision = 0;
      const begin = (since?: string) => feed.watch('a', { prefix: 'k', since }, () => {});
      let watch = begin();
      const relist = (): void => {
        mirror = new Map(stored);
      };
      const read = (most: number): void => {
        for (let n = 0; n < most; n += 1) {
          const change = watch.next();
          if (change === undefined) return;
          if (change === 'lost') relist();
          else if (change.etag === null) mirror.delete(change.key);
          else mirror.set(change.key, change.etag);
        }
      };
      for (const step of steps)
        if ('writes' in step) {
          const changes = Array.from({ length: step.writes }, () => {
            revision += 1;
            const change = { key: `k${revision % 37}`, etag: revision % 5 === 0 ? null : String(revision) };
            if (change.etag === null) stored.delete(change.key);
            else stored.set(change.key, change.etag);
            return change;
          });
          feed.tell('a', changes);
        } else if ('reads' in step) read(step.reads);
        else {
          const since = watch.cursor();
          watch.end();
          watch = begin(since);
          if (!watch.isResumed) relist();
        }
      read(Number.POSITIVE_INFINITY);
      const sorted = (map: Map<string, string>) => JSON.stringify([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
      return sorted(mirror) === sorted(stored);
    }),
    { numRuns: 200 },
  );
});

/** What the box holds for who does not read, as its own process sees it. */
async function write(api: ApiBox, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1)
    await api.storage.write(
      { id: 'a', quotaBytes },
      Array.from({ length: 100 }, (_, n) => ({
        ...{ op: 'put' as const, key: `${'long'.repeat(100)}/${n}`, value: Buffer.from(`${round}`) },
        contentType: 'text/plain',
      })),
    );
}

t.test('a watcher that does not read holds back nobody, and is told of it when it does', async (t) => {
  const api = await box(t, [app('a')]);
  const socket = api.socket('a');
  const slow = await watch(t, socket);
  t.same((await slow.next()).event, { type: 'ready' });
  slow.reply.pause();
  await write(api, 40); // 4000 changes, of which the kernel takes some hundred
  t.equal((await call(socket, 'GET', '/v1/box')).status, 200);
  await put(socket, 'last', 'x');
  const seen: StorageWatchEvent[] = [];
  slow.reply.resume();
  for (let last: StorageWatchEvent | undefined; !(last?.type === 'put' && last.key === 'last'); ) {
    last = (await slow.next()).event;
    if (last) seen.push(last);
    if (last?.type === 'reset') {
      const { entries } = (await call(socket, 'GET', '/v1/storage')).json as StorageList;
      if (entries.some((entry) => entry.key === 'last')) break;
    }
  }
  t.ok(seen.some(({ type }) => type === 'reset'));
  t.ok(seen.length < 3000, `${seen.length} of 4000 events`);
});

t.test('watches need the permission, are cut with it, and share the number of streams', async (t) => {
  const id = 'example.visits';
  const api = await box(t, [], { limits: { maxStreams: 3 } });
  await api.api.open({ id, quotaBytes });
  const socket = api.socket(id);
  refused(t, await call(socket, 'GET', pathOf('')), 'grant-missing', /storage/);
  await api.grants.set(id, { give: [{ capability: 'storage' }], take: [] });
  refused(t, await call(socket, 'GET', '/v1/storage:watch?other=1'), 'body-invalid');
  const events = request({ socketPath: socket, path: '/v1/events' }).end();
  t.teardown(() => events.destroy());
  const [greeted] = (await once(events, 'response')) as [IncomingMessage];
  greeted.resume();
  const two = [await watch(t, socket), await watch(t, socket)];
  refused(t, await call(socket, 'GET', pathOf('')), 'streams-too-many');
  refused(t, await call(socket, 'GET', '/v1/events'), 'streams-too-many');
  two[0]?.message.destroy();
  await two[0]?.ended();
  for (let status = 0; status !== 200; ) {
    const next = request({ socketPath: socket, path: pathOf('') }).end();
    t.teardown(() => next.destroy());
    const [reply] = (await once(next, 'response')) as [IncomingMessage];
    status = reply.resume().statusCode ?? 0; // the box hears of the closed one in its own time
    t.ok(status === 200 || status === 429);
  }

  await api.grants.set(id, { give: [], take: ['storage'] });
  await two[1]?.ended();
  t.equal((await call(socket, 'GET', '/v1/self')).status, 200);
  t.notOk(greeted.destroyed, 'what needs no permission goes on');
});

t.test('a watch gives signs of life with its place, and ends with the socket and with the box', async (t) => {
  const clock = createManualClock();
  const api = await box(t, [app('a')], { clock });
  await api.api.open({ id: 'b', quotaBytes });
  await api.grants.set('b', { give: [{ capability: 'storage' }], take: [] });
  const other = await watch(t, api.socket('b'));
  const reader = await watch(t, api.socket('a'), { prefix: 'p/' });
  const { id } = await reader.next();
  await put(api.socket('a'), 'q/1', 'x');
  clock.advance(15_000);
  const beat = await reader.next();
  t.equal(beat.event, undefined);
  t.not(beat.id, id, 'though nothing below its prefix has changed');
  const again = await watch(t, api.socket('a'), { since: beat.id });
  t.same((await again.next()).event, { type: 'ready' });
  await api.api.close('b');
  await other.ended();
  await api.stop();
  await reader.ended();
});
