/**
 * Health messages a second that the built provider has made durable, until its own acknowledgements cover them all,
 * against the same publishers before a bare aedes whose bare mqtt.js subscriber discards what it gets: with one sample in
 * each message, as JSON, which is the most that messages can cost; and with what boxes send, a quarter of an hour each.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { HealthBatch } from '#contract/health.js';
import { encodeBatch } from '#contract/health-codec.js';
import { type Life, lifeOf, minute } from '../../provisioning/simulate/life.js';
import { measure } from '../../provisioning/simulate/measure.js';
import { testPostgres } from '../support/postgres.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { encodePublish, inFlight, openPublisher, type Publisher } from './publisher.js';
import { type EnrolledBox, openTerritory, type Territory } from './territory.js';
import { ask, cpuMilliseconds, type Program, part, type Workshop } from './workshop.js';

const publishers = 50;
const epoch = 'e0e0e0e0e0e0e0e0';

/** What the publishers send. */
interface Load {
  /** Samples in each message. */
  samples: number;
  /** Messages of each publisher in a round. */
  messages: number;
  encode(samples: HealthBatch['samples']): Buffer;
}

const single: Load = {
  samples: 1,
  messages: 600,
  encode: (samples) => Buffer.from(JSON.stringify({ epoch, samples })),
};

const batched: Load = { samples: 15, messages: 80, encode: (samples) => encodeBatch({ epoch, samples }) };

const fewValues = {
  'system.cpu.utilization': 0.0712,
  'system.memory.limit': 3_973_730_304,
  'system.memory.usage': 1_204_322_304,
  'system.filesystem.limit': 62_725_623_808,
  'system.filesystem.utilization': 0.2713,
  'system.uptime': 1_209_600,
  'system.network.io{network.io.direction=receive}': 9_120_447_132,
  'system.network.io{network.io.direction=transmit}': 1_204_471_320,
  'hw.temperature': 51.1,
};

/** As the agent's: its simulated life's, or few values that are the same again and again. */
function messageOf(load: Load, life: Life, index: number, began: number): Buffer {
  const samples = Array.from({ length: load.samples }, (_, place) => {
    const seq = 1 + index * load.samples + place;
    const at = began + seq * minute;
    return { seq, at, values: load === single ? fewValues : measure(life, at) };
  });
  return load.encode(samples);
}

export async function ingest(
  workshop: Workshop,
  territory: Territory,
  { short, say }: Conditions,
  name = 'ingest',
  load = single,
): Promise<Figure[]> {
  const rounds = short ? 2 : 7;
  const each = short ? Math.ceil(load.messages / 6) : load.messages;
  const count = publishers * each;
  const claims = await territory.claims(publishers + 1);
  const [subscriber, ...boxes] = await Promise.all(claims.map((claim) => territory.enrol(claim)));
  if (!subscriber) throw new Error('nobody is enrolled');

  const bare = await workshop.serve([part('bare-broker'), territory.directory]);
  const barePort = Number(bare.said[0]);
  const pemFile = path.join(await workshop.folder(), 'subscriber.json');
  const pem = { key: subscriber.key, cert: subscriber.cert, ca: territory.root };
  await writeFile(pemFile, JSON.stringify(pem), { mode: 0o600 });
  const discarding = await workshop.serve([part('bare-subscriber'), String(barePort), pemFile]);

  const open = (port: number) => Promise.all(boxes.map((box: EnrolledBox) => openPublisher(port, box)));
  const sides = { ours: await open(territory.brokerPort), bare: await open(barePort) };
  const began = Math.floor(Date.now() / minute) * minute - 30 * 86_400_000;
  const lives = boxes.map((_, index) => lifeOf(1, index));
  const packets = (round: number) =>
    boxes.map((box, at) =>
      Array.from({ length: each }, (_, index) =>
        encodePublish(box.id, messageOf(load, lives[at]!, round * each + index, began), index),
      ),
    );

  const cpu = new Map<Program, number>();
  async function timed(programs: Program[], work: () => Promise<unknown>): Promise<number> {
    const before = await Promise.all(programs.map(({ pid }) => cpuMilliseconds(pid)));
    const began = performance.now();
    await work();
    const taken = performance.now() - began;
    for (const [index, program] of programs.entries())
      cpu.set(program, (cpu.get(program) ?? 0) + (await cpuMilliseconds(program.pid)) - before[index]!);
    return (count * 1000) / taken;
  }
  const publishAll = (to: Publisher[], messages: Buffer[][]) =>
    Promise.all(to.map((publisher, index) => publisher.publish(messages[index]!)));

  function durable(round: number): Promise<number> {
    const messages = packets(round);
    return timed([territory.program], async () => {
      await publishAll(sides.ours, messages);
      await Promise.all(sides.ours.map((publisher) => publisher.covered((round + 1) * each * load.samples)));
    });
  }
  function discarded(round: number): Promise<number> {
    const messages = packets(round);
    return timed([bare, discarding], async () => {
      const all = ask(discarding, { count });
      await publishAll(sides.bare, messages);
      await all;
    });
  }

  await durable(0);
  await discarded(0);
  cpu.clear();
  const pair = await inTurns(
    rounds,
    (round) => durable(round + 1),
    (round) => discarded(round + 1),
  );
  const perMessage = (program: Program) => `${(((cpu.get(program) ?? 0) * 1000) / (count * rounds)).toFixed(1)} µs`;
  say(
    `${name}: ${publishers} publishers, ${inFlight} messages of ${messageOf(load, lives[0]!, 0, began).length} bytes ` +
      `with ${load.samples === 1 ? 'one sample' : `${load.samples} samples`} in flight each; ` +
      `CPU a message: provider ${perMessage(territory.program)}, bare aedes ${perMessage(bare)}, ` +
      `its subscriber ${perMessage(discarding)}`,
  );
  for (const publisher of [...sides.ours, ...sides.bare]) publisher.close();
  await Promise.all([discarding.stop(), bare.stop()]);
  const perSecond = (...programs: Program[]) => {
    const spent = programs.reduce((sum, program) => sum + (cpu.get(program) ?? 0), 0);
    return (count * rounds * load.samples * 1000) / Math.max(1, spent);
  };
  const perCore = { value: perSecond(territory.program), reference: perSecond(bare, discarding) };
  return [figure(name, 'messages/s', pair), figure(`${name}.core`, 'samples a CPU second', perCore)];
}

/** What boxes really send. */
export const ingestBatches = (workshop: Workshop, territory: Territory, conditions: Conditions): Promise<Figure[]> =>
  ingest(workshop, territory, conditions, 'ingest.batch', batched);

/** The same into PostgreSQL, as Debian has it, on the same machine. */
export async function ingestPostgres(workshop: Workshop, conditions: Conditions): Promise<Figure[]> {
  const ends: (() => unknown)[] = [];
  try {
    const server = await testPostgres({ teardown: (end) => ends.push(end) });
    const territory = await openTerritory(workshop, ['--database', server.create('bench')]);
    const figures = [
      ...(await ingest(workshop, territory, conditions, 'ingest.postgres')),
      ...(await ingest(workshop, territory, conditions, 'ingest.postgres.batch', batched)),
    ];
    conditions.say(
      `ingest.postgres: ${server.ask('bench', 'SELECT sum(count) FROM sample_packs')} samples in the database`,
    );
    await territory.program.stop();
    return figures;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
