/** Safe mode over time: a start that has run for long enough has lasted; safe mode is left by itself, or on the owner's word. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { SafeView } from '#contract/safe.js';
import { pauseOf, type SafeLimits, usualLimits } from './record.js';
import { openStarts, type Starts, type StartsWish } from './starts.js';

export interface Safe {
  /** Whether this start is one in safe mode. */
  isOn(): boolean;
  /** Undefined where it is not. @param now the time of day, as far as the box knows it */
  view(now: number): SafeView | undefined;
  /** The agent ends and starts as usual. @throws Refusal `not-in-safe-mode` */
  leave(): void;
  sawApp(id: string): void;
  /** Resolves once this start has lasted; never where it is stopped before. What it proves is told by `isBack`. */
  start(onLasted: (news: { isBack: boolean }) => void): void;
  /** `inOrder`: what ends so is no crash. Harmless twice. */
  stop(wish: { inOrder: boolean }): Promise<void>;
}

/** Where crashes are not counted: nothing of it. */
export const neverSafe: Safe = {
  isOn: () => false,
  view: () => undefined,
  leave() {
    throw new Refusal('not-in-safe-mode');
  },
  sawApp: () => {},
  start: () => {},
  stop: async () => {},
};

export async function openSafe(
  wish: Omit<StartsWish, 'limits'> & {
    limits?: SafeLimits | undefined;
    clock: Pick<Clock, 'sleep'>;
    monotonic: () => number;
    /** The agent is stopped, and another one started in its place. */
    restart: () => void;
  },
): Promise<Safe> {
  const { limits = usualLimits, clock, monotonic, restart } = wish;
  const starts: Starts = await openStarts({ ...wish, limits });
  const { mode, why, fault, isTrial } = starts.now();
  const isOn = mode === 'safe';
  const beganAt = monotonic();
  const endsAt = beganAt + pauseOf(starts.now(), limits);
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<unknown> = Promise.resolve();

  async function wait(milliseconds: number, then: () => Promise<void> | void): Promise<void> {
    await clock.sleep(milliseconds, signal);
    if (!signal.aborted) await then();
  }

  return {
    isOn: () => isOn,
    view(now) {
      if (!isOn || !why) return undefined;
      const tick = monotonic();
      return { ...why, fault, since: Math.max(0, now - (tick - beganAt)), triesAt: now + Math.max(0, endsAt - tick) };
    },
    leave() {
      if (!isOn) throw new Refusal('not-in-safe-mode');
      restart();
    },
    sawApp: starts.sawApp,
    start(onLasted) {
      const lasting = wait(limits.lastsMilliseconds, async () => {
        await starts.lasted();
        onLasted({ isBack: !isOn && isTrial });
      });
      const leaving = isOn ? wait(endsAt - monotonic(), restart) : undefined;
      running = Promise.all([lasting, leaving]);
    },
    async stop({ inOrder }) {
      stopping.abort();
      await running;
      if (inOrder) await starts.end();
    },
  };
}
