/**
 * How much strangers may ask. A full bucket of requests for each source and one for all of them, each refilled by the
 * second; memory is bounded whoever asks. Boxes that are enrolled draw from another one each, so that a flood of
 * strangers keeps nobody from renewing.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';

export interface Limits {
  /** @throws Refusal `too-many-requests` with `Retry-After` */
  stranger(source: string): void;
  /** By its certificate. @param cost of a request, 1 when not given @throws Refusal `too-many-requests` with `Retry-After` */
  box(certificate: string, cost?: number): void;
}

interface Bucket {
  /** Answers 0 when a request is taken, or the seconds until one will be. */
  take(key: string, cost?: number): number;
}

const mostKeys = 20_000;

function createBuckets({ clock, perSecond, burst }: { clock: Clock; perSecond: number; burst: number }): Bucket {
  const levels = new Map<string, { left: number; at: number }>();
  return {
    take(key, cost = 1) {
      const now = clock.now();
      const known = levels.get(key);
      const gained = known ? (Math.max(0, now - known.at) / 1000) * perSecond : 0;
      const left = known ? Math.min(burst, known.left + gained) : burst;
      levels.delete(key); // the oldest stand first
      const [oldest] = levels.keys();
      if (levels.size >= mostKeys && oldest !== undefined) levels.delete(oldest);
      levels.set(key, { left: left >= cost ? left - cost : left, at: now });
      return left >= cost ? 0 : Math.ceil((cost - left) / perSecond);
    },
  };
}

/** So many seconds' worth may come at once. */
const burstSeconds = 15;
/** What all strangers may ask is so many times what one source may. */
const sources = 10;

function demand(seconds: number): void {
  if (seconds > 0) throw new Refusal('too-many-requests', undefined, { headers: { 'retry-after': String(seconds) } });
}

/** @param perSecond requests from one source */
export function createLimits({ clock, perSecond }: { clock: Clock; perSecond: number }): Limits {
  const each = createBuckets({ clock, perSecond, burst: perSecond * burstSeconds });
  const all = createBuckets({ clock, perSecond: perSecond * sources, burst: perSecond * sources * burstSeconds });
  const boxes = createBuckets({ clock, perSecond: 1, burst: 120 });
  return {
    stranger(source) {
      demand(each.take(source)); // first: who is over its own limit must not use up everybody's
      demand(all.take(''));
    },
    box: (certificate, cost) => demand(boxes.take(certificate, cost)),
  };
}
