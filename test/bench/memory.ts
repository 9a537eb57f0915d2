/** The resident set of the built agent, enrolled and online, against that of a Node that does nothing. */
import { call } from '../support/api-box.js';
import { agentUnderTest, asStarted } from './agent.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { load, rawRequest } from './load.js';
import type { Territory } from './territory.js';
import { type Program, pause, residentBytes, type Workshop } from './workshop.js';

const megabyte = 2 ** 20;
const batch = Buffer.from(
  JSON.stringify({
    operations: Array.from({ length: 20 }, (_, index) => ({
      op: 'put',
      key: `batch-${index}`,
      value: 'v'.repeat(400),
    })),
  }),
);

export async function memory(workshop: Workshop, territory: Territory, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 1 : 5;
  const idleMilliseconds = short ? 4000 : 10_000;
  const loadMilliseconds = short ? 600 : 3000;

  /** As the box itself tells its apps. */
  async function online(socketPath: string): Promise<void> {
    for (let tries = 0; tries < 300; tries += 1) {
      const [box, health] = await Promise.all(['/v1/box', '/v1/health'].map((at) => call(socketPath, 'GET', at)));
      if (box?.text.includes('"online":true') && health?.text.includes('"seq":')) return;
      await pause(100);
    }
    throw new Error('the agent does not come online');
  }

  async function measure(program: Program): Promise<number> {
    const bytes = await residentBytes(program.pid);
    await program.stop();
    return bytes / megabyte;
  }

  async function agent(health?: object) {
    const [claim = ''] = await territory.claims(1);
    const box = await agentUnderTest(workshop, { territory, claim, ...(health ? { health } : {}) });
    const program = await box.start();
    await online(box.socketPath);
    return { program, socketPath: box.socketPath };
  }

  async function idle(): Promise<number> {
    const { program } = await agent();
    await pause(idleMilliseconds);
    return measure(program);
  }

  /** Samples and batches of them each second, and an app that reads and writes as fast as it can. */
  async function worked(): Promise<number> {
    const { program, socketPath } = await agent({ intervalSeconds: 1, batchSeconds: 1 });
    const value = Buffer.alloc(400, 'v');
    for (const requests of [
      [rawRequest('GET', '/v1/self')],
      [rawRequest('PUT', '/v1/storage/one', value)],
      [rawRequest('GET', '/v1/storage/one')],
      [rawRequest('POST', '/v1/storage:batch', batch, 'application/json')],
    ])
      await load({ socketPath, requests, milliseconds: loadMilliseconds });
    await pause(idleMilliseconds / 2);
    return measure(program);
  }

  async function bare(): Promise<number> {
    const program = workshop.start(['-e', 'setInterval(() => {}, 1e9)'], asStarted);
    await pause(1000);
    return measure(program);
  }

  return [
    figure('memory.idle', 'MiB', await inTurns(rounds, idle, bare)),
    figure('memory.worked', 'MiB', await inTurns(rounds, worked, bare)),
  ];
}
