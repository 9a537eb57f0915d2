/**
 * So that one app cannot starve another: a token bucket for each, which counts always and bites only while another app
 * asks too. Alone, an app may have all that the box can give.
 */
export interface Shares {
  /** Whether this request is within the app's share. */
  take(app: string): boolean;
  forget(app: string): void;
}

export interface ShareLimits {
  requestsPerSecond: number;
  /** So many may come at once. */
  burst: number;
}

/** Another app counts as asking for so long after its last request. */
const company = 1000;

export function createShares({
  monotonic,
  requestsPerSecond,
  burst,
}: ShareLimits & { /** Milliseconds, never going back. */ monotonic: () => number }): Shares {
  const buckets = new Map<string, { tokens: number; at: number }>();
  /** The two apps that asked last: enough to know whether there is another than the one that asks. */
  let latest: { app: string; at: number } | undefined;
  let other: { app: string; at: number } | undefined;

  return {
    take(app) {
      const at = monotonic();
      if (latest && latest.app !== app) other = latest;
      latest = { app, at };
      const bucket = buckets.get(app) ?? { tokens: burst, at };
      buckets.set(app, bucket);
      bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1000) * requestsPerSecond);
      bucket.at = at;
      const alone = !other || at - other.at > company;
      if (bucket.tokens < 1) return alone;
      bucket.tokens -= 1;
      return true;
    },
    forget: (app) => void buckets.delete(app),
  };
}
