/**
 * Counts what one box and its provider send each other, by the kernel's own counters of IP bytes: everything in this
 * network namespace is theirs. The link, outbox and sampler are the agent's, the broker and ingest the provider's; what is
 * measured is a simulated life of 39 values (test/support/health-life.ts), so that a change of this machine's load is none
 * of the figure's. The agent's clock is moved by hand, so that a day of batches takes a minute. What a connection costs at
 * rest is counted in real time. Arguments: a folder, seconds a batch, how many batches, how many seconds of rest.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { commonNameOf } from '#common/pki/subject.js';
import { eventsForm } from '#contract/events.js';
import { compactHealth } from '#contract/health-codec.js';
import { openBook } from '../../../agent/events/book.js';
import { type Carrier, createCarrier } from '../../../agent/events/carrier.js';
import { createSampler } from '../../../agent/health/sampler.js';
import { createLink } from '../../../agent/link/link.js';
import { createOutbox } from '../../../agent/link/outbox.js';
import { openStore } from '../../../agent/store/store.js';
import { createBroker } from '../../../provisioning/broker/broker.js';
import { qosOf } from '../../../provisioning/brokers.js';
import { serverTls } from '../../../provisioning/ca/server-certificate.js';
import { createIngest, type Ingest } from '../../../provisioning/fleet/ingest.js';
import { openRooms } from '../../../provisioning/rooms.js';
import { createHealthLife } from '../../support/health-life.js';
import { createManualClock } from '../../support/manual-clock.js';
import { runCommand } from '../../support/provider.js';
import { randomFrom } from '../../support/random.js';
import { pause } from '../workshop.js';

const intervalSeconds = 60;
/** A delayed TCP acknowledgement comes within 40 ms or so. */
const settleMilliseconds = 150;

/** IP bytes, headers included, and TCP segments that went out here: over loopback, those of both ends. */
async function counters(): Promise<{ bytes: number; segments: number }> {
  async function row(file: string, table: string): Promise<Map<string, number>> {
    const [names = '', values = ''] = (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith(`${table}: `));
    const list = values.split(' ');
    return new Map(names.split(' ').map((name, index) => [name, Number(list[index])]));
  }
  const [ip, tcp] = await Promise.all([row('/proc/net/netstat', 'IpExt'), row('/proc/net/snmp', 'Tcp')]);
  return { bytes: ip.get('OutOctets') ?? Number.NaN, segments: tcp.get('OutSegs') ?? Number.NaN };
}

const [folder = '', ...numbers] = process.argv.slice(2);
const [batchSeconds = 0, batches = 0, restSeconds = 0] = numbers.map(Number);
const stops: (() => unknown)[] = [];

