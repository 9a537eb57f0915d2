/** Numbers that look random and depend on what they are asked for alone: a life can be told again from any moment of it. */

const mix = (hash: number, word: number): number => {
  let next = Math.imul(hash ^ word, 0x85eb_ca6b);
  next = Math.imul(next ^ (next >>> 13), 0xc2b2_ae35);
  return next ^ (next >>> 16);
};

/** In [0, 1). The same for the same numbers, which count as whole ones below 2^53. */
export function chance(seed: number, about: number, of = 0, at = 0): number {
  let hash = mix(mix(mix(0x9e37_79b9, seed), about), of);
  hash = mix(mix(hash, at | 0), Math.floor(at / 2 ** 32));
  return (hash >>> 0) / 2 ** 32;
}

export const between = (low: number, high: number, part: number): number => low + (high - low) * part;

export const oneOf = <T>(list: readonly [T, ...T[]], part: number): T =>
  list[Math.min(list.length - 1, Math.floor(part * list.length))] ?? list[0];

/** Wanders between 0 and 1 without jumps: a new goal each `period`. */
export function wander(seed: number, about: number, of: number, at: number, period: number): number {
  const step = Math.floor(at / period);
  const part = at / period - step;
  const smooth = part * part * (3 - 2 * part);
  return between(chance(seed, about, of, step), chance(seed, about, of, step + 1), smooth);
}
