/**
 * A figure beside its reference. The machine is shared and noisy, so the two are measured in turns, A B A B …, and the
 * medians are what counts.
 */

export interface Figure {
  name: string;
  value: number;
  unit: string;
  reference: number;
  /** value / reference */
  ratio: number;
}

export interface Pair {
  value: number;
  reference: number;
}

/** What a benchmark is given. */
export interface Conditions {
  /** A much shorter run, to see that all can be measured: the figures say little. */
  short: boolean;
  /** How many renew at once. */
  boxes: number;
  /** A line for the reader. */
  say(line: string): void;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [below, above] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]];
  if (below === undefined || above === undefined) throw new Error('nothing was measured');
  return (below + above) / 2;
}

/** Each run answers one value. Which of the two goes first changes from round to round. */
export async function inTurns(
  rounds: number,
  ours: (round: number) => Promise<number>,
  reference: (round: number) => Promise<number>,
): Promise<Pair> {
  const measured = { ours: [] as number[], reference: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2) measured.reference.push(await reference(round));
    measured.ours.push(await ours(round));
    if (round % 2 === 0) measured.reference.push(await reference(round));
  }
  return { value: median(measured.ours), reference: median(measured.reference) };
}

const significant = (value: number): number => Number(value.toPrecision(4));

export function figure(name: string, unit: string, { value, reference }: Pair): Figure {
  const ratio = value / reference;
  if (!Number.isFinite(ratio)) throw new Error(`${name}: ${value} against ${reference} is no measurement`);
  return { name, value: significant(value), unit, reference: significant(reference), ratio: significant(ratio) };
}
