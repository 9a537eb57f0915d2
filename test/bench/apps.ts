/**
 * Fifty apps at once, each on its own socket and asking as fast as it is answered: the slowest app's 99th percentile
 * against that of the app in the middle. And what their sockets weigh: the agent with fifty apps against one.
 */
import { agentUnderTest } from './agent.js';
import { type Conditions, type Figure, figure, inTurns, median } from './compare.js';
import { load, rawRequest } from './load.js';
import { pause, residentBytes, type Workshop } from './workshop.js';

const many = 50;
const requests = [rawRequest('GET', '/v1/box')];

function percentile(values: readonly number[], share: number): number {
  const at = Math.min(values.length - 1, Math.floor(values.length * share));
  return values.toSorted((a, b) => a - b)[at] ?? Number.NaN;
}

export async function apps(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 1 : 5;
  const milliseconds = short ? 1500 : 5000;
  const settleMilliseconds = short ? 1000 : 3000;

  async function resident(count: number): Promise<number> {
    const agent = await agentUnderTest(workshop, { apps: count });
    const program = await agent.start();
    await pause(settleMilliseconds);
    const bytes = await residentBytes(program.pid);
    await program.stop();
    return bytes / 2 ** 20;
  }
  const memory = await inTurns(
    rounds,
    () => resident(many),
    () => resident(1),
  );

  const agent = await agentUnderTest(workshop, { apps: many });
  const program = await agent.start();

  async function p99(socketPath: string, span: number): Promise<number> {
    const taken: number[] = [];
    const took = (answer: number): void => void taken.push(answer);
    await load({ socketPath, requests, milliseconds: span, connections: 1, took });
    return percentile(taken, 0.99);
  }
  const all = (span: number) => Promise.all(agent.socketPaths.map((socketPath) => p99(socketPath, span)));

  await all(500); // warm before the first count
  const slowest: number[] = [];
  const middle: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const each = await all(milliseconds);
    slowest.push(Math.max(...each));
    middle.push(median(each));
  }
  await program.stop();
  return [
    figure('apps.fairness', 'ms', { value: median(slowest), reference: median(middle) }),
    figure('apps.memory', 'MiB', memory),
  ];
}
