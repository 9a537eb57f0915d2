/** Which raw samples of a box are here, sequence by sequence: how anybody can count that none is lost and none doubled. */
import { type Static, Type } from 'typebox';
import { Epoch, Sequence } from '#contract/health.js';
import type { FleetStore } from '../store/fleet.js';

/** Sequences of one epoch without a hole, and how many rows there are of them: one each, unless something is wrong. */
export const CountedRange = Type.Object({ epoch: Epoch, first: Sequence, last: Sequence, rows: Type.Integer() });
export type CountedRange = Static<typeof CountedRange>;

/** Those not older than that, by the box's clock. */
export async function countSequences(
  fleet: Pick<FleetStore, 'sequences'>,
  box: string,
  since: number,
): Promise<CountedRange[]> {
  const epochs = new Map<string, number[]>();
  for await (const { epoch, seq, at } of fleet.sequences(box)) {
    if (at < since) continue;
    const known = epochs.get(epoch);
    if (known) known.push(seq);
    else epochs.set(epoch, [seq]);
  }
  return [...epochs].flatMap(([epoch, sequences]) => {
    const ranges: CountedRange[] = [];
    let current: CountedRange | undefined;
    for (const seq of sequences.sort((one, other) => one - other)) {
      if (current && seq <= current.last + 1) {
        current.last = seq;
        current.rows += 1;
      } else {
        current = { epoch, first: seq, last: seq, rows: 1 };
        ranges.push(current);
      }
    }
    return ranges;
  });
}
