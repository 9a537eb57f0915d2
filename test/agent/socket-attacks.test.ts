/** An app attacks the box through its own socket, from inside its container; another app goes on being answered. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { call } from '../support/api-box.js';
import type { AttackedBox } from '../support/attacked-box-child.js';
import { attackerSource } from '../support/attacker.js';
import { killed } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { nodeImage } from '../support/image.js';
import { testPodman } from '../support/podman.js';
import { appOf, printedBy, small, testRunner } from '../support/runtime.js';

const shop = '93.184.215.14';
/** Names that the app was granted, and where they lead. */
const inward: Record<string, string> = {
  'link-local.example': '169.254.1.1',
  'carrier.example': '100.64.0.1',
  'loop4.example': '127.0.0.1',
  'loop6.example': '::1',
  'any.example': '0.0.0.0',
  'broadcast.example': '255.255.255.255',
  'multicast.example': '224.0.0.1',
  'unique-local.example': 'fd00::1',
  'link-local6.example': 'fe80::1',
  'mapped.example': '::ffff:192.168.1.1',
  'translated.example': '64:ff9b::a00:1',
  'translated-here.example': '64:ff9b:1::a00:1',
  '6to4.example': '2002:a00:1::1',
  'teredo.example': '2001:0:a00:1::1',
  'own-network.example': '203.0.114.9',
};
const names: AttackedBox['names'] = {
  ...Object.fromEntries(Object.entries(inward).map(([name, address]) => [name, [[address]]])),
  'mixed.example': [[shop, '10.0.0.1']],
  'shop.example': [[shop]],
  'turn.example': [[shop], ['192.168.1.1']],
};

const head = (line: string, ...fields: string[]): string => `${[line, ...fields].join('\r\n')}\r\n\r\n`;
const get = (target: string, ...fields: string[]): string =>
  head(`GET ${target} HTTP/1.1`, 'Host: box', 'Connection: close', ...fields);
const put = (...fields: string[]): string => head('PUT /v1/storage/x HTTP/1.1', 'Host: box', ...fields);
const hidden = get('/v1/self');

/** What is sent, and what comes back before the box closes the connection. */
const raws: Record<string, [text: string, outcome: string | RegExp]> = {
  'its own self': [get('/v1/self'), '200'],
  'dot segments': [get('/v1/storage/../self'), '404 not-found'],
  'encoded dot segments': [get('/v1/storage/%2e%2e/self'), '404 not-found'],
  'an encoded slash in a key': [get('/v1/storage/..%2F..%2Fbeside%2Fkept'), '404 key-not-found'],
  'another app by its key': [get('/v1/storage/beside!kept'), '404 key-not-found'],
  'a key twice encoded': [get('/v1/storage/%252e%252e%252fkept'), '404 key-not-found'],
  'a NUL in a key': [get('/v1/storage/a%00b'), '404 key-not-found'],
  'an octet that is no UTF-8': [get('/v1/storage/%ff'), /^4\d\d/],
  'half an escape': [get('/v1/storage/%2'), /^4\d\d/],
  'a NUL in the path': [get('/v1/self\0x'), '400 request-malformed'],
  'two slashes': [get('//v1/self'), '404 not-found'],
  'a very long path': [get(`/v1/storage/${'a'.repeat(20_000)}`), /^431/],
  'a long path': [get(`/v1/storage/${'a'.repeat(10_000)}`), /^4\d\d/],
  'many fields': [get('/v1/self', ...Array.from({ length: 3000 }, (_, n) => `X${n}: y`)), /^431/],
  'a whole address': [get('http://127.0.0.1:8440/'), '400 target-absolute'],
  'a whole address of the box': [get('http://box/v1/self'), '400 target-absolute'],
  'who somebody else is': [get('/v1/self', 'X-Webizen-App: beside', 'Forwarded: for=beside'), '200'],
  'a length and chunks': [put('Content-Length: 5', 'Transfer-Encoding: chunked') + hidden, /^400 \S+$/],
  'two lengths': [`${put('Content-Length: 5', 'Content-Length: 6')}abcde${hidden}`, /^400 \S+$/],
  'a negative length': [put('Content-Length: -1') + hidden, /^400 \S+$/],
  'a length beyond numbers': [put('Content-Length: 99999999999999999999') + hidden, /^4\d\d \S+$/],
  'a chunk of no size': [`${put('Transfer-Encoding: chunked')}zz\r\n${hidden}`, /^400 \S+$/],
  'a chunk beyond numbers': [`${put('Transfer-Encoding: chunked')}fffffffffffffffff\r\n${hidden}`, /^4\d\d \S+$/],
  'another coding': [put('Transfer-Encoding: gzip, chunked') + hidden, /^4\d\d/],
  'a folded field': [get('/v1/self', 'X: a\r\n folded') + hidden, /^400 \S+$/],
  'a bare CR': [get('/v1/self', 'X: a\rY: b') + hidden, /^400 \S+$/],
  'a bare LF': [get('/v1/self').replaceAll('\r', '') + hidden, /^400 \S+$/],
  'two hosts': [get('/v1/self', 'host: beside'), '400 request-malformed'],
  'no host': [head('GET /v1/self HTTP/1.1', 'Connection: close'), '400 request-malformed'],
  'HTTP/0.9': ['GET /v1/self\r\n', '408 body-timeout'],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^4\d\d \S+$/],
  'an upgrade to it': [
    get('/v1/self', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk').replace('close', 'Upgrade'),
    /^4\d\d/,
  ],
  TLS: ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^400/],
  'a method of its own': [head('BREW /v1/self HTTP/1.1', 'Host: box'), /^400/],
  'a CONNECT with a body': [
    `${head('CONNECT shop.example:443 HTTP/1.1', 'Host: x', 'Content-Length: 5')}abcde`,
    '400 request-malformed',
  ],
  'a CONNECT behind requests': [
    head('GET /v1/events HTTP/1.1', 'Host: box') + head('CONNECT shop.example:443 HTTP/1.1', 'Host: x'),
    /^(200|nothing)$/,
  ],
  'a CONNECT to an address': [head('CONNECT 10.0.0.1:80 HTTP/1.1', 'Host: x'), '400 egress-address'],
  'a CONNECT to where a redirect leads': [head('CONNECT router.local:80 HTTP/1.1', 'Host: x'), '403 grant-missing'],
  'requests ahead of their answers': [hidden.replace('close', 'keep-alive').repeat(1000), /^(200 ?){0,64}(nothing)?$/],
};

