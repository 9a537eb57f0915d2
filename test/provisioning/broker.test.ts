import { once } from 'node:events';
import packets from 'mqtt-packet';
import t from 'tap';
import { subtree } from '#contract/topics.js';
import { digestOf } from '../../provisioning/fleet/read.js';
import { createTestCa } from '../support/certificates.js';
import { sampleKeys } from '../support/stored.js';
import { birth, death, epoch, epoch2, health, openTerritory, type TestBox, up, within } from '../support/territory.js';

const authority = await createTestCa();
const foreign = await createTestCa('Another CA');
t.teardown(() => Promise.all([authority.close(), foreign.close()]));

const territory = await openTerritory({ authority, limits: { maxPacketBytes: 64 * 1024 } });
t.teardown(() => territory.close());
const { store, broker, ingest, clock } = territory;

const stored = (box: string) => sampleKeys(store, box);
const session = (digit: number) => String(digit).repeat(16);

/** It stays connected through everything that the others try. */
const neighbourBox = await territory.box('box-neighbour');
const neighbour = await territory.connect(neighbourBox);
let neighbourClosed = false;
void neighbour.closed.then(() => {
  neighbourClosed = true;
});
let neighbourSequence = 0;
async function neighbourIsUnharmed(): Promise<boolean> {
  neighbourSequence += 1;
  await neighbour.client.publishAsync(up(neighbourBox.id, 'health'), health(neighbourSequence, neighbourSequence), {
    qos: 1,
  });
  await neighbour.acked((ack) => ack.contiguous === neighbourSequence);
  return !neighbourClosed && neighbour.client.connected;
}

let boxes = 0;
const anyBox = (): Promise<TestBox> => territory.box(`box-number-${String(++boxes).padStart(4, '0')}`);

t.test('what a box publishes under its own up/ is stored, then acknowledged', async (t) => {
  const box = await anyBox();
  const { client, acked } = await territory.connect(box);
  await client.publishAsync(up(box.id, 'status'), birth(session(1), 3), { qos: 1, retain: true });
  t.match(await acked(() => true), { epoch, contiguous: 0, missing: [] }, 'a birth is answered at once');
  t.ok(ingest.online(box.id));
  await client.publishAsync(up(box.id, 'health'), health(1, 3), { qos: 1 });
  t.equal((await stored(box.id)).length, 3, 'stored before PUBACK');
  await acked((ack) => ack.contiguous === 3);
  t.equal((await store.lives.get(box.id))?.lastSeen, clock.now(), 'by the clock of the provider');
  await territory.happened((event) => event.type === 'health' && event.box === box.id, 'the announcement');
});

t.test(
  'duplicates are dropped, what is out of order is put in order, and a gap is asked for until it is filled',
  async (t) => {
    const box = await anyBox();
    const { client, acked } = await territory.connect(box);
    const send = (from: number, to: number) => client.publishAsync(up(box.id, 'health'), health(from, to), { qos: 1 });
    await send(1, 5);
    await send(1, 5);
    t.equal((await stored(box.id)).length, 5);
    await send(9, 10);
    const ack = await acked(({ missing }) => missing.length > 0);
    t.strictSame([ack.contiguous, ack.missing], [5, [[6, 8]]]);
    await territory.happened((event) => event.type === 'gap' && event.box === box.id, 'the gap');
    await send(6, 8);
    t.strictSame((await acked(({ contiguous }) => contiguous === 10)).missing, []);
    t.equal((await stored(box.id)).length, 10);

    await client.publishAsync(up(box.id, 'health'), JSON.stringify({ epoch, samples: [], lost: [[11, 14]] }), {
      qos: 1,
    });
    await acked(({ contiguous }) => contiguous === 14);
    t.match((await store.lives.get(box.id))?.tracks, { [epoch]: { contiguous: 14, lost: 4 } }, 'lost ones are counted');
    await client.publishAsync(up(box.id, 'health'), health(1, 2, epoch2), { qos: 1 });
    t.match(await acked((one) => one.epoch === epoch2), { contiguous: 2 });
    t.equal((await stored(box.id)).length, 12, 'another epoch counts from one again');
  },
);

