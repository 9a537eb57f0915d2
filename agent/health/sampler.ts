/** Takes a sample at each interval and hands it on to be stored. */
import type { Clock } from '#common/clock.js';
import type { Sample } from '#contract/health.js';
import { Refusal } from '#contract/problems.js';
import type { Stamp } from '../time/trusted-time.js';
import type { Probe, Values } from './probe.js';

export interface Sampler {
  start(): void;
  stop(): Promise<void>;
  /** A sample now, beside those of the interval. Resolves when it is stored. */
  sampleNow(): Promise<void>;
  latest(): Sample | null;
}

/** Left for renewal, deleting and the database's own upkeep when the disk is all but full. */
const reserveBytes = 2 * 1024 * 1024;

export function createSampler(wish: {
  probe: Probe;
  /** Sees each sample, also where there is no room to store it. Never rejects. */
  assess?: (values: Values) => Promise<void>;
  store: (sample: Stamp & { values: Values }) => Promise<Sample>;
  /** The time of a sample, and how to put it right where it is not known yet. */
  stamp: () => Stamp;
  freeBytes: () => number;
  intervalSeconds: number;
  clock: Clock;
  onRefused: (refusal: Refusal) => void;
}): Sampler {
  const { probe, clock, onRefused } = wish;
  const stopping = new AbortController();
  let latest: Sample | null = null;
  let running: Promise<void> | undefined;

  async function sampleNow(): Promise<void> {
    try {
      const values = await probe.sample();
      await wish.assess?.(values);
      // Not stored, so no sequence is spent on it: the provider sees the time without samples, not a gap.
      if (wish.freeBytes() < reserveBytes) throw new Refusal('disk-full', 'health samples are not taken meanwhile');
      latest = await wish.store({ ...wish.stamp(), values });
    } catch (error) {
      onRefused(
        error instanceof Refusal ? error : new Refusal('internal', 'cannot take a health sample', { cause: error }),
      );
    }
  }

  async function run(): Promise<void> {
    let next = clock.now();
    while (!stopping.signal.aborted) {
      next += wish.intervalSeconds * 1000;
      const now = clock.now();
      if (Math.abs(next - now) > 2 * wish.intervalSeconds * 1000) next = now + wish.intervalSeconds * 1000; // the clock was set
      await clock.sleep(next - now, stopping.signal);
      if (!stopping.signal.aborted) await sampleNow();
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    sampleNow,
    latest: () => latest,
  };
}
