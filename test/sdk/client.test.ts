import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { keyToPem } from '#common/pki/keys.js';
import { oids } from '#common/pki/oids.js';
import { certificateToPem } from '#common/pki/pem.js';
import type { Features } from '../../agent/api/features.js';
import { createApps } from '../../agent/apps/apps.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { createEgress } from '../../agent/egress/egress.js';
import { openLeases } from '../../agent/leases/open.js';
import { openStore } from '../../agent/store/store.js';
import { type AppEvent, connect, type StorageWatchEvent, type Webizen, WebizenError } from '../../sdk/client/client.js';
import { messagesOf } from '../../sdk/client/events.js';
import { allGrants, startApiBox } from '../support/api-box.js';
import { make } from '../support/chains.js';
import { messageRooms, app as messenger } from '../support/message-rooms.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const apps = [
  { id: 'full', grants: allGrants, quotaBytes: 2 ** 24 },
  { id: 'none', grants: [], quotaBytes: 1000 },
  { id: 'visits', grants: allGrants, quotaBytes: 1000 },
];
type Tap = Pick<typeof t, 'teardown'>;

async function start(t: Tap, features: Partial<Features> = {}) {
  const box = await startApiBox(apps, { features });
  t.teardown(() => box.stop());
  const client = (id: string): Webizen => {
    const made = connect({ socket: box.socket(id) });
    t.teardown(() => made.close());
    return made;
  };
  return { box, client };
}

async function refusal(promise: Promise<unknown>): Promise<WebizenError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof WebizenError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

t.test('an app reads the box, itself and the health through the client', async (t) => {
  const { box, client } = await start(t);
  const webizen = client('full');
  t.match(await webizen.box(), { id: null, online: false, api: '1.0' });
  t.match(await webizen.self(), { id: 'full', sandbox: 'none', grants: allGrants });
  t.same(await webizen.health(), { latest: null });
  box.setLatest({ seq: 1, at: 1, values: { 'system.memory.limit': 5 } });
  t.equal((await webizen.health()).latest?.values['system.memory.limit'], 5);
});

t.test('an app holds what may wait, repeats, extends and gives up, and reads what it printed', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wz-'));
  const store = await openStore(folder);
  t.teardown(() => rm(folder, { recursive: true }));
  const clock = { ...systemClock, trusted: () => true };
  const { leases } = await openLeases({
    ...{ store, clock, boot: 'one', monotonic: () => performance.now(), announce: () => false },
    ledger: await createLedger({ store, clock }),
    onRefused: (refusal) => t.fail(refusal.message),
  });
  t.teardown(() => store.close());
  const { client } = await start(t, { leases, logs: async (app) => `${app} grüßt\n` });
  const box = client('none');
  const wish = { hold: 'update', reason: 'Copies photos', seconds: 600 } as const;
  const { id } = await box.hold(wish, { key: 'one' });
  t.equal((await box.hold(wish, { key: 'one' })).id, id);
  t.not((await box.hold({ ...wish, hold: 'reboot' })).id, id);
  t.ok((await box.extend(id, 1200)).secondsLeft > 600);
  t.match(await box.leases(), [{ hold: 'update' }, { hold: 'reboot' }]);
  await box.release(id);
  t.match(await box.leases(), [{ hold: 'reboot' }]);
  t.equal((await refusal(box.release(id))).code, 'lease-unknown');
  t.equal((await refusal(box.extend('../self', 5))).code, 'lease-unknown');
  t.equal(await box.logs(), 'none grüßt\n');
});