t.test(
  'a payload that is not what the contract says is acknowledged to the broker and refused by its digest',
  async (t) => {
    const box = await anyBox();
    const { client, acked } = await territory.connect(box);
    const faulty: [Parameters<typeof up>[1], string | Buffer][] = [
      ['health', '{"epoch":'],
      ['health', Buffer.from([0xff, 0xfe])],
      ['health', JSON.stringify({ epoch, samples: [], lost: [[9, 2]] })],
      ['status', '{"kind":"birth"}'],
      ['event', '{"id":"1"}'],
      ['reported', '[]'],
    ];
    for (const [kind, payload] of faulty) {
      await client.publishAsync(up(box.id, kind), payload, { qos: 1 });
      const digest = digestOf(Buffer.from(payload));
      const { refused } = await acked((ack) => ack.refused?.some((one) => one.digest === digest) ?? false);
      t.equal(refused?.[0]?.code, 'message-malformed', kind);
    }
    t.ok(client.connected);
    await territory.refused('message-malformed', box.id);
    await client.publishAsync(`${subtree(box.id, 'up')}/result/none`, 'x', { qos: 1 });
    await acked((ack) => ack.refused?.[0]?.code === 'message-unexpected');
  },
);

t.test('an event that comes twice is told once', async (t) => {
  const box = await anyBox();
  const { client } = await territory.connect(box);
  const event = { id: session(5), at: 1, type: 'disk.low', severity: 'attention', text: 'little space' };
  await client.publishAsync(up(box.id, 'event'), JSON.stringify(event), { qos: 1 });
  await client.publishAsync(up(box.id, 'event'), JSON.stringify(event), { qos: 1 });
  const recent = (await territory.events.recent(1000)).filter((one) => one.type === 'event' && one.box === box.id);
  t.equal(recent.length, 1);
  t.match(recent[0]?.text, /little space/);
});

t.test('the will of a session that was replaced is ignored; that of the current one counts', async (t) => {
  const box = await anyBox();
  const will = (digit: number) => ({
    will: { topic: up(box.id, 'status'), payload: Buffer.from(death(session(digit))), qos: 1 as const, retain: true },
  });
  const first = await territory.connect(box, will(1));
  await first.client.publishAsync(up(box.id, 'status'), birth(session(1)), { qos: 1, retain: true });
  const second = await territory.connect(box, will(2));
  await second.client.publishAsync(up(box.id, 'status'), birth(session(2)), { qos: 1, retain: true });
  await within(first.closed, 'the first session to end');
  await second.client.publishAsync(up(box.id, 'status'), death(session(1)), { qos: 1, retain: true });
  t.ok(ingest.online(box.id), 'evicted session, late will');
  second.client.stream.destroy();
  await territory.happened((event) => event.type === 'offline' && event.box === box.id, 'offline');
  t.notOk(ingest.online(box.id));

  const third = await territory.connect(box);
  await third.client.publishAsync(up(box.id, 'status'), birth(session(3)), { qos: 1, retain: true });
  t.ok(ingest.online(box.id));
  await third.client.publishAsync(up(box.id, 'status'), death(session(3), 'stopped'), { qos: 1, retain: true });
  t.notOk(ingest.online(box.id), 'a clean death');
});

t.test('refused before CONNECT: no certificate, and one that another authority issued', async (t) => {
  const without = await territory.raw();
  without.resume();
  await within(once(without, 'close'), 'the end');
  await territory.refused('certificate-missing');
  const stranger = await territory.raw(await foreign.client('box-neighbour'));
  stranger.resume();
  await within(once(stranger, 'close'), 'the end');
  await territory.refused('certificate-foreign');
  t.ok(await neighbourIsUnharmed());
});

t.test('refused at CONNECT, with a return code and without harm to the session that has the name', async (t) => {
  const box = await anyBox();
  const outside = { topic: up(neighbourBox.id, 'status'), payload: Buffer.from(''), qos: 0 as const, retain: false };
  const wrong: [string, object, number][] = [
    ['client-id-taken', { clientId: neighbourBox.id }, 2],
    ['client-id-taken', { username: neighbourBox.id }, 2],
    ['publish-outside', { will: outside }, 5],
    ['retain-refused', { will: { ...outside, topic: up(box.id, 'health'), retain: true } }, 5],
    ['qos-refused', { will: { ...outside, topic: up(box.id, 'status'), qos: 2 } }, 5],
  ];
  for (const [code, options, returnCode] of wrong) {
    await t.rejects(territory.connect(box, options), { code: returnCode }, code);
    await territory.refused(code, box.id);
  }
  territory.revoked.add(box.id);
  await t.rejects(territory.connect(box), { code: 5 });
  await territory.refused('box-revoked', box.id);
  await t.rejects(territory.connect(await anyBox(), { protocolVersion: 5 }), { code: 1 });
  await territory.refused('mqtt-version');
  t.ok(await neighbourIsUnharmed());
});

