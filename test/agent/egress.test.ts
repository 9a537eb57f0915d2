/** Connections to servers outside: by name, where granted, to public addresses, for as long as the owner says so. */
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, isIP, type Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { Capability } from '#contract/capabilities.js';
import type { ProblemCode } from '#contract/problems.js';
import { isPublic, isWithin, plainAddress } from '../../agent/egress/addresses.js';
import { createResolver, ownNetworks } from '../../agent/egress/dns.js';
import { createEgress, type Egress } from '../../agent/egress/egress.js';
import { parseAuthority } from '../../agent/egress/target.js';
import { type ApiBox, call } from '../support/api-box.js';
import { box } from '../support/api-calls.js';

const id = 'example.visits';
const quotaBytes = 1000;

interface Desk {
  api: ApiBox;
  egress: Egress;
  /** What names lead to; changed by a test as an attacker's name server would. */
  names: Map<string, string[]>;
  /** How often each name was asked for. */
  asked: string[];
  grant(...capabilities: Capability[]): Promise<void>;
}

async function desk(t: Test, wish: Partial<Parameters<typeof createEgress>[0]> = {}): Promise<Desk> {
  const names = new Map<string, string[]>();
  const asked: string[] = [];
  const egress = createEgress({
    clock: systemClock,
    async resolve(host) {
      asked.push(host);
      const addresses = names.get(host);
      if (!addresses) throw new Error('queryA ENOTFOUND');
      return addresses;
    },
    ownNetworks: () => [],
    // The tests' servers stand on one loopback address; every other one is judged as on a box.
    allow: (address) => address === '127.0.0.1',
    ...wish,
  });
  t.teardown(() => egress.stop());
  const api = await box(t, [], { tunnels: egress, limits: { closeMilliseconds: 200 } });
  await api.api.open({ id, quotaBytes });
  return {
    api,
    egress,
    names,
    asked,
    grant: (...capabilities) =>
      api.grants.set(id, { give: capabilities.map((capability) => ({ capability })), take: [] }),
  };
}

async function serve(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

const echo = (t: Test): Promise<number> => serve(t, (socket) => socket.pipe(socket));

interface Connected {
  status: number;
  code: string | undefined;
  detail: string | undefined;
  headers: IncomingMessage['headers'];
  socket: Socket;
}

/** Asks for a tunnel; a refusal is read whole. */
async function connect(t: Test, desk: Desk, authority: string, headers = {}): Promise<Connected> {
  const message = request({ socketPath: desk.api.socket(id), method: 'CONNECT', path: authority, headers }).end();
  const [reply, socket, head] = (await once(message, 'connect')) as [IncomingMessage, Duplex, Buffer];
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  const status = reply.statusCode ?? 0;
  const found = { status, headers: reply.headers, socket: socket as Socket, code: undefined, detail: undefined };
  if (status === 200) return found;
  const chunks = [head];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  return { ...found, ...JSON.parse(Buffer.concat(chunks).toString()) };
}

const closed = (socket: Duplex): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : void socket.once('close', () => resolve())));

