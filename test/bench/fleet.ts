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
import { enterBoxes } from '../support/simulated.js';
import { type Conditions, type Figure, figure, median } from './compare.js';
import { encodePublish, openPublisher } from './publisher.js';
import type { EnrolledBox, Territory } from './territory.js';
import { cpuMilliseconds, part, pause, residentBytes, type Workshop } from './workshop.js';

const bareAtOnce = 1000;
/** What the handshakes have left behind is gone by then. */
const settleMilliseconds = 3000;
const { signal } = new AbortController();
const seconds = (since: number): number => (performance.now() - since) / 1000;

/** As many at once as a listening socket holds twice over; answers the connections. Who is cut off comes again. */
async function connectAll(port: number, contexts: readonly SecureContext[]): Promise<TLSSocket[]> {
  const one = (secureContext: SecureContext) =>
    new Promise<TLSSocket | undefined>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, secureContext }, () => resolve(socket));
      socket.on('error', () => resolve(undefined));
    });
  const sockets: TLSSocket[] = [];
  const left = [...contexts];
  const worker = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const socket = await one(next);
      if (socket) sockets.push(socket);
      else left.push(next);
    }
  };
  await Promise.all(Array.from({ length: bareAtOnce }, worker));
  return sockets;
}

/** What comes back after a power cut. */
interface Storm {
  /** Connections a second, when all come at once. */
  rate: number;
  cpuMillisecondsEach: number;
}

interface Held {
  /** KiB of one more connection. */
  kibibytes: number;
  /** In KiB, all that the process has grown by, for each: with its code and the garbage of so many beginnings. */
  inAll: number;
}

/**
 * Resident memory of a fresh process: what the second half of the connections adds. What the first of them needs once,
 * and what a garbage collector takes its time with, is no connection's.
 */
async function heldBy(pid: number, count: number, connect: (half: 0 | 1) => Promise<unknown>): Promise<Held> {
  const resident = async () => {
    await pause(settleMilliseconds);
    return (await residentBytes(pid)) / 1024;
  };
  const none = await resident();
  await connect(0);
  const half = await resident();
  await connect(1);
  const all = await resident();
  return { kibibytes: (all - half) / (count / 2), inAll: (all - none) / count };
}

const middle = (held: readonly Held[]): Held => ({
  kibibytes: median(held.map(({ kibibytes }) => kibibytes)),
  inAll: median(held.map(({ inAll }) => inAll)),
});

async function storm(pid: number, count: number, work: () => Promise<unknown>): Promise<Storm> {
  const cpu = await cpuMilliseconds(pid);
  const began = performance.now();
  await work();
  const rate = count / seconds(began);
  return { rate, cpuMillisecondsEach: ((await cpuMilliseconds(pid)) - cpu) / count };
}

async function bareTls(workshop: Workshop, territory: Territory, identities: readonly Identity[], rounds: number) {
  const contexts = identities.map(({ key, cert }) => createSecureContext({ ca: territory.root, key, cert }));
  const held: Held[] = [];
  let back: Storm | undefined;
  for (let round = 0; round < rounds; round += 1) {
    const bare = await workshop.serve([part('bare-tls'), territory.directory]);
    const port = Number(bare.said[0]);
    const sockets: TLSSocket[] = [];
    const connectHalf = async (which: 0 | 1) => sockets.push(...(await connectAll(port, halfOf(contexts, which))));
    held.push(await heldBy(bare.pid, identities.length, connectHalf));
    for (const socket of sockets) socket.destroy();
    back ??= await storm(bare.pid, identities.length, async () => {
      for (const socket of await connectAll(port, contexts)) socket.destroy();
    });
    await bare.stop();
  }
  return { held: middle(held), back: back! };
}

const withContext = (box: Identity, ca: string): EnrolledBox => ({
  ...box,
  context: createSecureContext({ ca, key: box.key, cert: box.cert }),
});

const halfOf = <T>(list: readonly T[], which: 0 | 1): readonly T[] => {
  const middle = list.length >> 1;
  return which === 0 ? list.slice(0, middle) : list.slice(middle);
};

