/** Whose turn it is to shake hands, without a socket: who waits, who is slowed, who is let go. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { createHandshakes } from '../../provisioning/broker/handshakes.js';
import { createReturns } from '../../provisioning/broker/returns.js';

let ports = 0;

class Peer extends EventEmitter {
  destroyed = false;
  readonly remotePort = ++ports;
  readonly remoteAddress: string;
  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const many = (count: number, address: string) => Array.from({ length: count }, () => new Peer(address));
const socketOf = (peer: Peer) => peer as unknown as Socket;

function open() {
  const begun: Peer[] = [];
  const handshakes = createHandshakes({
    begin: (socket) => begun.push(socket as unknown as Peer),
    slowedPerSecond: 100,
  });
  const come = (peers: readonly Peer[]) => {
    for (const peer of peers) handshakes.came(socketOf(peer));
  };
  const finish = (peers: readonly Peer[]) => {
    for (const { remoteAddress, remotePort } of peers) handshakes.done(remoteAddress, remotePort);
  };
  return { handshakes, begun, come, finish };
}

/** It wastes so many handshakes that it is slowed. */
async function slow({ handshakes, begun, come }: ReturnType<typeof open>, address: string): Promise<void> {
  const wasted = many(30, address);
  come(wasted);
  while (begun.length < wasted.length) await turn();
  for (const peer of wasted) peer.destroy();
  begun.length = 0;
  if (handshakes.counts().slowed !== 1) throw new Error('it is not slowed');
}

t.test('sources take turns: a flood from one is never in front of another', async (t) => {
  const { begun, come, finish, handshakes } = open();
  come(many(400, '192.0.2.1'));
  await turn();
  const other = many(3, '192.0.2.2');
  come(other);
  for (let count = 0; count < 3; count += 1) await turn();
  t.ok(other.every((peer) => begun.includes(peer)));
  t.ok(begun.length <= 16, 'a few in each turn of the loop');
  while (handshakes.counts().waiting > 0) {
    finish(begun);
    await turn();
  }
  t.equal(begun.length, 403, 'and each has its turn');
});

t.test('two thousand boxes behind one address come in at once, in one go', async (t) => {
  const { begun, come, finish, handshakes } = open();
  come(many(2000, '198.51.100.7'));
  while (begun.length < 2000) {
    finish(begun);
    await turn();
  }
  finish(begun);
  t.match(handshakes.counts(), { waiting: 0, underWay: 0, slowed: 0, done: 2000, wasted: 0, dropped: 0 });
});

t.test('a source that wastes handshakes is slowed: never to nothing, and nobody else waits for it', async (t) => {
  const territory = open();
  const { begun, come, finish, handshakes } = territory;
  await slow(territory, '192.0.2.9');
  const inside = new Set<Peer>();
  let outside: Peer[] = [];
  let seconds = 0;
  for (; inside.size < 2000 && seconds < 60; seconds += 1) {
    handshakes.wasted('192.0.2.9');
    handshakes.wasted('192.0.2.9'); // it goes on
    outside = outside.filter((peer) => !peer.destroyed);
    const again = many(2000 - inside.size - outside.length, '192.0.2.9'); // who was let go comes back
    outside.push(...again);
    come(again);
    const others = many(5, `203.0.113.${seconds}`);
    come(others);
    for (let count = 0; count < 60; count += 1) await turn();
    t.ok(
      others.every((peer) => begun.includes(peer)),
      'others come in within the same second',
    );
    finish(begun);
    const came = begun.splice(0).filter(({ remoteAddress }) => remoteAddress === '192.0.2.9');
    t.ok(came.length <= 100 && (came.length > 0 || inside.size === 2000), `${came.length} in this second`);
    for (const peer of came) inside.add(peer);
    outside = outside.filter((peer) => !inside.has(peer));
    handshakes.tick();
  }
  t.equal(inside.size, 2000, `all are in after ${seconds} seconds`);
  t.ok(seconds <= 25);
  for (let second = 0; second < 80; second += 1) handshakes.tick();
  t.equal(handshakes.counts().slowed, 0, 'it is forgiven');
});

t.test('what waits too long is let go, what never ends makes room, and neither grows without bound', async (t) => {
  const { begun, come, handshakes } = open();
  const silent = many(6000, '192.0.2.1');
  come(silent);
  t.ok(handshakes.counts().waiting <= 4096);
  for (let count = 0; count < 200; count += 1) await turn();
  t.equal(begun.length, 512, 'so many of one source may be under way');
  const good = many(1, '192.0.2.2');
  come(good);
  await turn();
  t.ok(begun.includes(good[0]!), 'and others come in beside them');
  for (let second = 0; second < 5; second += 1) handshakes.tick();
  for (let count = 0; count < 200; count += 1) await turn();
  t.ok(begun.length > 600, 'those that did not end have made room for the next');
  for (let second = 0; second < 15; second += 1) handshakes.tick();
  t.equal(handshakes.counts().waiting, 0);
  for (const peer of silent) peer.destroy();
  good[0]!.destroy();
  for (let second = 0; second < 100; second += 1) handshakes.tick();
  t.match(handshakes.counts(), { waiting: 0, underWay: 0, slowed: 0 });
  handshakes.stop();
});

t.test('a box may begin a session often enough for a bad line; who comes more often is held, one at a time', (t) => {
  let now = 0;
  const returns = createReturns({ clock: { now: () => now }, burst: 60, perMinute: 10 });
  const peer = () => new Peer('192.0.2.1');
  for (let count = 0; count < 60; count += 1) t.ok(returns.take('box-a', socketOf(peer())));
  const [first, second] = [peer(), peer()];
  t.notOk(returns.take('box-a', socketOf(first)));
  t.notOk(first.destroyed, 'it is held, not answered');
  t.ok(returns.take('box-b', socketOf(peer())), 'nobody else is');
  t.notOk(returns.take('box-a', socketOf(second)));
  t.ok(first.destroyed, 'one at a time');
  for (let tick = 0; tick < 10; tick += 1) returns.tick();
  t.ok(second.destroyed, 'for ten seconds');
  now += 6000;
  t.ok(returns.take('box-a', socketOf(peer())), 'ten a minute');
  t.notOk(returns.take('box-a', socketOf(peer())));
  returns.stop();
  t.end();
});