t.test('an app stores, compares and sets, lists and deletes through the client', async (t) => {
  const { client } = await start(t);
  const { storage } = client('full');
  t.equal(await storage.get('a/b?c#d%'), undefined);
  const etag = await storage.put('a/b?c#d%', 'grüß', { ifNoneMatch: '*' });
  const stored = await storage.get('a/b?c#d%');
  t.match(stored, { etag, contentType: 'text/plain; charset=utf-8' });
  t.equal(stored?.text(), 'grüß');
  t.equal((await refusal(storage.put('a/b?c#d%', 'x', { ifMatch: '"0"' }))).code, 'precondition-failed');
  await storage.put('a/b?c#d%', '{"x":1}', { ifMatch: etag, contentType: 'application/json' });
  t.same((await storage.get('a/b?c#d%'))?.json(), { x: 1 });

  const large = new Uint8Array(1024 * 1024).fill(7);
  await storage.put('large', large);
  t.same((await storage.get('large'))?.value, Buffer.from(large));
  t.equal((await refusal(storage.put('large', new Uint8Array(4 * 1024 * 1024)))).code, 'body-too-large');

  const operations = Array.from({ length: 7 }, (_, n) => ({ op: 'put', key: `n/${n}`, value: `${n}` }) as const);
  t.equal((await storage.batch(operations)).length, 7);
  const keys: string[] = [];
  for await (const entry of storage.list({ prefix: 'n/', pageSize: 3 })) keys.push(entry.key);
  t.same(
    keys,
    operations.map(({ key }) => key),
  );
  t.equal(await storage.delete('n/0'), true);
  t.equal(await storage.delete('n/0'), false);
});

t.test('an app reaches a server outside, and only the one that it was granted', async (t) => {
  const [from, until] = [Date.now() - 60_000, Date.now() + 3_600_000];
  const root = await make({ name: 'root', ca: true, from, until });
  const hosts = ['api.example.com'];
  const leaf = await make({ name: 'server', by: root, ca: false, hosts, eku: [oids.serverAuth], from, until });
  const [key, cert, ca] = [
    keyToPem(leaf.key),
    ...[leaf, root].map(({ certificate }) => certificateToPem(certificate.raw)),
  ];
  const server = createTlsServer({ key, cert }, (message, reply) => reply.end(`you asked ${message.headers.host}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const tunnels = createEgress({
    resolve: async () => ['127.0.0.1'],
    ownNetworks: () => [],
    allow: () => true,
    clock: systemClock,
  });
  const box = await startApiBox([{ id: 'a', grants: [`network.egress:api.example.com:${port}`], quotaBytes: 0 }], {
    tunnels,
  });
  t.teardown(() => box.stop());
  const { egress } = connect({ socket: box.socket('a') });
  const agent = egress.httpsAgent();
  agent.options.ca = ca;
  t.teardown(() => agent.destroy());
  const fetched = (host: string) =>
    new Promise<string>((resolve, reject) => {
      get(`https://${host}:${port}/`, { agent }, (reply) => void readText(reply).then(resolve, reject)).once(
        'error',
        reject,
      );
    });
  t.equal(await fetched('api.example.com'), `you asked api.example.com:${port}`);
  t.equal(await fetched('api.example.com'), `you asked api.example.com:${port}`, 'again, over the kept connection');
  t.equal(tunnels.counters('a').opened, 1);
  const refused = await refusal(fetched('other.example.com'));
  t.match(refused, { code: 'grant-missing', detail: `network.egress:other.example.com:${port}` });
  t.equal((await refusal(egress.connect('10.0.0.1'))).code, 'egress-address');
  t.equal((await refusal(connect({ socket: '/nowhere/api.sock' }).egress.connect('a.example'))).code, 'unreachable');
});

