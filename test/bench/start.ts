/** From the spawn of the built agent to the first answer of its standard API, against a fastify with one route. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { agentUnderTest, answering } from './agent.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { built, type Workshop } from './workshop.js';

export async function start(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const agent = await agentUnderTest(workshop);
  const socketPath = path.join(await workshop.folder(), 'one-route.sock');

  const ours = async () => {
    const began = performance.now();
    const program = await agent.start();
    const taken = performance.now() - began;
    await program.stop();
    return taken;
  };
  const oneRoute = async () => {
    const began = performance.now();
    const program = workshop.start([built('test/bench/bundled/one-route.js'), socketPath]);
    await answering(socketPath, '/');
    const taken = performance.now() - began;
    await program.stop();
    await rm(socketPath);
    return taken;
  };
  await ours(); // the first start makes the database
  await oneRoute();
  return [figure('start', 'ms', await inTurns(short ? 3 : 15, ours, oneRoute))];
}
