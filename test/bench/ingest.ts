/**
 * Health messages a second that the built provider has made durable, until its own acknowledgements cover them all,
 * against the same publishers before a bare aedes whose bare mqtt.js subscriber discards what it gets.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { testPostgres } from '../support/postgres.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { encodePublish, inFlight, openPublisher, type Publisher } from './publisher.js';
import { type EnrolledBox, openTerritory, type Territory } from './territory.js';
import { ask, cpuMilliseconds, type Program, part, type Workshop } from './workshop.js';

const publishers = 50;

/** As the agent's, with one sample in it. */
const messageOf = (sequence: number, at: number): string =>
  JSON.stringify({
    epoch: 'e0e0e0e0e0e0e0e0',
    samples: [
      {
        seq: sequence,
        at,
        values: {
          'system.cpu.utilization': 0.0712,
          'system.memory.limit': 3_973_730_304,
          'system.memory.usage': 1_204_322_304,
          'system.filesystem.limit': 62_725_623_808,
          'system.filesystem.utilization': 0.2713,
          'system.uptime': 1_209_600,
          'system.network.io{network.io.direction=receive}': 9_120_447_132,
          'system.network.io{network.io.direction=transmit}': 1_204_471_320,
          'hw.temperature': 51.1,
        },
      },
    ],
  });

export async function ingest(
  workshop: Workshop,
  territory: Territory,
  { short, say }: Conditions,
  name = 'ingest',
): Promise<Figure[]> {
  const rounds = short ? 2 : 7;
  const each = short ? 100 : 600;
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
  const now = Date.now() - 30 * 86_400_000;
  const packets = (round: number) =>
    boxes.map((box) =>
      Array.from({ length: each }, (_, index) => {
        const sequence = 1 + round * each + index;
        return encodePublish(box.id, messageOf(sequence, now + sequence * 60_000), index);
      }),
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
      await Promise.all(sides.ours.map((publisher) => publisher.covered((round + 1) * each)));
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
    `${name}: ${publishers} publishers, ${inFlight} messages of ${messageOf(1, now).length} bytes in flight each; ` +
      `CPU a message: provider ${perMessage(territory.program)}, bare aedes ${perMessage(bare)}, ` +
      `its subscriber ${perMessage(discarding)}`,
  );
  for (const publisher of [...sides.ours, ...sides.bare]) publisher.close();
  await Promise.all([discarding.stop(), bare.stop()]);
  const perSecond = (...programs: Program[]) => {
    const spent = programs.reduce((sum, program) => sum + (cpu.get(program) ?? 0), 0);
    return (count * rounds * 1000) / Math.max(1, spent);
  };
  const perCore = { value: perSecond(territory.program), reference: perSecond(bare, discarding) };
  return [figure(name, 'messages/s', pair), figure(`${name}.core`, 'messages a CPU second', perCore)];
}

/** The same into PostgreSQL, as Debian has it, on the same machine. */
export async function ingestPostgres(workshop: Workshop, conditions: Conditions): Promise<Figure[]> {
  const ends: (() => unknown)[] = [];
  try {
    const server = await testPostgres({ teardown: (end) => ends.push(end) });
    const territory = await openTerritory(workshop, ['--database', server.create('bench')]);
    const figures = await ingest(workshop, territory, conditions, 'ingest.postgres');
    conditions.say(
      `ingest.postgres: ${server.ask('bench', 'SELECT sum(count) FROM sample_packs')} samples in the database`,
    );
    await territory.program.stop();
    return figures;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
