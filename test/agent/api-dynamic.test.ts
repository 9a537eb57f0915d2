/** Apps come and go while the box runs, and so does what they may do; none of them can take what is another's share. */
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { call } from '../support/api-box.js';
import { app, box, key, put, quotaBytes, refused, type Tap } from '../support/api-calls.js';

const id = 'example.visits';
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()));

/** A bare connection, and all that has come back on it. */
function bare(t: Tap, socketPath: string) {
  const socket = connectSocket(socketPath);
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => {
    text += data;
  });
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  return {
    socket,
    text: () => text,
    closed: closed(socket).then(() => text),
    async until(part: string): Promise<string> {
      while (!text.includes(part)) await once(socket, 'data');
      return text;
    },
  };
}

t.test('a socket is opened and closed while the box runs, and its directory stays', async (t) => {
  const api = await box(t, [app('fixed')]);
  const directory = await api.api.open({ id, quotaBytes });
  const socket = path.join(directory, 'api.sock');
  t.equal(socket, api.socket(id));
  const { ino } = await stat(directory);
  t.match((await call(socket, 'GET', '/v1/self')).json, { id, grants: [], storage: { quotaBytes } });
  t.equal(await api.api.open({ id, quotaBytes: 7 }), directory, 'opened twice it is the same one');
  t.match((await call(socket, 'GET', '/v1/self')).json, { storage: { quotaBytes: 7 } });

  const stream = bare(t, socket);
  stream.socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  await stream.until('event: hello');
  await Promise.all([api.api.close(id), api.api.close(id)]);
  t.match(await stream.closed, /event: shutdown/);
  await t.rejects(call(socket, 'GET', '/v1/box'), { code: 'ENOENT' });
  t.equal((await call(api.socket('fixed'), 'GET', '/v1/box')).status, 200, 'the others go on');

  const closing = api.api.close(id);
  t.equal(await api.api.open({ id, quotaBytes }), directory);
  await closing;
  t.equal((await stat(directory)).ino, ino, 'a container that has it mounted sees the new socket');
  t.equal((await call(socket, 'GET', '/v1/box')).status, 200);
  const again = api.api.close(id);
  await api.api.open({ id, quotaBytes });
  await again;
  t.equal((await call(socket, 'GET', '/v1/box')).status, 200, 'an opening waits for the closing before it');
  await Promise.all([api.api.forget(id), api.api.open({ id, quotaBytes })]);
  t.equal((await call(socket, 'GET', '/v1/box')).status, 200, 'and for the forgetting');
  await api.api.close(id);
  await writeFile(socket, 'what a killed agent left');
  await api.api.forget(id);
  await t.rejects(stat(directory), { code: 'ENOENT' }, 'forgotten, nothing of it stays');
  await api.api.forget(id);
  await t.rejects(api.api.open({ id: 'x'.repeat(120), quotaBytes }), { code: 'socket-path-too-long' });
});

t.test('a grant is looked up at each request, and the app is told of each change', async (t) => {
  const api = await box(t, []);
  await api.api.open({ id, quotaBytes });
  const socket = api.socket(id);
  const stream = bare(t, socket);
  stream.socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  await stream.until('event: hello');
  refused(t, await put(socket, 'k', 'v'), 'grant-missing', /storage/);
  await api.grants.set(id, { give: [{ capability: 'storage' }], take: [] });
  t.equal((await put(socket, 'k', 'v')).status, 201);
  t.match((await call(socket, 'GET', '/v1/self')).json, { grants: ['storage'] });
  await stream.until('"grants":["storage"],"given":["storage"],"taken":[]');
  await api.grants.set('example.other', { give: [{ capability: 'notify' }], take: [] });
  await api.grants.set(id, { give: [], take: ['storage'] });
  refused(t, await call(socket, 'GET', key('k')), 'grant-missing');
  const text = await stream.until('"grants":[],"given":[],"taken":["storage"]');
  t.notMatch(text, /notify/, 'of its own changes only');
  await api.grants.set(id, { give: [{ capability: 'storage' }], take: [] });
  t.equal((await call(socket, 'GET', key('k'))).text, 'v', 'what it stored waited for it');
});

t.test('a request under way is cut when its permission is taken back', async (t) => {
  const api = await box(t, []);
  await api.api.open({ id, quotaBytes });
  await api.grants.set(id, { give: [{ capability: 'storage' }, { capability: 'health.read' }], take: [] });
  const upload = bare(t, api.socket(id));
  upload.socket.write(`PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n`);
  await upload.until('100 Continue');
  await api.grants.set(id, { give: [], take: ['health.read'] });
  upload.socket.write('abc');
  await api.grants.set(id, { give: [], take: ['storage'] });
  const answer = await upload.closed;
  t.match(answer, /HTTP\/1\.1 403 [\s\S]*"code":"grant-missing"[\s\S]*"detail":"storage"/);
  await api.grants.set(id, { give: [{ capability: 'storage' }], take: [] });
  refused(t, await call(api.socket(id), 'GET', key('x')), 'key-not-found');
  t.same(api.errors, []);
});

t.test('an app says that it is up', async (t) => {
  const api = await box(t, [app('a')]);
  t.equal((await call(api.socket('a'), 'PUT', '/v1/self/ready')).status, 204);
  t.same(api.ready, ['a']);
});