const directory = path.join(folder, 'provider');
const territory = ['--territory', 'bench', '--name', 'Bench', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales'];
const made = runCommand('webizen-provider', ['init', '--dir', directory, ...territory]);
if (made.status !== 0) throw new Error(made.stderr);
const rooms = await openRooms({ directory, files, clock: systemClock });
stops.push(() => rooms.close());
const log = { debug() {}, info() {}, warn: console.error, error: console.error };
const payload = { up: 0, down: 0 };

const ingest: Ingest = createIngest({
  ...{ fleet: rooms.fleetStore, events: rooms.events, clock: systemClock, log },
  publish(topic, text) {
    payload.down += Buffer.byteLength(text);
    broker.publish(topic, text, { qos: qosOf(topic) });
  },
});
const broker = createBroker({
  tls: await serverTls({ files, clock: systemClock, directory, ca: rooms.ca, hosts: ['127.0.0.1'] }),
  admit: rooms.boxes.admit,
  receive(message) {
    if (message.topic.kind === 'health') payload.up += message.payload.length;
    return ingest.receive(message);
  },
  left: ingest.left,
  ...{ events: rooms.events, clock: systemClock, log },
});
const port = await broker.start('127.0.0.1', 0);
stops.push(
  () => ingest.stop(),
  () => broker.stop(),
);

const key = newPrivateKey();
const { code } = await rooms.claims.create({});
const csr = await makeCsr({ commonName: 'new-box', signer: signerOf(key) });
const leaf = new X509Certificate(await rooms.claims.redeem(code, parseCsr(csr)));
const issuing = certificateToPem(rooms.ca.issuer.certificate.raw);
const box = commonNameOf(leaf) ?? '';
const { id, name, jurisdiction, law } = rooms.territory;

const clock = createManualClock(Date.now());
const store = await openStore(path.join(folder, 'box'));
stops.push(() => store.close());
const outbox = await createOutbox({ store, budgetBytes: 2 ** 24, batch: batchSeconds / intervalSeconds });
const book = await openBook({ store, epoch: outbox.state().epoch, budgetBytes: 2 ** 19, clock });
const onRefused = (refusal: Error) => console.error(refusal);
const life = createHealthLife(randomFrom(1));
let minute = 0;
const sampler = createSampler({
  probe: {
    sample: async () => life(minute++),
    inventory: () => Promise.reject(new Error('is not asked for')),
    stop() {},
  },
  store: (sample) => outbox.add(sample),
  stamp: () => ({ at: clock.now() }),
  freeBytes: () => 2 ** 40,
  ...{ intervalSeconds, clock, onRefused },
});

function openLink() {
  return createLink({
    ...{ clock, outbox, batchSeconds, onRefused },
    access: async () => ({
      profile: {
        box,
        territory: { id, name, jurisdiction, law },
        broker: { url: `mqtts://127.0.0.1:${port}`, protocolVersion: 4, maxPacketBytes: 256 * 1024 },
        reads: [compactHealth, eventsForm],
      },
      credentials: {
        identity: { keyPem: keyToPem(key), chain: certificateToPem(leaf.raw) + issuing },
        trust: { anchors: [rooms.ca.root] },
      },
    }),
    moment: () => clock.now(),
    learnTime: async () => {},
    birth: (session) => ({
      ...{ kind: 'birth', session, epoch: outbox.state().epoch, lastSequence: outbox.state().last },
      ...{ at: clock.now(), agent: '0.1.0', api: '1.0' },
    }),
    reported: () => ({ at: clock.now(), agent: '0.1.0', apps: [] }),
    onBirth: () => sampler.sampleNow(),
    events: {
      async open(port) {
        carrier = createCarrier({ ...{ port, book, clock, onRefused }, random: () => 0 });
        return carrier;
      },
    },
  });
}

/** Of a good day: each goes out by itself. */
const eventsADay = 5;
let carrier: Carrier | undefined;
async function tellEvents(): Promise<void> {
  for (let index = 1; index <= eventsADay; index += 1) {
    const facts = { app: 'org.example.diary', version: `1.${index}.0` };
    await book.add([{ key: `${index}`, type: 'app-updated', severity: 'info', at: clock.now(), facts }]);
    carrier?.wake();
    await until(() => book.state().waiting === 0);
    await pause(settleMilliseconds);
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(2);
}

const before = await counters();
const link = openLink();
stops.push(() => sampler.stop());
sampler.start();
link.start();
stops.push(() => link.stop());
await until(() => outbox.state().last === 1 && outbox.state().acknowledged === 1);
await pause(settleMilliseconds);
const connected = await counters();

async function oneBatch(): Promise<void> {
  const { acknowledged } = outbox.state();
  for (let sample = 0; sample < batchSeconds / intervalSeconds; sample += 1) {
    const { waiting } = outbox.state();
    await clock.pass(intervalSeconds * 1000);
    await until(() => outbox.state().waiting > waiting || outbox.state().acknowledged > acknowledged);
  }
  await until(() => outbox.state().acknowledged > acknowledged);
  await pause(settleMilliseconds);
}

await oneBatch(); // the first may be smaller
const payloadBefore = { ...payload };
const from = await counters();
for (let batch = 0; batch < batches; batch += 1) await oneBatch();
const to = await counters();
const carried = payload.up + payload.down - payloadBefore.up - payloadBefore.down;
await pause(restSeconds * 1000);
const rested = await counters();
await tellEvents();
await pause(settleMilliseconds);
const told = await counters();
await link.hold();
const { last } = outbox.state();
link.resume();
await until(() => outbox.state().acknowledged > last);
await pause(settleMilliseconds);
const again = await counters();

console.log(
  JSON.stringify({
    first: { bytes: connected.bytes - before.bytes, segments: connected.segments - before.segments },
    again: { bytes: again.bytes - told.bytes, segments: again.segments - told.segments },
    events: { count: eventsADay, bytes: told.bytes - rested.bytes, segments: told.segments - rested.segments },
    batches: { count: batches, bytes: to.bytes - from.bytes, segments: to.segments - from.segments, payload: carried },
    rest: { seconds: restSeconds, bytes: rested.bytes - to.bytes, segments: rested.segments - to.segments },
  }),
);
for (const step of stops.reverse()) await step();