async function textOf(socket: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

t.test('a granted name is reached, both ways and to each end', async (t) => {
  const place = await desk(t);
  const port = await echo(t);
  place.names.set('api.example.com', ['127.0.0.1']);
  await place.grant(`network.egress:api.example.com:${port}`);
  const { status, socket } = await connect(t, place, `API.Example.com.:${port}`);
  t.equal(status, 200);
  const large = 'x'.repeat(3_000_000);
  socket.end(large);
  t.equal(await textOf(socket), large, 'what was sent before the end comes back after it');
  await closed(socket);
  while (place.egress.counters(id).open > 0) await new Promise((resolve) => setImmediate(resolve));
  t.match(place.egress.counters(id), { opened: 1, refused: 0, sentBytes: large.length, receivedBytes: large.length });
});

t.test('an app that is refused hears why, and its name is not even asked for', async (t) => {
  const place = await desk(t);
  const refused = async (authority: string, code: ProblemCode, headers = {}): Promise<Connected> => {
    const answer = await connect(t, place, authority, headers);
    t.equal(answer.code, code, `${authority} ${code}`);
    return answer;
  };
  t.equal((await refused('api.example.com:443', 'grant-missing')).detail, 'network.egress:api.example.com');
  await place.grant('network.egress:api.example.com', 'network.egress:*.example.org');
  t.equal((await refused('api.example.com:80', 'grant-missing')).detail, 'network.egress:api.example.com:80');
  await refused('example.org:443', 'grant-missing');
  t.same(place.asked, []);
  await refused('api.example.com:443', 'egress-unresolved');
  await place.grant('network.egress:*');
  for (const authority of [
    '1.2.3.4:443',
    '[::1]:443',
    '[2606:4700::1111]:443',
    '127.1:443',
    '0x7f000001:80',
    '2130706433:80',
  ])
    await refused(authority, 'egress-address');
  for (const authority of [
    'localhost:80',
    'example.com:0',
    'example.com:65536',
    'a@example.com:443',
    '-a.example.com:1',
    `${'a.'.repeat(130)}com:443`,
  ])
    await refused(authority, 'egress-target-invalid');
  await refused('api.example.com:443', 'request-malformed', { 'content-length': '5' });
  await refused('api.example.com:443', 'request-malformed', { 'transfer-encoding': 'chunked' });
  t.same(place.asked, ['api.example.com']);
  t.match(
    (await call(place.api.socket(id), 'GET', 'http://api.example.com/')).json,
    { code: 'target-absolute' },
    'a plain request as to a proxy',
  );
});

t.test('a name that leads into the home, the box or the provider is refused, whatever else it leads to', async (t) => {
  const place = await desk(t, {
    ownNetworks: () => ['2606:4700:1:2::5/64', '198.51.0.7/16', 'nonsense'],
    barred: () => [{ host: 'est.provider.example', port: 8440 }, { host: 'broker.provider.example' }],
  });
  await place.grant('network.egress:*');
  for (const address of [
    '127.0.0.2',
    '10.1.2.3',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '::10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::1',
    '2002:0a00:0001::1',
    '2001::1',
    '2001:db8::1',
    '2606:4700:1:2::99',
    '198.51.3.3',
    'nonsense',
  ]) {
    place.names.set('evil.example', ['127.0.0.1', address]);
    t.equal((await connect(t, place, 'evil.example:443')).code, 'egress-private', address);
  }
  const port = await echo(t);
  place.names.set('est.provider.example', ['127.0.0.1']);
  place.names.set('alias.example', ['127.0.0.1']);
  t.equal((await connect(t, place, 'est.provider.example:443')).code, 'egress-barred', 'by its name');
  t.equal((await connect(t, place, 'alias.example:8440')).code, 'egress-barred', 'by its address and port');
  t.equal((await connect(t, place, `alias.example:${port}`)).status, 200, 'another server at the same address');
});

t.test('a provider that is known by its address alone is no more reached than one with a name', async (t) => {
  const dialled: string[] = [];
  const place = await desk(t, {
    barred: () => [{ host: '93.184.215.14' }, { host: '[2606:4700::1111]' }],
    dialTo(address) {
      dialled.push(address);
      return new Socket().destroy(new Error('nothing leaves this machine'));
    },
  });
  await place.grant('network.egress:*');
  for (const address of ['93.184.215.14', '::ffff:93.184.215.14', '2606:4700::1111']) {
    place.names.set('alias.example', [address]);
    t.equal((await connect(t, place, 'alias.example:443')).code, 'egress-barred', address);
  }
  t.same(dialled, []);
});

t.test('a name that leads elsewhere when it is asked again gains nothing', async (t) => {
  let reached = 0;
  const port = await serve(t, () => {
    reached += 1;
  });
  const answers = [['127.0.0.1'], ['10.0.0.1']];
  let asked = 0;
  const place = await desk(t, { resolve: async () => answers[asked++] ?? [] });
  await place.grant('network.egress:*');
  t.equal((await connect(t, place, `rebind.example:${port}`)).status, 200);
  t.equal(asked, 1, 'asked once: what was checked is what is connected to');
  t.equal((await connect(t, place, `rebind.example:${port}`)).code, 'egress-private');
  t.equal(reached, 1);
  t.equal((await connect(t, place, `rebind.example:${port}`)).code, 'egress-unresolved', 'no addresses at all');
});

t.test('a server that does not answer is told as such, and the next address is tried', async (t) => {
  const allow = (address: string): boolean => address.startsWith('127.');
  const place = await desk(t, { allow });
  await place.grant('network.egress:*');
  const port = await echo(t);
  place.names.set('half.example', ['127.0.0.9', '127.0.0.1']);
  t.equal((await connect(t, place, `half.example:${port}`)).status, 200);
  place.names.set('none.example', ['127.0.0.9']);
  const none = await connect(t, place, `none.example:${port}`);
  t.match(none, { code: 'egress-unreachable', status: 502, detail: `none.example:${port}` });
  t.match(place.egress.counters(id), { opened: 1, refused: 1 });
});

t.test('a tunnel is cut when its permission is taken back, and only that one', async (t) => {
  const place = await desk(t);
  const port = await echo(t);
  place.names.set('a.example', ['127.0.0.1']);
  place.names.set('b.example', ['127.0.0.1']);
  const [one, two]: Capability[] = [`network.egress:a.example:${port}`, `network.egress:b.example:${port}`];
  if (!one || !two) throw new Error('unreachable');
  await place.grant(one, two);
  const first = await connect(t, place, `a.example:${port}`);
  const second = await connect(t, place, `b.example:${port}`);
  await place.api.grants.set(id, { give: [], take: [one] });
  await closed(first.socket.resume());
  second.socket.write('still here');
  t.equal(String((await once(second.socket, 'data'))[0]), 'still here');
  t.equal((await connect(t, place, `a.example:${port}`)).code, 'grant-missing');
  await place.api.api.close(id);
  await closed(second.socket.resume());
  t.equal(place.egress.counters(id).open, 0);
});

t.test('a permission that is taken back while the name is looked up connects to nothing', async (t) => {
  let reached = 0;
  const port = await serve(t, () => {
    reached += 1;
  });
  let answer = (_addresses: string[]): void => {};
  const names = new EventEmitter();
  const place = await desk(t, {
    resolve: () =>
      new Promise((resolve) => {
        answer = resolve;
        names.emit('asked');
      }),
  });
  const capability: Capability = `network.egress:slow.example:${port}`;
  await place.grant(capability);
  const asked = once(names, 'asked');
  const connecting = connect(t, place, `slow.example:${port}`);
  await asked;
  await place.api.grants.set(id, { give: [], take: [capability] });
  t.equal((await connecting).code, 'grant-missing', 'it is told before the name server has answered');
  answer(['127.0.0.1']);
  t.equal(place.egress.counters(id).open, 0);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(reached, 0);
});

t.test('an app holds so many tunnels and no more', async (t) => {
  const place = await desk(t, { limits: { tunnelsOfApp: 2 } });
  await place.grant('network.egress:*');
  place.names.set('a.example', ['127.0.0.1']);
  const port = await echo(t);
  const first = await connect(t, place, `a.example:${port}`);
  const second = await connect(t, place, `a.example:${port}`);
  const third = await connect(t, place, `a.example:${port}`);
  t.match(third, { code: 'egress-too-many', headers: { 'retry-after': '1' } });
  first.socket.destroy();
  while (place.egress.counters(id).open > 1) await new Promise((resolve) => setImmediate(resolve));
  t.equal((await connect(t, place, `a.example:${port}`)).status, 200);
  second.socket.destroy();
});

t.test('a tunnel that nothing moves in ends, and one that is not read holds the server back', async (t) => {
  const place = await desk(t, { limits: { idleMilliseconds: 300 } });
  await place.grant('network.egress:*');
  place.names.set('a.example', ['127.0.0.1']);
  const idle = await connect(t, place, `a.example:${await echo(t)}`);
  await closed(idle.socket.resume());

  let sent = 0;
  const came = new EventEmitter();
  const flood = await serve(t, (socket) => {
    came.emit('flooding', socket);
    const more = (): void => {
      while (sent < 200_000_000) {
        sent += 65_536;
        if (!socket.write(Buffer.alloc(65_536))) return;
      }
    };
    socket.on('drain', more);
    more();
  });
  const flooding = once(came, 'flooding');
  const unread = await connect(t, place, `a.example:${flood}`);
  unread.socket.pause();
  await closed((await flooding)[0]);
  t.ok(sent < 50_000_000, `${sent} bytes were taken from the server`);
});

t.test('what looks like a request inside a tunnel goes to the server', async (t) => {
  const place = await desk(t);
  await place.grant('network.egress:*');
  place.names.set('a.example', ['127.0.0.1']);
  const port = await echo(t);
  const { socket } = await connect(t, place, `a.example:${port}`);
  const text = 'GET /v1/self HTTP/1.1\r\nHost: x\r\n\r\n';
  socket.write(text);
  t.equal(String((await once(socket, 'data'))[0]), text);
  t.teardown(() => socket.destroy());
});

t.test('a server that redirects is only another name', async (t) => {
  const server = createServer((_request, response) =>
    response.writeHead(302, { location: 'http://192.168.1.1/' }).end(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const place = await desk(t);
  await place.grant('network.egress:*');
  place.names.set('a.example', ['127.0.0.1']);
  const { socket } = await connect(t, place, `a.example:${port}`);
  socket.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
  const location = /location: http:\/\/([^/]*)/i.exec(await textOf(socket))?.[1] ?? '';
  t.equal((await connect(t, place, `${location}:80`)).code, 'egress-address');
});

t.test('addresses are judged by where they lead', async (t) => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '172.32.0.1',
    '2606:4700::1111',
    '2001:4860:4860::8888',
  ])
    t.ok(isPublic(address), address);
  t.ok(isPublic('::ffff:8.8.8.8'), 'a mapped one is what it carries');
  t.equal(plainAddress('64:ff9b::808:808'), '8.8.8.8');
  t.equal(plainAddress('::ffff:1.2.3.4'), '1.2.3.4');
  t.notOk(isWithin('8.8.8.8', ['10.0.0.0/8', '2001::/16', '::/200', '8.8.8.8/33']));
  t.ok(isWithin('10.1.1.1', ['10.0.0.9/8']));
  const bytes = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  fc.assert(
    fc.property(bytes, ([a, b, c, d]) => {
      const plain = `${a}.${b}.${c}.${d}`;
      const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
      for (const carrier of [`::ffff:${plain}`, `::ffff:${hex}`, `64:ff9b::${hex}`, `0:0:0:0:0:ffff:${hex}`])
        if (isPublic(carrier) !== isPublic(plain) || plainAddress(carrier) !== plain) return false;
      return !isPublic(`2002:${hex}::1`);
    }),
  );
});

