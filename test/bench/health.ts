/** CPU of one health sample by the agent's probe, against reading the same files of the kernel by hand. */
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { part, type Workshop } from './workshop.js';

export async function health(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const samples = short ? 30 : 200;
  const run = (which: string) => async () => Number(await workshop.output([part('probe'), which, String(samples)]));
  return [figure('health.cpu', 'CPU ms/sample', await inTurns(short ? 3 : 7, run('agent'), run('by-hand')))];
}
