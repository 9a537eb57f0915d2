/**
 * So many simulated boxes before the built provider: memory for each, how fast all are back after a power cut, and how
 * long a sample takes to the console. The references: a bare TLS server that holds as many connections and takes as many
 * at once; a bare aedes with a bare mqtt.js subscriber.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import mqtt from 'mqtt';
import { systemClock } from '#common/clock.js';
import { buildTopic } from '#contract/topics.js';
import type { Identity } from '../../provisioning/simulate/identities.js';
import { createSimulation, type Simulation } from '../../provisioning/simulate/simulation.js';
import { quantile } from '../../provisioning/simulate/tally.js';
import { type Conditions, type Figure, figure } from './compare.js';
import { encodePublish, openPublisher } from './publisher.js';
import type { EnrolledBox, Territory } from './territory.js';
import { cpuMilliseconds, part, pause, residentBytes, type Workshop } from './workshop.js';

const enrolAtOnce = 16;
/** What the handshakes have left behind is gone by then. */
const settleMilliseconds = 3000;
const { signal } = new AbortController();
const seconds = (since: number): number => (performance.now() - since) / 1000;

async function enrolMany(territory: Territory, count: number): Promise<EnrolledBox[]> {
  const claims = await territory.claims(count);
  const boxes: EnrolledBox[] = [];
  const worker = async () => {
    for (let claim = claims.pop(); claim; claim = claims.pop()) boxes.push(await territory.enrol(claim));
  };
  await Promise.all(Array.from({ length: enrolAtOnce }, worker));
  return boxes;
}

/** All at once; answers the connections. */
function connectAll(port: number, contexts: readonly SecureContext[]): Promise<TLSSocket[]> {
  const one = (secureContext: SecureContext) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, secureContext }, () => resolve(socket));
      socket.on('error', reject);
    });
  return Promise.all(contexts.map(one));
}

interface Held {
  kibibytes: number;
  /** Connections a second, when all come at once. */
  rate: number;
  cpuMillisecondsEach: number;
}

async function bareTls(workshop: Workshop, territory: Territory, identities: readonly Identity[]): Promise<Held> {
  const bare = await workshop.serve([part('bare-tls'), territory.directory]);
  const port = Number(bare.said[0]);
  const contexts = identities.map(({ key, cert }) => createSecureContext({ ca: territory.root, key, cert }));
  const before = await residentBytes(bare.pid);
  const first = await connectAll(port, contexts);
  await pause(settleMilliseconds);
  const kibibytes = ((await residentBytes(bare.pid)) - before) / 1024 / identities.length;
  for (const socket of first) socket.destroy();
  const cpu = await cpuMilliseconds(bare.pid);
  const began = performance.now();
  const again = await connectAll(port, contexts);
  const rate = identities.length / seconds(began);
  const cpuMillisecondsEach = ((await cpuMilliseconds(bare.pid)) - cpu) / identities.length;
  for (const socket of again) socket.destroy();
  await bare.stop();
  return { kibibytes, rate, cpuMillisecondsEach };
}

async function ours(territory: Territory, simulation: Simulation, count: number): Promise<Held> {
  const { pid } = territory.program;
  const before = await residentBytes(pid);
  await simulation.live(signal, simulation.complete);
  await pause(settleMilliseconds);
  const kibibytes = ((await residentBytes(pid)) - before) / 1024 / count;
  const cpu = await cpuMilliseconds(pid);
  const began = performance.now();
  await simulation.blackout(signal);
  const rate = simulation.online() / seconds(began);
  return { kibibytes, rate, cpuMillisecondsEach: ((await cpuMilliseconds(pid)) - cpu) / count };
}

/** One sample after the other, each until `arrived` has told of it: milliseconds. */
async function waits(count: number, send: (index: number) => unknown, arrived: (told: () => void) => void) {
  const found: number[] = [];
  let told = () => {};
  arrived(() => told());
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    await new Promise<void>((resolve) => {
      told = resolve;
      send(index);
    });
    found.push(performance.now() - began);
  }
  return found;
}

const sampleOf = (sequence: number): string =>
  JSON.stringify({
    epoch: 'e2e2e2e2e2e2e2e2',
    samples: [{ seq: sequence, at: Date.now(), values: { 'hw.temperature': 51.1, 'system.uptime': sequence } }],
  });

