/** The trial of the standard API: the box passes it, and what breaks a promise is found out. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as requestOf, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, createServer as createTcpServer } from 'node:net';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { Capability } from '#contract/capabilities.js';
import { tellApps } from '../../agent/app-telling.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { createEgress } from '../../agent/egress/egress.js';
import { openLeases } from '../../agent/leases/open.js';
import { createMetering } from '../../agent/metering/metering.js';
import { createNotices } from '../../agent/notices/notices.js';
import { openStore } from '../../agent/store/store.js';
import { promises, type Result, tryPromises } from '../../sdk/conformance/run.js';
import { readSpecification } from '../../sdk/conformance/specification.js';
import { type Answer, call, startApiBox } from '../support/api-box.js';
import { ownFolder } from '../support/folder.js';
import { app, messageRooms } from '../support/message-rooms.js';
import { under } from '../support/metering-child.js';
import { storageOver } from '../support/stored-values.js';

const all: Capability[] = ['storage', 'health.read', 'identity.attest', 'notify', 'messages', 'metering'];

async function specification() {
  const read = readSpecification(JSON.parse(await readFile('docs/spec/openapi.json', 'utf8')));
  if (!read) throw new Error('no specification');
  return read;
}

async function boxOf(t: Test) {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  t.teardown(() => store.close());
  const notices = await createNotices({ store, clock: systemClock });
  const rooms = await messageRooms(t);
  rooms.bindings.set('full', { ...rooms.bindings.get(app)! });
  const room = await openLeases({
    store,
    ledger: await createLedger({ store, clock: systemClock }),
    clock: { ...systemClock, trusted: () => true },
    monotonic: () => performance.now(),
    boot: 'one',
    announce: () => false,
    onRefused: (refusal) => t.fail(refusal.message),
  });
  const storage = await storageOver(store, folder);
  const telling = tellApps({
    ...{ desk: undefined, storage, freeBytes: () => 1e12, clock: systemClock },
    api: () => box.api,
  });
  const tunnels = createEgress({ resolve: async () => [], ownNetworks: () => [], clock: systemClock });
  const agreed = { ...under, app: 'full' };
  const metering = await createMetering({
    ...{ store, clock: systemClock, isTimeKnown: () => true, onTime: () => () => {} },
    ledger: await createLedger({ store, clock: systemClock }),
    under: (id) => (id === 'full' ? agreed : undefined),
    isTold: () => true,
    box: () => undefined,
    signing: async () => undefined,
    tell: async () => ({ taken: [] }),
    onRefused: (refusal) => t.fail(refusal.message),
  });
  for (const quantity of ['2.5', '1', '0.000001'])
    await metering.count('full', { unit: 'page', quantity }, `key-${quantity}`);
  const box = await startApiBox(
    [
      { id: 'full', grants: all, quotaBytes: 4 * 2 ** 20 },
      { id: 'none', grants: [], quotaBytes: 1000 },
    ],
    {
      tunnels,
      features: {
        messages: rooms.messages,
        storage: telling.storage,
        standing: telling.standing,
        leases: room.leases,
        metering,
        logs: async () => 'hello\n',
        notifications: {
          async add(app, note) {
            const { notification, isNew } = await notices.add(app, note);
            return { notification: { id: notification.id, at: notification.at }, isNew };
          },
        },
      },
    },
  );
  t.teardown(() => box.stop());
  return box;
}

const idsOf = (results: readonly Result[], outcome: Result['outcome']): string[] =>
  results.filter((result) => result.outcome === outcome).map(({ id }) => id);

t.test('a box keeps every promise that the owner lets be tried, and nothing stays behind', async (t) => {
  const box = await boxOf(t);
  const place = { socketPath: box.socket('full') };
  const results = await tryPromises({ place, specification: await specification() });
  t.same(
    results.filter(({ outcome }) => outcome === 'failed'),
    [],
  );
  t.same(idsOf(results, 'not granted'), []);
  t.same(idsOf(results, 'not tried'), ['attest.statement'], 'a box without a territory vouches for nothing');
  t.equal(results.length, promises.length);
  t.match((await call(place.socketPath, 'GET', '/v1/storage')).json, { entries: [], cursor: null });
});

t.test('what is not granted is told apart from what is broken', async (t) => {
  const box = await boxOf(t);
  const results = await tryPromises({
    place: { socketPath: box.socket('none') },
    specification: await specification(),
  });
  t.same(idsOf(results, 'failed'), []);
  const refused = idsOf(results, 'not granted');
  for (const id of [
    'storage.values',
    'list.pages',
    'health.latest',
    'attest.statement',
    'notify.told',
    'metering.once',
  ])
    t.ok(refused.includes(id), id);
  const passed = idsOf(results, 'passed');
  for (const id of ['box.facts', 'self.grants', 'ready.said', 'events.hello', 'egress.grant', 'errors.unknown-path'])
    t.ok(passed.includes(id), id);
});

type Altered = Pick<Answer, 'status' | 'headers' | 'bytes'>;
interface Asked {
  method: string;
  url: string;
  headers: NodeJS.Dict<string | string[]>;
}
interface Flaw {
  promise: string;
  what: string;
  /** Of the request, before the box sees it. */
  lose?: (asked: Asked) => void;
  alter?: (answer: Altered, asked: Asked) => Altered;
}

