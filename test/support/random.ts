/** What the suites that kill at random share: the same SEED and KILLS repeat a run. */
import { randomInt } from 'node:crypto';

export const seed = Number(process.env.SEED ?? randomInt(1, 2 ** 31));
/** How often an agent is killed; other suites kill in proportion. */
export const kills = Number(process.env.KILLS ?? 20);

/** mulberry32: small, and the same everywhere for the same seed. Numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