/** The last one may be told of before the broker has answered it. */
const closed = (): void => {};

async function toConsole(territory: Territory, box: EnrolledBox, count: number): Promise<number[]> {
  const secret = (await readFile(path.join(territory.directory, 'operator.secret'), 'utf8')).trim();
  const reply = await fetch(`${territory.console}/v1/events?box=${box.id}`, {
    headers: { authorization: `Bearer ${secret}` },
  });
  if (!reply.ok || !reply.body) throw new Error(`the stream of events answers ${reply.status}`);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let told = () => {};
  const reading = (async () => {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
      if (chunk.value.includes('"type":"health"')) told();
  })();
  const publisher = await openPublisher(territory.brokerPort, box);
  try {
    return await waits(
      count,
      (index) => publisher.publish([encodePublish(box.id, sampleOf(index + 1), index)]).catch(closed),
      (tell) => {
        told = tell;
      },
    );
  } finally {
    publisher.close();
    await reader.cancel();
    await reading;
  }
}

async function toSubscriber(workshop: Workshop, territory: Territory, [one, other]: EnrolledBox[], count: number) {
  if (!one || !other) throw new Error('nobody is enrolled');
  const bare = await workshop.serve([part('bare-broker'), territory.directory]);
  const port = Number(bare.said[0]);
  const { key, cert } = other;
  const client = await mqtt.connectAsync(`mqtts://127.0.0.1:${port}`, {
    key,
    cert,
    ca: territory.root,
    protocolVersion: 4,
  });
  await client.subscribeAsync(buildTopic({ box: one.id, direction: 'up', kind: 'health' }), { qos: 1 });
  const publisher = await openPublisher(port, one);
  const found = await waits(
    count,
    (index) => publisher.publish([encodePublish(one.id, sampleOf(index + 1), index)]).catch(closed),
    (told) => client.on('message', told),
  );
  publisher.close();
  await client.endAsync(true);
  await bare.stop();
  return found;
}

export async function fleet(
  workshop: Workshop,
  territory: Territory,
  { short, boxes, say }: Conditions,
): Promise<Figure[]> {
  const count = short ? Math.min(100, boxes) : boxes;
  const probes = short ? 50 : 1000;
  const [one, other, ...enrolled] = await enrolMany(territory, count + 2);
  if (!one || !other) throw new Error('nobody is enrolled');
  const identities: Identity[] = enrolled.map(({ id, key, cert }) => ({ id, key, cert }));
  const simulation = createSimulation(
    {
      ...{ identities, root: territory.root, broker: { host: '127.0.0.1', port: territory.brokerPort } },
      ...{
        seed: 1,
        lasts: 3_600_000,
        speed: 1,
        intervalMilliseconds: 60_000,
        batch: 15,
        faults: {},
        atOnce: count,
        compact: true,
      },
    },
    systemClock,
  );
  workshop.teardown(() => simulation.stop());
  const bare = await bareTls(workshop, territory, identities);
  const held = await ours(territory, simulation, count);
  const latency = await toConsole(territory, one, probes);
  const bareLatency = await toSubscriber(workshop, territory, [one, other], probes);
  const isWhole = await simulation.drain(AbortSignal.timeout(60_000));
  if (!isWhole) throw new Error('the boxes have not been acknowledged what they sent');
  await simulation.stop();
  say(
    `fleet: ${count} boxes; CPU a connection: provider ${held.cpuMillisecondsEach.toFixed(2)} ms, bare TLS ` +
      `${bare.cpuMillisecondsEach.toFixed(2)} ms; all back after ${(count / held.rate).toFixed(1)} s, ` +
      `bare ${(count / bare.rate).toFixed(1)} s; sample to console p50 ${quantile(latency, 0.5).toFixed(1)} ms, ` +
      `bare ${quantile(bareLatency, 0.5).toFixed(1)} ms`,
  );
  return [
    figure('fleet.memory', 'KiB a box', { value: held.kibibytes, reference: bare.kibibytes }),
    figure('fleet.storm', 'boxes/s back', { value: held.rate, reference: bare.rate }),
    figure('fleet.latency', 'ms to console, p99', {
      value: quantile(latency, 0.99),
      reference: quantile(bareLatency, 0.99),
    }),
  ];
}