t.test('whatever an app sends, it is refused, and the app beside it is answered', async (t) => {
  const folder = await ownFolder(t);
  const podman = await testPodman(t);
  const runner = await testRunner(t, podman);
  const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  t.teardown(() => echo.close());
  await once(echo, 'listening');
  const wish: AttackedBox = { folder, port: (echo.address() as AddressInfo).port, names, public: shop };
  const box = fork(path.resolve('build/test/support/attacked-box-child.js'), [JSON.stringify(wish)]);
  t.teardown(() => killed(box));
  await once(box, 'message');

  const attacks = {
    raws: Object.fromEntries(Object.entries(raws).map(([name, [text]]) => [name, text])),
    names: [...Object.keys(inward), 'mixed.example'],
  };
  const node = nodeImage([
    { path: 'app.cjs', data: Buffer.from(attackerSource) },
    { path: 'attacks.json', data: Buffer.from(JSON.stringify(attacks)) },
  ]);
  await runner.runner.load(node, node.tar);
  const beside = path.join(folder, 'run/apps/beside/api.sock');
  const kept = 'nobody else’s';
  await call(beside, 'PUT', '/v1/storage/kept', { body: kept });

  const over = new AbortController();
  let answered = 0;
  const failed: unknown[] = [];
  const most = { handles: 0, megabytes: 0 };
  const megabytes = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${box.pid}/status`, 'utf8'))?.[1]) / 1024;
  const before = megabytes();
  async function goOn(): Promise<void> {
    while (!over.signal.aborted) {
      const asked = await call(beside, 'GET', '/v1/storage/kept').catch((error: unknown) => error);
      if (asked instanceof Error || (asked as { text: string }).text !== kept) failed.push(asked);
      else answered += 1;
      most.handles = Math.max(most.handles, readdirSync(`/proc/${box.pid}/fd`).length);
      most.megabytes = Math.max(most.megabytes, megabytes());
      await systemClock.sleep(20, over.signal);
    }
  }
  const going = goOn();
  const hostile = appOf(podman, {
    id: 'hostile',
    image: node.digest,
    command: ['/bin/node', '/app.cjs'],
    resources: { ...small, memoryMiB: 512 },
  });
  const printed = await printedBy(runner, { ...hostile, socketDirectory: path.join(folder, 'run/apps/hostile') });
  over.abort();
  await going;

  const seen = new Map(printed.split('\n').map((line) => line.split(': ', 2) as [string, string]));
  for (const [name, [, outcome]] of Object.entries(raws))
    if (typeof outcome === 'string') t.equal(seen.get(name), outcome, name);
    else t.match(seen.get(name), outcome, name);
  const counted = (name: string): Record<string, number> => JSON.parse(seen.get(name) ?? '{}');
  for (const name of ['slow heads', 'slow bodies']) t.match(seen.get(name), /^\{"408[^,]*":60\}$/, name);
  t.equal(counted('streams').open, 16, 'so many streams and no more');
  t.ok((counted('tunnels').open ?? 0) <= 32, 'so many tunnels and no more');
  t.match(seen.get('storage'), /^11 507 quota-exceeded$/);
  t.equal(seen.get('deleting'), '204');
  t.match(seen.get('notices'), /^\d+ 429 notifications-too-many$/);
  for (const name of [...Object.keys(inward), 'mixed.example']) t.equal(seen.get(name), '403 egress-private', name);
  t.equal(seen.get('turn.example'), 'open, then 403 egress-private', 'a name that leads elsewhere the second time');
  t.equal(seen.get('after all'), '200');

  t.same(failed, [], 'the app beside it was always answered');
  t.ok(answered > 10, `${answered} times`);
  t.ok(most.handles < 250, `${most.handles} handles at most`);
  t.ok(most.megabytes - before < 250, `${Math.round(most.megabytes - before)} MB more at most`);
  const reported = once(box, 'message');
  box.send('dialled');
  const [report] = (await reported) as [{ dialled: string[]; errors: string[] }];
  t.same([...new Set(report.dialled)], [`${shop}:443`], 'nothing else was ever connected to');
  t.same(report.errors, []);
  t.comment(printed);
});
