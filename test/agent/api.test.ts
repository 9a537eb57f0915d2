import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fastify from 'fastify';
import t from 'tap';
import { maxSocketPathBytes } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { createCallers, guardRoutes } from '../../agent/api/access.js';
import { call, startApiBox } from '../support/api-box.js';
import { app, batch, box, key, put, quotaBytes, refused } from '../support/api-calls.js';
import { createManualClock } from '../support/manual-clock.js';

/** `once` of node:events would reject when the connection ends with an error, which here it may. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()));

t.test('an app reads what the box is, what it is itself, and how the box is doing', async (t) => {
  const api = await box(t, [app('visits', { grants: ['health.read'] })]);
  const socket = api.socket('visits');
  api.setOnline(true);
  t.match((await call(socket, 'GET', '/v1/box')).json, { id: null, online: true, api: '1.0' });
  t.same((await call(socket, 'GET', '/v1/self')).json, {
    id: 'visits',
    state: 'running',
    release: null,
    version: null,
    sandbox: 'none',
    grants: ['health.read'],
    storage: { quotaBytes, usedBytes: 0 },
    restarts: 0,
  });
  t.same((await call(socket, 'GET', '/v1/health')).json, { latest: null });
  const sample = { seq: 7, at: 1, values: { 'system.memory.limit': 1024 } };
  api.setLatest(sample);
  t.same((await call(socket, 'GET', '/v1/health')).json, { latest: sample });
});

t.test('what an app may not have is refused with code, sentence and remedy', async (t) => {
  const api = await box(t, [app('poor', { grants: [] }), app('small', { quotaBytes: 100 }), app('a')]);
  const poor = api.socket('poor');
  const socket = api.socket('a');

  await t.test('without the grant, whatever the call', async (t) => {
    refused(t, await call(poor, 'GET', '/v1/health'), 'grant-missing', /^health\.read$/);
    for (const [method, target] of [
      ['GET', key('x')],
      ['PUT', key('x')],
      ['DELETE', key('x')],
      ['GET', '/v1/storage'],
      ['POST', '/v1/storage:batch'],
    ] as const)
      refused(t, await call(poor, method, target), 'grant-missing', /^storage$/);
    t.equal((await call(poor, 'HEAD', key('x'))).status, 403);
    t.equal((await call(poor, 'GET', '/v1/box')).status, 200);
  });

  await t.test('without the grant, before the body has come', async (t) => {
    const message = request({ socketPath: poor, method: 'PUT', path: key('x'), headers: { 'content-length': 1000 } });
    message.on('error', () => {}); // it is cut off below
    message.flushHeaders();
    const [reply] = await once(message, 'response');
    t.equal(reply.statusCode, 403);
    message.destroy();
  });

  await t.test('over quota', async (t) => {
    const small = api.socket('small');
    t.equal((await put(small, '12345', Buffer.alloc(95))).status, 201);
    refused(t, await put(small, '12345', Buffer.alloc(96)), 'quota-exceeded', /101 of 100/);
    refused(t, await put(small, 'b', ''), 'quota-exceeded');
    t.equal((await put(small, '12345', Buffer.alloc(10))).status, 204, 'what makes it smaller is taken');
    t.equal((await put(small, 'b', '')).status, 201);
  });

  await t.test('a malformed body', async (t) => {
    refused(t, await batch(socket, '{"operations": ['), 'body-malformed');
    refused(t, await batch(socket, ''), 'body-malformed');
    refused(t, await call(socket, 'POST', '/v1/storage:batch', { body: '{}' }), 'media-type-unsupported');
    refused(t, await put(socket, 'x', 'x', { 'content-type': 'nonsense' }), 'media-type-unsupported');
    for (const [operations, detail] of [
      [[], /operations/],
      [[{ op: 'put', key: 'k' }], /either/],
      [[{ op: 'put', key: 'k', value: 'a', valueBase64: 'YQ==' }], /either/],
      [[{ op: 'put', key: 'k', valueBase64: 'Y*==' }], /base64/],
      [[{ op: 'put', key: 'k', value: 1 }], /value/],
      [[{ op: 'put', key: 'k', value: 'a', more: 1 }], /more/],
      [[{ op: 'put', key: 'k', value: 'a', contentType: 'a\r\nb: c' }], /content type/],
      [Array(101).fill({ op: 'delete', key: 'k' }), /operations/],
    ] as const)
      refused(t, await batch(socket, operations), 'body-invalid', detail);
  });

  await t.test('an oversize body, declared or not, and the connection stays usable', async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const large = Buffer.alloc(3 * 1024 * 1024);
    refused(t, await call(socket, 'PUT', key('x'), { body: large, agent }), 'body-too-large');
    const headers = { 'transfer-encoding': 'chunked' };
    refused(t, await call(socket, 'PUT', key('x'), { body: large, headers, agent }), 'body-too-large');
    t.equal((await call(socket, 'PUT', key('x'), { body: large.subarray(0, 1024 * 1024), agent })).status, 201);
    const value = 'x'.repeat(1024 * 1024 + 1);
    refused(t, await batch(socket, [{ op: 'put', key: 'k', value }]), 'body-too-large', /k/);
    refused(t, await batch(socket, `"${'x'.repeat(2 * 1024 * 1024)}"`), 'body-too-large');
    t.equal((await call(socket, 'DELETE', key('x'), { agent })).status, 204);
  });

  await t.test('a bad key', async (t) => {
    t.equal((await put(socket, 'k'.repeat(512), 'x')).status, 201);
    t.equal((await put(socket, 'é'.repeat(256), 'x')).status, 201);
    refused(t, await put(socket, 'k'.repeat(513), 'x'), 'key-invalid');
    refused(t, await put(socket, 'é'.repeat(257), 'x'), 'key-invalid');
    refused(t, await put(socket, 'é'.repeat(2000), 'x'), 'key-invalid');
    refused(t, await put(socket, '', 'x'), 'key-invalid');
    for (const target of ['%FF', '%C3', '%zz', '%ED%A0%80'])
      refused(t, await call(socket, 'GET', `/v1/storage/${target}`), 'key-invalid');
    refused(t, await batch(socket, '{"operations":[{"op":"delete","key":"\\ud800"}]}'), 'key-invalid');
    refused(t, await call(socket, 'GET', '/v1/storage/a/b'), 'not-found');
  });

  await t.test('a bad cursor or query', async (t) => {
    await batch(
      socket,
      ['1', '2', '3'].map((name) => ({ op: 'put', key: `c${name}`, value: '' })),
    );
    const { cursor } = (await call(socket, 'GET', '/v1/storage?prefix=c&limit=1')).json as { cursor: string };
    for (const query of ['cursor=x', 'cursor=', `cursor=${cursor}`, `prefix=c&cursor=${cursor}x`, 'cursor=%00'])
      refused(t, await call(socket, 'GET', `/v1/storage?${query}`), 'cursor-invalid');
    for (const query of ['limit=0', 'limit=1001', 'limit=1.5', 'limit=', 'limit=1&limit=2', 'size=1'])
      refused(t, await call(socket, 'GET', `/v1/storage?${query}`), 'body-invalid');
  });

  await t.test('a condition that does not hold', async (t) => {
    const { etag } = (await put(socket, 'p', '1')).headers;
    refused(t, await put(socket, 'p', '2', { 'if-none-match': '*' }), 'precondition-failed');
    refused(t, await put(socket, 'p', '2', { 'if-match': '"0"' }), 'precondition-failed');
    refused(t, await put(socket, 'p', '2', { 'if-match': `W/${etag}` }), 'precondition-failed');
    refused(t, await put(socket, 'none', '2', { 'if-match': '*' }), 'precondition-failed');
    const headers = { 'if-match': '"0"' };
    refused(t, await call(socket, 'DELETE', key('p'), { headers }), 'precondition-failed');
    refused(t, await call(socket, 'DELETE', key('none')), 'key-not-found');
    t.equal((await put(socket, 'p', '2', { 'if-match': `"0", ${etag}` })).status, 204);
    t.equal((await call(socket, 'DELETE', key('p'))).status, 204);
    await put(socket, 'p', '1');
    refused(t, await put(socket, 'p', '3', { 'if-match': String(etag) }), 'precondition-failed');
  });

  await t.test('an unknown address, and another protocol', async (t) => {
    refused(t, await call(socket, 'GET', '/v2'), 'not-found');
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    refused(t, await call(socket, 'GET', '/v1/box', { headers }), 'upgrade-refused');
    const large = { 'x-large': 'x'.repeat(20_000) };
    refused(t, await call(socket, 'GET', '/v1/box', { headers: large }), 'headers-too-large');
  });
  t.same(api.errors, []);
});

t.test('twenty apps do not see each other, and their directories have the modes that containers need', async (t) => {
  const ids = Array.from({ length: 20 }, (_, n) => (n === 0 ? 'a' : `a${'-.b'[n % 3]}${n}`));
  const api = await box(
    t,
    ids.map((id) => app(id)),
  );
  await Promise.all(ids.map((id) => put(api.socket(id), 'same', id)));
  for (const id of ids) {
    t.equal((await call(api.socket(id), 'GET', key('same'))).text, id);
    t.match((await call(api.socket(id), 'GET', '/v1/storage')).json, { entries: { length: 1 }, cursor: null });
    t.match((await call(api.socket(id), 'GET', '/v1/self')).json, { id, storage: { usedBytes: 4 + id.length } });
  }
  const mode = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);
  t.equal(await mode(api.socket('a')), '666');
  t.equal(await mode(path.dirname(api.socket('a'))), '755');
  t.equal(await mode(path.join(api.directory, 'run', 'apps')), '700');
});

t.test('a slow body, slow headers and too many connections are cut off', async (t) => {
  const limits = { headersMilliseconds: 150, requestMilliseconds: 300, checkMilliseconds: 20, maxConnections: 3 };
  const api = await box(t, [app('a')], { limits });
  const socket = api.socket('a');

  /** What comes back on a bare connection until the box closes it. */
  async function raw(text: string): Promise<string> {
    const connection = connectSocket(socket);
    let answer = '';
    connection.on('data', (data) => {
      answer += String(data);
    });
    connection.on('error', () => {});
    connection.write(text);
    await closed(connection);
    return answer;
  }
  const [slowBody, slowHeaders, notHttp] = await Promise.all([
    raw(`PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc`),
    raw('GET /v1/box HTTP/1.1\r\nHost: x\r\nX-'),
    raw('hello\r\n\r\n'),
  ]);
  t.match(slowBody, /^HTTP\/1\.1 408 [\s\S]*"code":"body-timeout"/);
  t.match(slowHeaders, /^HTTP\/1\.1 408 [\s\S]*"code":"body-timeout"/);
  t.match(notHttp, /^HTTP\/1\.1 400 [\s\S]*"code":"request-malformed"/);
  refused(t, await call(socket, 'GET', key('x')), 'key-not-found');

  const held = await Promise.all(
    [1, 2, 3].map(async () => {
      const connection = connectSocket(socket);
      connection.on('error', () => {});
      connection.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(connection, 'data');
      return connection;
    }),
  );
  await t.rejects(call(socket, 'GET', '/v1/box'), 'the fourth connection is closed');
  for (const connection of held) {
    connection.destroy();
    await closed(connection);
  }
});

