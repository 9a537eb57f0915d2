/**
 * Times that cannot be true: a box whose clock is far off, or one that lies. What it measured is kept, at the time that
 * it came: as a row of the year 2300 it would outlive every other, and a chart of today would not show it. Pure.
 */
import type { HealthBatch, Sample } from '#contract/health.js';

const day = 86_400_000;
/** A clock may be so far ahead: a box that lives across a date line, or runs fast. */
const aheadMilliseconds = day;
/** Before there were boxes. What a box has kept for years is old, and not absurd: it goes as old samples go. */
const earliest = Date.UTC(2020, 0);

/** @param now by our clock. `moved`: how many did not keep their time */
export function placeInTime(batch: HealthBatch, now: number): { batch: HealthBatch; moved: number } {
  const { samples } = batch;
  const isPossible = ({ at }: Sample) => at <= now + aheadMilliseconds && at >= earliest;
  if (samples.every(isPossible)) return { batch, moved: 0 };
  const absurd = samples.filter((sample) => !isPossible(sample));
  // The last of them was taken about now; the others as long before it as the box says, within a day.
  const last = absurd.reduce((latest, { at }) => Math.max(latest, at), 0);
  const placed = samples.map((sample) =>
    isPossible(sample) ? sample : { ...sample, at: now - Math.min(day, last - sample.at) },
  );
  return { batch: { ...batch, samples: placed }, moved: absurd.length };
}
