/**
 * Time that runs out, on a box whose clock may be wrong, jump, or stand still while it is off. Pure.
 *
 * Within one boot only the monotonic clock counts: whatever is done to the time, a countdown is neither prolonged nor cut
 * short. Over a boot it goes on from what was last written down, less what may have passed unwritten, so that a box that
 * starts again and again still comes to the end; and where the true time is known on both sides, the time that the box
 * was off counts too. The true time only ever shortens.
 */
import { type Static, Type } from 'typebox';
import { Time } from '#contract/health.js';

/** When something is asked: by the monotonic clock of this boot, and by the true time where it is known. */
export interface Tick {
  boot: string;
  /** Milliseconds. */
  monotonic: number;
  at: number | null;
}

export const Countdown = Type.Object({
  /** Milliseconds, at `monotonic` in `boot`. */
  left: Type.Number({ minimum: 0 }),
  boot: Type.String(),
  monotonic: Type.Number(),
  /** The end by the true time, as it was known in that boot. */
  wall: Type.Union([Type.Object({ boot: Type.String(), endsAt: Time }), Type.Null()]),
});
export type Countdown = Static<typeof Countdown>;

/** Countdowns are written down at least this often while they run. */
export const unwrittenMilliseconds = 60_000;

const wallOf = (left: number, { boot, at }: Tick) =>
  at === null ? null : { boot, endsAt: Math.max(0, Math.round(at + left)) };

export function countdown(milliseconds: number, tick: Tick): Countdown {
  const { boot, monotonic } = tick;
  return { left: milliseconds, boot, monotonic, wall: wallOf(milliseconds, tick) };
}

/** The same, as it stands at that moment. */
export function carried(before: Countdown, tick: Tick): Countdown {
  const { boot, monotonic, at } = tick;
  const isSameBoot = before.boot === boot && monotonic >= before.monotonic;
  const gone = isSameBoot ? monotonic - before.monotonic : unwrittenMilliseconds;
  const counted = Math.max(0, before.left - gone);
  const { wall } = before;
  const isOther = wall !== null && at !== null && wall.boot !== boot;
  const left = isOther ? Math.max(0, Math.min(counted, wall.endsAt - at)) : counted;
  return { left, boot, monotonic, wall: at === null ? wall : wallOf(left, tick) };
}

export const leftOf = (one: Countdown, tick: Tick): number => carried(one, tick).left;