t.test('requests that mean different things to different readers are refused', async (t) => {
  const api = await box(t, [app('a')]);
  const answerTo = async (text: string): Promise<string> => {
    const connection = bare(t, api.socket('a'));
    connection.socket.end(text);
    return connection.closed;
  };
  const hidden = 'GET /v1/self HTTP/1.1\r\nHost: x\r\n\r\n';
  for (const head of [
    `PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`,
    `PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde`,
    `PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `PUT ${key('x')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    'GET /v1/box HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n',
    'GET /v1/box HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n',
    'GET /v1/box HTTP/1.1\nHost: x\n\n',
  ]) {
    const answer = await answerTo(head + hidden);
    t.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(head));
    t.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, 'and what hides behind it is not read');
  }
  t.match(await answerTo('GET http://localhost/v1/self HTTP/1.1\r\nHost: x\r\n\r\n'), /"code":"target-absolute"/);
  t.match(await answerTo('GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n'), /"code":"target-absolute"/);
  t.match(await answerTo('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n'), /"code":"target-absolute"/);
  for (const target of ['/v1/../v1/self', '/v1//self', '/v1/%73elf/', '/V1/self', '//v1/self', '/v1/self/..'])
    refused(t, await call(api.socket('a'), 'GET', target), 'not-found');
  t.match(
    (await call(api.socket('a'), 'GET', '/v1/self', { headers: { host: 'b', 'x-app': 'b', forwarded: 'for=b' } })).json,
    { id: 'a' },
    'no header says who the app is',
  );
  refused(t, await connectAnswer(api.socket('a')), 'upgrade-refused');
});

/** What CONNECT is answered with, where nothing takes it. */
async function connectAnswer(socketPath: string) {
  const message = request({ socketPath, method: 'CONNECT', path: 'example.com:443' }).end();
  const [reply, socket, head] = await once(message, 'connect');
  const chunks: Buffer[] = [head];
  for await (const chunk of socket) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  const json: unknown = JSON.parse(text || '{}');
  return { status: reply.statusCode, headers: reply.headers, bytes, text, json, code: JSON.parse(text || '{}').code };
}

t.test('whatever octets come, they are answered in HTTP or not at all, and the box goes on', async (t) => {
  const limits = { headersMilliseconds: 200, requestMilliseconds: 300, checkMilliseconds: 50 };
  const api = await box(t, [app('a')], { limits });
  const right = Buffer.from(
    `POST /v1/storage:batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Transfer-Encoding: chunked\r\n\r\n22\r\n{"operations":[{"op":"delete","key"\r\n6\r\n:"k"}]}\r\n0\r\n\r\n`,
  );
  const answerTo = (bytes: Uint8Array): Promise<string> => {
    const connection = bare(t, api.socket('a'));
    connection.socket.end(bytes);
    return connection.closed;
  };
  const bent = fc.tuple(fc.nat(right.length - 1), fc.nat(8), fc.uint8Array({ maxLength: 12 }));
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    bent.map(([at, cut, more]) => Buffer.concat([right.subarray(0, at), more, right.subarray(at + cut)])),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(octets, { minLength: 8, maxLength: 8 }), async (many) => {
      const answers = await Promise.all(many.map(answerTo));
      return answers.every((answer) => answer === '' || /^HTTP\/1\.1 [2345]\d\d /.test(answer));
    }),
    { numRuns: 25 },
  );
  t.equal((await call(api.socket('a'), 'GET', '/v1/self')).status, 200);
  t.same(api.errors, []);
});

t.test('alone an app may have all, beside another its share', async (t) => {
  const limits = { requestsPerSecond: 1, burst: 5 };
  const api = await box(t, [app('greedy'), app('modest')], { limits });
  const ask = (who: string) => call(api.socket(who), 'GET', '/v1/box');
  for (let n = 0; n < 20; n += 1) t.equal((await ask('greedy')).status, 200, 'alone');
  t.equal((await ask('modest')).status, 200);
  const late = await ask('greedy');
  refused(t, late, 'rate-limited');
  t.equal(late.headers['retry-after'], '1');
  t.equal((await ask('modest')).status, 200);
});

t.test('ten thousand streams of one app are bounded, and another app does not notice', async (t) => {
  const api = await box(t, [app('hostile'), app('modest')], { limits: { maxConnections: 40, maxStreams: 8 } });
  const socketPath = api.socket('hostile');
  let streams = 0;
  let refusals = 0;
  const open: Socket[] = [];
  t.teardown(() => {
    for (const socket of open) socket.destroy();
  });
  const tried = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connectSocket(socketPath);
      open.push(socket);
      socket.on('error', () => resolve());
      socket.once('close', () => resolve());
      socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
      socket.once('data', (data) => {
        if (String(data).startsWith('HTTP/1.1 200')) streams += 1;
        else refusals += 1;
        resolve();
      });
    });
  for (let round = 0; round < 100; round += 1) await Promise.all(Array.from({ length: 100 }, tried));
  t.equal(streams, 8);
  t.ok(refusals <= 32, 'the connections beyond are not even taken');
  t.equal((await call(api.socket('modest'), 'GET', '/v1/box')).status, 200);
  t.same(api.errors, []);
});

t.test('a client that sends ahead without reading is cut off', async (t) => {
  const api = await box(t, [app('a')]);
  const connection = bare(t, api.socket('a'));
  connection.socket.pause();
  const many = 'GET /v1/box HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000);
  connection.socket.write(many);
  connection.socket.resume();
  const answer = await connection.closed;
  t.ok((answer.match(/HTTP\/1\.1 200/g) ?? []).length <= 64);
  t.equal((await call(api.socket('a'), 'GET', '/v1/box')).status, 200);
});