t.test('the event stream greets, tells of connectivity, keeps alive, and says goodbye', async (t) => {
  const clock = createManualClock();
  const api = await startApiBox([app('a', { grants: [] })], { clock });
  const message = request({ socketPath: api.socket('a'), path: '/v1/events' }).end();
  const [reply] = await once(message, 'response');
  t.equal(reply.headers['content-type'], 'text/event-stream');
  let text = '';
  reply.setEncoding('utf8');
  reply.on('data', (data: string) => {
    text += data;
  });
  const until = async (part: string) => {
    while (!text.includes(part)) await once(reply, 'data');
  };
  const at = clock.now();
  await until(`event: hello\ndata: {"type":"hello","at":${at},"online":false}\n\n`);
  api.setOnline(true);
  await until(`event: connectivity\ndata: {"type":"connectivity","at":${at},"online":true}\n\n`);
  clock.advance(15_000);
  await until('\n:\n\n');
  const ended = once(reply, 'end');
  await api.stop();
  await ended;
  t.match(text, /event: shutdown\ndata: .*\n\n$/);
});

t.test('a reader of events that falls behind is dropped', async (t) => {
  const api = await box(t, [app('a')], { limits: { maxUnsentBytes: 1000 } });
  const connection = connectSocket(api.socket('a'));
  connection.on('error', () => {});
  connection.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(connection, 'data');
  connection.pause(); // the kernel takes some hundred kilobytes, then the box has to keep the rest
  const steady = await call(api.socket('a'), 'GET', '/v1/box');
  t.equal(steady.status, 200);
  for (let n = 0; n < 20_000; n++) api.setOnline(n % 2 === 0);
  connection.resume();
  await closed(connection);
  t.equal((await call(api.socket('a'), 'GET', '/v1/box')).status, 200);
});

