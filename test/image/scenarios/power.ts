/**
 * Power loss proper: what the card was asked to write is recorded, from the first start through load and an update, and
 * the power is cut in it wherever: what was not flushed is lost, in part, torn, or kept without what came before it. Each cut
 * has to leave a box that starts by itself and has all that it promised. `CUTS` of them (12), the same again by `SEED`; the
 * recording is kept.
 */
import { seed } from '../../support/random.js';
import { openRecording } from '../power/record.js';
import { type CutResult, tryCuts } from '../power/try-cuts.js';
import type { Rig } from '../rig.js';

export const name = 'the power may go at any write: nothing acknowledged is lost, and nobody has to repair anything';

const count = Number(process.env.CUTS ?? 12);

export async function run(rig: Rig): Promise<void> {
  const { say, expect, begin, passed } = rig;
  const recorded = await openRecording(rig);
  begin();
  say(`SEED ${seed}`);
  const told = ({ at, unflushed, survived, faults }: CutResult): void =>
    say(
      `cut behind write ${at}, ${unflushed} not flushed, ${survived} pieces of them kept: ${faults.join('; ') || 'whole'}`,
    );
  const { entries, flushes, results } = await tryCuts(recorded, { home: rig.home, count, seed, told });
  passed(`${results.length} cuts`);
  const bad = results.filter(({ faults }) => faults.length > 0);
  expect(
    bad.length === 0,
    `of ${results.length} cuts in ${entries} writes and flushes (${flushes}), ${bad.length} left faults`,
  );
}