/** An implementation that is a box but for one flaw, at an http address. */
async function flawed(t: Test, socketPath: string, flaw: Partial<Flaw>) {
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    if (url === '/v1/events') return void response.destroy(); // it waits for whole answers, and this has no end
    const asked = { method, url, headers: { ...headers } };
    const body = await buffer(request);
    flaw.lose?.(asked);
    if (url.startsWith('/v1/storage:watch')) {
      const stream = requestOf({ socketPath, path: asked.url, headers: asked.headers }, (reply) => {
        response.writeHead(reply.statusCode ?? 0, reply.headers);
        reply.on('error', () => {}).pipe(response);
      });
      response.once('close', () => stream.destroy());
      return void stream.on('error', () => {}).end();
    }
    const answer: Altered = await call(socketPath, method, url, { headers: asked.headers, body });
    const { status, headers: told, bytes } = flaw.alter?.(answer, asked) ?? answer;
    const { connection: _, 'content-length': length, 'transfer-encoding': __, ...rest } = told;
    if (method === 'HEAD' && length !== undefined) rest['content-length'] = length;
    response.writeHead(status, rest).end(bytes);
  }
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** The same, over the bytes themselves: what is sent to the box, and what it answers. */
async function garbled(
  t: Test,
  socketPath: string,
  { sent = (text) => text, answered = (text) => text }: Partial<Record<'sent' | 'answered', (text: string) => string>>,
) {
  const through = (change: (text: string) => string) =>
    new Transform({
      transform: (chunk: Buffer, _, done) => done(null, Buffer.from(change(chunk.toString('latin1')), 'latin1')),
    });
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    const box = connect({ path: socketPath, allowHalfOpen: true });
    pipeline(socket, through(sent), box).catch(() => box.destroy());
    pipeline(box, through(answered), socket).catch(() => socket.destroy());
    socket.once('close', () => box.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const without = ({ headers, ...answer }: Altered, name: string): Altered => ({
  ...answer,
  headers: Object.fromEntries(Object.entries(headers).filter(([one]) => one !== name)),
});

const withText = (answer: Altered, change: (text: string) => string): Altered => ({
  ...answer,
  bytes: Buffer.from(change(answer.bytes.toString('utf8'))),
});

const flaws: Flaw[] = [
  {
    promise: 'storage.replace',
    what: 'the same ETag for every value',
    alter: (answer) => (answer.headers.etag ? { ...answer, headers: { ...answer.headers, etag: '"1"' } } : answer),
  },
  {
    promise: 'storage.delete',
    what: 'a problem without its remedy',
    alter: (answer) => withText(answer, (text) => text.replace(/"remedy":"[^"]*",?/, '"x":0,')),
  },
  {
    promise: 'storage.if-none-match',
    what: 'another status for the same problem',
    alter: (answer) => (answer.status === 412 ? { ...answer, status: 409 } : answer),
  },
  {
    promise: 'storage.if-match',
    what: 'conditions that are not looked at',
    lose: ({ headers }) => void delete headers['if-match'],
  },
  {
    promise: 'storage.values',
    what: 'values without their bytes',
    alter: (answer, { method }) => (method === 'GET' ? { ...answer, bytes: Buffer.alloc(0) } : answer),
  },
  {
    promise: 'storage.head',
    what: 'no ETag beside the size',
    alter: (answer, { method }) => (method === 'HEAD' ? without(answer, 'etag') : answer),
  },
  {
    promise: 'list.entries',
    what: 'a listing in another order',
    alter: (answer, { url }) =>
      url.startsWith('/v1/storage?')
        ? withText(answer, (text) => {
            const list = JSON.parse(text) as { entries: unknown[] };
            return JSON.stringify({ ...list, entries: list.entries.reverse() });
          })
        : answer,
  },
  {
    promise: 'watch.resume',
    what: 'a watch that begins anew each time',
    lose: ({ headers }) => void delete headers['last-event-id'],
  },
  {
    promise: 'watch.reset',
    what: 'a watch that does not say that something was missed',
    lose: ({ headers }) => void delete headers['last-event-id'],
  },
  {
    promise: 'watch.changes',
    what: 'a watch of everything',
    lose: (asked) => void Object.assign(asked, { url: asked.url.replace(/prefix=[^&]*/, 'prefix=') }),
  },
  {
    promise: 'box.facts',
    what: 'an answer of another shape',
    alter: (answer) => withText(answer, (text) => text.replace(/"online":(true|false)/, '"online":"yes"')),
  },
  {
    promise: 'errors.unknown-path',
    what: 'a problem of another content type',
    alter: (answer) => ({ ...answer, headers: { ...answer.headers, 'content-type': 'application/json' } }),
  },
  {
    promise: 'errors.method',
    what: 'no word of which methods there are',
    alter: (answer) => without(answer, 'allow'),
  },
  {
    promise: 'leases.repeated',
    what: 'keys that are not looked at',
    lose: ({ headers }) => void delete headers['idempotency-key'],
  },
  {
    promise: 'self.grants',
    what: 'grants that are not told',
    alter: (answer, { url }) =>
      url === '/v1/self' ? withText(answer, (text) => text.replace('"health.read",', '')) : answer,
  },
  {
    promise: 'messages.once',
    what: 'a message again for the same request',
    lose: ({ headers }) => void delete headers['idempotency-key'],
  },
  {
    promise: 'metering.once',
    what: 'a key that counts each time',
    lose({ method, headers }) {
      if (method === 'POST') headers['idempotency-key'] = randomUUID();
    },
  },
  {
    promise: 'metering.agreed',
    what: 'a unit that nobody agreed to is counted as another',
    alter: (answer) => withText(answer, (text) => text.replaceAll('metering-unit', 'metering-quantity')),
  },
  {
    promise: 'metering.entries',
    what: 'an entry that was altered',
    alter: (answer, { url }) =>
      url.includes('/entries') ? withText(answer, (text) => text.replace('"quantity":"1"', '"quantity":"3"')) : answer,
  },
  {
    promise: 'metering.sums',
    what: 'a sum that was made by floats',
    alter: (answer, { url }) =>
      url === '/v1/metering'
        ? withText(answer, (text) => text.replace(/"quantity":"(\d+)\.\d+"/, '"quantity":"$1.5"'))
        : answer,
  },
  {
    promise: 'metering.refusals',
    what: 'a missing key that is made up',
    lose({ method, headers }) {
      if (method === 'POST') headers['idempotency-key'] ??= randomUUID();
    },
  },
  {
    promise: 'requests.who',
    what: 'a field that says who asks',
    alter: (answer, { headers }) =>
      headers.forwarded ? withText(answer, (text) => text.replace('"id":"full"', '"id":"other"')) : answer,
  },
];

t.test('what breaks a promise is found out, and said', async (t) => {
  const box = await boxOf(t);
  const read = await specification();
  for (const flaw of flaws) {
    const only = promises.filter(({ id }) => id === flaw.promise);
    const honest = await flawed(t, box.socket('full'), {});
    t.same(idsOf(await tryPromises({ place: honest, specification: read, only }), 'passed'), [flaw.promise]);
    const place = await flawed(t, box.socket('full'), flaw);
    const results = await tryPromises({ place, specification: read, only });
    t.same(idsOf(results, 'failed'), [flaw.promise], flaw.what);
    t.match(results[0], { expected: /./, seen: /./ }, `${flaw.promise}: ${JSON.stringify(results[0])}`);
  }
});

const garblings: {
  promise: string;
  what: string;
  sent?: (text: string) => string;
  answered?: (text: string) => string;
}[] = [
  {
    promise: 'requests.one-meaning',
    what: 'of a length and chunks one is believed',
    sent: (text) => text.replace('Transfer-Encoding: chunked\r\n', ''),
  },
  {
    promise: 'requests.one-meaning',
    what: 'of two hosts the first is taken',
    sent: (text) => text.replace('Host: other\r\n', ''),
  },
  {
    promise: 'requests.whole-address',
    what: 'a whole address is taken for a path',
    sent: (text) => text.replace(/^GET http:\/\/[^/]*/, 'GET '),
  },
  { promise: 'requests.upgrade', what: 'an upgrade is passed over', sent: (text) => text.replace('Upgrade', 'close') },
  {
    promise: 'requests.ahead',
    what: 'the answers come in another order',
    sent: (text) => text.replace('GET /v1/box', 'GET /v1/x').replace('GET /v1/no-such-thing', 'GET /v1/box'),
  },
  {
    promise: 'events.bounded',
    what: 'the seventeenth stream is let in',
    answered: (text) => text.replace('HTTP/1.1 429', 'HTTP/1.1 200'),
  },
  {
    promise: 'events.bounded',
    what: 'nobody says when to come back',
    answered: (text) => text.replace(/retry-after/i, 'retry-never'),
  },
];

t.test('what reads requests otherwise is found out too', async (t) => {
  const box = await boxOf(t);
  const read = await specification();
  const honest = await garbled(t, box.socket('full'), {});
  for (const { promise, what, ...flaw } of garblings) {
    const only = promises.filter(({ id }) => id === promise);
    t.same(idsOf(await tryPromises({ place: honest, specification: read, only }), 'passed'), [promise]);
    const place = await garbled(t, box.socket('full'), flaw);
    t.same(idsOf(await tryPromises({ place, specification: read, only }), 'failed'), [promise], what);
  }
});

function webizen(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const command = ['build/bin/webizen.js', 'conformance', ...args];
    execFile(process.execPath, command, { maxBuffer: 2 ** 24 }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

t.test('the command prints a line a promise, and its exit code is the answer', async (t) => {
  const box = await boxOf(t);
  const well = await webizen(box.socket('full'));
  t.equal(well.code, 0, well.out + well.err);
  for (const { id } of promises) t.ok(well.out.includes(` ${id} `), id);
  t.match(well.out.trimEnd().split('\n').at(-1), /^\d+ passed, 0 failed, 0 not granted, 1 not tried$/);

  const { host, port } = await flawed(t, box.socket('full'), {
    alter: (answer) => (answer.status === 404 ? { ...answer, status: 410 } : answer),
  });
  const badly = await webizen(`http://${host}:${port}`, '--json');
  t.equal(badly.code, 1);
  const told = JSON.parse(badly.out) as { failed: number; results: Result[] };
  t.ok(told.failed > 0);
  t.ok(idsOf(told.results, 'failed').includes('errors.unknown-path'));

  const nobody = await webizen(`${box.directory}/no.sock`);
  t.equal(nobody.code, 1);
  t.match(nobody.err, /conformance-unreachable/);
  t.equal((await webizen('https://localhost')).code, 2);
});
