/**
 * Sends what waits, in order within a lane: one parcel of each on its way at a time, and so many in all. A parcel is on
 * its way until the other side has answered for it; without an answer in time it is sent again. What the other side does
 * not want now rests with its lane, and holds up no other.
 */
import type { Clock } from '../clock.js';

export interface Parcel {
  key: string;
  lane: string;
}

export interface Lanes {
  /** Something may have come, or may go now. */
  wake(): void;
  /** It is answered for. */
  settled(key: string): void;
  /** It is to come later. */
  later(key: string): void;
  /** Resolves when nothing is read or sent any more. */
  stop(): Promise<void>;
}

const longestMilliseconds = 600_000;
const quarter = (milliseconds: number): number => milliseconds * (0.75 + Math.random() / 2);

export function createLanes<T extends Parcel>(wish: {
  /** The oldest of each lane that is not among the busy ones, at most so many. */
  next: (busy: ReadonlySet<string>, most: number) => Promise<T[]>;
  /** A failure is no answer: it is sent again in its time. */
  send: (parcel: T) => Promise<void>;
  /** How many may be on their way now. */
  window: () => number;
  /** Between two that are sent, now. */
  gapMilliseconds?: () => number;
  patienceMilliseconds: number;
  /** How long a lane rests at first whose parcel is to come later. */
  restMilliseconds: number;
  clock: Clock;
  onFault: (error: unknown) => void;
}): Lanes {
  const { clock, patienceMilliseconds, restMilliseconds } = wish;
  const stopping = new AbortController();
  /** By lane: what is on its way, or is to come later. */
  const busy = new Map<string, { key: string; rests: boolean; over: AbortController }>();
  const tries = new Map<string, number>();
  const timers = new Set<Promise<void>>();
  let isAwake = false;
  let rise = (): void => {};

  function wake(): void {
    isAwake = true;
    rise();
  }

  /** The lane is free again after so long, unless it is answered for before. */
  function hold(lane: string, key: string, rests: boolean, milliseconds: number): void {
    const over = new AbortController();
    const entry = { key, rests, over };
    busy.set(lane, entry);
    const timer = clock.sleep(milliseconds, over.signal).then(() => {
      timers.delete(timer);
      if (busy.get(lane) !== entry) return;
      busy.delete(lane);
      wake();
    });
    timers.add(timer);
  }

  /** Twice as long each time that the same lane has to wait. */
  function growing(lane: string, first: number): number {
    const count = tries.get(lane) ?? 0;
    tries.set(lane, count + 1);
    return quarter(Math.min(first * 2 ** count, longestMilliseconds));
  }

  const laneOf = (key: string): string | undefined => [...busy].find(([, entry]) => entry.key === key)?.[0];

  async function sendSome(): Promise<void> {
    const flying = [...busy.values()].filter(({ rests }) => !rests).length;
    const most = wish.window() - flying;
    for (const parcel of most > 0 ? await wish.next(new Set(busy.keys()), most) : []) {
      if (stopping.signal.aborted) return;
      hold(parcel.lane, parcel.key, false, growing(parcel.lane, patienceMilliseconds));
      await wish.send(parcel).catch(wish.onFault);
      const gap = wish.gapMilliseconds?.() ?? 0;
      if (gap > 0) await clock.sleep(quarter(gap), stopping.signal);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      isAwake = false;
      try {
        await sendSome();
      } catch (error) {
        wish.onFault(error);
        await clock.sleep(quarter(restMilliseconds), stopping.signal);
        continue;
      }
      if (!isAwake && !stopping.signal.aborted)
        await new Promise<void>((resolve) => {
          rise = resolve;
        });
    }
  }
  const running = run();

  return {
    wake,
    settled(key) {
      const lane = laneOf(key);
      if (lane === undefined) return;
      busy.get(lane)?.over.abort();
      busy.delete(lane);
      tries.delete(lane);
      wake();
    },
    later(key) {
      const lane = laneOf(key);
      if (lane === undefined) return;
      busy.get(lane)?.over.abort();
      hold(lane, key, true, growing(lane, restMilliseconds));
      wake(); // its place among those on their way is free
    },
    async stop() {
      stopping.abort();
      rise();
      await running;
      for (const { over } of busy.values()) over.abort();
      await Promise.all(timers);
    },
  };
}
