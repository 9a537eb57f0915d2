/** Guessing a 95-bit code is hopeless; this only keeps a guesser from costing much, and from filling the events. */
import type { Clock } from '#common/clock.js';
import { sourceOf } from '#common/source.js';
import { Refusal } from '#contract/problems.js';

export interface Attempts {
  /** @throws Refusal `too-many-attempts` with `Retry-After` */
  check(address: string): void;
  failed(address: string): void;
}

const windowMilliseconds = 60_000;
const mostAddresses = 10_000;

export function createAttempts({ clock, most = 20 }: { clock: Clock; most?: number }): Attempts {
  const sources = new Map<string, { count: number; until: number }>();
  return {
    check(address) {
      const source = sources.get(sourceOf(address));
      const left = source ? source.until - clock.now() : 0;
      if (!source || source.count < most || left <= 0) return;
      throw new Refusal('too-many-attempts', undefined, { headers: { 'retry-after': String(Math.ceil(left / 1000)) } });
    },
    failed(address) {
      const key = sourceOf(address);
      const now = clock.now();
      const source = sources.get(key);
      if (source && now < source.until) {
        source.count += 1;
        return;
      }
      sources.delete(key); // the oldest stand first
      const [oldest] = sources.keys();
      if (sources.size >= mostAddresses && oldest !== undefined) sources.delete(oldest);
      sources.set(key, { count: 1, until: now + windowMilliseconds });
    },
  };
}