t.test('whatever is asked for, only a name and a port is a target', async (t) => {
  const parse = (text: string): ReturnType<typeof parseAuthority> | undefined => {
    try {
      return parseAuthority(text);
    } catch {
      return undefined;
    }
  };
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webAuthority({ withPort: true }), fc.ipV6(), fc.ipV4Extended()), (text) => {
      for (const candidate of [text, `${text}:443`]) {
        const target = parse(candidate);
        if (!target) continue;
        if (isIP(target.host) !== 0 || target.host !== target.host.toLowerCase() || !target.host.includes('.'))
          return false;
        if (new URL(`http://${target.host}`).hostname !== target.host) return false;
        if (target.port < 1 || target.port > 65_535) return false;
      }
      return true;
    }),
  );
  t.same(parse('a.example:443'), { host: 'a.example', port: 443 });
});

/** Answers each question for a name with its IPv4 addresses, and says of everything else that there is nothing. */
async function nameServer(t: Test, names: ReadonlyMap<string, string>): Promise<number> {
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(12, at + 5);
    const found = names.get(labels.join('.'));
    const isAddress = query.readUInt16BE(at + 1) === 1;
    const answers =
      found && isAddress ? [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, ...found.split('.').map(Number)] : [];
    const flags = [0x81, found ? 0x80 : 0x83];
    const head = [...query.subarray(0, 2), ...flags, 0, 1, 0, answers.length > 0 ? 1 : 0, 0, 0, 0, 0];
    server.send(Buffer.concat([Buffer.from(head), question, Buffer.from(answers)]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server.address().port;
}

t.test('names are asked of the name server, and of nothing on this machine', async (t) => {
  const port = await nameServer(t, new Map([['a.example', '192.0.2.7']]));
  const resolve = createResolver({ servers: [`127.0.0.1:${port}`] });
  t.same(await resolve('a.example'), ['192.0.2.7']);
  await t.rejects(resolve('b.example'), { code: 'ENOTFOUND' });
  await t.rejects(resolve('localhost'), { code: 'ENOTFOUND' }, 'not even /etc/hosts');
  for (const network of ownNetworks()) t.match(network, /\/\d+$/);
});