t.test('a refused publish ends the session, and nothing of it is stored', async (t) => {
  const cases: [string, (box: string) => string, object][] = [
    ['publish-outside', () => up(neighbourBox.id, 'health'), { qos: 1 }],
    ['publish-outside', (box) => `${subtree(box, 'down')}/ack`, { qos: 0 }],
    ['publish-outside', () => '$SYS/broker/uptime', { qos: 0 }],
    ['publish-outside', (box) => `${subtree(box, 'up')}/anything`, { qos: 1 }],
    ['publish-outside', (box) => `wz/1/00/${box}x/up/health`, { qos: 1 }],
    ['retain-refused', (box) => up(box, 'health'), { qos: 1, retain: true }],
    ['qos-refused', (box) => up(box, 'health'), { qos: 2 }],
  ];
  const before = (await stored(neighbourBox.id)).length;
  for (const [code, topic, options] of cases) {
    const box = await anyBox();
    const { client, closed } = await territory.connect(box);
    client.publish(topic(box.id), health(1, 1), options);
    await within(closed, `the end of the session after ${topic(box.id)}`);
    await territory.refused(code, box.id);
    t.strictSame(await stored(box.id), [], code);
  }
  t.equal((await stored(neighbourBox.id)).length, before);
  t.ok(await neighbourIsUnharmed());
});

t.test('a refused subscription is answered so, and nothing comes by it', async (t) => {
  const filters: [string, number][] = [
    ['#', 0],
    ['+/+/+/+/down/#', 0],
    [`${subtree(neighbourBox.id, 'down')}/#`, 0],
    ['$SYS/#', 0],
    [`$share/g/${subtree(neighbourBox.id, 'down')}/#`, 0],
    ['wz/1/#', 1],
  ];
  for (const [filter, qos] of filters) {
    const box = await anyBox();
    const { client } = await territory.connect(box, { clientId: box.id });
    client.on('message', (topic) => t.fail(`${topic} came`));
    await t.rejects(client.subscribeAsync(filter, { qos: qos as 0 | 1 }), filter);
    await territory.refused('subscribe-outside', box.id);
    t.ok(client.connected);
    t.ok(await neighbourIsUnharmed());
    // Whatever was on its way has come before the answer to a ping.
    await client.publishAsync(up(box.id, 'health'), health(1, 1), { qos: 1 });
  }
  const box = await anyBox();
  const { client } = await territory.connect(box);
  await t.rejects(client.subscribeAsync(`${subtree(box.id, 'down')}/ack`, { qos: 2 }));
  await territory.refused('qos-refused', box.id);
  for (let count = 1; count < 20; count += 1) await client.subscribeAsync(`${subtree(box.id, 'down')}/x${count}`);
  await t.rejects(client.subscribeAsync(`${subtree(box.id, 'down')}/more`), 'there is an end to filters');
});

const connectPacket = (box: string) =>
  packets.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: box,
    clean: true,
    keepalive: 0,
  });