t.test('an app says that it is up, tells the owner, and has itself vouched for', async (t) => {
  const { box, client } = await start(t);
  const app = client('full');
  await app.ready();
  t.same(box.ready, ['full']);
  t.equal((await refusal(app.attest('https://api.example.com'))).code, 'grant-missing');
  t.equal((await refusal(app.notify({ title: 'a', text: 'b', severity: 'info' }))).code, 'grant-missing');
  const told: unknown[] = [];
  const able = await startApiBox([{ id: 'able', grants: ['identity.attest', 'notify'], quotaBytes: 0 }], {
    features: {
      attest: {
        attest: async (id, wish) => ({ token: `${id} ${wish.audience} ${wish.nonce}`, expiresAt: 5 }),
      },
      notifications: {
        add: async (id, wish) => {
          told.push([id, wish]);
          return { notification: { id: '0'.repeat(16), at: 7 }, isNew: true };
        },
      },
    },
  });
  t.teardown(() => able.stop());
  const second = connect({ socket: able.socket('able') });
  t.teardown(() => second.close());
  t.same(await second.attest('me', { nonce: 'n' }), { token: 'able me n', expiresAt: 5 });
  const notification = { title: 'a', text: 'b', severity: 'info', key: 'k' } as const;
  t.match(await second.notify(notification), { at: 7 });
  t.same(told, [['able', notification]]);
});

t.test('an app writes to its maker, receives what that sends, and acknowledges it', async (t) => {
  const rooms = await messageRooms(t);
  const box = await startApiBox([{ id: messenger, grants: ['messages'], quotaBytes: 0 }], {
    features: { messages: rooms.messages },
  });
  t.teardown(() => box.stop());
  const { messages, close } = connect({ socket: box.socket(messenger) });
  t.teardown(close);
  const sent = await messages.send({ name: 'note', body: { n: 1 }, idempotencyKey: 'k' });
  t.equal((await messages.send({ name: 'note', body: { n: 1 }, idempotencyKey: 'k' })).id, sent.id);
  await rooms.connect();
  const first = await rooms.message(sent.id);
  const { reply } = await rooms.open(first);
  rooms.store(first);
  const bytes = await messages.send({ name: 'note', body: Buffer.from([0, 1]) });
  t.match(await rooms.open(await rooms.message(bytes.id)), { contentType: 'application/octet-stream', body: 'AAE' });

  const ids = ['1', '2'].map((digit) => digit.repeat(32));
  for (const id of ids)
    rooms.hear(await rooms.seal({ id, to: reply, name: id === ids[0] ? 'note' : 'other' }), {
      name: id === ids[0] ? 'note' : 'other',
    });
  const found: string[] = [];
  for await (const message of messages.receive()) {
    found.push(message.id);
    await messages.ack(message.id);
    await messages.ack(message.id);
    if (found.length === ids.length) break;
  }
  t.same(found, ids);
  t.match(await messages.list({ limit: 1 }), { messages: [], counts: { incoming: { waiting: 0 } } });
});

t.test('a missing permission is a readable error', async (t) => {
  const { client } = await start(t);
  const error = await refusal(client('none').storage.get('x'));
  t.equal(error.code, 'grant-missing');
  t.equal(error.status, 403);
  t.match(error.message, /does not have the permission "storage".*owner/);
  t.match((await refusal(client('none').health())).message, /"health\.read"/);
  t.match(error.remedy, /ask the owner/);
});

t.test('a box that does not answer, or answers nonsense, is a readable error too', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const socket = path.join(directory, 'api.sock');
  const missing = await refusal(connect({ socket }).box());
  t.match(missing, { code: 'unreachable', status: 0 });
  t.match(missing.message, new RegExp(`does not answer on ${socket}`));

  const server = createServer((_message, reply) => reply.writeHead(502).end('<html>'));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => server.close());
  const webizen = connect({ socket });
  t.match(await refusal(webizen.box()), { code: 'internal', status: 502 });
  webizen.close();
});

t.test('the events go on across a restart of the box, and end when the app wants', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const first = await startApiBox(apps, { directory });
  const webizen = connect({ socket: first.socket('none') });
  const stop = new AbortController();
  const seen: string[] = [];
  let second: typeof first | undefined;
  for await (const event of webizen.events({ signal: stop.signal })) {
    seen.push('online' in event ? `${event.type} ${event.online}` : event.type);
    if (event.type === 'hello' && !second) first.setOnline(true);
    if (event.type === 'connectivity') void first.stop();
    if (event.type === 'shutdown') second = await startApiBox(apps, { directory });
    if (event.type === 'hello' && second) stop.abort();
  }
  t.same(seen, ['hello false', 'connectivity true', 'shutdown', 'hello false']);
  for await (const event of webizen.events() as AsyncIterable<AppEvent>) {
    t.equal(event.type, 'hello');
    break; // leaving the loop ends the stream
  }
  await second?.stop();
});