/** Against a provider that has just started; the simulations go on. */
async function ours(territory: Territory, halves: readonly [Simulation, Simulation], count: number) {
  const { pid } = territory.program;
  const held = await heldBy(pid, count, (which) => halves[which].live(signal, halves[which].complete));
  return { held, storm: () => storm(pid, count, () => Promise.all(halves.map((one) => one.blackout(signal)))) };
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
  const identities: Identity[] = [];
  // By the territory's own rooms: how long EST takes is measured by itself.
  let served = await territory.restart(async () => {
    identities.push(...(await enterBoxes(territory.directory, count + 2)));
  });
  const [one, other] = identities.splice(0, 2).map((box) => withContext(box, territory.root));
  if (!one || !other) throw new Error('nobody is enrolled');
  const rounds = short || count > 2000 ? 1 : 3;
  const bare = await bareTls(workshop, territory, identities, rounds);
  const simulate = (broker: number, which: 0 | 1, seed: number) =>
    createSimulation(
      {
        ...{ identities: [...halfOf(identities, which)], root: territory.root },
        ...{ broker: { host: '127.0.0.1', port: broker }, seed, lasts: 3_600_000, speed: 1, faults: {} },
        ...{ intervalMilliseconds: 60_000, batch: 15, atOnce: count, compact: true },
      },
      systemClock,
    );

  let halves: [Simulation, Simulation] | undefined;
  const stop = () => Promise.all((halves ?? []).map((one) => one.stop()));
  workshop.teardown(stop);
  const found: Held[] = [];
  let last: Awaited<ReturnType<typeof ours>> | undefined;
  for (let round = 0; round < rounds; round += 1) {
    await stop();
    served = await served.restart();
    halves = [simulate(served.brokerPort, 0, round), simulate(served.brokerPort, 1, round)];
    last = await ours(served, halves, count);
    found.push(last.held);
  }
  if (!last || !halves) throw new Error('nothing was measured');
  const held = middle(found);
  const back = await last.storm();
  const latency = await toConsole(served, one, probes);
  const bareLatency = await toSubscriber(workshop, served, [one, other], probes);
  const drained = await Promise.all(halves.map((half) => half.drain(AbortSignal.timeout(60_000))));
  if (!drained.every(Boolean)) throw new Error('the boxes have not been acknowledged what they sent');
  await stop();
  const each = (list: readonly Held[]) => list.map(({ kibibytes }) => kibibytes.toFixed(0)).join(', ');
  say(
    `fleet: ${count} boxes; KiB for one more in ${rounds} rounds: ${each(found)}; with all that the process grows by ` +
      `${held.inAll.toFixed(0)}, bare ${bare.held.inAll.toFixed(0)}; CPU a connection: provider ` +
      `${back.cpuMillisecondsEach.toFixed(2)} ms, bare TLS ${bare.back.cpuMillisecondsEach.toFixed(2)} ms; all back ` +
      `after ${(count / back.rate).toFixed(1)} s, bare ${(count / bare.back.rate).toFixed(1)} s; sample to console p50 ` +
      `${quantile(latency, 0.5).toFixed(1)} ms, bare ${quantile(bareLatency, 0.5).toFixed(1)} ms`,
  );
  const perCpuSecond = ({ cpuMillisecondsEach }: Storm) => 1000 / cpuMillisecondsEach;
  return [
    figure('fleet.memory', 'KiB a box', { value: held.kibibytes, reference: bare.held.kibibytes }),
    figure('fleet.storm', 'boxes/s back', { value: back.rate, reference: bare.back.rate }),
    figure('fleet.storm.core', 'boxes a CPU second', {
      value: perCpuSecond(back),
      reference: perCpuSecond(bare.back),
    }),
    figure('fleet.latency', 'ms to console, p99', {
      value: quantile(latency, 0.99),
      reference: quantile(bareLatency, 0.99),
    }),
  ];
}