t.test('the guard ends what is too large, endless, silent or no MQTT', async (t) => {
  const attempt = async (bytes: (box: string) => Buffer) => {
    const box = await anyBox();
    const socket = await territory.raw(box.credentials);
    const closed = once(socket, 'close');
    socket.resume();
    socket.write(bytes(box.id));
    return { box, socket, closed };
  };
  const large = await attempt((box) => Buffer.concat([connectPacket(box), Buffer.from([0x32, 0xff, 0xff, 0x7f])]));
  await within(large.closed, 'the end of an oversized packet before its bytes');
  await territory.refused('packet-too-large');
  const garbage = await attempt(() => Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await within(garbage.closed, 'the end of a stranger to MQTT');
  await territory.refused('packet-malformed');
  const length = await attempt((box) => Buffer.concat([connectPacket(box), Buffer.from([0x32, 255, 255, 255, 255])]));
  await within(length.closed, 'the end of a length without end');

  const silent = await attempt(() => Buffer.alloc(0));
  const endless = await attempt((box) => Buffer.concat([connectPacket(box), Buffer.from([0x32, 0x80, 0x10, 0])]));
  await within(once(endless.socket, 'data'), 'CONNACK');
  await clock.pass(9_000);
  t.notOk(silent.socket.destroyed);
  await clock.pass(1_000);
  await within(silent.closed, 'the end of a silent connection');
  await territory.refused('packet-unfinished');
  endless.socket.write(Buffer.alloc(10));
  t.notOk(endless.socket.destroyed, 'it drips, and is not late yet');
  await clock.pass(11_000);
  await within(endless.closed, 'the end of an endless packet');
  await territory.refused('packet-unfinished', endless.box.id);
  t.ok(await neighbourIsUnharmed());
});

t.test('a box that sends too fast is slowed and named, loses nothing, and nobody else waits', async (t) => {
  const box = await anyBox();
  const { client, acked } = await territory.connect(box);
  const ping = packets.generate({ cmd: 'pingreq' });
  client.stream.write(Buffer.concat(Array.from({ length: 6001 }, () => ping)));
  await territory.refused('packet-rate', box.id);
  let isAcknowledged = false;
  const published = client.publishAsync(up(box.id, 'health'), health(1, 1), { qos: 1 }).then(() => {
    isAcknowledged = true;
  });
  t.ok(await neighbourIsUnharmed());
  t.notOk(isAcknowledged, 'it waits');
  await clock.pass(3_000);
  await within(published, 'its turn');
  await acked((ack) => ack.contiguous === 1);
  t.ok(client.connected);
});

t.test('a box that does not read is cut before it costs memory, and nobody waits for it', async (t) => {
  const box = await anyBox();
  const socket = await territory.raw(box.credentials);
  const filter = { topic: `${subtree(box.id, 'down')}/#`, qos: 0 as const };
  socket.write(connectPacket(box.id));
  socket.write(packets.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [filter] }));
  await within(once(socket, 'data'), 'CONNACK');
  await territory.clock.pass(0);
  while (!broker.isConnected(box.id)) await new Promise((resolve) => setImmediate(resolve));
  socket.pause();
  const refused = territory.refused('unread-backlog', box.id);
  let ended = false;
  void refused.finally(() => {
    ended = true;
  });
  const payload = Buffer.alloc(32 * 1024);
  for (let count = 0; count < 5000 && !ended; count += 1) {
    broker.publish(`${subtree(box.id, 'down')}/desired`, payload);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await refused;
  t.ok(await neighbourIsUnharmed());
  socket.destroy();
});

t.test('the provider can cut a session', async (t) => {
  const box = await anyBox();
  const { client, closed } = await territory.connect(box);
  await client.publishAsync(up(box.id, 'status'), birth(session(1)), { qos: 1, retain: true });
  broker.disconnect(box.id);
  await within(closed, 'the end');
  await territory.happened((event) => event.type === 'offline' && event.box === box.id, 'offline');
  t.notOk(ingest.online(box.id));
  t.ok(await neighbourIsUnharmed());
});

t.test('after a restart of the broker every box is offline until its birth', async (t) => {
  t.ok(await neighbourIsUnharmed());
  await neighbour.client.publishAsync(up(neighbourBox.id, 'status'), birth(session(1)), { qos: 1, retain: true });
  t.ok(ingest.online(neighbourBox.id));
  await broker.stop();
  t.equal(broker.connected(), 0);
  t.notOk(ingest.online(neighbourBox.id));
  await broker.start('127.0.0.1', territory.port);
  const again = await territory.connect(neighbourBox);
  t.notOk(ingest.online(neighbourBox.id));
  await again.client.publishAsync(up(neighbourBox.id, 'status'), birth(session(2), neighbourSequence), { qos: 1 });
  t.match(await again.acked(() => true), { contiguous: neighbourSequence }, 'nothing is forgotten');
  t.ok(ingest.online(neighbourBox.id));
});