t.test('a watch goes on across a restart of the box, and says when it may have missed something', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const first = await startApiBox(apps, { directory });
  const webizen = connect({ socket: first.socket('full') });
  const stop = new AbortController();
  const seen: StorageWatchEvent[] = [];
  let second: typeof first | undefined;
  for await (const event of webizen.storage.watch({ prefix: 'a/', signal: stop.signal })) {
    seen.push(event);
    if (event.type === 'ready') {
      await webizen.storage.put('b/other', 'x');
      await webizen.storage.put('a/1', 'x');
      await webizen.storage.delete('a/1');
    }
    if (event.type === 'delete' && !second) {
      await first.stop();
      second = await startApiBox(apps, { directory });
    }
    if (event.type === 'reset') await webizen.storage.put('a/2', 'x', { ifNoneMatch: '*' });
    if (event.type === 'put' && second) stop.abort();
  }
  t.match(seen, [
    { type: 'ready' },
    { type: 'put', key: 'a/1', etag: /^"/ },
    { type: 'delete', key: 'a/1' },
    { type: 'reset' },
    { type: 'put', key: 'a/2' },
  ]);
  for await (const event of webizen.storage.watch()) {
    t.equal(event.type, 'ready');
    break;
  }
  const none = connect({ socket: second?.socket('none') ?? '' });
  await t.rejects(none.storage.watch()[Symbol.asyncIterator]().next(), { code: 'grant-missing' });
  webizen.close();
  await second?.stop();
});

t.test('server-sent events are read the same however they are cut', async (t) => {
  const text =
    'retry: 1\nevent: a\ndata: {"x":\ndata:1}\n\n:\n\nid: 7\ndata: zwei ü\r\n\r\nevent: b\n\nid:8\n\ndata:3\n\nid: 9\ndata: unfinished';
  const messages = [{ data: '{"x":\n1}' }, { data: 'zwei ü', id: '7' }, { data: '', id: '8' }, { data: '3', id: '8' }];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: text.length })), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      async function* chunks() {
        for (const [n, end] of places.slice(1).entries()) yield text.slice(places[n], end);
      }
      const found: object[] = [];
      for await (const message of messagesOf(chunks())) found.push(message);
      return JSON.stringify(found) === JSON.stringify(messages);
    }),
  );
  t.pass();
});

t.test('the sample app counts its starts, watches events and ends when it is told to', async (t) => {
  const { box } = await start(t);
  box.setLatest({ seq: 1, at: 1, values: { 'system.memory.utilization': 0.42 } });
  const logFile = path.join(box.directory, 'data/logs/visits.log');
  const log = () => readFile(logFile, 'utf8').catch(() => '');
  for (const run of [1, 2]) {
    const running = createApps({
      apps: [
        { ...apps[2], id: 'visits', command: [process.execPath, path.join(here, '../../examples/visits.js')] } as never,
      ],
      dataDir: path.join(box.directory, 'data'),
      runtimeDir: path.join(box.directory, 'run'),
      socketOf: box.socket,
      clock: systemClock,
      log: { info: () => {}, warn: () => {} },
    });
    await running.start();
    while ((await log()).split('event: hello (offline)').length <= run) await delay(5);
    await running.stop();
    t.match(await log(), new RegExp(`visits: ${run}\n`));
  }
  t.match(
    await log(),
    /^visits: 1\nhealth: memory 42 % in use\nevent: hello \(offline\)\nstopped\nwebizen: ended with code 0\n/,
  );
});