t.test('a box that starts again finds its data, and takes the place of stale sockets', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const first = await startApiBox([app('a')], { directory });
  const { etag } = (await put(first.socket('a'), 'k', 'v')).headers;
  const inode = (await stat(path.dirname(first.socket('a')))).ino;
  await first.stop();
  const second = await box(t, [app('a')], { directory });
  t.equal((await stat(path.dirname(second.socket('a')))).ino, inode, 'the directory is the same one');
  t.match(await call(second.socket('a'), 'GET', key('k')), { text: 'v', headers: { etag } });
  t.match((await call(second.socket('a'), 'GET', '/v1/self')).json, { storage: { usedBytes: 2 } });
  t.not((await put(second.socket('a'), 'k', 'v')).headers.etag, etag);
});

t.test('a route that names no capability stops the program at boot', async (t) => {
  const application = fastify();
  guardRoutes(application, createCallers());
  t.throws(() => application.get('/v1/open', () => 'x'), /GET \/v1\/open names no capability/);
});

t.test('a socket path that the kernel does not take is a fault of the configuration', async (t) => {
  const directory = path.join(tmpdir(), 'd'.repeat(maxSocketPathBytes));
  await t.rejects(
    startApiBox([app('a')], { directory }),
    new Refusal('socket-path-too-long', `${directory}/run/apps/a/api.sock is ${directory.length + 20} bytes long`),
  );
  await rm(directory, { recursive: true, force: true });
});
